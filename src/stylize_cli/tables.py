"""Pictures in parquet files, by pyarrow, which is an extra.

A row is a picture: the bytes of an image file in the column "bytes", its name in "path". That is
how Ray writes files into a table; the "image" of a Hugging Face data set holds both, and is read
too.
"""

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from typing import Any

from stylize_cli import stores
from stylize_cli.errors import StylizeError, first_line

SUFFIX = ".parquet"
BYTES = ("bytes", "image.bytes")
NAMES = ("path", "image.path", "file_name")
BATCH = 32  # rows in memory at a time
BUFFER = 1 << 20  # bytes that are read at a time


def names(file: str) -> Iterator[tuple[int, int, str]]:
    """The pictures of a file; their bytes are not read.

    Args:
        file: path or address.

    Yields:
        The row group, the row in it, and the picture's name, a path that leads to no other folder;
        where there is none that a file can have, its number.

    Raises:
        StylizeError: it is no such file.
    """
    number = 0
    with _opened(file) as table:
        _column(table, BYTES, file)
        named = next((name for name in NAMES if name in _leaves(table)), None)
        for group in range(table.num_row_groups):
            count = table.metadata.row_group(group).num_rows
            found = repeat(None, count) if named is None else _values(table, group, named)
            for row, name in enumerate(found):
                yield group, row, _path(name) or f"{number:08}.png"
                number += 1


def _path(name: object) -> str:
    """What a stranger calls a picture as a path that leads to no other folder, or ""."""
    if not isinstance(name, str) or "\0" in name:
        return ""
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))


def pictures(file: str, group: int, rows: Collection[int]) -> dict[int, bytes]:
    """Pictures of one row group, each the bytes of an image file, by their rows.

    The group is read as far as to the last of them, a page of it at a time.

    Raises:
        StylizeError: they cannot be read.
    """
    with _opened(file) as table:
        values = _values(table, group, _column(table, BYTES, file))
        found = enumerate(islice(values, max(rows) + 1))
        return {row: data or b"" for row, data in found if row in rows}  # null is no picture


def write(file: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a file, whole or not at all.

    Raises:
        StylizeError: it cannot be written.
    """
    pyarrow = _pyarrow()
    data = io.BytesIO()  # images are compressed already
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), data, compression="none")
    stores.write(file, data.getvalue())


def present(folder: str) -> Callable[[str], bool]:
    """Whether a picture of that name is in any of a folder's files, or in none for want of one.

    Raises:
        StylizeError: a file cannot be read.
    """
    if not stores.is_folder(folder):
        stores.present(folder)  # where there is not even a bucket, it says so
        return frozenset[str]().__contains__
    files = (f"{folder}/{file}" for file in stores.inside(folder, (SUFFIX,)))
    return frozenset(name for file in files for _, _, name in names(file)).__contains__


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    """A parquet file; what is wrong with it becomes an error that says the fix."""
    pyarrow = _pyarrow()
    with stores.opened(file) as handle:
        try:
            # Otherwise it reads the whole column of a row group ahead.
            yield pyarrow.parquet.ParquetFile(handle, buffer_size=BUFFER, pre_buffer=False)
        except (OSError, pyarrow.ArrowException) as error:
            raise StylizeError(
                f"{file} cannot be read as parquet ({first_line(error)}): check it"
            ) from error


def _pyarrow() -> Any:  # noqa: ANN401 - it has no types
    try:
        import pyarrow.parquet  # noqa: PLC0415 - an extra
    except ImportError:
        raise StylizeError("parquet files need an extra: pip install 'stylize-cli[ray]'") from None
    return pyarrow


def _leaves(table: Any) -> list[str]:  # noqa: ANN401
    """The columns, those within others with a dot."""
    return [table.schema.column(index).path for index in range(len(table.schema))]


def _column(table: Any, known: Sequence[str], file: str) -> str:  # noqa: ANN401
    found = next((name for name in known if name in _leaves(table)), None)
    if found is None:
        raise StylizeError(f"{file} has no column {known[0]}: name the one of the images so")
    return found


def _values(table: Any, group: int, column: str) -> Iterator[Any]:  # noqa: ANN401
    """A column of a row group, a few rows at a time; of one within another its own values."""
    _, _, inner = column.partition(".")
    for batch in table.iter_batches(BATCH, row_groups=[group], columns=[column]):
        for one in batch.column(0).to_pylist():
            yield one and one[inner] if inner else one

"""Pictures a command is given: paths, or - for stdin."""

import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli import paths
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.picture import Encoded

STDIO = "-"


def opened(source: str) -> "str | Encoded":
    """What a path stands for: itself, or the image file that is read from stdin, not yet decoded.

    Raises:
        StylizeError: stdin is empty.
    """
    if source != STDIO:
        return source
    from stylize_cli import files
    from stylize_cli.api.picture import Encoded

    return Encoded(piped(files.streamed(sys.stdin.buffer)), "stdin")


def piped(data: bytes) -> bytes:
    """What came from stdin.

    Raises:
        StylizeError: it is nothing.
    """
    if not data:
        raise StylizeError("stdin is empty: the command before it wrote nothing")
    return data


def expand(sources: Sequence[str], console: Console) -> list[str]:
    """Files for folders and globs; see `found`.

    Raises:
        StylizeError: a folder or a glob that holds no picture.
    """
    return [file for _, file in found(sources, console)]


def found(
    sources: Sequence[str], console: Console, suffixes: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Files for folders (all pictures in them, at any depth) and for globs the shell left alone.

    They are looked for as they are asked for. What of a folder is left out, HEIC photos and folders
    that do not open, is said behind its last one.

    Args:
        sources: what was given.
        console: told of that.
        suffixes: of what is looked for in folders, in small letters; () for those of pictures.

    Yields:
        The source, and a file of it.

    Raises:
        StylizeError: a folder or a glob that holds no picture.
    """
    for source in sources:
        path = Path(source)
        listing = paths.Listing(path, suffixes) if source and paths.is_folder(path) else None
        files = iter(matching(source)) if listing is None else map(str, listing)
        is_empty = True
        for file in files:
            is_empty = False
            yield source, file
        if listing is not None and listing.note:
            console.say(f"{source}: {listing.note}")
        if is_empty:
            raise StylizeError(f"there are no pictures in {source}: check the path")


def matching(source: str) -> list[str]:
    """The files that a glob is for which the shell left alone; what is none stands for itself."""
    if not glob.has_magic(source) or paths.is_there(Path(source)):
        return [source]
    # Path.glob takes no absolute pattern.
    return sorted(glob.glob(source, recursive=True))  # noqa: PTH207


def spelt_out(sources: Sequence[str]) -> list[str]:
    """The sources with all that a glob is for in its place, as the shell would have given them.

    Raises:
        StylizeError: a glob is for nothing.
    """
    found = []
    for source in sources:
        files = matching(source)
        if not files:
            raise StylizeError(f"there are no pictures in {source}: check the path")
        found += files
    return found


def named(sources: Sequence[str]) -> Iterator[Path]:
    """The files that are named one by one; those in folders are not."""
    return (
        Path(source)
        for source in sources
        if source not in ("", STDIO) and not paths.is_folder(source)
    )


def stem(source: str) -> str:
    """An input's name in an output's name."""
    return "stdin" if source == STDIO else Path(source).stem


def check_one_stdin(sources: Sequence[str]) -> None:
    """Raises `StylizeError` where stdin is named twice: it can be read only once."""
    if list(sources).count(STDIO) > 1:
        raise StylizeError("- (stdin) was given twice; it can be read only once, so name a file")


def check_there(sources: Sequence[str]) -> None:
    """Raises `StylizeError` where one of the files that are named is not there."""
    for source in sources:
        if error := missing(source):
            raise error


def missing(source: str) -> StylizeError | None:
    """The error of a file that is not there; None where it is."""
    from stylize_cli import files

    is_there = source in ("", STDIO) or paths.is_there(source)
    return None if is_there else files.missing(Path(source))


def files(sources: Sequence[str]) -> list[Path]:
    """Those of the inputs that are files, which no output may overwrite."""
    return [Path(source) for source in sources if source != STDIO]

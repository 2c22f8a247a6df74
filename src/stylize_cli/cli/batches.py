"""Many pictures in, and for each its outputs: folders keep their structure."""

import os
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli.cli import inputs
from stylize_cli.cli.console import Console
from stylize_cli.cli.inputs import STDIO
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth

DEEP = ("PNG", "TIFF")  # formats that hold 16 bits a channel
STDOUT = Path(STDIO)


@dataclass(frozen=True)
class Item:
    """A picture to read, and the files to make of it.

    Attributes:
        source: its path, or - for stdin.
        outputs: file by label, such as a style's name; `STDOUT` is stdout.
        is_named: whether -o names its file, and not only a folder.
    """

    source: str
    outputs: Mapping[str, Path]
    is_named: bool = False

    @property
    def made(self) -> frozenset[Path]:
        """Those of its outputs that are there."""
        paths = (path for path in self.outputs.values() if path != STDOUT)
        return frozenset(path for path in paths if os.path.lexists(path))

    @property
    def is_done(self) -> bool:
        """Whether all its outputs are there."""
        return len(self.made) == len(self.outputs)


def plan(
    sources: Sequence[str],
    output: str | None,
    labels: Sequence[str],
    console: Console,
    *,
    depth: "Depth",
    labelled: bool = False,
) -> list[Item]:
    """Finds the pictures that the inputs are, and decides where the results of each go.

    One picture with one result may go into a file or to stdout. In a folder that -o names every
    result has its picture's name, and its place in the input folder. The label becomes a part of
    the name where another run may have another one, and in the current folder always.

    Args:
        sources: files, folders, globs, or - for stdin.
        output: what -o says: a file, a folder, - or nothing.
        labels: of each picture's results.
        console: told of what is left out.
        depth: bits a channel.
        labelled: whether other runs of the same model may have other labels.

    Raises:
        StylizeError: there is no picture, or -o does not suit them.
    """
    folder = _folder(output)
    places = _find(sources, folder, console)
    is_one = list(places) == list(sources) and len(sources) == len(labels) == 1
    if output == STDIO:
        if not is_one:
            raise StylizeError("-o - is for one result: name a folder for several")
        if sys.stdout.isatty():
            raise StylizeError("-o - writes image bytes: send stdout to a file or a pipe")
        return [Item(sources[0], {labels[0]: STDOUT})]
    if is_one and output and folder is None:
        return [Item(sources[0], {labels[0]: Path(output)}, is_named=True)]
    if output and folder is None:
        folder = Path(output)
        if _format(folder):
            raise StylizeError(f"-o {output} is one file for several results: name a folder")
    tagged = output is None or labelled or len(labels) > 1
    taken: set[str] = set()
    return [
        Item(
            source,
            {
                label: _free(_path(folder, place, label if tagged else "", depth), place, taken)
                for label in labels
            },
        )
        for source, place in places.items()
    ]


def _free(path: Path, place: Path, taken: set[str]) -> Path:
    """The path, or where another result has it one with the picture's suffix or a number.

    Two paths are one where a file system may take them for one: by case, or by how accents are
    written.
    """
    kind = place.suffix.lower()
    names = [path.stem] + [f"{path.stem}-{kind[1:]}"] * (kind not in ("", path.suffix.lower()))
    free = chain(names, (f"{path.stem}-{number}" for number in count(2)))
    for name in free:
        found = path.with_name(name + path.suffix)
        key = unicodedata.normalize("NFC", str(found)).casefold()
        if key not in taken:
            taken.add(key)
            return found
    raise AssertionError  # there are numbers without end


def _folder(output: str | None) -> Path | None:
    """The folder that -o names for certain: it is there, or ends in a slash."""
    if output and (output.endswith(("/", "\\")) or Path(output).is_dir()):
        return Path(output)
    return None


def _find(sources: Sequence[str], folder: Path | None, console: Console) -> dict[str, Path]:
    """Files for the inputs, and the place of each below the output folder.

    What an earlier run left in an output folder within an input folder is not an input.
    """
    places: dict[str, Path] = {}
    for source in sources:
        is_folder = source not in ("", STDIO) and Path(source).is_dir()
        for file in inputs.expand([source], console):
            if is_folder and folder and _is_output(Path(file), folder, Path(source)):
                continue
            place = Path("stdin.png") if file == STDIO else Path(Path(file).name)
            places.setdefault(file, Path(file).relative_to(source) if is_folder else place)
    return places


def _is_output(file: Path, folder: Path, source: Path) -> bool:
    outputs = folder.resolve()
    return source.resolve() in outputs.parents and outputs in file.resolve().parents


def _format(path: Path) -> str | None:
    from stylize_cli.images import FORMATS

    return FORMATS.get(path.suffix.lower())


def _path(folder: Path | None, place: Path, label: str, depth: "Depth") -> Path:
    """Where a result goes; its format is the picture's own, where that can be written so deep."""
    # A label may come from anyone's model file.
    tag = re.sub(r"[^\w.+-]+", "-", f"-{label.strip()}") if label else ""
    format = _format(place)
    suffix = place.suffix if format and (depth == 8 or format in DEEP) else ".png"
    return (folder or Path()) / place.parent / f"{place.stem}{tag}{suffix}"


def check(items: Sequence[Item], *, depth: "Depth") -> dict[str, str]:
    """Looks, before any work, for outputs that could not be written or would destroy something.

    Returns:
        Of several pictures those that can have no result, and why not.

    Raises:
        StylizeError: an output is an input, or none of them can be written.
    """
    from stylize_cli import images

    read = {_identity(Path(item.source)) for item in items} - {None}
    failed: dict[str, str] = {}
    for item in items:
        for path in (path for path in item.outputs.values() if path != STDOUT):
            try:
                images.check_writable(path, (), depth=depth)
            except StylizeError as error:  # a name that is too long, say
                failed[item.source] = str(error)
                if len(failed) == len(items):
                    raise
            if _identity(path) in read:
                raise StylizeError(
                    f"{path} is an input and would be overwritten: name another output with -o"
                )
    return failed


def check_new(items: Sequence[Item], *, keep: str = "") -> None:
    """Raises `StylizeError` where an earlier run made one of the outputs; -o may name a file anew.

    Args:
        items: what is to be made.
        keep: what else than --overwrite and -o there is.
    """
    made = sorted(path for item in items if not item.is_named for path in item.made)
    if made:
        several = f" and {len(made) - 1} more are" if len(made) > 1 else " is"
        raise StylizeError(
            f"{made[0]}{several} there already: {keep}--overwrite replaces it, -o names another "
            "place"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """What a file is, under whatever name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

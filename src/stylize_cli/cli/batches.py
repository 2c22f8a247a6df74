"""Many pictures in, and for each its outputs: folders keep their structure."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stylize_cli import paths
from stylize_cli.cli import inputs, streams
from stylize_cli.cli.console import Console
from stylize_cli.cli.inputs import STDIO
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth

T = TypeVar("T")

DEEP = ("PNG", "TIFF")  # formats that hold 16 bits a channel
STDOUT = Path(STDIO)


@dataclass(frozen=True)
class Batch:
    """Pictures, and how their results are made and written, as the options say it.

    Attributes:
        sources: files, folders, globs, or - for stdin.
        output: what -o says, or None.
        share: number of the first picture that is wanted, from 0, and from one to the next.
        strokes: how many times as large they are to be.
        skips: whether results that are there are kept.
        overwrites: whether they are replaced.
        has_sheet: whether a sheet shows all the styles.
        quality: of JPEG and WebP.
        depth: bits a channel.
        keeps_metadata: whether the photos' are written with the results.
    """

    sources: list[str]
    output: str | None
    share: tuple[int, int]
    strokes: float
    skips: bool
    overwrites: bool
    has_sheet: bool
    quality: int
    depth: "Depth"
    keeps_metadata: bool


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
) -> Iterator[Item]:
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

    Returns:
        The pictures as they are found, in an order that depends on their names alone.

    Raises:
        StylizeError: there is no picture, or -o does not suit them.
    """
    folder = _folder(output)
    places = _find(sources, folder, console)
    first = next(places, None)
    places = chain([first] if first else [], places)
    is_one = len(sources) == len(labels) == 1 and first is not None and first[0] == sources[0]
    if output == STDIO:
        if not is_one:
            raise StylizeError("-o - is for one result: name a folder for several")
        streams.check_takes_bytes()
        return iter([Item(sources[0], {labels[0]: STDOUT})])
    if is_one and output and folder is None:
        return iter([Item(sources[0], {labels[0]: Path(output)}, is_named=True)])
    if output and folder is None:
        folder = Path(output)
        if _format(folder):
            raise StylizeError(f"-o {output} is one file for several results: name a folder")
    tags = labels if output is None else said(labels, labelled=labelled)
    return (
        Item(source, {label: (folder or Path()) / path for label, path in outputs.items()})
        for source, outputs in named(places, dict(zip(labels, tags, strict=True)), depth)
    )


def said(labels: Sequence[str], *, labelled: bool) -> Sequence[str]:
    """What names in a folder say of results: nothing of the only one that there can be.

    Args:
        labels: of each picture's results.
        labelled: whether other runs of the same model may have other labels.
    """
    return labels if labelled or len(labels) > 1 else [""] * len(labels)


def named(
    places: Iterable[tuple[T, Path]], tags: Mapping[str, str], depth: "Depth"
) -> Iterator[tuple[T, dict[str, Path]]]:
    """Decides what the results are called, no two alike.

    Args:
        places: pictures, and where they belong below a folder.
        tags: what the name is to say of each result, by label.
        depth: bits a channel.

    Yields:
        The picture, and by label the path of its result below that folder.
    """
    taken = Names()
    for source, place in places:
        yield (
            source,
            {label: _free(_path(place, tag, depth), place, taken) for label, tag in tags.items()},
        )


class Names:
    """Names that were met, 64 bits of each: a million of them take 70 MB."""

    def __init__(self) -> None:
        self._met: set[int] = set()

    def __contains__(self, name: str) -> bool:
        return self._short(name) in self._met

    def add(self, name: str) -> bool:
        """Notes a name; whether it is new."""
        before = len(self._met)
        self._met.add(self._short(name))
        return len(self._met) > before

    @staticmethod
    def _short(name: str) -> int:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "little")


def _free(path: Path, place: Path, taken: Names) -> Path:
    """The path, or where another result has it one with the picture's suffix or a number.

    Two paths are one where a file system may take them for one: by case, or by how accents are
    written.
    """
    kind = place.suffix.lower()
    names = [path.stem] + [f"{path.stem}-{kind[1:]}"] * (kind not in ("", path.suffix.lower()))
    free = chain(names, (f"{path.stem}-{number}" for number in count(2)))
    for name in free:
        found = path.with_name(name + path.suffix)
        if taken.add(unicodedata.normalize("NFC", str(found)).casefold()):
            return found
    raise AssertionError  # there are numbers without end


def _folder(output: str | None) -> Path | None:
    """The folder that -o names for certain; see `paths.names_folder`."""
    if output and output != STDIO and paths.names_folder(output):
        return Path(output)
    return None


def whole_folders(sources: Sequence[str], output: str | None) -> tuple[Path, ...]:
    """The inputs that are folders, resolved; not those that -o lies in, which holds no inputs."""
    folder = _folder(output)
    found = (
        Path(one).resolve() for one in sources if one not in ("", STDIO) and paths.is_folder(one)
    )
    return tuple(one for one in found if not (folder and one in folder.resolve().parents))


def _find(
    sources: Sequence[str], folder: Path | None, console: Console
) -> Iterator[tuple[str, Path]]:
    """Files for the inputs, each once, and the place of each below the output folder.

    What an earlier run left in an output folder within an input folder is not an input.
    """
    met = Names() if len(sources) > 1 else None
    own = folder.resolve() if folder else None
    folders = {one for one in sources if one not in ("", STDIO) and paths.is_folder(one)}
    holding = {one for one in folders if own and Path(one).resolve() in own.parents}
    for source, file in inputs.found(sources, console):
        if source in holding and own in Path(file).resolve().parents:
            continue
        if met is None or met.add(itself(file)):
            place = Path("stdin.png") if file == STDIO else Path(Path(file).name)
            yield file, Path(file).relative_to(source) if source in folders else place


def itself(file: str) -> str:
    """A file's one name, whichever way its folder is written; a link has its own."""
    folder, name = os.path.split(file)
    return file if file == STDIO else f"{_real(folder)}/{name}"


@lru_cache(1)  # files of one folder come one after the other
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _format(path: Path) -> str | None:
    from stylize_cli.images import FORMATS

    return FORMATS.get(path.suffix.lower())


def _path(place: Path, label: str, depth: "Depth") -> Path:
    """Where a result goes; its format is the picture's own, where that can be written so deep."""
    # A label may come from anyone's model file.
    tag = re.sub(r"[^\w.+-]+", "-", f"-{label.strip()}") if label else ""
    format = _format(place)
    suffix = place.suffix if format and (depth == 8 or format in DEEP) else ".png"
    return place.parent / f"{place.stem}{tag}{suffix}"

"""Where data and caches live, and which files of a folder are pictures; creates nothing."""

import importlib.util
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from stylize_cli.errors import StylizeError

APP = "stylize"
# fmt: off
SUFFIXES = (
    ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)
# fmt: on
HEIF_SUFFIXES = (".heic", ".heif", ".hif")  # read where pillow-heif is installed


def home() -> Path | None:
    """The folder STYLIZE_HOME names, or None: set, it holds data and caches both."""
    value = os.environ.get("STYLIZE_HOME")
    return Path(os.path.expanduser(value)) if value else None  # noqa: PTH111 - without HOME too


def data_dir() -> Path:
    """Folder of what is downloaded and should be kept: weights and models."""
    base = home()
    return base / "data" if base else user_data_path(APP, appauthor=False)


def cache_dir() -> Path:
    """Folder of what can be computed again at any time."""
    base = home()
    return base / "cache" if base else user_cache_path(APP, appauthor=False)


# Of a name that is too long for a file, or in a folder that does not open, pathlib's own raise.


def is_folder(path: "str | os.PathLike[str]") -> bool:
    """Whether a folder is there, as far as that can be seen."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: "str | os.PathLike[str]") -> bool:
    """Whether a file is there that is no folder, pipe or device, as far as that can be seen."""
    return os.path.isfile(path)  # noqa: PTH113


def is_there(path: "str | os.PathLike[str]") -> bool:
    """Whether anything is there, as far as that can be seen."""
    return os.path.exists(path)  # noqa: PTH110


def names_folder(output: "str | os.PathLike[str]") -> bool:
    """Whether an output is a folder: one is there, or its name ends in a slash or has no suffix.

    A lone dash is none: it stands for stdout.
    """
    is_bare = not Path(output).suffix and os.fspath(output) != "-" and not is_there(output)
    return is_folder(output) or is_bare or os.fspath(output).endswith(("/", "\\"))


def check_photos(folder: Path) -> None:
    """Raises `StylizeError` where there is no folder that could hold photos to learn on."""
    if is_file(folder):
        raise StylizeError(f"{folder} is a file, no folder: give `photos` a folder of photos")
    if not is_folder(folder):
        raise StylizeError(f"there is no folder {folder}: give `photos` a folder of photos")


@dataclass(frozen=True)
class FolderContent:
    """What a folder holds.

    Attributes:
        files: its image files, at any depth, in the order of their names.
        note: what whoever named the folder should be told of it, or "".
    """

    files: tuple[Path, ...]
    note: str = ""


@dataclass
class Listing:
    """The pictures in a folder, at any depth, found as they are asked for.

    Folders and files come in the order of their names, folders that are links behind all others. Of
    one folder at a time the names are in memory: a million of them take 80 MB.

    Hidden files and folders are passed over (".", also what macOS puts beside files on foreign
    disks), and whatever has a picture's name but is no file: folders, pipes, dead links. Folders
    that are links are entered; none is entered twice, so that a loop of links ends.

    Attributes:
        folder: to look into.
        suffixes: other ones that are wanted, in small letters.
        heif: how many files that were met are HEIC photos, which cannot be read here.
        closed: folders met that do not open.
    """

    folder: Path
    suffixes: tuple[str, ...] = ()
    heif: int = 0
    closed: list[Path] = field(default_factory=list)

    def __iter__(self) -> Iterator[Path]:
        """Looks for them; for the whole of them once."""
        readable = self.suffixes or readable_suffixes()
        for folder, name in _walk(self.folder, self.closed):
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path each is slow
            if suffix in readable:
                yield folder / name
            elif suffix in HEIF_SUFFIXES:
                self.heif += 1

    @property
    def note(self) -> str:
        """What whoever named the folder should be told of it so far, or ""."""
        parts = []
        if self.heif:
            files = "1 HEIC file is" if self.heif == 1 else f"{self.heif} HEIC files are"
            parts.append(f"{files} left out: pip install pillow-heif")
        if self.closed:
            more = f" and {len(self.closed) - 1} more" if len(self.closed) > 1 else ""
            parts.append(f"the folder {self.closed[0]}{more} does not open")
        return "; ".join(parts)


def look_into(folder: Path) -> FolderContent:
    """Looks for all the pictures in a folder, at any depth; see `Listing`."""
    listing = Listing(folder)
    files = tuple(sorted(listing))
    return FolderContent(files, listing.note)


def readable_suffixes() -> tuple[str, ...]:
    """What the names of pictures end in, in small letters."""
    return SUFFIXES + (HEIF_SUFFIXES if reads_heif() else ())


def reads_heif() -> bool:
    """Whether the package that reads HEIC photos is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def _walk(folder: Path, closed: list[Path]) -> Iterator[tuple[Path, str]]:
    """Folder and name of the files that are not hidden; what does not open goes to `closed`."""
    entered: set[tuple[int, int]] = set()
    # Links last: what is reached in two ways is then named by its own folder.
    links, waiting = deque([folder]), list[Iterator[tuple[Path, str, bool]]]()
    while links or waiting:
        if not waiting:
            waiting.append(_entries(links.popleft(), entered, closed))
        for here, name, is_folder in waiting[-1]:
            if not is_folder:
                yield here, name
            elif (path := here / name).is_symlink():
                links.append(path)
            else:
                waiting.append(_entries(path, entered, closed))
                break
        else:
            waiting.pop()


def _entries(
    folder: Path, entered: set[tuple[int, int]], closed: list[Path]
) -> Iterator[tuple[Path, str, bool]]:
    """The files and folders in a folder, by name, and which are folders; once for each folder."""
    try:
        status = folder.stat()
        if (own := (status.st_dev, status.st_ino)) in entered:
            return
        entered.add(own)
        with os.scandir(folder) as entries:
            # A name with a mark before it: an entry takes several times as much memory.
            names = [_marked(entry) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        closed.append(folder)
        return
    for name in sorted(filter(None, names), key=itemgetter(slice(1, None))):
        yield folder, name[1:], name[0] == "/"


def _marked(entry: "os.DirEntry[str]") -> str:
    """The name of what is a folder behind a slash, of a file behind a space, else ""."""
    try:
        return f"/{entry.name}" if entry.is_dir() else f" {entry.name}" * entry.is_file()
    except OSError:  # a loop of links
        return ""

"""Where data and caches live, and which files of a folder are pictures; creates nothing."""

import importlib.util
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

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


@dataclass(frozen=True)
class FolderContent:
    """What a folder holds.

    Attributes:
        files: its image files, at any depth, in the order of their names.
        heif: how many files are HEIC photos, which cannot be read here.
        closed: folders that do not open.
    """

    files: tuple[Path, ...]
    heif: int = 0
    closed: tuple[Path, ...] = ()

    @property
    def note(self) -> str:
        """What whoever named the folder should be told of it, or ""."""
        parts = []
        if self.heif:
            files = "1 HEIC file is" if self.heif == 1 else f"{self.heif} HEIC files are"
            parts.append(f"{files} left out: pip install pillow-heif")
        if self.closed:
            more = f" and {len(self.closed) - 1} more" if len(self.closed) > 1 else ""
            parts.append(f"the folder {self.closed[0]}{more} does not open")
        return "; ".join(parts)


def pictures_in(folder: Path) -> list[Path]:
    """The image files in a folder; see `look_into`."""
    return list(look_into(folder).files)


def look_into(folder: Path) -> FolderContent:
    """Looks for pictures in a folder, at any depth.

    Hidden files and folders are passed over (".", also what macOS puts beside files on foreign
    disks), and whatever has a picture's name but is no file: folders, pipes, dead links. Folders
    that are links are entered; none is entered twice, so that a loop of links ends.
    """
    readable = SUFFIXES + (HEIF_SUFFIXES if reads_heif() else ())
    found: list[Path] = []
    closed: list[Path] = []
    heif = 0
    for file in _walk(folder, closed):
        suffix = file.suffix.lower()
        if suffix in readable:
            found.append(file)
        elif suffix in HEIF_SUFFIXES:
            heif += 1
    return FolderContent(tuple(sorted(found)), heif, tuple(closed))


def reads_heif() -> bool:
    """Whether the package that reads HEIC photos is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def _walk(folder: Path, closed: list[Path]) -> Iterator[Path]:
    """The files that are not hidden; folders that do not open are put into `closed`."""
    waiting, entered = deque([folder]), set()
    while waiting:
        here = waiting.popleft()
        try:
            status = here.stat()
            if (own := (status.st_dev, status.st_ino)) in entered:
                continue
            entered.add(own)
            with os.scandir(here) as entries:
                visible = sorted(e.name for e in entries if not e.name.startswith("."))
        except OSError:
            closed.append(here)
            continue
        for path in (here / name for name in visible):
            if os.path.isdir(path):  # noqa: PTH112 - Path's raises in a loop of links
                # Links last: what is reached in two ways is then named by its own folder.
                (waiting.append if path.is_symlink() else waiting.appendleft)(path)
            elif os.path.isfile(path):  # noqa: PTH113 - of a link: what it leads to
                yield path

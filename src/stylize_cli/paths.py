"""Where data and caches live, and which files of a folder are pictures; creates nothing."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

APP = "stylize"
SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def home() -> Path | None:
    """The folder STYLIZE_HOME names, or None: set, it holds data and caches both."""
    value = os.environ.get("STYLIZE_HOME")
    return Path(value).expanduser() if value else None


def data_dir() -> Path:
    """Folder of what is downloaded and should be kept: weights and models."""
    base = home()
    return base / "data" if base else user_data_path(APP, appauthor=False)


def cache_dir() -> Path:
    """Folder of what can be computed again at any time."""
    base = home()
    return base / "cache" if base else user_cache_path(APP, appauthor=False)


def pictures_in(folder: Path) -> list[Path]:
    """The image files in a folder, at any depth, in the order of their names."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)

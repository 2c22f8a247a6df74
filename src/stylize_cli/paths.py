"""Where data and caches live. Importing this creates nothing."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

APP = "stylize"


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

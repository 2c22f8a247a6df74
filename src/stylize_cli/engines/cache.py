"""What an engine made of a model, kept for the next run: whole, or made anew."""

import contextlib
import hashlib
import os
from pathlib import Path

from stylize_cli import files, paths
from stylize_cli.errors import StylizeError

DIGEST = 32  # bytes in front of a file's body: its SHA-256
KEPT = 16  # files of a kind; those used longest ago go


def folder() -> Path:
    """The folder of what engines made of models."""
    return paths.cache_dir() / "engines"


def read(name: str) -> bytes | None:
    """The body of a file, which counts as used now; None where there is none, or a damaged one."""
    path = folder() / name
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, body = data[:DIGEST], data[DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        return None
    with contextlib.suppress(OSError):  # a cache that cannot be written to
        os.utime(path)
    return body


def write(name: str, body: bytes) -> bool:
    """Keeps a body under a name; says whether that was possible.

    Of files with the same suffix, `KEPT` stay.
    """
    path = folder() / name
    try:
        files.write(path, hashlib.sha256(body).digest() + body)
    except (StylizeError, OSError):
        return False
    with contextlib.suppress(OSError):  # another process may be at the same
        others = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda file: file.stat().st_mtime)
        for old in others[:-KEPT]:
            old.unlink(missing_ok=True)
    return True

"""Files by path, or by any address that fsspec, an extra, knows: s3://bucket/photos.

What lies on this machine's own disks is read and written as everywhere else: see `files`.
"""

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stylize_cli import files, paths
from stylize_cli.errors import StylizeError, first_line

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_address(place: str) -> bool:
    """Whether it is no path."""
    return ADDRESS.match(place) is not None


def absolute(place: str) -> str:
    """A place for processes in other folders: an address as it is, of a file its whole path."""
    place = place.removeprefix("file://")
    return place if is_address(place) else os.path.abspath(place)  # noqa: PTH100 - links stay


def read(place: str) -> bytes:
    """The bytes of a file.

    Raises:
        StylizeError: it is not there or cannot be read.
    """
    if not is_address(place):
        return files.contents(Path(place))
    with _told("read", place):
        return bytes(_system(place).cat_file(place))


def write(place: str, data: bytes) -> None:
    """Writes a file, whole or not at all as far as its store can.

    Raises:
        StylizeError: it cannot be written.
    """
    if not is_address(place):
        files.write(Path(place), data)
        return
    with _told("write", place):
        system = _system(place)
        path = system._strip_protocol(place)
        if system.async_impl:  # those are stores of objects: no folders, but they make buckets
            system.pipe_file(path, data)
            return
        system.makedirs(system._parent(path), exist_ok=True)
        _pipe(system, path, data)


def _pipe(system: Any, path: str, data: bytes) -> None:  # noqa: ANN401 - fsspec has no types
    """Writes a hidden file and renames it, where the store can: a kill leaves no half result."""
    from fsspec import AbstractFileSystem  # noqa: PLC0415 - an extra

    if type(system).mv is AbstractFileSystem.mv:  # it copies
        system.pipe_file(path, data)
        return
    partial = f"{system._parent(path).rstrip('/')}/.stylize-{uuid.uuid4().hex}.part"
    try:
        system.pipe_file(partial, data)
        with suppress(Exception):  # not all rename onto what is there
            system.rm_file(path)
        system.mv(partial, path)
    except BaseException:
        with suppress(Exception):
            system.rm_file(partial)
        raise


def exists(place: str) -> bool:
    """Whether a file is there.

    Raises:
        StylizeError: its store does not answer.
    """
    if not is_address(place):
        return os.path.lexists(place)
    with _told("read", place):
        return bool(_system(place).exists(place))


def present(folder: str) -> Callable[[str], bool]:
    """Whether a file is there, for any number of paths or addresses below one folder.

    An address is listed once, and not again: a store that is asked for every file takes hours.

    Raises:
        StylizeError: the store does not answer, or has no such bucket.
    """
    if not is_address(folder):
        return os.path.lexists
    with _told("read", folder):
        system = _system(folder)
        root = system._strip_protocol(folder).rstrip("/")
        found = {f"{folder}{name[len(root) :]}" for name in system.find(root)}
    return found.__contains__


def check_bucket(folder: str) -> None:
    """Refuses an address in a bucket that is not there, and lists nothing.

    Raises:
        StylizeError: there is no such bucket, or its store does not answer.
    """
    if is_address(folder):
        with _told("read", folder):
            system = _system(folder)
            bucket = system._strip_protocol(folder).partition("/")[0]
            if system.async_impl and not system.exists(bucket):  # s3fs hides why
                raise StylizeError(
                    f"the bucket of {folder} does not answer: check the address and your rights"
                )


def is_folder(place: str) -> bool:
    """Whether there is a folder; raises as `exists` does."""
    if not is_address(place):
        return paths.is_folder(place)
    with _told("read", place):
        return bool(_system(place).isdir(place))


def inside(folder: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """The files in a folder, at any depth, as they are found: paths below it.

    In the order of their names, what is hidden left out; see `paths.Listing`.

    Args:
        folder: path or address.
        suffixes: that their names may end in, in small letters.

    Raises:
        StylizeError: its store does not answer.
    """
    if not is_address(folder):
        for file in paths.Listing(Path(folder), suffixes):
            yield file.relative_to(folder).as_posix()
        return
    with _told("read", folder):
        system = _system(folder)
        root = system._strip_protocol(folder).rstrip("/")
        for here, folders, names in system.walk(root, on_error="raise"):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = here[len(root) :].strip("/")
            for name in sorted(names):
                if not name.startswith(".") and name.lower().endswith(suffixes):
                    yield f"{below}/{name}".lstrip("/")


def matching(pattern: str) -> list[str]:
    """The addresses that a glob is for, in order; its "*" stays within a folder.

    Raises:
        StylizeError: its store does not answer.
    """
    with _told("read", pattern):
        system = _system(pattern)
        fixed = re.split(r"[*?[]", pattern, maxsplit=1)[0]
        folder = fixed[: fixed.rindex("/") + 1]
        root = system._strip_protocol(folder).rstrip("/")  # of a store with a host: without it
        found = system.glob(f"{root}/{pattern.removeprefix(folder)}")
        return sorted(f"{folder}{name[len(root) :].lstrip('/')}" for name in found)


def opened(place: str) -> Any:  # noqa: ANN401 - a binary file, of whichever library
    """A file that is read in parts.

    Raises:
        StylizeError: it cannot be read.
    """
    with _told("read", place):
        return _system(place).open(place, "rb") if is_address(place) else Path(place).open("rb")


def _system(place: str) -> Any:  # noqa: ANN401 - fsspec has no types
    """The file system that an address is of."""
    try:
        import fsspec  # noqa: PLC0415 - an extra
    except ImportError:
        raise StylizeError(
            f"{place} is an address, which needs an extra: pip install 'stylize-cli[ray]'"
        ) from None
    return fsspec.core.url_to_fs(place)[0]


@contextmanager
def _told(verb: str, place: str) -> Iterator[None]:
    """Turns what a store's library raises, anything, into an error that says the fix."""
    try:
        yield
    except StylizeError:
        raise
    except FileNotFoundError as error:
        said = "" if not (reason := first_line(error)) or place.endswith(reason) else f" ({reason})"
        raise StylizeError(f"there is no {place}{said}: check the address") from None
    except ImportError as error:
        raise StylizeError(
            f"{place} needs a package that is missing ({first_line(error)}): pip install it, on "
            "every machine"
        ) from None
    except Exception as error:
        reason = first_line(error) or type(error).__name__
        raise StylizeError(
            f"cannot {verb} {place} ({reason}): check the address, your rights and the network"
        ) from error

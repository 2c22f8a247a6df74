"""Files: read where they are files, written whole or not at all, and held by one at a time."""

import contextlib
import difflib
import errno
import os
import platform
import re
import stat
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import psutil

from stylize_cli import hardware
from stylize_cli.errors import StylizeError, amount

BLOCK = 1 << 24  # bytes that are read of a pipe between two looks at the memory
LARGE = 100_000_000  # bytes: of a file from which on free memory is looked at before it is read
ADDRESS = re.compile(r"(https?|ftp|s3|gs):/", re.IGNORECASE)  # Path makes one slash of two
OF_WINDOWS = re.compile(r"([A-Za-z]):[\\/](.*)")
LOOKED_AT = 10_000  # names in a folder, for one that is nearly the same
ABANDONED = 24 * 3600  # seconds: age of another place's temporary file that nobody will finish

try:  # of Linux: a container numbers its processes by itself
    _NUMBERING = Path("/proc/self/ns/pid").stat().st_ino
except OSError:
    _NUMBERING = 0

# Of temporary files: which machine's or container's, and which of its processes'.
_OWN = f".stylize-{zlib.crc32(f'{platform.node()} {_NUMBERING}'.encode()):08x}-"
_SUFFIX = ".part"
_BINARY = getattr(os, "O_BINARY", 0)  # of Windows


def contents(path: Path, *, what: str = "an image file") -> bytes:
    """The bytes of an input file.

    Args:
        path: of the file.
        what: to name instead where the path is that of a folder.

    Raises:
        StylizeError: the file is missing (naming one that is called nearly the same, where there
            is one), a folder, a pipe or a device, larger than memory, or not readable.
    """
    try:
        # Without blocking: opening a named pipe waits for a writer, who may never come.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except FileNotFoundError:
        raise missing(path) from None
    except (OSError, ValueError) as error:
        raise _refused(path, what, error) from error
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise StylizeError(f"{path} is a folder: name {what} in it")
        if not stat.S_ISREG(status.st_mode):
            raise StylizeError(
                f"{path} is a pipe or a device: give a file, or where it is taken, - for stdin"
            )
        if status.st_size > LARGE and status.st_size > hardware.available_memory():
            raise StylizeError(
                f"{path} has {amount(status.st_size)}, more than the memory that is free: "
                "give a smaller file"
            )
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    except (OSError, MemoryError) as error:
        raise _refused(path, what, error) from error
    finally:
        os.close(handle)


def streamed(stream: BinaryIO) -> bytes:
    """All that a pipe brings, which may never end.

    Raises:
        StylizeError: that is more than memory holds, a copy of it included.
    """
    blocks, size = [], 0
    while block := stream.read(BLOCK):
        blocks.append(block)
        size += len(block)
        if size > LARGE and size > hardware.available_memory():
            raise StylizeError(
                f"stdin brought {amount(size)}, and more than memory holds: give a picture's file"
            )
    return b"".join(blocks)


def missing(path: Path) -> StylizeError:
    """The error of a file that is not there, naming one that is called nearly the same."""
    if ADDRESS.match(str(path)):
        address = str(path).replace(":/", "://", 1)
        return StylizeError(f"{address} is an address: download it first, and give the file")
    if os.name == "posix" and (found := OF_WINDOWS.match(str(path))):
        there = f"/mnt/{found[1].lower()}/{found[2]}".replace("\\", "/")
        return StylizeError(f"{path} is a path of Windows: in WSL, write {there}")
    if path.parts[:1] == ("~",):
        return StylizeError(
            f"there is no file {path}: the shell opens up ~ outside of quotes alone"
        )
    return StylizeError(f"there is no file {path}{_suggestion(path)}")


def _refused(path: Path, what: str, error: Exception) -> StylizeError:
    if os.path.isdir(path):  # noqa: PTH112 - no error of its own; Windows does not open them
        return StylizeError(f"{path} is a folder: name {what} in it")
    reason = getattr(error, "strerror", None) or str(error) or "out of memory"
    return StylizeError(f"cannot read {path} ({reason}): check the path and its permissions")


def _suggestion(path: Path) -> str:
    if os.path.islink(path):  # noqa: PTH114 - no error of a name that is too long
        return f": it is a link to {path.readlink()}, which is not there"
    try:
        names = {file.name.lower(): file for file in islice(path.parent.iterdir(), LOOKED_AT)}
    except OSError:
        return f": check the path, the folder {path.parent} does not open"
    near = [
        name
        for name in difflib.get_close_matches(path.name.lower(), names)
        if difflib.get_close_matches(Path(name).stem, [path.stem.lower()])  # not the suffix alone
    ]
    near = near or [name for name in names if name.startswith(f"{path.name.lower()} ")]  # unquoted
    if not near:
        return ": check the path"
    found = str(names[near[0]])
    return f": did you mean {found}?" if " " not in found else f": did you mean '{found}'?"


def write(path: Path, data: bytes, *, fix: str = "choose another folder with -o") -> None:
    """Write a file by way of a temporary one beside it, so that it appears whole or not at all.

    It is on the disk before it has its name: after a power cut there is the old file or the new
    one. Temporary files that a kill left in the folder go. Missing folders are created.

    Args:
        path: of the file.
        data: what it is to hold.
        fix: what to advise where that cannot be.

    Raises:
        StylizeError: the folder cannot be made or written to, or the disk is full.
    """
    try:
        with appearing(path) as partial, partial.open("xb") as file:
            file.write(data)
            file.flush()
            sync(file.fileno())
    except OSError as error:
        raise StylizeError(f"cannot write {path} ({error.strerror}): {fix}") from error


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary file's path beside a file, whose name it gets where nothing is raised.

    Temporary files that a kill left in the folder go. Missing folders are created.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    target = resolved(path)  # a link stays a link
    partial = target.with_name(f"{_OWN}{os.getpid()}-{uuid.uuid4().hex}{_SUFFIX}")
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def resolved(path: "str | os.PathLike[str]") -> Path:
    """The absolute path, links followed; through a loop of links as far as it goes."""
    return Path(os.path.realpath(path))  # Path.resolve raises in a loop


def sync(handle: int) -> None:
    """Waits until what was written is on the disk, where the file system can say so."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # FUSE, networks
            raise


@cache
def _sweep(folder: Path) -> None:
    """Deletes what writers left there that are no more; once a folder and process."""
    for file in folder.glob(f".stylize-*{_SUFFIX}"):
        with contextlib.suppress(OSError, ValueError):
            if _is_abandoned(file):
                file.unlink()


def _is_abandoned(file: Path) -> bool:
    if file.name.startswith(_OWN):
        return not psutil.pid_exists(int(file.name.removeprefix(_OWN).partition("-")[0]))
    return time.time() - file.stat().st_mtime > ABANDONED


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keeps a file to this process while it is entered: two that write it would lose one's work.

    The lock is a hidden file beside it, and goes with it.

    Raises:
        StylizeError: another process holds it, or its folder cannot be written to.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  (slow to import)

    target = resolved(path)
    lock = FileLock(target.with_name(f".stylize-{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise StylizeError(
            f"another process is writing {path}: wait for its end, or name another file with -o"
        ) from None
    except NotImplementedError:  # a file system without locks
        yield
        return
    except OSError as error:
        raise StylizeError(
            f"cannot write {path} ({error.strerror}): choose another folder with -o"
        ) from error
    try:
        yield
    finally:
        # Before it is released: later it may be another's. Who waits takes none that is gone.
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def check_place(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse, before any work, a file that could not be written or would destroy an input.

    Args:
        path: the output file.
        inputs: files the command reads; those that do not exist are passed over.

    Raises:
        StylizeError: the path is a folder or an input (through links too), or the nearest folder
            there is cannot be written to.
    """
    try:
        if path.is_dir():
            raise StylizeError(f"{path} is a folder: name a file in it")
        if path.exists() and any(file.exists() and path.samefile(file) for file in inputs):
            raise StylizeError(f"{path} is an input and would be overwritten: name another output")
        folder = next(parent for parent in resolved(path).parents if parent.exists())
        if not folder.is_dir():
            raise StylizeError(
                f"cannot write {path}: {folder.name} is a file, no folder; choose another"
            )
        is_writable = os.access(folder, os.W_OK | os.X_OK)
    except PermissionError:  # a folder on the way does not open
        is_writable = False
    except OSError as error:  # a name that is too long
        raise StylizeError(
            f"cannot write {path} ({error.strerror}): name another output with -o"
        ) from error
    if not is_writable:
        raise StylizeError(f"cannot write {path}: its folder is not writable; choose another")

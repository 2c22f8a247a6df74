"""Downloadable files: a table of them, and `fetch`, which brings one here and checks it."""

import hashlib
import os
import re
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import uniform
from time import sleep
from typing import TYPE_CHECKING

from stylize_cli import files, web
from stylize_cli.errors import StylizeError
from stylize_cli.paths import data_dir
from stylize_cli.progress import OnStep, Step, ignore
from stylize_cli.web import Failure

if TYPE_CHECKING:
    from requests import Response

ATTEMPTS = 5  # in a row without the file growing
BACKOFF = 0.5  # seconds before the second attempt, doubled for each one after it
MIRROR = "STYLIZE_WEIGHTS_URL"  # variable that names a mirror's folder


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded, and what it must be.

    Attributes:
        name: what users call it.
        filename: its name on disk, and on a mirror.
        url: where its publisher keeps it.
        sha256: hexadecimal digest of its content.
        size: bytes.
        licence: SPDX identifier.
    """

    name: str
    filename: str
    url: str
    sha256: str
    size: int
    licence: str


def _vgg(depth: int, sha256: str, size: int) -> RemoteFile:
    filename = f"vgg{depth}-{sha256[:8]}.pth"  # PyTorch names its files after their hashes
    url = f"https://download.pytorch.org/models/{filename}"
    return RemoteFile(f"vgg{depth}-torchvision", filename, url, sha256, size, "BSD-3-Clause")


TABLE: dict[str, RemoteFile] = {
    file.name: file
    for file in (
        _vgg(19, "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44", 574_673_361),
        _vgg(16, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0", 553_433_881),
    )
}


def weights_dir() -> Path:
    """Where downloaded weights are kept."""
    return data_dir() / "weights"


def fetch(
    item: RemoteFile,
    *,
    folder: Path | None = None,
    mirror: str | None = MIRROR,
    on_step: OnStep = ignore,
) -> Path:
    """Returns the checked file on this disk, downloading it where it is missing or damaged.

    A download that breaks is resumed, in this run or a later one. Several processes may ask for the
    same file at once: one downloads, the others wait for it. STYLIZE_OFFLINE=1 forbids the network.

    Args:
        item: the file wanted.
        folder: where it belongs; default: "weights" in the data folder.
        mirror: variable that may name a mirror's folder to download from instead; None: none may.
        on_step: called with the bytes done and in all.

    Returns:
        Path of a file that has the item's size and sha256.

    Raises:
        StylizeError: the file cannot be had from the network, or cannot be written here.
    """
    folder = folder or weights_dir()
    target = folder / item.filename
    base = os.environ.get(mirror) if mirror else None
    url = f"{base.rstrip('/')}/{item.filename}" if base else item.url
    try:
        # Hashed at every call: about 0.5 s for 550 MB, less than importing torch takes. A note that
        # it was checked once would not see the disk, or another program, change it since.
        if (fault := _fault(target, item)) is not None:
            if not base:  # a mirror's files are known by their hashes, wherever it is
                web.check_address(url)
            _bring(item, url, target, on_step)
    except Failure as failure:
        text = (
            f"{item.name}: {target} {fault}, and {url} cannot be fetched ({failure}); fetch the "
            f"file of sha256 {item.sha256} by other means and put it there"
        )
        if mirror:
            text += f", or set {mirror} to the address of a mirror's folder"
        raise StylizeError(web.without_password(text)) from failure
    except OSError as error:
        raise StylizeError(
            f"cannot put {item.name} ({item.size / 1e6:.1f} MB) into {folder}: "
            f"{error.strerror or error}; mend that, or set STYLIZE_HOME to another folder"
        ) from error
    return target


def _fault(path: Path, item: RemoteFile) -> str | None:
    """What is wrong with the file as the item, or None where it is right."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != item.size:
        return f"has {size} bytes instead of {item.size}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != item.sha256:
        return f"has sha256 {digest.hexdigest()} instead of {item.sha256}"
    return None


def _bring(item: RemoteFile, url: str, target: Path, on_step: OnStep) -> None:
    web.check_online()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with _lock(item, part, on_step):
        if _fault(target, item) is None:  # brought by the process that held the lock
            return
        if shutil.disk_usage(target.parent).free < item.size - _size(part):
            raise OSError("too little space left")
        _download(item, url, part, on_step)
        with part.open("rb+") as file:
            files.sync(file.fileno())
        part.replace(target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lock(item: RemoteFile, part: Path, on_step: OnStep) -> AbstractContextManager[object]:
    """Waits until no other process downloads the file, reporting how far that one is."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  (slow to import)

    # Stays behind, empty: a lock file that is deleted on release can be held twice.
    lock = FileLock(part.with_suffix(".lock"))
    while True:
        try:
            return lock.acquire(timeout=0.5)
        except Timeout:
            on_step(Step(f"Waiting for another download of {item.name}", _size(part), item.size))
        except NotImplementedError:  # a file system without locks
            return nullcontext()


def _download(item: RemoteFile, url: str, part: Path, on_step: OnStep) -> None:
    """Attempts until `part` is the item; gives up once several in a row bring nothing new."""
    reached = failures = 0
    while True:
        try:
            _attempt(item, url, part, on_step)
            return
        except Failure as failure:
            failures = 1 if _size(part) > reached else failures + 1
            reached = max(reached, _size(part))
            if failure.wait is None or failures == ATTEMPTS:
                raise
            # Jitter: machines that failed together should not come back together.
            pause = max(failure.wait, BACKOFF * 2 ** (failures - 1) * uniform(0.5, 1))
            on_step(Step(f"Waiting {pause:.0f} s ({failure})", _size(part), item.size))
            sleep(pause)


def _attempt(item: RemoteFile, url: str, part: Path, on_step: OnStep) -> None:
    if (offset := _size(part)) < item.size:
        _receive(item, url, part, offset, on_step)
    if (fault := _fault(part, item)) is None:
        return
    if _size(part) < item.size:
        raise Failure("the connection ended early", wait=0)
    part.unlink()
    # An earlier run's bytes may be another version's; a file that came whole is what there is.
    raise Failure(f"what came {fault}", wait=0 if offset else None)


def _receive(item: RemoteFile, url: str, part: Path, offset: int, on_step: OnStep) -> None:
    """Appends to `part` what the server sends from `offset` on."""
    task = f"Downloading {item.name}"
    on_step(Step(task, offset, item.size))
    headers = {"Accept-Encoding": "identity"}  # ranges and lengths then count the file's own bytes
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with web.answer(url, headers) as response:
        done = _start(response, item, part, offset)
        with part.open("ab" if done else "wb") as file:
            for chunk in response.iter_content(web.CHUNK):
                file.write(chunk)
                done += len(chunk)
                on_step(Step(task, done, item.size))
                if done > item.size:
                    break


def _start(response: "Response", item: RemoteFile, part: Path, offset: int) -> int:
    """Position in the file of the answer's first byte; `Failure` where the answer is no use."""
    status, headers = response.status_code, response.headers
    if status not in (200, 206, 416):
        passing = status in (408, 429) or status >= 500
        wait = web.retry_after(headers.get("Retry-After", "")) if passing else None
        raise Failure(f"HTTP {status} {response.reason}", wait=wait)
    start, total = 0, headers.get("Content-Length", "")
    if status != 200:  # a 416 names no span
        span = re.match(r"bytes (\d+)-\d+/(\d+|\*)$", headers.get("Content-Range", ""))
        if span is None or int(span[1]) != offset:
            part.unlink(missing_ok=True)
            raise Failure(f"HTTP {status} without the bytes from {offset} on", wait=0)
        start, total = offset, span[2]
    if total.isdecimal() and int(total) != item.size and "Content-Encoding" not in headers:
        raise Failure(f"it has {total} bytes instead of {item.size}", wait=None)
    return start

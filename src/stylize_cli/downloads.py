"""Downloadable files: a table of them, `fetch`, which brings one here and checks it, and `read`."""

import hashlib
import ipaddress
import os
import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import uniform
from time import sleep, time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from stylize_cli import files
from stylize_cli.errors import StylizeError
from stylize_cli.paths import data_dir
from stylize_cli.progress import OnStep, Step, ignore

if TYPE_CHECKING:
    from requests import Response

CHUNK = 1 << 16  # bytes a write and a report; a dropped connection loses less than this
TIMEOUT = (10, 30)  # seconds: to connect, of silence while reading
ATTEMPTS = 5  # in a row without the file growing
BACKOFF = 0.5  # seconds before the second attempt, doubled for each one after it
LONGEST_WAIT = 60.0  # seconds: however long a server asks for
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


class _Failure(Exception):
    """Why an attempt failed. `wait`: seconds before another may start; None: none would help."""

    def __init__(self, reason: str, *, wait: float | None) -> None:
        super().__init__(reason)
        self.wait = wait


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
                _check_address(url)
            _bring(item, url, target, on_step)
    except _Failure as failure:
        text = (
            f"{item.name}: {target} {fault}, and {url} cannot be fetched ({failure}); fetch the "
            f"file of sha256 {item.sha256} by other means and put it there"
        )
        if mirror:
            text += f", or set {mirror} to the address of a mirror's folder"
        raise StylizeError(_without_password(text)) from failure
    except OSError as error:
        raise StylizeError(
            f"cannot put {item.name} ({item.size / 1e6:.1f} MB) into {folder}: "
            f"{error.strerror or error}; mend that, or set STYLIZE_HOME to another folder"
        ) from error
    return target


def read(url: str, *, most: int) -> bytes:
    """Returns what a small file holds.

    Raises:
        StylizeError: it cannot be had, its address is not a safe one, or it has more than `most`
            bytes.
    """
    try:
        _check_address(url)
        _check_online()
        return _content(url, most)
    except _Failure as failure:
        raise StylizeError(_without_password(f"{url} cannot be fetched ({failure})")) from failure


def _content(url: str, most: int) -> bytes:
    import requests  # noqa: PLC0415  (slow to import)

    data = b""
    try:
        with requests.get(
            url, stream=True, timeout=TIMEOUT, hooks={"response": _stay_safe}
        ) as response:
            if response.status_code != 200:
                raise _Failure(f"HTTP {response.status_code} {response.reason}", wait=None)
            for chunk in response.iter_content(CHUNK):
                data += chunk
                if len(data) > most:
                    raise _Failure(f"it has more than {most} bytes", wait=None)
    except requests.RequestException as error:
        raise _Failure(_cause(error), wait=None) from error
    return data


def _check_address(url: str) -> None:
    """Raises `_Failure` where others on the way could change what comes from it."""
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" and bool(parts.hostname)
        is_safe |= parts.scheme == "http" and _is_loopback(parts.hostname or "")
    except ValueError:
        is_safe = False
    if not is_safe:
        raise _Failure("its address must begin with https://, or be this machine's", wait=None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stay_safe(response: "Response", **_options: object) -> None:
    """Follows a redirect to https, and from plain http to the same host; to nothing else."""
    import requests  # noqa: PLC0415  (slow to import)

    if not response.is_redirect:
        return
    here = urlsplit(response.url)
    there = urlsplit(urljoin(response.url, response.headers["Location"]))
    same = (here.scheme, here.hostname) == ("http", there.hostname) and there.scheme == "http"
    if there.scheme != "https" and not same:
        response.close()
        raise requests.exceptions.InvalidURL("it leads to an address that is not https")


def _check_online() -> None:
    if os.environ.get("STYLIZE_OFFLINE", "0") not in ("", "0"):
        raise _Failure("STYLIZE_OFFLINE is set", wait=None)


def _without_password(text: str) -> str:
    """The text without what a mirror's address may carry."""
    return re.sub(r"://[^/@\s]+@", "://", text)


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
    _check_online()
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


def _download(item: RemoteFile, url: str, part: Path, on_step: OnStep) -> None:
    """Attempts until `part` is the item; gives up once several in a row bring nothing new."""
    reached = failures = 0
    while True:
        try:
            _attempt(item, url, part, on_step)
            return
        except _Failure as failure:
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
        raise _Failure("the connection ended early", wait=0)
    part.unlink()
    # An earlier run's bytes may be another version's; a file that came whole is what there is.
    raise _Failure(f"what came {fault}", wait=0 if offset else None)


def _receive(item: RemoteFile, url: str, part: Path, offset: int, on_step: OnStep) -> None:
    """Appends to `part` what the server sends from `offset` on."""
    import requests  # noqa: PLC0415  (slow to import)

    task = f"Downloading {item.name}"
    on_step(Step(task, offset, item.size))
    headers = {"Accept-Encoding": "identity"}  # ranges and lengths then count the file's own bytes
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        with requests.get(
            url, headers=headers, stream=True, timeout=TIMEOUT, hooks={"response": _stay_safe}
        ) as response:
            done = _start(response, item, part, offset)
            with part.open("ab" if done else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    on_step(Step(task, done, item.size))
                    if done > item.size:
                        break
    except requests.RequestException as error:
        malformed = isinstance(error, ValueError)  # the address, or the answer's headers
        raise _Failure(_cause(error), wait=None if malformed else 0) from error


def _start(response: "Response", item: RemoteFile, part: Path, offset: int) -> int:
    """Position in the file of the answer's first byte; `_Failure` where the answer is no use."""
    status, headers = response.status_code, response.headers
    if status not in (200, 206, 416):
        passing = status in (408, 429) or status >= 500
        wait = _retry_after(headers.get("Retry-After", "")) if passing else None
        raise _Failure(f"HTTP {status} {response.reason}", wait=wait)
    start, total = 0, headers.get("Content-Length", "")
    if status != 200:  # a 416 names no span
        span = re.match(r"bytes (\d+)-\d+/(\d+|\*)$", headers.get("Content-Range", ""))
        if span is None or int(span[1]) != offset:
            part.unlink(missing_ok=True)
            raise _Failure(f"HTTP {status} without the bytes from {offset} on", wait=0)
        start, total = offset, span[2]
    if total.isdecimal() and int(total) != item.size and "Content-Encoding" not in headers:
        raise _Failure(f"it has {total} bytes instead of {item.size}", wait=None)
    return start


def _retry_after(when: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or a date; 0 where it is neither."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 9 ms, seldom needed

    try:
        wait = float(when) if when.isdecimal() else parsedate_to_datetime(when).timestamp() - time()
    except ValueError:
        return 0.0
    return min(wait, LONGEST_WAIT)


def _cause(error: Exception) -> str:
    """The innermost reason of a requests error, whose own text repeats the chain of wrappers."""
    inner = error.args[0] if error.args else error
    reason = str(getattr(inner, "reason", inner)).split("): ", 1)[-1]
    return f"{type(error).__name__}, {' '.join(reason.split())}"

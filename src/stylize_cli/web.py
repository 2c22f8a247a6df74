"""Answers from addresses: which of these are safe to ask, and why one gave no answer."""

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from requests import Response

CHUNK = 1 << 16  # bytes that are read at once
TIMEOUT = (10, 30)  # seconds: to connect, of silence while reading
LONGEST_WAIT = 60.0  # seconds: however long a server asks for


class Failure(Exception):
    """Why there is no answer.

    Args:
        reason: what it was, in a few words.
        wait: seconds before another attempt may start; None where none would help.
    """

    def __init__(self, reason: str, *, wait: float | None) -> None:
        super().__init__(reason)
        self.wait = wait


def read(url: str, *, most: int) -> bytes:
    """Returns what a small file holds.

    Args:
        url: its address.
        most: bytes that it may have.

    Raises:
        StylizeError: it cannot be had, its address is not a safe one, or it has more bytes.
    """
    try:
        check_address(url)
        check_online()
        return _content(url, most)
    except Failure as failure:
        raise StylizeError(without_password(f"{url} cannot be fetched ({failure})")) from failure


def _content(url: str, most: int) -> bytes:
    data = b""
    with answer(url) as response:
        if response.status_code != 200:
            raise Failure(f"HTTP {response.status_code} {response.reason}", wait=None)
        for chunk in response.iter_content(CHUNK):
            data += chunk
            if len(data) > most:
                raise Failure(f"it has more than {most} bytes", wait=None)
    return data


@contextmanager
def answer(url: str, headers: Mapping[str, str] | None = None) -> Iterator["Response"]:
    """What a server answers, its body yet to be read.

    Args:
        url: to ask.
        headers: to ask with.

    Raises:
        Failure: it does not answer, leads elsewhere than to a safe address, or stops half-way.
    """
    import requests  # noqa: PLC0415  (slow to import)

    try:
        with requests.get(
            url, headers=headers, stream=True, timeout=TIMEOUT, hooks={"response": _stay_safe}
        ) as response:
            yield response
    except requests.RequestException as error:
        malformed = isinstance(error, ValueError)  # the address, or the answer's headers
        raise Failure(_cause(error), wait=None if malformed else 0) from error


def check_address(url: str) -> None:
    """Raises `Failure` where others on the way could change what comes from an address."""
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" and bool(parts.hostname)
        is_safe |= parts.scheme == "http" and _is_loopback(parts.hostname or "")
    except ValueError:
        is_safe = False
    if not is_safe:
        raise Failure("its address must begin with https://, or be this machine's", wait=None)


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


def check_online() -> None:
    """Raises `Failure` where the user forbids the network: STYLIZE_OFFLINE=1."""
    if os.environ.get("STYLIZE_OFFLINE", "0") not in ("", "0"):
        raise Failure("STYLIZE_OFFLINE is set", wait=None)


def without_password(text: str) -> str:
    """The text without what a mirror's address may carry."""
    return re.sub(r"://[^/@\s]+@", "://", text)


def retry_after(when: str) -> float:
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

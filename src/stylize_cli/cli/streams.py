"""What a shell hands over: the standard streams, and the signals to stop."""

import codecs
import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from stylize_cli.errors import StylizeError

CLOSED = "it is closed"  # why stdout takes nothing
ENDS = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C; docker stop, SLURM, kill; a line that dropped


def prepare() -> None:
    """Opens the streams that are closed, on nothing, and lets names that are not text through.

    A file that is opened later would else get a stream's number, and be written to. A stdout that
    was closed stays one that takes nothing.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the process's life
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    codecs.register_error("file names", _as_bytes)
    sys.stdout = Patient(
        open(1, "wb", closefd=False),  # noqa: SIM115
        encoding=getattr(sys.stdout, "encoding", None),
        errors="file names",
        line_buffering=os.isatty(1),
    )


class Patient(io.TextIOWrapper):
    """stdout that never fails: where it takes no more the work goes on, and is told of at its end.

    A reader who has seen enough is no failure.

    Attributes:
        lost: why something could not be written, or "".
    """

    lost = ""

    def write(self, text: str) -> int:
        """Writes a text; see `io.TextIOWrapper`."""
        with self._kept():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        with self._kept():
            super().flush()

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        except OSError as error:
            is_closed = error.errno == errno.EBADF
            self.lost = CLOSED if is_closed else error.strerror or str(error)


def check_takes_bytes() -> None:
    """Raises `StylizeError` where stdout is a terminal, or closed: an image would be lost there."""
    if sys.stdout.isatty():
        raise StylizeError("-o - writes image bytes: send stdout to a file or a pipe")
    try:
        os.write(1, b"")
    except OSError as error:
        raise StylizeError(f"-o - writes to stdout, but {CLOSED}: give -o a file") from error


def _as_bytes(error: UnicodeError) -> tuple[bytes, int]:
    """What an encoding does not hold, as the bytes that a file's name has."""
    assert isinstance(error, UnicodeEncodeError)
    return os.fsencode(error.object[error.start : error.end]), error.end


@contextlib.contextmanager
def own_stdout() -> Iterator[None]:
    """Keeps stdout to this thread while it is entered; what others print goes to stderr."""
    before = sys.stdout
    sys.stdout = _OfOneThread(before)
    try:
        yield
    finally:
        sys.stdout = before


class _OfOneThread:
    """A stream for the thread that made it; to all others it is stderr."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever streams have
        is_own = threading.get_ident() == self._thread
        return getattr(self._stream if is_own else sys.stderr, name)


def _interrupt(*_number_and_frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def heard(answer: Callable[..., None] = _interrupt) -> Iterator[None]:
    """Answers every signal to end while it is entered; ignored ones (nohup) stay so.

    Args:
        answer: called with the signal's number and frame; at first it is Ctrl-C, whatever signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in (getattr(signal, name) for name in ENDS if hasattr(signal, name)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, answer)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""What a shell hands over: the standard streams, and the signals to stop."""

import codecs
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

ENDS = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C; docker stop, SLURM, kill; a line that dropped


def prepare() -> None:
    """Opens the streams that are closed, on nothing, and lets names that are not text through.

    A file that is opened later would else get a stream's number, and be written to.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the process's life
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    codecs.register_error("file names", _as_bytes)
    sys.stdout.reconfigure(errors="file names")  # type: ignore[union-attr]


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

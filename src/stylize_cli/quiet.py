"""Warnings of other libraries kept from the terminal, for as long as one of them is at work."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ONE = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, no warning is shown; afterwards their filters are as before.

    The filters are the process's: of two threads that change them at a time, the one that ends last
    would leave the other's. So the second waits.
    """
    with _ONE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

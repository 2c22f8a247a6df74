"""What is the process's, filters of warnings, where several threads read models at a time."""

import threading
import warnings

import pytest

from stylize_cli import archives, checkpoints
from stylize_cli.quiet import quiet

pytest_plugins = ["nets"]


def test_no_warning_is_shown_inside_and_each_is_behind_it():
    with quiet():
        warnings.warn("a", stacklevel=1)
    with pytest.raises(UserWarning, match="b"):
        warnings.warn("b", stacklevel=1)


def test_the_filters_of_warnings_outlast_two_threads_that_read_models(net, monkeypatch):
    path, load, before = net(), archives.load, warnings.filters[:]
    one_reads, both_read, one_is_done = (threading.Event() for _ in range(3))

    def slow(data):
        if not one_reads.is_set():
            one_reads.set()
            both_read.wait(0.3)
        else:
            both_read.set()
            one_is_done.wait(5)
        return load(data)

    monkeypatch.setattr(archives, "load", slow)
    one, two = (threading.Thread(target=checkpoints.load, args=(path,)) for _ in range(2))
    one.start()
    one_reads.wait(5)
    two.start()
    one.join()
    one_is_done.set()
    two.join()
    assert warnings.filters == before

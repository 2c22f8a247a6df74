import os

import pytest

from stylize_cli import paths
from stylize_cli.engines import cache


def files():
    return sorted(file.name for file in cache.folder().iterdir())


def test_what_was_written_is_read_whole_or_not_at_all():
    assert cache.read("a.graph") is None
    assert cache.write("a.graph", b"body")
    assert cache.read("a.graph") == b"body"
    path = cache.folder() / "a.graph"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole + b"x", bytes([whole[0] ^ 1]) + whole[1:]):
        path.write_bytes(damaged)
        assert cache.read("a.graph") is None


def test_those_used_longest_ago_go_and_those_of_another_kind_stay(monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 3)
    cache.write("x.other", b"")
    for age, name in enumerate("cba"):
        cache.write(f"{name}.graph", b"")
        os.utime(cache.folder() / f"{name}.graph", (100 - age, 100 - age))
    cache.read("a.graph")
    cache.write("d.graph", b"")
    assert files() == ["a.graph", "c.graph", "d.graph", "x.other"]


def test_a_folder_that_cannot_be_written_is_no_error(home):
    home.write_text("not a folder")
    assert not cache.write("a.graph", b"")
    assert cache.read("a.graph") is None
    assert cache.folder().is_relative_to(paths.cache_dir())


@pytest.mark.parametrize("body", [b"", b"x" * 100])
def test_any_body_is_kept(body):
    cache.write("a", body)
    assert cache.read("a") == body

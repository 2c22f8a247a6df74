from pathlib import Path

import platformdirs
import pytest

from stylize_cli import paths


def test_one_variable_moves_both_folders_and_none_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLIZE_HOME", str(tmp_path / "x"))
    assert paths.data_dir() == tmp_path / "x" / "data"
    assert paths.cache_dir() == tmp_path / "x" / "cache"
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # what Windows asks
    monkeypatch.setenv("STYLIZE_HOME", "~/art")
    assert paths.home() == tmp_path / "art"


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_platform_decides(value, monkeypatch):
    monkeypatch.delenv("STYLIZE_HOME")
    if value is not None:
        monkeypatch.setenv("STYLIZE_HOME", value)
    assert paths.home() is None
    assert paths.data_dir() == Path(platformdirs.user_data_dir("stylize", False))
    assert paths.cache_dir() == Path(platformdirs.user_cache_dir("stylize", False))

import os
import re
import subprocess
import sys
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


def tree(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names_in(folder):
    return [file.relative_to(folder).as_posix() for file in paths.look_into(folder).files]


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    tree(tmp_path, "a.jpg", "._a.jpg", ".b.png", ".thumbs/c.jpg", "d/.e/f.jpg", "d/g.PNG")
    assert names_in(tmp_path) == ["a.jpg", "d/g.PNG"]
    assert [file.name for file in paths.look_into(tmp_path / ".thumbs").files] == ["c.jpg"]


def test_other_suffixes_of_jpeg_are_read(tmp_path):
    tree(tmp_path, "a.jfif", "b.mpo", "c.txt", "d")
    assert names_in(tmp_path) == ["a.jfif", "b.mpo"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_only_has_a_picture_s_name_is_passed_over(tmp_path):
    tree(tmp_path, "a.jpg", "folder.jpg/b.png")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dead.png").symlink_to("gone.png")
    (tmp_path / "self.png").symlink_to("self.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    (tmp_path / "link.png").symlink_to("a.jpg")
    assert names_in(tmp_path) == ["a.jpg", "folder.jpg/b.png", "link.png"]


@pytest.mark.timeout(20)
def test_a_folder_is_entered_once_whatever_links_to_it(tmp_path):
    tree(tmp_path, "photos/z/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "photos" / "again").symlink_to("z")
    (tmp_path / "photos" / "z" / "up").symlink_to("..")
    (tmp_path / "photos" / "other").symlink_to(tmp_path / "elsewhere")
    assert names_in(tmp_path / "photos") == ["other/b.jpg", "z/a.jpg"]


@pytest.mark.parametrize("has_package", [False, True])
def test_heic_photos_are_read_or_counted(tmp_path, monkeypatch, has_package):
    tree(tmp_path, "a.jpg", "b.HEIC", "c/d.heif")
    monkeypatch.setattr(paths, "reads_heif", lambda: has_package)
    found = paths.look_into(tmp_path)
    assert len(found.files) == (3 if has_package else 1)
    said = "" if has_package else "2 HEIC files are left out: pip install pillow-heif"
    assert found.note == said


def test_folders_that_do_not_open_are_named(tmp_path, monkeypatch):
    tree(tmp_path, "a.jpg", "x/b.jpg", "y/c.jpg")
    scan = os.scandir

    def guarded(folder):
        if folder.name in "xy":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    found = paths.look_into(tmp_path)
    assert [file.name for file in found.files] == ["a.jpg"]
    assert re.fullmatch(r"the folder .*/[xy] and 1 more does not open", found.note)


def test_no_home_is_no_crash(tmp_path):
    """A container's user may have none; where the folders are is then asked of the system."""
    code = "from stylize_cli import paths; print(paths.home(), paths.data_dir(), paths.cache_dir())"
    env = {"PATH": os.environ["PATH"], "STYLIZE_HOME": "~nobody-there/x"}
    env |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, check=True, capture_output=True
    )
    assert b"~nobody-there" in run.stdout

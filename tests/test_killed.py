"""Killed at any moment: what is there is whole, and the next run ends as if nothing had been."""

import os
import shutil

import pytest

pytest_plugins = ["releases", "workshop"]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

HIDDEN = (".part", ".lock")  # of what is being written


@pytest.fixture
def killed(told):
    """killed(folder, run, again) -> what killed.py reports."""
    return lambda folder, run, again: told(
        "killed.py", {"folder": str(folder), "run": run, "again": again}
    )


@pytest.fixture
def folder(tmp_path):
    """Where the command runs."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def visible(files):
    """Those that are not of a write under way, nor of the cache."""
    return {
        name: digest
        for name, digest in files.items()
        if not name.endswith(HIDDEN) and not name.startswith("home/cache")
    }


def check(report, least):
    """Every file is there as a whole run makes it, or not at all; in the end all of them are."""
    whole = visible(report["whole"])
    # A run whose threads wrote less of the cache than the first may end before its moment.
    assert {one["ended"] for one in report["killed"]} <= {-9, 0}
    killed = [one for one in report["killed"] if one["ended"] == -9]
    assert len(killed) >= least
    for one in killed:
        then = visible(one["then"])
        assert then.items() <= whole.items(), one["moment"]
        assert one["code"] == 0, one["said"]
        assert visible(one["after"]) == whole, one["moment"]
        assert not [name for name in one["after"] if name.endswith(".part")], one["moment"]
    # The moments were not all before the first file, nor all behind the last.
    assert len({len(visible(one["then"])) for one in killed}) > 1


def test_apply(killed, folder, net, picture_file):
    shutil.move(net(), folder / "net.pt")
    for index in range(3):
        shutil.move(picture_file(12, 16, seed=index), folder / f"{index}.png")
    run = ["apply", "net.pt", "*.png", "--style", "munch", "-o", "out/", "--threads", "1"]
    report = killed(folder, run, [*run, "--skip-existing"])
    check(report, 6)


def test_optimize(killed, folder, picture_file):
    for index, name in enumerate(("photo.png", "style.png")):
        shutil.move(picture_file(32, 32, seed=index), folder / name)
    run = ["optimize", "photo.png", "style.png", "--size", "32", "--iterations", "4"]
    run += ["--save-every", "2", "--precision", "float32", "-o", "out/out.png", "--threads", "1"]
    check(killed(folder, run, run), 6)


@pytest.mark.usefixtures("release")
def test_pull(killed, folder):
    run = ["models", "pull", "candy"]
    report = killed(folder, run, run)
    check(report, 4)

"""Killed at any moment: what is there is whole, and the next run ends as if nothing had been."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stylize_cli

pytest_plugins = ["nets", "releases"]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

SCRIPT = Path(__file__).with_name("killed.py")
HIDDEN = (".part", ".lock")  # of what is being written


@pytest.fixture
def killed():
    """killed(folder, run, again) -> what killed.py reports."""

    def run(folder, run, again):
        source = [str(Path(stylize_cli.__file__).parents[1]), str(SCRIPT.parent)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(source), "OMP_NUM_THREADS": "1"}
        asked = {"folder": str(folder), "run": run, "again": again}
        ran = subprocess.run(
            [sys.executable, SCRIPT, json.dumps(asked)], env=env, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return json.loads(ran.stdout)

    return run


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
    assert len(report["killed"]) >= least
    for one in report["killed"]:
        assert one["ended"] == -9
        then = visible(one["then"])
        assert then.items() <= whole.items(), one["moment"]
        assert one["code"] == 0, one["said"]
        assert visible(one["after"]) == whole, one["moment"]
        assert not [name for name in one["after"] if name.endswith(".part")], one["moment"]
    # The moments were not all before the first file, nor all behind the last.
    assert len({len(visible(one["then"])) for one in report["killed"]}) > 1


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

"""Fixtures: a folder of all that commands take, and programs that run them in forks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import stylize_cli

pytest_plugins = ["nets"]


@pytest.fixture
def workshop(tmp_path, net, pyramid, picture_file):
    """A folder of pictures, a clip and models, for `making.MAKING`."""
    folder = tmp_path / "work"
    (folder / "photos").mkdir(parents=True)
    for index, name in enumerate(("photo.png", "style.png", "photos/a.png", "photos/b.png")):
        shutil.move(picture_file(40, 40, seed=index), folder / name)
    frames = [Image.new("RGB", (24, 20), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "clip.gif", save_all=True, append_images=frames[1:])
    shutil.move(net(), folder / "net.pt")
    shutil.move(pyramid(), folder / "brick.pt")
    return folder


@pytest.fixture
def told():
    """told(program, asked, **variables) -> what a program of this folder answers to an object."""

    def run(program, asked, **variables):
        script = Path(__file__).with_name(program)
        source = [str(Path(stylize_cli.__file__).parents[1]), str(script.parent)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(source), "OMP_NUM_THREADS": "1"}
        ran = subprocess.run(
            [sys.executable, script, json.dumps(asked)],
            env=env | variables,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return json.loads(ran.stdout)

    return run

"""Every command beside streams that are full or closed: no work is lost, and one line says why."""

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
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

SCRIPT = Path(__file__).with_name("streamed.py")
STREAMS = {
    "stdout full": {"1": "full"},
    "stderr full": {"2": "full"},
    "all closed": {"0": "closed", "1": "closed", "2": "closed"},
}
ENDS = {"stdout full": 2, "stderr full": 0, "all closed": 0}
QUICK = ["--precision", "float32", "--threads", "1"]
PAINT = ["--size", "32", "--iterations", "2", *QUICK]
COMMANDS = {
    "optimize": ["optimize", "photo.png", "style.png", *PAINT],
    "reconstruct": ["reconstruct", "photo.png", "--content", "relu2_1", *PAINT],
    "train": ["train", "--style", "style.png", "--dataset", "photos", "--steps", "2", "--width",
              "2", "--size", "32", "--batch-size", "1", *QUICK],
    "apply": ["apply", "net.pt", "photos", "--all-styles", "-o", "out/", *QUICK],
    "texture": ["texture", "brick.pt", "--size", "32", *QUICK],
    "blend": ["blend", "net.pt", "photo.png", "--style", "monet", *QUICK],
    "video": ["video", "net.pt", "clip.gif", "--style", "monet", "--engine", "torch",
              "--smooth", "0", "-o", "out.gif", *QUICK],
    "evaluate": ["evaluate", "photo.png", "--style", "style.png"],
    "info": ["info"],
    "info on a model": ["info", "net.pt"],
    "models list": ["models", "list"],
    "models path": ["models", "path", "classics"],
    "help": ["--help"],
    "version": ["--version"],
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What streamed.py reports; filled by the first test that asks."""
    return {"folder": tmp_path_factory.mktemp("streams") / "work"}


@pytest.fixture
def report(ran, net, pyramid, picture_file):
    """{"command, streams": its exit code, what it said, the files it made}."""
    folder = ran["folder"]
    if not folder.exists():
        (folder / "photos").mkdir(parents=True)
        for index, name in enumerate(("photo.png", "style.png", "photos/a.png", "photos/b.png")):
            shutil.move(picture_file(40, 40, seed=index), folder / name)
        frames = [Image.new("RGB", (24, 20), colour) for colour in ("red", "blue")]
        frames[0].save(folder / "clip.gif", save_all=True, append_images=frames[1:])
        shutil.move(net(), folder / "net.pt")
        shutil.move(pyramid(), folder / "brick.pt")
        source = [str(Path(stylize_cli.__file__).parents[1]), str(SCRIPT.parent)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(source), "OMP_NUM_THREADS": "1"}
        asked = {"folder": str(folder), "commands": COMMANDS, "streams": STREAMS}
        done = subprocess.run(
            [sys.executable, SCRIPT, json.dumps(asked)], env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        ran["report"] = json.loads(done.stdout)
    return ran["report"]


def made(one):
    return [name for name in one["made"] if not name.startswith("home")]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_work_is_lost_and_one_line_says_why(report, command):
    usual = report[f"{command}, usual"]
    assert (usual["code"], bool(usual["out"])) == (0, True), usual["err"]
    for kind, code in ENDS.items():
        one = report[f"{command}, {kind}"]
        assert made(one) == made(usual), kind
        assert one["code"] == code, (kind, one["err"])
        assert "Traceback" not in one["err"]
        assert one["err"].count("error: ") == (kind == "stdout full"), (kind, one["err"])

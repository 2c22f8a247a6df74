"""`torchrun -m stylize_cli train`: one result, one voice, and an end that all agree on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import stylize_cli
from stylize_cli import checkpoints, images

pytest_plugins = ["commandline"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Gloo over the loopback's name")

RUN = ["train", "--upscale", "2", "--loss", "pixel", "--dataset", "photos"]
RUN += ["--size", "32", "--width", "2", "--batch-size", "3", "--precision", "float32", "-o", "x.pt"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
PATIENCE = 200  # seconds


@pytest.fixture
def dataset(tmp_path, picture):
    """photos/ of three pictures."""
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        images.write(tmp_path / "photos" / name, images.Planes(picture(40, 48, seed=seed + 10)))


def _until(seen):
    end = time.monotonic() + PATIENCE
    while not (found := seen()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.mark.usefixtures("dataset")
def test_a_stop_in_one_process_stops_all_and_one_process_goes_on(stylize, tmp_path):
    source = os.path.dirname(os.path.dirname(stylize_cli.__file__))  # noqa: PTH120
    started = subprocess.Popen(
        [*TORCHRUN, "-m", "stylize_cli", *RUN, "--steps", "100000", "--save-every", "1", "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": source, "GLOO_SOCKET_IFNAME": "lo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _until((tmp_path / "x.pt").exists)
        second = next(
            child
            for child in psutil.Process(started.pid).children(recursive=True)
            if child.environ().get("RANK") == "1"
        )
        second.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=PATIENCE)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, as it should
            for process in psutil.Process(started.pid).children(recursive=True):
                process.kill()
        started.kill()
    (line,) = out.splitlines()
    steps = json.loads(line)["steps"]
    assert err.count(f"interrupted: step {steps} is saved, --resume goes on") == 1
    assert err.count("2 processes: 3 photos, 100000 steps of 3 crops of 32 px") == 1
    assert checkpoints.load_state(tmp_path / "x.state.pt").step == steps

    ran = stylize(*RUN, "--steps", steps + 2, "--resume")
    assert ran.code == 0, ran.err
    resumed = checkpoints.load(tmp_path / ran.line)
    alone = stylize(*RUN[:-1], "alone.pt", "--steps", steps + 2)
    want = checkpoints.load(tmp_path / alone.line)
    assert resumed.provenance["steps"] == steps + 2
    for name, values in want.weights.items():
        assert (resumed.weights[name] - values).abs().max() < 1e-3 * max(1, values.abs().max())

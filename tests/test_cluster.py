"""`stylize apply --engine ray` on two machines, one of which dies in the middle."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_cli

pytest_plugins = ["commandline", "nets"]
pytest.importorskip("ray.data")

PICTURES = 320
PATIENCE = 240  # seconds; on an idle machine all of it takes a quarter of that


@pytest.fixture
def environment(tmp_path):
    source = Path(stylize_cli.__file__).parents[1]
    return os.environ | {
        "PYTHONPATH": str(source),
        "STYLIZE_HOME": str(tmp_path / "own"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def cluster(tmp_path, environment):
    """A process that runs a cluster: see cluster.py."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("cluster.py"), tmp_path],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.stdin.close()
    try:
        process.wait(30)
    finally:
        process.kill()
        process.stdout.close()


def _pictures(folder, picture):
    pixels = (picture(144, 192)[0].permute(1, 2, 0) * 255).byte().numpy()
    for number in range(PICTURES):
        place = folder / f"{number % 7}" / f"{number:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(pixels, number, axis=1)).save(place)
    (folder / "bad.png").write_bytes(b"no picture")


def _until(seen, process):
    end = time.monotonic() + PATIENCE
    while not seen():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.usefixtures("conversions")
def test_nothing_is_lost_and_nothing_done_twice(
    cluster, environment, net, picture, stylize, tmp_path
):
    net(name="net.pt")
    _pictures(tmp_path / "album", picture)
    run = ["apply", "net.pt", "album", "--style", "munch", "--precision", "float32"]
    ray = [*run, "--engine", "ray", "-o", f"file://{tmp_path}/out", "--json"]
    ray += ["--address", cluster.stdout.readline().strip()]
    painting = subprocess.Popen(
        [sys.executable, "-m", "stylize_cli", *ray],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # One that has compiled the model for this size paints; the other may, or is about to.
    _until(lambda: len(list((tmp_path / "out").rglob("*.png"))) >= 5, painting)
    begun = len(list((tmp_path / "out").rglob("*.png")))
    at_work = next(
        name
        for name in ("first", "second")
        if any((tmp_path / name / "cache" / "engines").glob("*.compiled"))
    )
    cluster.stdin.write(f"{at_work}\n")
    cluster.stdin.flush()
    out, err = painting.communicate(timeout=PATIENCE)
    assert painting.returncode == 1, err
    assert begun < PICTURES

    records = [json.loads(line) for line in out.splitlines()]
    failed = [record for record in records if "error" in record]
    assert [Path(record["input"]).name for record in failed] == ["bad.png"]
    assert "1 failed" in err
    inputs = [record["input"] for record in records]
    assert len(set(inputs)) == len(inputs)  # nothing twice

    made = {f"{p.parent.name}/{p.name}": p for p in (tmp_path / "out").rglob("*.png")}
    assert made.keys() == {f"{k % 7}/{k:03}-munch.png" for k in range(PICTURES)}  # nothing lost
    run[2] = "album/3"
    ran = stylize(*run, "--threads", 1, "-o", "local")
    assert ran.code == 0
    for name in ran.out.decode().split():
        assert made[f"3/{Path(name).name}"].read_bytes() == (tmp_path / name).read_bytes()

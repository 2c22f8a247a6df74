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
from stylize_cli.methods import farm
from stylize_cli.methods.farm import CHUNK

pytest_plugins = ["commandline", "nets"]
pytest.importorskip("ray")

PICTURES = 320
OPTIONS = ["--style", "munch", "--precision", "float32"]
PATIENCE = 240  # seconds; on an idle machine all of it takes a quarter of that


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A folder for each machine of the cluster."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def environment(machines):
    """What the machines and whoever gives them work have in their environment."""
    folders = [Path(stylize_cli.__file__).parents[1], Path(__file__).parent]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "STYLIZE_HOME": str(machines / "own"),
        "OMP_NUM_THREADS": "1",
        "LIVES": str(machines / "lives"),
    }


@pytest.fixture(scope="module")
def cluster(machines, environment):
    """A process that runs a cluster, with its address: see cluster.py."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("cluster.py"), machines],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process.address = process.stdout.readline().strip()
    yield process
    process.stdin.close()
    try:
        process.wait(30)
    finally:
        process.kill()
        process.stdout.close()


@pytest.fixture
def painting(cluster, environment, tmp_path, net):
    """painting(*command) -> a process of that command, which paints album/ on the cluster."""
    net(name="net.pt")
    run = ["apply", "net.pt", *OPTIONS, "--engine", "ray", "--address", cluster.address, "--json"]
    run += ["album", "-o", f"file://{tmp_path}/out"]
    started = []

    def start(*command):
        process = subprocess.Popen(
            [sys.executable, *command, *run],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


def _pictures(folder, picture, count):
    pixels = (picture(144, 192)[0].permute(1, 2, 0) * 255).byte().numpy()
    for number in range(count):
        place = folder / f"{number % 7}" / f"{number:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(pixels, number, axis=1)).save(place)


def _until(seen, process):
    end = time.monotonic() + PATIENCE
    while not seen():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def _made(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}


def _told(out):
    """By input what --json says, of each one line."""
    records = [json.loads(line) for line in out.splitlines()]
    by_input = {Path(record["input"]).name: record for record in records}
    assert len(by_input) == len(records)  # nothing twice
    return by_input


@pytest.mark.timeout(3 * PATIENCE)
def test_a_picture_that_ends_its_worker_fails_alone(environment, painting, picture, tmp_path):
    album = tmp_path / "album"
    _pictures(album, picture, CHUNK + 3)
    (album / "3" / "003a.png").write_bytes(b"deadly")
    (album / "4" / "004a.png").write_bytes(b"broken")
    foreign = os.fsdecode(b"caf\xe9")  # not UTF-8
    (album / "5" / "005.png").rename(album / f"{foreign}.png")
    process = painting(Path(__file__).with_name("deadly.py"))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    told = _told(out)
    failed = {name: one["error"] for name, one in told.items() if "error" in one}
    assert failed == {
        "003a.png": farm.ENDED,
        "004a.png": "ZeroDivisionError: a pixel too few",
    }
    assert len(told) == CHUNK + 5
    named = {f"{k % 7}/{k:03}-munch.png" for k in range(CHUNK + 3)} - {"5/005-munch.png"}
    assert _made(tmp_path / "out").keys() == named | {f"{foreign}-munch.png"}
    lines = err.splitlines()
    assert f"{CHUNK + 3} results written, 2 failed" in lines
    assert set(lines[-2:]) == {f"failed: {album}/{name}" for name in ("4/004a.png", "3/003a.png")}
    assert len(Path(environment["LIVES"]).read_text()) == 2 * (1 + farm.ATTEMPTS)


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.usefixtures("conversions")
def test_nothing_is_lost_and_nothing_done_twice(
    cluster, machines, painting, picture, stylize, tmp_path
):
    _pictures(tmp_path / "album", picture, PICTURES)
    (tmp_path / "album" / "bad.png").write_bytes(b"no picture")
    process = painting("-m", "stylize_cli")
    # One that has compiled the model for this size paints; the other may, or is about to.
    _until(lambda: len(_made(tmp_path / "out")) >= 5, process)
    begun = len(_made(tmp_path / "out"))
    at_work = next(
        name
        for name in ("first", "second")
        if any((machines / name / "cache" / "engines").glob("*.compiled"))
    )
    cluster.stdin.write(f"{at_work}\n")
    cluster.stdin.flush()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    assert begun < PICTURES

    told = _told(out)
    assert [name for name, one in told.items() if "error" in one] == ["bad.png"]
    assert len(told) == PICTURES + 1  # nothing lost, of what was done before the end neither
    assert "1 failed" in err
    made = _made(tmp_path / "out")
    assert made.keys() == {f"{k % 7}/{k:03}-munch.png" for k in range(PICTURES)}
    ran = stylize("apply", "net.pt", *OPTIONS, "album/3", "--threads", 1, "-o", "local")
    assert ran.code == 0
    for name in ran.out.decode().split():
        assert made[f"3/{Path(name).name}"].read_bytes() == (tmp_path / name).read_bytes()

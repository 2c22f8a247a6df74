"""The same seed gives the same bytes, whatever order a process's sets and threads come in."""

import shutil

import numpy as np
import pytest
from making import MAKING
from PIL import Image

pytest_plugins = ["commandline", "workshop"]


def test_two_processes_write_the_same_bytes(told, workshop):
    twin = workshop.with_name("twin")
    shutil.copytree(workshop, twin)
    one, other = (
        told(
            "streamed.py",
            {"folder": str(folder), "commands": MAKING, "streams": {}},
            PYTHONHASHSEED=str(number),
        )
        for number, folder in enumerate((workshop, twin))
    )
    for command in MAKING:
        made = one[f"{command}, usual"]["made"]
        assert made, command
        assert made == other[f"{command}, usual"]["made"], command


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    "command",
    [
        "texture brick.pt --size 32",
        "optimize photo.png style.png --init noise --size 32 --iterations 2",
    ],
)
def test_another_seed_gives_other_bytes(stylize, workshop, tmp_path, command):
    for file in workshop.iterdir():
        file.rename(tmp_path / file.name)
    found = []
    for seed in (1, 1, 2):
        ran = stylize(*command.split(), "--seed", seed, "--threads", 1, "-o", "out.png")
        assert ran.code == 0, ran.err
        found.append((tmp_path / "out.png").read_bytes())
    assert found[0] == found[1] != found[2]


def test_a_batch_of_any_size_is_the_same_bytes_again_and_a_picture_the_same_but_for_rounding(
    stylize, net, picture_file, tmp_path
):
    """Alone and beside others a network may round otherwise, by a level."""
    model = net()
    names = [picture_file(40, 48, seed=seed, name=f"{seed}.png").name for seed in range(5)]
    found = []
    for count in (1, 2, 5):
        for run in ("first", "again"):
            ran = stylize(
                *("apply", model, *names[:count], "--style", "monet", "--engine", "torch"),
                *("--precision", "float32", "--threads", 1, "-o", f"{run}{count}/"),
            )
            assert ran.code == 0, ran.err
        first, again = (
            {file.name: file.read_bytes() for file in (tmp_path / f"{run}{count}").iterdir()}
            for run in ("first", "again")
        )
        assert len(first) == count
        assert first == again
        (file,) = (tmp_path / f"first{count}").glob("0*.png")
        with Image.open(file) as image:
            found.append(np.asarray(image).astype(int))
    for other in found[1:]:
        assert np.abs(other - found[0]).max() <= 1

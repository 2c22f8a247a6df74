"""The same seed gives the same bytes, whatever order a process's sets and threads come in."""

import shutil

import pytest
from making import MAKING

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

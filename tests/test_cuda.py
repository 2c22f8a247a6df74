"""Whether an accelerator computes what the CPU does; skipped where there is none.

STYLIZE_TEST_DEVICE names another than cuda, such as mps.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from aims import aims as whole_aims

from stylize_cli import checkpoints, devices, objectives
from stylize_cli.config.neighbours import NEIGHBOURS
from stylize_cli.config.optimize import PRESETS
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.methods import neighbours, optimize
from stylize_cli.methods.pictures import Pictures
from stylize_cli.statistics import STATISTICS

pytest_plugins = ["commandline", "nets"]
pytestmark = pytest.mark.cuda

SIZE = (56, 72)
ROOM = 2_500_000  # bytes: a few tiles at every layer
DEVICE = os.environ.get("STYLIZE_TEST_DEVICE", "cuda")
TRAIN = ["train", "--style", "style.png", "--width", 2, "--size", 32, "--batch-size", 2]


@pytest.fixture
def device():
    """The accelerator's name."""
    if not any(name.startswith(DEVICE) for name in devices.available()):
        pytest.skip(f"there is no {DEVICE} here")
    return DEVICE


@pytest.fixture(params=["whole", "tiled"])
def look(request):
    """look(descriptor) -> it, or the same tile by tile."""
    return (lambda one: one) if request.param == "whole" else (lambda one: Tiled(one, ROOM))


def aims(describe, picture, statistic, device):
    photo, style = picture(*SIZE, seed=1).to(device), picture(60, 50, seed=2).to(device)
    content, weights = ("relu2_2", "relu4_2"), (32.0, 12.0, 3.0, 2.0, 1.0)
    return whole_aims(
        describe, photo, style, content=content, block_weights=weights, statistic=statistic
    )


@pytest.mark.parametrize("statistic", STATISTICS)
def test_loss_and_gradient_are_the_cpu_s(make_narrow, picture, device, look, statistic):
    found = []
    for name in ("cpu", device):
        describe = look(make_narrow(edges="clean", pool="avg").to(name))
        targets = aims(describe, picture, statistic, name)
        found.append(objectives.evaluate(describe, picture(*SIZE, seed=3).to(name), targets))
    assert found[1].gradient.device.type == torch.device(device).type
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-3)
    apart = (found[1].gradient.cpu() - found[0].gradient).abs().sum()
    assert apart < 0.02 * found[0].gradient.abs().sum()  # TF32 and kinks of ReLU


@pytest.mark.parametrize("preset", [*PRESETS, "neighbours"])
def test_an_optimisation_gets_as_far(make_narrow, picture, device, preset):
    ends = []
    for name in ("cpu", device):
        describe = make_narrow(edges="clean").to(name)
        given = Pictures(picture(*SIZE, seed=1), ((picture(60, 50, seed=2), 1.0),))
        given = given.to(torch.device(name))
        if preset == "neighbours":
            course = neighbours.paint(describe, given, replace(NEIGHBOURS, scales=1), size=SIZE)
        else:
            config = replace(PRESETS[preset], scales=1, iterations=20)
            course = optimize.optimize(describe, given, config, size=SIZE)
        first, *_, last = [now.losses["total"] for now in course]
        assert last < first
        ends.append(last / first)
    assert ends[1] == pytest.approx(ends[0], rel=0.3)


@pytest.mark.usefixtures("loaded", "photo", "style")
def test_the_commands_run_on_it(stylize, device, pixels, net, tmp_path):
    on = ["--device", device, "--quiet"]
    assert stylize("optimize", "photo.png", "style.png", "--iterations", 4, *on).code == 0
    assert pixels("photo-style.png").std() > 1
    model = net()
    made = [("there.png", on), ("here.png", ["--device", "cpu", "--quiet"])]
    for name, options in made:
        command = ["apply", model, "photo.png", "--style", "monet", "--engine", "torch"]
        assert stylize(*command, "--precision", "float32", "-o", name, *options).code == 0
    assert np.abs(pixels("there.png") - pixels("here.png")).max() <= 3
    (tmp_path / "photos").mkdir()
    (tmp_path / "photo.png").rename(tmp_path / "photos" / "photo.png")
    ran = stylize(*TRAIN, "--dataset", "photos", "--minutes", 0.02, "--from", "none", *on)
    assert ran.code == 0, ran.err
    assert checkpoints.load(tmp_path / "style.pt").provenance["steps"] > 0
    assert (
        stylize(
            *TRAIN,
            "--dataset",
            "photos",
            "--resume",
            "--from",
            "none",
            *on,
            "--steps",
            checkpoints.load(tmp_path / "style.pt").provenance["steps"] + 2,
        ).code
        == 0
    )

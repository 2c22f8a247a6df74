"""On an NVIDIA card: float32 is float32, and a card is kept busy. Skipped without one."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from stylize_cli import devices, engines, metrics, objectives
from stylize_cli.config.optimize import PRESETS
from stylize_cli.generators.layers import instance_norm
from stylize_cli.methods import optimize as method
from stylize_cli.methods.pictures import Pictures
from stylize_cli.minimizers import lbfgs

pytest_plugins = ["nets", "reads"]
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"),
]
CONFIG = replace(PRESETS["default"], iterations=6, scales=1)


@pytest.fixture
def card():
    return torch.device("cuda:0")


def waits(call: Callable[[], object]) -> int:
    """How many operations of the call wait for the card, by what PyTorch warns of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")  # the mode itself warns once that it is a prototype
        try:
            torch.cuda.set_sync_debug_mode("warn")
            call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("called a synchronizing" in str(one.message) for one in told)


def test_a_judgement_is_the_cpu_s(make_narrow, picture, card):
    describe = make_narrow(dtype=torch.float32)
    pictures = [picture(96, 128, seed=seed) for seed in range(3)]
    want = metrics.judge(describe, *pictures)
    with devices.threads(None):
        found = metrics.judge(describe.to(card), *(one.to(card) for one in pictures))
    assert found == pytest.approx(want, rel=1e-4)  # of TF32's 10 bits 1e-3 would be left


def test_an_optimisation_descends_as_on_the_cpu(make_narrow, picture, card):
    ends = []
    for device in (torch.device("cpu"), card):
        describe = make_narrow(dtype=torch.float32, edges="clean").to(device)
        pictures = Pictures(picture(64, 64), ((picture(64, 64, seed=1), 1.0),)).to(device)
        course = method.optimize(describe, pictures, CONFIG, size=(64, 64))
        ends.append(list(devices.on_threads(course, None))[-1].losses["total"])
    assert ends[1] == pytest.approx(ends[0], rel=0.02)


def test_an_iteration_of_the_minimiser_waits_where_it_decides_alone(make_narrow, picture, card):
    describe = make_narrow(dtype=torch.float32, edges="clean").to(card)
    pictures = Pictures(picture(64, 64), ((picture(64, 64, seed=1), 1.0),)).to(card)
    aims = method.targets(describe, pictures, CONFIG, (64, 64))
    steps = lbfgs(lambda x: objectives.evaluate(describe, x, aims), picture(64, 64).to(card))
    list(islice(steps, 4))
    assert 1 <= waits(lambda: next(steps)) <= 5


def test_normalising_copies_nothing_into_another_layout(card):
    x = torch.randn(3, 8, 16, 16, device=card).contiguous(memory_format=torch.channels_last)
    rows = torch.randn(2, 3, 8, device=card)
    with torch.inference_mode():
        found = instance_norm(x, *rows, relu=True)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_a_network_paints_as_on_the_cpu(net):
    path, random = net(), np.random.default_rng(0)
    given = random.random((2, 3, 64, 64), np.float32), np.eye(3, dtype=np.float32)[:2]
    one, other = (
        engines.open_model(path, engine="torch", device=device, precision="float32").run(*given)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(one, other, atol=1e-4)

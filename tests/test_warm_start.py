from dataclasses import replace

import pytest
import torch

from stylize_cli.config.train import TrainConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.methods import warm_start
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training

CONFIG = TrainConfig(generator="conditional", width=2, steps=1, size=16, content_layer="relu1_1")
SHALLOW = replace(CONFIG, generator="upscaler", blocks=2, style_layers=())

CPU = Machine(torch.device("cpu"), torch.float32)


def styles(*names):
    random = torch.Generator().manual_seed(0)
    return tuple((name, torch.rand(1, 3, 16, 16, generator=random)) for name in names)


@pytest.fixture
def start():
    """A model of two styles whose rows are 1 and 3 everywhere."""
    task = Task("conditional", CONFIG, styles("one", "three"))
    model = Training(task, None, None, CPU).checkpoint()
    for key, value in model.weights.items():
        if key.endswith((".gamma", ".beta")):
            value[0], value[1] = 1.0, 3.0
    return model


def test_known_styles_keep_their_rows_and_others_begin_as_the_mean(start):
    weights = warm_start.weights(start, ("new", "three"), CONFIG, seed=0)
    rows = [value for key, value in weights.items() if key.endswith((".gamma", ".beta"))]
    assert rows
    for row in rows:
        assert torch.equal(row, torch.tensor([[2.0], [3.0]]).expand_as(row))


def test_a_task_starts_from_it(start):
    task = Task("conditional", replace(CONFIG, width=3), styles("three"), start=start)
    expected = warm_start.weights(start, ("three",), task.config, seed=0)
    state = task.network().state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], value) for key, value in expected.items())


@pytest.fixture
def upscaler():
    """A model of two blocks that has learnt something."""
    task = Task("super-resolution", SHALLOW, factor=2)
    model = Training(task, None, None, CPU).checkpoint()
    random = torch.Generator().manual_seed(1)
    for value in model.weights.values():
        value.copy_(0.3 * torch.randn(value.shape, generator=random))
    return model


@pytest.mark.parametrize("blocks", [2, 5])
def test_an_upscaler_starts_as_a_shallower_one_was_left(upscaler, blocks):
    config = replace(SHALLOW, blocks=blocks)
    warm_start.check(upscaler, config, 2)
    network = Task("super-resolution", config, factor=2, start=upscaler).network()
    assert len(network.blocks) == blocks
    photo = torch.rand(1, 3, 9, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(network(photo), upscaler.build()(photo))


@pytest.mark.parametrize(("changes", "factor"), [({"blocks": 1}, 2), ({"width": 4}, 2), ({}, 4)])
def test_an_upscaler_that_does_not_fit_is_refused(upscaler, changes, factor):
    with pytest.raises(StylizeError, match="by 2 of width 2 and 2 blocks cannot start one by"):
        warm_start.check(upscaler, replace(SHALLOW, **changes), factor)


def test_an_upscaler_that_does_not_say_its_width_has_the_usual_one(upscaler):
    start = replace(upscaler, arguments={"factor": 2, "blocks": 2})
    warm_start.check(start, replace(SHALLOW, width=64), 2)
    with pytest.raises(StylizeError, match="by 2 of width 64 and 2 blocks"):
        warm_start.check(start, SHALLOW, 2)


@pytest.mark.parametrize("blocks", [3, 5])
def test_a_network_without_full_size_starts_with_the_other_s_trunk(start, blocks):
    """What both have stays; what reads the image and makes the result begins anew."""
    config = replace(CONFIG, generator="halved", blocks=blocks)
    task = Task("conditional", config, styles("three"), start=start)
    begun, fresh = task.network(), replace(task, start=None).network().state_dict()
    whole = Task("conditional", CONFIG, styles("three"), start=start).network()
    pairs = [
        (begun.down[0].norm, whole.down[1].norm),
        (begun.down[1], whole.down[2]),
        *zip(begun.blocks, whole.blocks[:blocks], strict=True),
        (begun.up[0], whole.up[0]),
        (begun.head.norm, whole.head.norm),
    ]
    shared = [(own.state_dict(), other.state_dict()) for own, other in pairs]
    for own, other in shared:
        assert own.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in own.items())
    state = begun.state_dict()
    new = {name for name in state if torch.equal(state[name], fresh[name])}
    assert new == {"down.0.conv.weight", "head.conv.weight"}
    assert len(state) == len(new) + sum(len(own) for own, _ in shared)


def test_a_model_of_another_network_or_width_is_refused(start):
    warm_start.check(start, CONFIG)
    warm_start.check(start, replace(CONFIG, generator="halved"))
    with pytest.raises(StylizeError, match="cannot start this training of a network 'conditional'"):
        warm_start.check(replace(start, generator="johnson"), CONFIG)
    with pytest.raises(StylizeError, match="'halved' cannot start this training"):
        warm_start.check(replace(start, generator="halved"), CONFIG)
    with pytest.raises(StylizeError, match="of width 2 to 4, not 5"):
        warm_start.check(start, replace(CONFIG, width=5))

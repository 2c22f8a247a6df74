from dataclasses import replace
from functools import partial

import pytest
import torch
from storages import kept_by

from stylize_cli import devices, ranks, training_limits
from stylize_cli.config.train import TRAIN_PRESETS
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.methods import tasks
from stylize_cli.methods.tasks import Task

CPU = Machine(torch.device("cpu"), torch.float32)


@pytest.fixture
def free(monkeypatch):
    """free(bytes): what the device says it has free."""
    return lambda count: monkeypatch.setattr(devices, "free_memory", lambda _device: count)


def outline_of(method, config, dtype=torch.float32):
    factor = 4 if method == "super-resolution" else None
    styles = () if factor else (("a", torch.rand(1, 3, 32, 32)),)
    task = Task(method, config, styles, factor)
    return partial(task.outline, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", TRAIN_PRESETS)
def test_a_generator_keeps_what_autograd_really_keeps(kind, dtype):
    config = replace(TRAIN_PRESETS[kind], width=4, size=64)
    outline = outline_of(kind[0], config, dtype)
    network, inputs = outline(config)
    told = training_limits.measure(outline, config)
    assert told.weights == 4 * sum(parameter.numel() for parameter in network.parameters())
    network = network.to_empty(device="cpu")
    for tensor in (*network.parameters(), *network.buffers()):
        torch.nn.init.constant_(tensor, 0.01)
    inputs = [torch.rand(x.shape).to(x.dtype) for x in inputs]
    outputs = []
    kept = kept_by(network, lambda: outputs.append(network(*inputs)))
    assert outputs[0].isfinite().all()
    assert told.kept == pytest.approx(sum(kept.values()) / 2, rel=0.02)


TRAINING = replace(
    TRAIN_PRESETS["perceptual", "default"], width=4, size=128, batch_size=6, style_size=32
)


def test_a_training_grows_with_its_samples_and_without_a_descriptor_takes_less():
    outline = outline_of("perceptual", TRAINING)

    def need(**changes):
        config = replace(TRAINING, **changes)
        return training_limits.estimate(
            training_limits.measure(outline, config), config, torch.float32
        )

    one, two, three = (need(batch_size=count) for count in (1, 2, 3))
    assert three - two == pytest.approx(two - one)
    assert two > one
    assert need(size=256) > need() > need(style_layers=("relu1_1",)) > need(loss="pixel")
    assert need(style_size=4096) > need(style_size=64) == need()


@pytest.mark.parametrize(
    ("least", "fix"),
    [
        ({"batch_size": 3}, r"use `batch_size` 3$"),
        ({"batch_size": 1, "size": 64}, r"use `batch_size` 1 `size` 64$"),
        ({"batch_size": 1, "size": 8}, r"free some memory$"),
    ],
)
def test_a_training_that_does_not_fit_is_told_what_would(free, least, fix):
    outline = outline_of("perceptual", TRAINING)

    def enough(config):
        """What has to be free, of which a sixteenth is for photos."""
        need = training_limits.estimate(
            training_limits.measure(outline, config), config, torch.float32
        )
        return need * 16 // 15 + 1

    lesser = [replace(TRAINING, batch_size=count) for count in range(5, 0, -1)]
    lesser += [replace(TRAINING, batch_size=1, size=size) for size in (96, 64, 32)]
    free(enough(replace(TRAINING, **least)))
    with pytest.raises(StylizeError, match=fix) as refused:
        training_limits.check(outline, TRAINING, lesser, CPU, None)
    assert "a step of 6 samples of 128 px needs about" in str(refused.value)
    free(enough(TRAINING))
    training_limits.check(outline, TRAINING, (), CPU, None)


def test_what_is_tried_instead_leaves_every_process_a_sample(monkeypatch):
    monkeypatch.setattr(ranks, "count", lambda: 4)
    lesser = list(tasks.lesser(TRAINING, None))
    assert {one.batch_size for one in lesser} == {4, 5}
    assert lesser[0] == replace(TRAINING, batch_size=5)
    assert lesser[-1].size < TRAINING.size

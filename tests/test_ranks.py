"""Two processes that train together do what one would, and end together."""

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import _narrow_convolutions, _picture

from stylize_cli import checkpoints, datasets, ranks
from stylize_cli.api.train import train
from stylize_cli.config.train import TrainConfig
from stylize_cli.descriptors import Descriptor
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training
from stylize_cli.training import fit
from stylize_cli.vgg import SOURCES

pytest_plugins = ["processes"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Gloo over the loopback's name")

CONFIG = TrainConfig(
    generator="conditional",
    width=2,
    steps=6,
    batch_size=3,  # of which one process has one sample, the other two
    size=32,
    zoom=(1.0, 2.0),
    flip=True,
    lr=1e-2,
    decay="cosine",
    loss="feature",
    weighting="relative",
    content_weight=0.2,
    style_weight=1.0,
    content_layer="relu2_1",
    style_layers=("relu1_1", "relu2_1"),
    style_size=32,
    pool="max",
    edges="trained",
)
TEXTURE = replace(CONFIG, generator="pyramid", levels=3, content_weight=0.0)
CONFIGS = {
    "instance norms, several styles": CONFIG,
    "batch norms": replace(CONFIG, generator="johnson", size=44),
    "batch norms, gradients normalised": replace(
        TEXTURE, batch_size=4, gradients="normalised", norm="batch", content_weight=0.2
    ),
    "means for generation": TEXTURE,
    "pixels": replace(CONFIG, generator="johnson-upscaler", loss="pixel", zoom=None),
}


def learnt(files):
    """Of every setting the losses, gradients and network of one step of this process."""
    return {name: _step(config, files) for name, config in CONFIGS.items()}


def _step(config, files):
    crops = datasets.Crops(tuple(files), config.size, config.zoom, config.flip, 0)
    styles = tuple((name, _picture(40, 36, seed=ord(name))) for name in "ab")
    method, factor = "conditional" if config.generator == "conditional" else "perceptual", None
    if config.generator != "conditional":
        styles = styles[:1]
    if config.generator == "pyramid":
        method = "texture-style" if config.content_weight else "texture"
    if config.loss == "pixel":
        method, factor, styles = "super-resolution", 2, ()
    # By rounding no value may fall on the other side of a ReLU; mixtures of styles are float32.
    dtype = torch.float32 if config.generator == "conditional" else torch.float64
    source = SOURCES["vgg19"]
    describe = (
        Descriptor(source, _narrow_convolutions(source), dtype=dtype) if config.layers else None
    )
    training = Training(
        Task(method, config, styles, factor),
        None if method == "texture" else crops,
        describe,
        Machine(torch.device("cpu"), dtype),
    )
    network = training.network.to(dtype)
    update = next(training.run())
    found = {f"gradient of {name}": one.grad for name, one in network.named_parameters()}
    found |= {f"after it {name}": one.double() for name, one in network.named_buffers()}
    known = {**update.losses, **{f"of style {k}": v for k, v in training.style_losses.items()}}
    return known, {name: one.numpy().copy() for name, one in found.items()}


def test_two_processes_do_the_step_of_one(side_by_side, picture_file):
    files = [picture_file(48, 56, seed=30 + k) for k in range(4)]
    want, parts = learnt(files), side_by_side(learnt, files)
    for name, (losses, values) in want.items():
        for rank, part in enumerate(parts):
            found = part[name]
            assert found[0] == pytest.approx(losses, rel=1e-4), (name, rank)
            assert found[1].keys() == values.keys()
            largest = max(abs(v).max() for k, v in values.items() if k.startswith("gradient"))
            for key, value in values.items():
                scale = largest if key.startswith("gradient") else max(1, abs(value).max())
                assert abs(found[1][key] - value).max() < 1e-4 * scale, (name, rank, key)


def bad_loss():
    """A loss that is no number in one process: how the training of each ends."""
    point = torch.nn.Parameter(torch.ones(2))
    config = replace(CONFIG, batch_size=2)
    done = 0

    def losses(step):
        value = float("nan") if step == 2 and not ranks.is_first() else 1.0
        return {"given": value + 0 * point.sum()[None]}

    try:
        for update in fit(losses, torch.optim.SGD([point], 0.1), config):
            done = update.step
    except StylizeError as error:
        return done, str(error)
    return done, ""


def test_a_bad_loss_in_one_stops_all(side_by_side):
    (done, said), other = side_by_side(bad_loss)
    assert (done, said) == other
    assert done == 2
    assert "the loss became nan at step 3" in said


def failures():
    """How errors of one process end in each: in its own part of a work, and in the first's."""
    said = []
    for who in (0, 1):
        try:
            with ranks.together():
                if ranks.is_first() == (who == 0):
                    raise StylizeError(f"no photo for {who}")
        except StylizeError as error:
            said.append(str(error))

    def write():
        said.append("wrote")
        raise StylizeError("the disk is full")

    try:
        ranks.by_first(write)
    except StylizeError as error:
        said.append(str(error))
    with ranks.together():
        pass
    agreed = ranks.any_of(ranks.is_first()), ranks.any_of(own=False)
    return said, agreed, list(ranks.part(5)), ranks.gathered("ab"[len(ranks.part(5)) - 2])


def test_an_error_in_one_is_everyone_s(side_by_side):
    first, second = side_by_side(failures)
    assert first[0] == ["no photo for 0", "no photo for 1", "wrote", "the disk is full"]
    assert second[0] == ["no photo for 0", "no photo for 1", "the disk is full"]
    assert first[1] == second[1] == (True, False)
    assert (first[2], second[2]) == ([0, 1], [2, 3, 4])
    assert first[3] == second[3] == ["a", "b"]


def taught(folder, steps, *, resume=False, listens=True):
    """Teaches a network in folder/, and tells what this process writes there, as Python sees it."""
    written = set()

    def heard(event, given):
        if event == "open" and isinstance(given[0], str) and given[2] & (os.O_WRONLY | os.O_RDWR):
            path = given[0]
        elif event == "os.rename":
            path = str(given[1])
        else:
            return
        if path.startswith(folder):
            written.add(Path(path).name)

    if listens:
        sys.addaudithook(heard)
    options = {"size": 32, "width": 2, "batch_size": 3, "precision": "float32", "loss": "pixel"}
    options |= {"save_every": 1, "preview_every": 1, "preview": f"{folder}/photos/0.png"}
    out = f"{folder}/x.pt"
    for _ in train((), f"{folder}/photos", out, upscale=2, steps=steps, resume=resume, **options):
        pass
    return written


def test_one_process_writes_and_two_go_on_with_what_one_began(side_by_side, picture_file, tmp_path):
    for name in ("begun", "whole"):
        for seed in range(3):
            picture_file(40, 48, seed=seed, name=f"{name}/photos/{seed}.png")
    begun, whole = (str(tmp_path / name) for name in ("begun", "whole"))
    taught(begun, 2, listens=False)
    taught(whole, 4, listens=False)
    first, second = side_by_side(partial(taught, resume=True), begun, 4)
    assert {"x.pt", "x.state.pt"} < first
    assert second == set()
    found, want = (checkpoints.load(Path(one) / "x.pt") for one in (begun, whole))
    assert found.provenance["steps"] == want.provenance["steps"] == 4
    apart = [(found.weights[name] - one).abs().flatten() for name, one in want.weights.items()]
    assert torch.cat(apart).mean() < 5e-5  # a step moves each by up to 1e-3


def test_alone_all_is_as_it_is():
    with ranks.joined():
        assert (ranks.count(), ranks.is_first(), list(ranks.part(3))) == (1, True, [0, 1, 2])
        assert ranks.gathered(7) == [7]
        assert ranks.any_of(own=True)
        assert ranks.device("auto") == "auto"
        with pytest.raises(StylizeError, match="as it is"), ranks.together():
            raise StylizeError("as it is")

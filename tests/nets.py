"""Fixtures: small seeded generators in model files."""

import os
import shutil

import pytest
import torch

from stylize_cli import checkpoints
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.generators import KINDS
from stylize_cli.generators.pyramid import draw_noise, with_image

STYLES = ("monet", "munch", "hokusai")
ARGUMENTS = {
    "conditional": {"styles": 3, "width": 4},
    "halved": {"styles": 3, "width": 4},
    "johnson": {"width": 4},
    "upscaler": {"factor": 2, "width": 4},
    "johnson-upscaler": {"factor": 4, "width": 4},
}


def _seeded(generator, arguments):
    """A network whose every parameter is random, so that no two styles are alike."""
    torch.manual_seed(0)
    network = KINDS[generator].build(**arguments).eval()
    for name, value in network.named_parameters():
        if name.endswith(("gamma", "beta")) or not value.any():
            torch.nn.init.normal_(value, mean=float(name.endswith("gamma")), std=0.3)
    return network


@pytest.fixture
def net(tmp_path):
    """net(generator="conditional", styles=STYLES, loss="feature", grain=0.0) -> a model's path."""

    def save(generator="conditional", *, styles=STYLES, loss="feature", grain=0.0, name=None):
        arguments = dict(ARGUMENTS[generator])
        if KINDS[generator].takes_mix:
            arguments["styles"] = len(styles)
        network = _seeded(generator, arguments)
        path = tmp_path / (name or f"{generator}.pt")
        names = styles if KINDS[generator].takes_mix else styles[: generator == "johnson"]
        given = (arguments, network.state_dict(), names, {"config": {"loss": loss, "grain": grain}})
        checkpoints.save(path, Checkpoint("perceptual", generator, *given))
        return path

    return save


@pytest.fixture
def pyramid(tmp_path):
    """pyramid(levels=3, image=False, name="brick.pt") -> path of a texture network's model file.

    Its statistics are those of its noise, as after a training, and nearly all it makes lies in
    [0, 1].
    """

    def save(levels=3, *, image=False, name="brick.pt"):
        norm = "instance" if image else "batch"  # the one that is not frozen, and one that is
        arguments = {"levels": levels, "norm": norm, "image": image, "width": 4}
        network, generator = _seeded("pyramid", arguments), torch.Generator()
        with torch.no_grad():
            for step in range(31):
                noise = draw_noise((32, 32), levels, 4, generator.manual_seed(step))
                network.train(step < 30)
                output = network(*(with_image(noise, noise[-1]) if image else noise))
            scale = 0.15 / output.std((0, 2, 3))
            network.head.weight *= scale[:, None, None, None]
            network.head.bias.copy_(0.5 - scale * (output.mean((0, 2, 3)) - network.head.bias))
        method = "texture-style" if image else "texture"
        given = (method, "pyramid", arguments, network.state_dict(), ("brick",), {})
        checkpoints.save(tmp_path / name, Checkpoint(*given))
        return tmp_path / name

    return save


@pytest.fixture(scope="session")
def _converted(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


@pytest.fixture
def conversions(home, _converted):
    """What earlier tests converted is in the cache of this one: converting takes a second."""
    folder = home / "cache" / "engines"
    shutil.copytree(_converted, folder, copy_function=os.link)  # copies of all would be gigabytes
    yield
    for path in folder.glob("*"):
        if not (_converted / path.name).exists():
            os.link(path, _converted / path.name)

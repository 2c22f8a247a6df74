"""A model file -> the PyTorch module that OpenVINO is given, and examples of its inputs."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from stylize_cli import checkpoints
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.engines import About, blocks
from stylize_cli.generators.pyramid import draw_noise, with_image

SIDE = 64  # px, of the example


def load(path: Path) -> tuple[nn.Module, About]:
    """The network of a model file, rewritten, and what is known of it.

    Raises:
        StylizeError: it is none.
    """
    checkpoint = checkpoints.load(path)
    network = checkpoint.build()
    found = about(checkpoint, network)
    blocks.rewrite(network)
    return network, found


def examples(about: About) -> tuple[Tensor, ...]:
    """Inputs to trace a network with."""
    generator, side = torch.Generator().manual_seed(0), max(SIDE, 4 * about.multiple)
    image = torch.rand(1, 3, side, side, generator=generator)
    if about.noise_levels:
        noise = draw_noise((side, side), about.noise_levels, 1, generator)
        return tuple(with_image(noise, image) if about.takes_photo else noise)
    return (image, torch.eye(len(about.styles))[:1]) if about.takes_mix else (image,)


def pieces(network: nn.Module, about: About) -> list[tuple[nn.Module, tuple[Tensor, ...]]]:
    """The pieces of a network, rewritten or not, and examples of what each is given."""
    image, mix = examples(about)
    cut: Callable[[], list[nn.Module]] = network.pieces  # type: ignore[assignment]
    given: tuple[Tensor, ...] = (image,)
    found = []
    for piece in cut():
        found.append((piece, given))
        *kept, maps = piece(*given)
        variance, mean = torch.var_mean(maps, dim=(2, 3))
        given = (mix, mean, variance, *kept, maps)
    return found


def about(checkpoint: Checkpoint, network: nn.Module) -> About:
    """What is known of a model without its weights."""
    multiple = cast(int, network.multiple)
    return About(
        method=checkpoint.method,
        generator=checkpoint.generator,
        arguments=checkpoint.arguments,
        styles=checkpoint.styles,
        multiple=multiple,
        least=cast(int, getattr(network, "least", multiple)),
        provenance=checkpoint.provenance,
        grain=checkpoint.grain,
    )

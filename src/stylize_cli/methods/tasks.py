"""What a generator is to learn, and what it is given while it does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stylize_cli import images
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config import Method, TrainConfig
from stylize_cli.generators import BUILDERS
from stylize_cli.generators.pyramid import draw_noise, with_image
from stylize_cli.generators.superres import degraded
from stylize_cli.methods import add_style, warm_start

OUTLINED = 2  # samples that memory is measured by: batch normalisation refuses one value a map

Style = tuple[str, Tensor]  # name, (1, 3, H, W) RGB in [0, 1]


@dataclass(frozen=True)
class Task:
    """What is to be learnt.

    Attributes:
        method: of training.
        config: its settings.
        styles: to be learnt; none for super-resolution.
        factor: of super-resolution; None elsewhere.
        seed: of weights, crops and the styles' order.
        base: the model that the one style is added to; None trains a whole network.
        start: the model that a network of styles starts from; None starts from random weights.
    """

    method: Method
    config: TrainConfig
    styles: tuple[Style, ...] = ()
    factor: int | None = None
    seed: int = 0
    base: Checkpoint | None = None
    start: Checkpoint | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the styles."""
        return tuple(name for name, _ in self.styles)

    @property
    def arguments(self) -> dict[str, Any]:
        """What builds its generator."""
        arguments: dict[str, Any] = {"width": self.config.width}
        if self.factor:
            arguments["factor"] = self.factor
        if self.config.generator == "conditional":
            arguments["styles"] = len(self.styles)
        if self.config.generator == "pyramid":
            arguments |= {"levels": self.config.levels, "norm": self.config.norm}
            arguments["image"] = self.method == "texture-style"
        return arguments

    def network(self) -> nn.Module:
        """Its generator, untrained; a network of one style on the base's convolutions."""
        if self.base is not None:
            ((name, _),) = self.styles
            return add_style.alone(self.base, name).build().requires_grad_()
        # The layers' own initialisation draws from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = BUILDERS[self.config.generator](**self.arguments)
        if self.start is not None:
            width = self.config.width
            network.load_state_dict(warm_start.weights(self.start, self.names, width, self.seed))
        return network

    def outline(self, config: TrainConfig, dtype: torch.dtype) -> tuple[nn.Module, list[Tensor]]:
        """Its generator with other settings and a batch of inputs, neither with any memory."""
        own = replace(self, config=config)
        with torch.device("meta"):
            network = BUILDERS[config.generator](**own.arguments)
            photos = torch.empty(OUTLINED, 3, config.size, config.size)
            if config.generator == "pyramid":
                noise = draw_noise(images.size_of(photos), config.levels, OUTLINED, None)
                batch = with_image(noise, photos) if self.method == "texture-style" else noise
            else:
                batch = own.inputs(photos, [0] * OUTLINED, 0)
        return network.train(), [x.to(dtype) if x.dim() == 4 else x for x in batch]

    def inputs(self, photos: Tensor, chosen: Sequence[int], step: int) -> list[Tensor]:
        """What its generator is given.

        Args:
            photos: (B, 3, H, W) RGB in [0, 1]; of a texture, whose size alone counts.
            chosen: the style of each, as its index.
            step: the number of the batch, which noise is drawn by.
        """
        config = self.config
        if self.factor:
            return [degraded(photos, self.factor)]
        if config.generator == "conditional":
            return [photos, torch.eye(len(self.styles), device=photos.device)[list(chosen)]]
        if config.generator == "pyramid":
            random = torch.Generator().manual_seed(_mixed(self.seed, step))
            noise = draw_noise(images.size_of(photos), config.levels, len(photos), random)
            noise = [one.to(photos.device) for one in noise]
            return with_image(noise, photos) if self.method == "texture-style" else noise
        return [photos]


def _mixed(seed: int, step: int) -> int:
    """One seed out of two numbers: neighbouring steps draw unlike noise."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)

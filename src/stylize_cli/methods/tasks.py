"""What a generator is to learn, and what it is given while it does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stylize_cli import devices, grain, images, ranks, vgg
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config.train import LEAST_SIZE, Method, TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS, Kind, blocks_of
from stylize_cli.generators.pyramid import draw_noise, with_image
from stylize_cli.generators.superres import degraded
from stylize_cli.methods import add_style, warm_start
from stylize_cli.vgg import Source

GRAIN_SIDE = 2048  # px, of the part of the grain that crops of a training begin in
OUTLINED = 2  # samples that memory is measured by: batch normalisation refuses one value a map

Style = tuple[str, Tensor]  # name, (1, 3, H, W) RGB in [0, 1] or with alpha (1, 4, H, W)


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
        start: the model that the network starts from; None starts from random weights.
    """

    method: Method
    config: TrainConfig
    styles: tuple[Style, ...] = ()
    factor: int | None = None
    seed: int = 0
    base: Checkpoint | None = None
    start: Checkpoint | None = None

    @property
    def kind(self) -> Kind:
        """What is known of its generator."""
        return KINDS[self.config.generator]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the styles that are to be learnt."""
        return tuple(name for name, _ in self.styles)

    @property
    def arguments(self) -> dict[str, Any]:
        """What its generator is built with."""
        arguments: dict[str, Any] = {"width": self.config.width}
        if self.factor:
            arguments["factor"] = self.factor
        if self.kind.takes_blocks:
            arguments["blocks"] = self.config.blocks
        if self.kind.takes_mix:
            arguments["styles"] = len(self.styles)
        if self.kind.takes_noise:
            arguments |= {"levels": self.config.levels, "norm": self.config.norm}
            arguments["image"] = self.method == "texture-style"
            # Models from before there was any had none.
            arguments |= {"trunk": self.config.trunk} if self.config.trunk else {}
        return arguments

    def network(self) -> nn.Module:
        """Its generator, untrained; a network of one style on the base's convolutions."""
        if self.base is not None:
            ((name, _),) = self.styles
            return add_style.alone(self.base, name).build().requires_grad_()
        # The layers' own initialisation draws from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = self.kind.build(**self.arguments)
        if self.start is not None:
            begun: Mapping[str, Tensor] = self.start.weights
            if self.kind.takes_mix:
                begun = warm_start.weights(self.start, self.names, self.config, self.seed)
            # Of another kind or depth it has a part.
            strict = self.start.generator == self.config.generator
            strict = strict and blocks_of(self.start.arguments) == blocks_of(self.arguments)
            network.load_state_dict(dict(begun), strict=strict)
        return network

    def outline(self, config: TrainConfig, dtype: torch.dtype) -> tuple[nn.Module, list[Tensor]]:
        """Its generator with other settings and a batch of inputs, neither with any memory."""
        own = replace(self, config=config)
        with torch.device("meta"):
            network = own.kind.build(**own.arguments)
            photos = torch.empty(OUTLINED, 3, config.size, config.size)
            if own.kind.takes_noise:
                noise = draw_noise(images.size_of(photos), config.levels, OUTLINED, None)
                batch = with_image(noise, photos) if self.method == "texture-style" else noise
            else:
                batch = own.inputs(photos, [0] * OUTLINED, None)
        return network.train(), [x.to(dtype) if x.dim() == 4 else x for x in batch]

    def inputs(
        self, photos: Tensor, chosen: Sequence[int], step: int | None, *, whole: int | None = None
    ) -> list[Tensor]:
        """What its generator is given.

        Args:
            photos: (B, 3, H, W) RGB in [0, 1]; of a texture, whose size alone counts.
            chosen: the style of each, as its index.
            step: the number of the batch, which noise and grain are drawn by; None for a look at
                what it makes.
            whole: samples of the batch that these photos are this process's part of; None where
                they are all.
        """
        config = self.config
        if self.factor:
            return [degraded(photos, self.factor)]
        if self.kind.takes_mix:
            mix = torch.eye(len(self.styles))[list(chosen)]
            return [self._grained(photos, step, whole), devices.sent(mix, photos.device)]
        if self.kind.takes_noise:
            random = torch.Generator().manual_seed(mixed(self.seed, step or 0))
            noise = draw_noise(images.size_of(photos), config.levels, whole or len(photos), random)
            own = ranks.part(whole) if whole else range(len(photos))
            noise = [devices.sent(one[own.start : own.stop], photos.device) for one in noise]
            return with_image(noise, photos) if self.method == "texture-style" else noise
        return [self._grained(photos, step, whole)]

    def _grained(self, photos: Tensor, step: int | None, whole: int | None) -> Tensor:
        """The photos as the network sees them: at every step each elsewhere in the grain."""
        if not self.config.grain:
            return photos
        size, count = images.size_of(photos), whole or len(photos)
        if step is None:  # as `apply` will show them
            fields = torch.from_numpy(grain.whole(*size)).to(photos.device)[None]
        else:
            random, side = np.random.default_rng((self.seed, step)), GRAIN_SIDE + max(size)
            corners = random.integers(0, GRAIN_SIDE, (count, 2))
            own = corners[ranks.part(whole)] if whole else corners
            field = _field(side, photos.device)
            fields = torch.stack([field[y : y + size[0], x : x + size[1]] for y, x in own])
        return photos + self.config.grain * fields[:, None]


@lru_cache(maxsize=1)
def _field(side: int, device: torch.device) -> Tensor:
    """Grain to train in: drawn once, or a GPU would wait for it at every step."""
    return torch.from_numpy(grain.whole(side, side)).to(device)


def mixed(seed: int, step: int) -> int:
    """One seed out of two numbers: neighbouring steps draw what is unlike."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)


def check(config: TrainConfig, factor: int | None, source: Source) -> None:
    """Refuses settings with which no step could be done.

    Args:
        config: the settings.
        factor: of super-resolution, or None.
        source: whose layers judge the pictures.

    Raises:
        StylizeError: nothing would be learnt, a layer is not there, a sample has no such size.
    """
    if config.loss == "pixel" and not factor:
        raise StylizeError("`loss` pixel is for `upscale`: leave it out")
    style = config.style_weight and not factor
    if config.loss == "feature" and not config.content_weight and not style:
        raise StylizeError("both weights are 0: give `content_weight` or `style_weight`")
    vgg.check_layers(config.layers, source)
    least, multiple = _sizes(config, factor)
    if config.size < least or config.size % multiple:
        least = -(-max(least, config.size) // multiple) * multiple
        raise StylizeError(
            f"`size` {config.size} does not suit the network and its layers: use `size` {least}"
        )


def small_side(config: TrainConfig) -> int:
    """Side of the small samples that a training begins with, px; the usual one if it has none."""
    least, multiple = _sizes(config, None)
    half = config.size // 2
    return half if config.small and half >= least and half % multiple == 0 else config.size


def lesser(config: TrainConfig, factor: int | None) -> Iterator[TrainConfig]:
    """What to try where memory will not do: fewer samples, then ever smaller ones.

    Each of the processes that train together has one sample at least.
    """
    fewest = ranks.count()
    for count in reversed(range(fewest, config.batch_size)):
        yield replace(config, batch_size=count)
    least, multiple = _sizes(config, factor)
    size = config.size
    while (size := (size - max(multiple, size // 8)) // multiple * multiple) >= least:
        yield replace(config, batch_size=fewest, size=size)


def _sizes(config: TrainConfig, factor: int | None) -> tuple[int, int]:
    """The least side of a sample, and what sides must be multiples of."""
    kind = KINDS[config.generator]
    seen = (vgg.least_side(config.layers) if config.layers else 1) + (1 if config.shifted else 0)
    multiple = max(kind.multiple(config.levels), factor or 0)
    least = max(seen, kind.least(config.levels), LEAST_SIZE, multiple)
    return -(-least // multiple) * multiple, multiple

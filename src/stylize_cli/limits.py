"""How much memory an optimisation takes, said before it starts."""

import psutil
import torch

from stylize_cli import descriptors, devices, images
from stylize_cli.config import OptimizeConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError

# Copies of the first block's maps alive at once at the peak of the backward pass, beside those that
# the forward pass kept: gradients above and below a convolution, its workspace, and what the heap
# cannot use again. Chosen so that no measured peak was above the estimate.
GRADIENTS = 4
VECTORS = 12  # images in float32 beside the L-BFGS history: gradients, directions, trials
INDEX = 8  # bytes: where max pooling took each value from
LOADING = 120_000_000  # bytes: of the descriptor while it is read and converted


def bytes_per_pixel(config: OptimizeConfig, dtype: torch.dtype) -> float:
    """Bytes that one iteration takes for every pixel of the result, by the layers it looks at."""
    order = descriptors.layer_names(descriptors.SOURCES["vgg19"])
    kept = 0.0
    for layer in order[: 1 + max(order.index(layer) for layer in config.layers)]:
        kind, block = (layer[:4], int(layer[4]))
        values = descriptors.MAPS[block - 1] / 4 ** (block - 1)  # a pixel
        if kind == "relu":
            kept += values * dtype.itemsize
        else:
            kept += values / 4 * (dtype.itemsize + (INDEX if config.pool == "max" else 0))
    gradients = GRADIENTS * descriptors.MAPS[0] * dtype.itemsize
    vectors = 3 * torch.float32.itemsize * (2 * config.history + VECTORS)
    return kept + gradients + vectors


def estimate(size: tuple[int, int], config: OptimizeConfig, dtype: torch.dtype) -> int:
    """Bytes that optimising a picture of (height, width) takes, beside the program itself."""
    margin = 2 * descriptors.MARGIN if config.edges == "clean" else 0
    area = (size[0] + margin) * (size[1] + margin) * max(1.0, config.style_scale**2 / 2)
    return LOADING + int(area * bytes_per_pixel(config, dtype))


def check(
    size: tuple[int, int], config: OptimizeConfig, machine: Machine, budget: int | None
) -> None:
    """Refuses a size for which memory will not do, and says which will.

    Args:
        size: (height, width) of the result.
        config: what is to run.
        machine: where.
        budget: most bytes the whole program may take; None for what is free on the device.

    Raises:
        StylizeError: it does not fit.
    """
    there = devices.free_memory(machine.device)
    own = psutil.Process().memory_info().rss
    free = there if budget is None else min(there, budget - own)
    need = estimate(size, config, machine.dtype)
    if need <= free:
        return
    long = max(size)
    while long > 0 and estimate(images.fitted(size, long), config, machine.dtype) > free:
        long -= 16
    if long >= 16:
        fix = f"use --size {long}"
    elif budget is not None and budget - own < there:
        fix = f"give --memory more (the program itself takes {own / 1e9:.1f} GB)"
    else:
        fix = "free some memory"
    raise StylizeError(
        f"{size[1]}x{size[0]} px needs about {need / 1e9:.1f} GB, {max(0, free) / 1e9:.1f} GB is "
        f"free; {fix}"
    )

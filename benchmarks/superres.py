"""Trained upscalers beside bicubic interpolation, on Set5, Set14 and Kodak's 24 pictures.

    pip install .
    python benchmarks/superres.py DATA/superres feature.pt [pixel.pt …] [--factor 4] [--limit N]

Every picture is cropped to a multiple of the factor, degraded as in training and upscaled; both
the small picture and the results are rounded to 8 bits, as files hold them. PSNR and SSIM are of
the luma; relu2_2 is the mean square between VGG-19's features of the result and of the original.
A net trained on features is measured with its colours matched to the small picture (Johnson et al.
2016, sec. 4.2). Prints a Markdown table.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import torch
from processes import machine
from torch import Tensor
from torch.nn import functional as F

from stylize_cli import checkpoints, descriptors, images, losses, metrics
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.colours import match_histogram
from stylize_cli.descriptors import Descriptor
from stylize_cli.generators.superres import degraded

Upscale = Callable[[Tensor], Tensor]  # (1, 3, H, W) RGB in [0, 1] -> (1, 3, f·H, f·W)

SETS = {"Set5": "set5-*.png", "Set14": "set14-*.png", "Kodak": "kodim*.png"}
LAYER = "relu2_2"
HEADER = (
    "| set | upscaled by | PSNR | SSIM | relu2_2 | of bicubic's |\n"
    "|---|---|---|---|---|---|"
)  # fmt: skip


def bicubic(factor: int) -> Upscale:
    """Interpolation, as the default network starts from."""
    return lambda low: F.interpolate(low, scale_factor=factor, mode="bicubic")


def trained(model: Checkpoint) -> Upscale:
    """A network; one trained on features keeps the colours of what it is given."""
    network = model.build()
    if model.provenance["config"]["loss"] == "pixel":
        return lambda low: network(low)
    return lambda low: matched(network(low), low)


def matched(image: Tensor, low: Tensor) -> Tensor:
    """`image` with the histogram of every channel of `low`."""
    pixels, wanted = (shown[0].permute(1, 2, 0).numpy() for shown in (image, low))
    return torch.from_numpy(match_histogram(pixels, wanted)).permute(2, 0, 1)[None]


def cropped(image: Tensor, factor: int) -> Tensor:
    """The upper left part whose sides are multiples of the factor."""
    height, width = (side - side % factor for side in images.size_of(image))
    return image[..., :height, :width]


def rounded(image: Tensor) -> Tensor:
    """To the levels of an 8-bit file."""
    return (image.clamp(0, 1) * 255).round() / 255


def figures(image: Tensor, target: Tensor, describe: Descriptor) -> tuple[float, float, float]:
    """PSNR in dB, SSIM, and the mean square of relu2_2's difference."""
    found, wanted = (describe(shown, [LAYER])[LAYER] for shown in (image, target))
    distance = losses.content_loss(found, wanted).item()
    return metrics.psnr(image, target), metrics.ssim(image, target), distance


@torch.inference_mode()
def measured(
    files: Sequence[Path], upscalers: Mapping[str, Upscale], describe: Descriptor, *, factor: int
) -> dict[str, tuple[float, ...]]:
    """Means over the files of each upscaler's `figures`."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in upscalers}
    for file in files:
        target = cropped(images.read(file).rgb, factor)
        low = rounded(degraded(target, factor))
        for name, upscale in upscalers.items():
            rows[name].append(figures(rounded(upscale(low)), target, describe))
    return {name: tuple(map(fmean, zip(*row, strict=True))) for name, row in rows.items()}


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of set5-*, set14-* and kodim*")
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--limit", type=int, help="pictures of each set")
    args = parser.parse_args()
    print(machine())
    upscalers = {"bicubic": bicubic(args.factor)}
    for file in args.models:
        model = checkpoints.load(file)
        if model.arguments.get("factor") != args.factor:
            parser.error(f"{file} does not upscale by {args.factor}")
        upscalers[file.stem] = trained(model)
    describe = descriptors.load("vgg19", layers=[LAYER])
    print(HEADER)
    for name, pattern in SETS.items():
        files = sorted(args.pictures.glob(pattern))[: args.limit]
        if not files:
            parser.error(f"there is no {pattern} in {args.pictures}")
        means = measured(files, upscalers, describe, factor=args.factor)
        for who, (psnr, ssim, distance) in means.items():
            share = distance / means["bicubic"][2]
            print(
                f"| {name} | {who} | {psnr:.2f} | {ssim:.4f} | {distance:.4g} | {share:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

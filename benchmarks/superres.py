"""Trained upscalers beside bicubic interpolation, on Set5, Set14 and Kodak's 24 pictures.

    pip install .
    python benchmarks/superres.py DATA/superres feature.pt [pixel.pt …] [--factor 4] [--limit N]
        [--set Kodak] [--crop 256]

Every picture is cropped to a multiple of the factor, degraded as in training and upscaled; both
the small picture and the results are rounded to 8 bits, as files hold them. PSNR and SSIM are of
the luma; relu2_2 is the mean square between VGG-19's features of the result and of the original.
A net trained on features is measured with its colours matched to the small picture (Johnson et al.
2016, sec. 4.2). Prints a Markdown table, and a second one of what a pixel grid would show in:

- the distance as a norm, of bicubic's, of the pictures as they are and without their first row and
  column: VGG pools squares of two pixels, and these are others then;
- the energy of the finest waves, of the original's own: of rows that alternate, of columns, of both
  as on a chessboard, and of waves twice as long, which a true picture has more of than of those.
  Waves of 2 px that stand out from those of 4 px are a grid. 1 is as many as the original has.

With --set Kodak --crop 256 a model takes half a minute on one core.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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
GRID_HEADER = (
    "| set | upscaled by | norm | a pixel on | rows | columns | both | 4 px |\n"
    "|---|---|---|---|---|---|---|---|"
)  # fmt: skip
BAND = 1 / 16  # of waves a pixel: what counts as one length of wave
ALTERNATING, HALF = 1 / 2, 1 / 4  # waves a pixel, of 2 px and of 4 px


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


def cropped(image: Tensor, factor: int, most: int | None) -> Tensor:
    """The middle, of sides that are multiples of the factor and no longer than `most`."""
    sides = [min(side, most or side) // factor * factor for side in images.size_of(image)]
    for dim, side in zip((2, 3), sides, strict=True):
        image = image.narrow(dim, (image.shape[dim] - side) // 2, side)
    return image


def rounded(image: Tensor) -> Tensor:
    """To the levels of an 8-bit file."""
    return (image.clamp(0, 1) * 255).round() / 255


def distance(image: Tensor, target: Tensor, describe: Descriptor) -> float:
    """The mean square of relu2_2's difference."""
    found, wanted = (describe(shown, [LAYER])[LAYER] for shown in (image, target))
    return losses.content_loss(found, wanted).item()


def waves(image: Tensor) -> list[float]:
    """Energy of alternating rows, of columns, of both at once, and of waves of 4 px either way."""
    grey = image.mean((0, 1))
    height, width = grey.shape
    window = torch.outer(*(torch.hann_window(side) for side in (height, width)))
    energy = torch.fft.rfft2((grey - grey.mean()) * window).abs().square()
    lengths = torch.fft.fftfreq(height).abs(), torch.fft.rfftfreq(width)

    def at(down: float, across: float) -> float:
        rows, columns = (
            (length - wanted).abs() <= BAND
            for length, wanted in zip(lengths, (down, across), strict=True)
        )
        return energy[rows][:, columns].mean().item()

    fine = [at(ALTERNATING, 0), at(0, ALTERNATING), at(ALTERNATING, ALTERNATING)]
    return [*fine, at(HALF, 0) + at(0, HALF)]


def figures(image: Tensor, target: Tensor, describe: Descriptor) -> tuple[float, ...]:
    """PSNR in dB, SSIM, `distance`, the same a pixel on, `waves`, and those of the target."""
    return (
        metrics.psnr(image, target),
        metrics.ssim(image, target),
        distance(image, target, describe),
        distance(image[..., 1:, 1:], target[..., 1:, 1:], describe),
        *waves(image),
        *waves(target),
    )


@torch.inference_mode()
def measured(
    targets: Iterable[Tensor],
    upscalers: Mapping[str, Upscale],
    describe: Descriptor,
    *,
    factor: int,
) -> dict[str, tuple[float, ...]]:
    """Means over the pictures of each upscaler's `figures`."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in upscalers}
    for target in targets:
        low = rounded(degraded(target, factor))
        for name, upscale in upscalers.items():
            rows[name].append(figures(rounded(upscale(low)), target, describe))
    return {name: tuple(map(fmean, zip(*row, strict=True))) for name, row in rows.items()}


def grid_row(who: str, found: Sequence[float], bicubic: Sequence[float]) -> str:
    """A row of the second table, without its set."""
    norms = (math.sqrt(one / other) for one, other in zip(found[2:4], bicubic[2:4], strict=True))
    shares = (one / own for one, own in zip(found[4:8], found[8:], strict=True))
    cells = [f"{value:.3f}" for value in norms] + [f"{value:.2f}" for value in shares]
    return f"| {who} | {' | '.join(cells)} |"


def main() -> None:
    """Parses the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of set5-*, set14-* and kodim*")
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--limit", type=int, help="pictures of each set")
    parser.add_argument("--set", choices=SETS, help="one of them alone")
    parser.add_argument("--crop", type=int, help="px of each picture's middle, to be quick")
    args = parser.parse_args()
    print(machine())
    upscalers = {"bicubic": bicubic(args.factor)}
    for file in args.models:
        model = checkpoints.load(file)
        if model.arguments.get("factor") != args.factor:
            parser.error(f"{file} does not upscale by {args.factor}")
        upscalers[file.stem] = trained(model)
    describe = descriptors.load("vgg19", layers=[LAYER])
    grids = []
    print(HEADER)
    for name in [args.set] if args.set else SETS:
        files = sorted(args.pictures.glob(SETS[name]))[: args.limit]
        if not files:
            parser.error(f"there is no {SETS[name]} in {args.pictures}")
        targets = (cropped(images.read(file).rgb, args.factor, args.crop) for file in files)
        means = measured(targets, upscalers, describe, factor=args.factor)
        usual = means["bicubic"]
        for who, found in means.items():
            psnr, ssim, square = found[:3]
            share = square / usual[2]
            row = f"| {name} | {who} | {psnr:.2f} | {ssim:.4f} | {square:.4g} | {share:.2f} |"
            print(row, flush=True)
            grids.append(f"| {name} {grid_row(who, found, usual)}")
    print("", GRID_HEADER, *grids, sep="\n")


if __name__ == "__main__":
    main()

"""What eight bits do to a network's pictures, and to its time: beside bfloat16, against float32.

    python benchmarks/quantised.py MODEL PHOTOS [--size 512] [--count 6] [--turns 9]

Every style paints so many photos, evenly spread over the folder, in all three precisions. PSNR is
to float32; times are of single passes with the runs taking turns, and their ratio is the median of
the turns'. Aimed at: 35 dB at least.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from inputs import spread
from PIL import Image
from processes import machine

from stylize_cli import engines, models
from stylize_cli.engines import Engine
from stylize_cli.methods import feedforward


def photo_of(file: Path, size: int) -> np.ndarray:
    """(H, W, 3) in [0, 1], the long side `size`."""
    with Image.open(file) as picture:
        picture = picture.convert("RGB")
    scale = size / max(picture.size)
    wide, high = (max(16, round(side * scale)) for side in picture.size)
    return np.asarray(picture.resize((wide, high), Image.Resampling.BICUBIC), np.float32) / 255


def painted(engine: Engine, photo: np.ndarray, style: str | None) -> tuple[np.ndarray, float]:
    """The picture, and the seconds of the pass."""
    began = time.perf_counter()
    (picture,) = feedforward.forward(engine, [photo], [feedforward.one_style(engine.about, style)])
    return picture, time.perf_counter() - began


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """DB, of a peak of 1."""
    return float(-10 * np.log10(np.square(one - other).mean() + 1e-12))


def main() -> None:
    """Parses the command line and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--turns", type=int, default=9)
    args = parser.parse_args()
    print(machine())
    file = models.find(args.model)
    runs = {
        name: engines.open_model(file, engine="openvino", precision=name)
        for name in ("auto", "bfloat16", "float32")
    }
    print(f"auto is {runs['auto'].precision}\n")
    styles = runs["auto"].about.styles or (None,)
    print(
        "| photo | auto: least PSNR | mean | bfloat16: least PSNR | mean |\n|---|---|---|---|---|"
    )
    for file in spread(args.photos, args.count):
        photo, figures = photo_of(file, args.size), []
        exact = [painted(runs["float32"], photo, style)[0] for style in styles]
        for name in ("auto", "bfloat16"):
            found = [
                psnr(painted(runs[name], photo, style)[0], want)
                for style, want in zip(styles, exact, strict=True)
            ]
            figures += [f"{min(found):.1f}", f"{np.mean(found):.1f}"]
        print(f"| {file.stem} | {' | '.join(figures)} |", flush=True)
    turns = [
        {name: painted(run, photo, styles[0])[1] for name, run in runs.items()}
        for _ in range(args.turns)
    ]
    print("\n| precision | seconds a pass | of bfloat16's |\n|---|---|---|")
    for name in runs:
        seconds = median(turn[name] for turn in turns)
        ratio = median(turn[name] / turn["bfloat16"] for turn in turns)
        print(f"| {name} | {seconds:.3f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()

"""Draws docs/gallery/video.webp anew: a flight over the example photo, and the same painted.

    python scripts/make_clip.py [STYLE]

The source is made of examples/red-panda.jpg (CC0): the camera comes closer and to the side.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import stylize_cli as stylize

ROOT = Path(__file__).parents[1]
STYLE = "vangogh-starry-night"
FRAMES, SIDE = 48, 256  # and px, of both halves
WIDEST, NEAREST = 0.95, 0.55  # of the photo's short side that is seen, at first and at last
LASTS = 80  # milliseconds


def flight(photo: Image.Image) -> list[Image.Image]:
    """Square frames: from most of the photo to its middle."""
    made = []
    for number in range(FRAMES):
        at = number / (FRAMES - 1)
        side = min(photo.size) * (WIDEST + (NEAREST - WIDEST) * at)
        left, top = ((length - side) * (0.3 + 0.2 * at) for length in photo.size)
        box = left, top, left + side, top + side
        made.append(photo.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box))
    return made


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two frames as one."""
    both = Image.new("RGB", (2 * SIDE, SIDE))
    both.paste(left, (0, 0))
    both.paste(right, (SIDE, 0))
    return both


def main(style: str = STYLE) -> None:
    """Paints the flight by `stylize.video` and joins both."""
    with Image.open(ROOT / "examples" / "red-panda.jpg") as photo:
        frames = flight(photo.convert("RGB"))
    with tempfile.TemporaryDirectory() as name:
        source, painted = Path(name, "source"), Path(name, "painted")
        source.mkdir()
        for number, frame in enumerate(frames):
            frame.save(source / f"{number:03}.png")
        stylize.video(stylize.load("classics"), source, painted, style=style)
        results = [Image.open(file).convert("RGB") for file in sorted(painted.iterdir())]
    joined = [beside(*pair) for pair in zip(frames, results, strict=True)]
    joined[0].save(
        ROOT / "docs" / "gallery" / "video.webp",
        save_all=True,
        append_images=joined[1:],
        duration=LASTS,
        loop=0,
        quality=70,
        method=4,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

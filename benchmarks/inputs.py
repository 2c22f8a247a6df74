"""Pictures that are measured: which of a folder, and at which size."""

from pathlib import Path

from PIL import Image

SUFFIXES = (".jpg", ".png")


def spread(folder: Path, count: int) -> list[Path]:
    """The middles of so many equal parts of a folder's pictures, by name."""
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    return [files[(2 * index + 1) * len(files) // (2 * count)] for index in range(count)]


def presized(source: Path, folder: Path, *, long_side: int, name: str = "") -> Path:
    """A PNG of the picture at that size, called after it where no name is given."""
    with Image.open(source) as picture:
        rgb = picture.convert("RGB")
    scale = long_side / max(rgb.size)
    size = tuple(max(1, round(side * scale)) for side in rgb.size)
    path = folder / f"{name or f'{source.stem}-{long_side}'}.png"
    rgb.resize(size, Image.Resampling.LANCZOS).save(path)
    return path

"""Packs photos and paintings to train on into one small archive, for a machine without them.

    python scripts/pack_photos.py DATA -o build/photos.zip [--megabytes 40]

Those photos and textures are taken that models which ship may be trained on (manifest.tsv), and the
paintings of the bundled `classics`, all as JPEGs; photos are the larger the more room there is.
"""

import argparse
import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import manifest
from PIL import Image
from write_credits import SCANS

from stylize_cli import models

SIDES = (1024, 896, 768, 640, 512, 448, 384)  # px, long side
PAINTING = 896  # px, likewise
QUALITY = 88
MEGA = 1_000_000


def chosen(data: Path, folder: str = "photos") -> list[Path]:
    """The pictures of a folder that models which ship may be trained on."""
    allowed = [one["file"] for one in manifest.rows(data) if one["licence_class"] in manifest.FREE]
    return [data / name for name in allowed if name.startswith(f"{folder}/")]


def jpeg(path: Path, side: int) -> bytes:
    """A picture as a JPEG, no longer than that."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def packed(data: Path, most: int) -> Mapping[str, bytes]:
    """The archive's files by name, as large as fits into so many bytes.

    Raises:
        ValueError: not even the smallest fit.
    """
    styles = models.bundled()["classics"].styles
    paintings = {
        f"styles/{name}.jpg": jpeg(data / "styles" / f"{SCANS.get(name, name)}.jpg", PAINTING)
        for name in styles
    }
    textures = {f"textures/{path.name}": jpeg(path, PAINTING) for path in chosen(data, "textures")}
    for side in SIDES:
        photos = {f"photos/{path.name}": jpeg(path, side) for path in chosen(data)}
        files = {**paintings, **textures, **photos}
        if sum(map(len, files.values())) < most:
            return files
    raise ValueError(f"photos of {SIDES[-1]} px take more than {most / MEGA:g} MB")


def main() -> None:
    """Parses the command line, and writes the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/photos.zip"))
    parser.add_argument("--megabytes", type=float, default=40.0)
    args = parser.parse_args()
    try:
        files = packed(args.data, round(0.99 * args.megabytes * MEGA))
    except ValueError as error:
        sys.exit(f"error: {error}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(args.output, "w") as archive:  # JPEGs do not shrink any more
        for name, content in files.items():
            archive.writestr(name, content)
    print(f"{args.output}: {len(files)} pictures, {args.output.stat().st_size / MEGA:.1f} MB")


if __name__ == "__main__":
    main()

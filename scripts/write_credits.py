"""Write pretrained/CREDITS.md: whose pictures the shipped models were trained on.

    python scripts/write_credits.py DATA

DATA/manifest.tsv holds title and author, licence and source of every picture. Named are all photos
whose licence asks for it, and every painting that a model of the index has as a style.
"""

import argparse
from pathlib import Path

import manifest

from stylize_cli import models

SCANS = {
    "munch-scream": "munch-scream-vivid"
}  # of two pictures of a painting the one that was learnt
PAGE = Path(models.__file__).with_name("pretrained") / "CREDITS.md"
HEAD = """# Credits

`classics` and `sr4`, beside this file, were trained on {count} photos that may be redistributed:
{free} are CC0 or in the public domain; the others are named here, with thanks. Each texture was
trained on one picture, named below. No picture is in a model.
"""


def table(rows: list[dict[str, str]]) -> str:
    """Title and author, licence and source."""
    lines = [f"| {row['title_author']} | {row['licence']} | {row['source']} |" for row in rows]
    return "\n".join(["| title / author | licence | source |", "|---|---|---|", *lines])


def main() -> None:
    """Parses the command line and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    rows = manifest.rows(parser.parse_args().data)
    photos = [row for row in rows if row["file"].startswith("photos/")]
    free = sum(row["licence_class"] == manifest.PUBLIC for row in photos)
    credited = [row for row in photos if row["licence_class"] in manifest.CREDITED]
    named = {style for model in models.bundled().values() for style in model.styles}
    styles = {SCANS.get(style, style) for style in named}
    works = [
        row
        for row in rows
        if Path(row["file"]).stem in styles and row["file"].split("/")[0] in ("styles", "textures")
    ]
    parts = [
        HEAD.format(count=free + len(credited), free=free),
        f"## Photos\n\n{table(credited)}\n",
        f"## Styles and textures\n\n{table(works)}\n",
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()

"""A sheet of the pairs that judges saw: pastiche, and stylize by two of its presets.

    pip install . pastiche
    python benchmarks/gallery.py DATA -o docs/gallery/by-eye.webp [--size 288] [--work FOLDER]

DATA holds photos/ and styles/. What already lies in the work folder is not made again; with a GPU,
`--jobs 8` makes so many at once. The sheet shows results alone: not every photo and painting may be
shown.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from inputs import presized
from processes import measure

from stylize_cli import images, sheets

PAIRS = (  # chosen before the default was tuned
    ("solus-boats-on-the-river", "vangogh-starry-night"),
    ("skimage-astronaut", "picabia-udnie"),
    ("gc-erase-red-panda", "vangogh-cafe-terrace"),
    ("gc-explore-monuments-tajmahal", "signac-calanque"),
    ("gc-explore-farm-animals-horse", "munch-scream-vivid"),
    ("gc-explore-monuments-neuschwansteincastle", "hokusai-great-wave"),
    ("gc-erase-kitten", "klimt-kiss"),
    ("qoi-central-bern-from-north", "leger-contrast-of-forms"),
    ("palapeli-castle-maintenon", "piranesi-carceri"),
    ("mate-dune", "monet-spring-giverny"),
    ("gc-explore-world-music-mexico", "aic-renoir-two-sisters-on-the-terrace"),
    ("solus-mount-batok-java", "kandinsky-composition-vii"),
)
UNSEEN = (  # no picture of these was looked at before: evenly spread over the folders, by name
    ("budgie-noche-bogota", "aic-delacroix-lion-hunt"),
    ("enl-yellow-flower", "aic-monet-bordighera"),
    ("gc-erase-squirrel", "aic-pissarro-the-place-du-havre-paris"),
    ("gc-explore-monuments-konarksuntemple", "aic-soria-saint-christopher-taking-leave-of-the-ki"),
    ("gc-explore-world-animals-scarlet-macaw", "hablik-utopian-buildings"),
    ("lomiri-infinite-sea-by-aury88", "konen-ocean-waves"),
    ("petra-dfm-4210", "picabia-udnie"),
    ("solus-exhibici-n-freestyle-gp", "vangogh-self-straw-hat"),
)
MAKERS = {
    "pastiche": ["pastiche", "--no-verbose", "--num-steps", "200", "-c"],
    "default": ["stylize", "optimize", "--quiet"],
    "neighbours": ["stylize", "optimize", "--quiet", "--preset", "neighbours"],
}
HEIGHT = 176  # px of every picture on the sheet
COLUMNS = 2  # pairs beside each other


def made(maker: str, photo: Path, style: Path, work: Path, *, size: int) -> Path:
    """What one of them makes of a pair."""
    file = work / f"{photo.stem}-{style.stem}-{maker}.png"
    if not file.exists():
        pair = [photo, "-s", style] if maker == "pastiche" else [photo, style]
        words = [*MAKERS[maker], *pair, "--size", size, "-o", file]
        measure([str(word) for word in words])
    return file


def main() -> None:
    """Parses the command line, makes what is missing and draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=288)
    parser.add_argument("--unseen", action="store_true", help="the eight pairs, not the twelve")
    parser.add_argument("--jobs", type=int, default=1, help="pictures made at once")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(args.jobs) as pool:
        work = args.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        waiting = []
        for name, painting in UNSEEN if args.unseen else PAIRS:
            photo = presized(args.data / "photos" / f"{name}.jpg", work, long_side=args.size)
            style = args.data / "styles" / f"{painting}.jpg"
            waiting += [
                (maker, pool.submit(made, maker, photo, style, work, size=args.size))
                for maker in MAKERS
            ]
        files = [(maker, picture.result()) for maker, picture in waiting]
        cells = [(maker, images.read(file).rgb) for maker, file in files]
    shown = [cells[at : at + len(MAKERS)] for at in range(0, len(cells), len(MAKERS))]
    rows = [list(chain(*shown[at : at + COLUMNS])) for at in range(0, len(shown), COLUMNS)]
    sheet = sheets.contact_sheet(rows, height=HEIGHT)
    images.write(args.output, images.Planes(sheet), quality=80)


if __name__ == "__main__":
    main()

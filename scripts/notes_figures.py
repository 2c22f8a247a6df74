"""Makes the figures of the course notes anew, by the very commands shown beside them.

    python scripts/notes_figures.py [NAME...] [--data DATA] [--force] [--size 0.25]

Without a name: all. `--list` says what they are. In the end docs/figures.md is written anew, and
docs/methods.md shows each figure that is there behind its mark.
"""

from dataclasses import replace

import gallery
from gallery import EYES, GIVEN, PAIR, PHOTO, SCENE, STYLE
from pictures import ROOT, SUFFIX, Cell, Page, Picture, main, output_of

from stylize_cli.config import STYLE_LAYERS
from stylize_cli.config.optimize import FIGURE_CONTENT

FOLDER = ROOT / "docs" / "figures"
RATIOS = ("0.001", "0.01", "0.1", "1", "10")
PAPER = f"stylize optimize {PAIR} --preset paper --size 320"
START = {"photo": "", "noise": " --init noise --iterations 400"}


def row(first: Cell, commands: dict[str, str]) -> tuple[Cell, ...]:
    """A picture, and beside it what commands make: {label: command}."""
    return (first, *(Cell(label, output_of(command)) for label, command in commands.items()))


def in_gallery(name: str) -> Picture:
    """A picture of the gallery."""
    (found,) = (one for one in gallery.PICTURES if one.name == name)
    return found


def of_gallery(name: str, caption: str, own: str) -> Picture:
    """A picture that the gallery makes, and what it is called there."""
    shown = f"{gallery.FOLDER.name}/{own}{SUFFIX}"
    return replace(in_gallery(own), name=name, caption=caption, shown=shown)


CONTENT = {
    layer: f"stylize reconstruct {SCENE} --content {layer} -o content-{layer}.png"
    for layer in FIGURE_CONTENT
}
STYLES = {
    f"… {STYLE_LAYERS[count]}": f"stylize reconstruct {STYLE} "
    f"--style {','.join(STYLE_LAYERS[: count + 1])} -o style-{count + 1}.png"
    for count in range(len(STYLE_LAYERS))
}
BALANCE = {
    start: {
        f"content : style {ratio}": f"{PAPER} --content-weight {ratio}{options} "
        f"-o ratio-{start}-{ratio}.png"
        for ratio in RATIOS
    }
    for start, options in START.items()
}
LAYERS = {
    layer: f"{PAPER} --content-layers {layer} -o layer-{layer}.png"
    for layer in ("relu2_2", "relu4_2")
}
STARTS = {
    "from the photo": f"{PAPER} -o from-photo.png",
    "from the painting": f"{PAPER} --init {STYLE} -o from-painting.png",
    "from noise": f"{PAPER} --init noise --iterations 400 -o from-noise.png",
}
SOURCES = {"bricks": "textures/brick-grey.jpg", "citrus": "textures/citrus.jpg"}
TEXTURES = {
    name: (
        f"stylize optimize --texture {source} --size 256 -o {name}-optimised.png",
        f"stylize train --style {source} -o {name}.pt",
        f"stylize texture {name}.pt --size 256 -o {name}-network.png",
        f"stylize texture {name}.pt --size 512 -o {name}-large.png",
    )
    for name, source in SOURCES.items()
}
ONE_PASS = tuple(
    command
    for name in ("default", "trained", "texture-style")
    for command in in_gallery(name).commands
)
ENLARGED = (
    *in_gallery("sr4").commands,
    "stylize train --upscale 4 --loss pixel --dataset photos -o pixels.pt",
    f"stylize apply pixels.pt {PHOTO} --size 256 -o pixels.png",
)
ADDED = (
    f"stylize train --add-style {STYLE} --to classics --dataset photos --minutes 10 -o added.pt",
    f"stylize apply added.pt {SCENE} --style church-at-auvers -o added.png",
    f"stylize apply added.pt {SCENE} --style starry-night -o starry-night.png",
)

PICTURES = (
    Picture(
        "content-layers",
        "What one layer keeps of a photo's content, from white noise (Gatys et al. 2016, fig. 1).",
        tuple(CONTENT.values()),
        (row(GIVEN[0], CONTENT),),
    ),
    Picture(
        "style-layers",
        "What the Gram matrices of ever more layers keep of a painting "
        "(Gatys et al. 2016, fig. 1).",
        tuple(STYLES.values()),
        (row(GIVEN[1], STYLES),),
    ),
    Picture(
        "ratio",
        "From painter to photo by the ratio α/β; above from the photo, below from white noise "
        "(Gatys et al. 2016, fig. 4).",
        tuple(command for one in BALANCE.values() for command in one.values()),
        (row(GIVEN[0], BALANCE["photo"]), row(GIVEN[1], BALANCE["noise"])),
    ),
    Picture(
        "content-layer",
        "A shallow and a deep content layer (Gatys et al. 2016, fig. 5).",
        tuple(LAYERS.values()),
        (row(GIVEN[0], LAYERS),),
    ),
    Picture(
        "starts",
        "Where the optimisation starts from (Gatys et al. 2016, fig. 6).",
        tuple(STARTS.values()),
        (row(GIVEN[0], STARTS),),
    ),
    Picture(
        "textures",
        "Textures by optimisation and in one pass of a network (Ulyanov et al. 2016).",
        tuple(command for commands in TEXTURES.values() for command in commands),
        tuple(
            (
                Cell(name, SOURCES[name]),
                Cell("optimised", f"{name}-optimised.png"),
                Cell("one pass", f"{name}-network.png"),
                Cell("four times the area", f"{name}-large.png"),
            )
            for name in TEXTURES
        ),
    ),
    Picture(
        "one-pass",
        "A style by optimisation, by Johnson's method and by Ulyanov's.",
        ONE_PASS,
        (
            (
                *GIVEN,
                Cell("optimised", "default.png"),
                Cell("Johnson et al.", "trained.png"),
                Cell("Ulyanov et al.", "texture-style.png"),
            ),
        ),
    ),
    Picture(
        "super-resolution",
        "Four times as large, by bicubic interpolation, by a loss of pixels and one of features "
        "(Johnson et al. 2016, fig. 8).",
        ENLARGED,
        (
            (
                Cell("bicubic", PHOTO, zoom=2, reduced=4, at=EYES),
                Cell("loss of pixels", "pixels.png", zoom=2, at=EYES),
                Cell("loss of features", "sr4.png", zoom=2, at=EYES),
                Cell("photo", PHOTO, zoom=2, at=EYES),
            ),
        ),
        height=384,
    ),
    of_gallery("many-styles", "One network of many styles (Dumoulin et al. 2017).", "classics"),
    of_gallery(
        "mixtures",
        "Four styles at the corners, and their mixtures between (Dumoulin et al. 2017).",
        "blend",
    ),
    Picture(
        "one-more-style",
        "A style that a trained network is taught later, and one that it had before "
        "(Dumoulin et al. 2017).",
        ADDED,
        ((*GIVEN, Cell("added", "added.png"), Cell("as before", "starry-night.png")),),
    ),
)
INTRODUCTION = """\
The figures of the papers and of the course notes, each above the lines that made it:
`python scripts/notes_figures.py NAME` does so again. `photos` is any folder of photos, `textures`
one of pictures of textures."""
METHODS = ROOT / "docs" / "methods.md"
PAGE = Page(ROOT / "docs" / "figures.md", "Figures", INTRODUCTION, FOLDER, METHODS)


if __name__ == "__main__":
    main(PICTURES, PAGE, __doc__)

"""Makes the pictures of README and docs/gallery, by the very commands shown beside them.

    python scripts/gallery.py [NAME...] [--data DATA] [--force] [--size 0.25]

Without a name: all. `--list` says what they are. docs/gallery.md is written anew in the end.
"""

from pictures import HEIGHT, ROOT, Cell, Page, Picture, main, output_of

PHOTO = "examples/red-panda.jpg"
SCENE, STYLE = "examples/chateau.jpg", "examples/church-at-auvers.jpg"
PAIR = f"{SCENE} {STYLE}"
FOLDER = ROOT / "docs" / "gallery"
GIVEN = (Cell("photo", SCENE), Cell("The Church at Auvers", STYLE))
LEARNT = ("vangogh-starry-night", "hokusai-great-wave", "kandinsky-composition-viii")
TEXTURES = ("onyx", "citrus", "brick-wall", "bark", "rusty-metal")
EYES = (0.44, 0.55)  # of the photo, what is shown pixel by pixel
TOWER, CLOUDS = (0.86, 0.3), (0.34, 0.24)  # of the scene, likewise
LARGE = {
    "optimize, 512 px": f"stylize optimize {PAIR} -o default.png",
    "2048 px": f"stylize optimize {PAIR} --size 2048 -o large-2048.jpg",
    "4096 px": f"stylize optimize {PAIR} --size 4096 -o large-4096.jpg",
}


def beside(name: str, caption: str, results: dict[str, str], *, height: int = HEIGHT) -> Picture:
    """Photo and painting, and beside them what commands make of both: {label: command}."""
    cells = (Cell(label, output_of(command)) for label, command in results.items())
    return Picture(name, caption, tuple(results.values()), ((*GIVEN, *cells),), height=height)


def learnt(name: str, caption: str, train: str) -> Picture:
    """The photo by a network that a command trains."""
    model = output_of(train)
    apply = f"stylize apply {model} {SCENE} -o {name}.png"
    return Picture(name, caption, (train, apply), ((*GIVEN, Cell("painted", f"{name}.png")),))


def closely(name: str, caption: str, commands: tuple[str, ...], labels: tuple[str, ...]) -> Picture:
    """Large results, each whole and pixel by pixel."""
    cells = tuple(
        (Cell(label, output_of(command)), Cell("100 %", output_of(command), zoom=1, at=TOWER))
        for label, command in zip(labels, commands, strict=True)
    )
    return Picture(name, caption, commands, cells, height=384)


PICTURES = (
    beside(
        "hero",
        "Chenonceau in the strokes of Van Gogh's Church at Auvers.",
        {"stylize": f"stylize optimize {PAIR} --preset neighbours -o hero.png"},
        height=384,
    ),
    Picture(
        "default",
        "The same pair by Gatys' method, the default.",
        (f"stylize optimize {PAIR} -o default.png",),
    ),
    beside(
        "presets",
        "The presets of `stylize optimize`, beside their inputs.",
        {
            "default": f"stylize optimize {PAIR} -o default.png",
            "neighbours": f"stylize optimize {PAIR} --preset neighbours -o hero.png",
            "notebook": f"stylize optimize {PAIR} --preset notebook -o notebook.png",
        },
    ),
    beside(
        "paper",
        "Gatys et al. 2016 as the course notes have it, from the photo and from white noise.",
        {
            "from the photo": f"stylize optimize {PAIR} --preset paper --size 384 -o paper.png",
            "from noise": f"stylize optimize {PAIR} --preset paper --init noise --iterations 400 "
            "--size 384 -o paper-noise.png",
        },
    ),
    Picture(
        "balance",
        "The knob from photo to painter.",
        (
            f"stylize optimize {PAIR} --try balance=0.1,0.3,0.5,0.7,0.9 --size 384 -o balance.png",
        ),
    ),
    Picture(
        "classics",
        "The bundled network's twenty-four paintings.",
        (f"stylize models show classics --photo {PHOTO} -o classics.png",),
    ),
    Picture(
        "blend",
        "One photo between four paintings.",
        (
            f"stylize blend classics {PHOTO} --grid starry-night,great-wave,winter-moonlit,kiss "
            "-o blend.png",
        ),
    ),
    Picture(
        "apply",
        "One of the bundled paintings, in one pass.",
        (f"stylize apply classics {PHOTO} --style starry-night -o apply.png",),
    ),
    Picture(
        "strip",
        "From one painting to another, in five steps.",
        (
            f"stylize blend classics {PHOTO} --style great-wave --style kiss --steps 5 "
            "-o strip.png",
        ),
    ),
    beside(
        "any-painting",
        "A painting that the bundled network has never seen, learnt in a minute.",
        {"apply": f"stylize apply classics {SCENE} --style {STYLE} -o any-painting.png"},
    ),
    Picture(
        "reconstruct",
        "What VGG-19 keeps of a picture: content by layer, style by ever more layers.",
        (f"stylize reconstruct {PHOTO} --figure -o reconstruct.png",),
    ),
    Picture(
        "textures",
        "The bundled textures, from noise in one pass.",
        tuple(f"stylize texture {name} -o {name}.png" for name in TEXTURES),
        (tuple(Cell(name, f"{name}.png") for name in TEXTURES),),
        height=384,
    ),
    Picture(
        "sr4",
        "Four times as large: the whole, and its middle at 200 %.",
        (f"stylize apply sr4 {PHOTO} --size 256 -o sr4.png",),
        (
            (Cell("bicubic", PHOTO, reduced=4), Cell("sr4", "sr4.png"), Cell("photo", PHOTO)),
            (
                Cell("bicubic, 200 %", PHOTO, zoom=2, reduced=4, at=EYES),
                Cell("sr4, 200 %", "sr4.png", zoom=2, at=EYES),
                Cell("photo, 200 %", PHOTO, zoom=2, at=EYES),
            ),
        ),
        height=384,
    ),
    learnt(
        "trained",
        "A network of one style, trained for ten minutes on a folder of photos.",
        f"stylize train --style {STYLE} --dataset photos --minutes 10 -o auvers.pt",
    ),
    Picture(
        "trained-johnson",
        "*Starry Night* by Johnson's recipe: of its 40,000 steps the 12,773 that an H200 does in "
        "eight minutes, beside other work.",
        (
            f"stylize train --preset paper --style styles/{LEARNT[0]}.jpg --dataset photos "
            "--steps 12773 -o starry.pt",
            f"stylize apply starry.pt {SCENE} --size 512 -o johnson-scene.png",
            f"stylize apply starry.pt {PHOTO} --size 512 -o johnson-photo.png",
        ),
        (
            (
                *(Cell("photo", SCENE), Cell("painted", "johnson-scene.png")),
                *(Cell("photo", PHOTO), Cell("painted", "johnson-photo.png")),
            ),
        ),
    ),
    Picture(
        "trained-paper",
        "Three styles in one network by Dumoulin's recipe: of its 40,000 steps the 2,300 that an "
        "H100 does in eight minutes.",
        (
            "stylize train --preset paper "
            + "".join(f"--style styles/{name}.jpg " for name in LEARNT)
            + "--dataset photos --steps 2300 -o three.pt",
            *(
                f"stylize apply three.pt {SCENE} --style {name} -o paper-{name}.png"
                for name in LEARNT
            ),
        ),
        ((Cell("photo", SCENE), *(Cell(name, f"paper-{name}.png") for name in LEARNT)),),
    ),
    learnt(
        "texture-style",
        "Ulyanov's network, which is given the photo beside noise, trained for ten minutes.",
        f"stylize train --style {STYLE} --dataset photos --method texture-style --minutes 10 "
        "-o auvers-texture-style.pt",
    ),
    Picture(
        "large",
        "However large the result, strokes keep their size relative to it: whole, and the sky "
        "pixel by pixel. The largest took a GPU 14 seconds.",
        tuple(LARGE.values()),
        (
            tuple(Cell(label, output_of(command)) for label, command in LARGE.items()),
            tuple(
                Cell(f"{label}, 100 %", output_of(command), zoom=1, at=CLOUDS)
                for label, command in [*LARGE.items()][1:]
            ),
        ),
        height=384,
    ),
    closely(
        "large-networks",
        "In one pass, whole and pixel by pixel.",
        (
            f"stylize apply classics {SCENE} --style starry-night --size 2048 -o large-apply.png",
            "stylize texture citrus --size 2048 -o large-texture.png",
        ),
        ("apply, 2048 px", "texture, 2048 px"),
    ),
)  # fmt: skip
INTRODUCTION = """\
What the commands make, each picture above the lines that made it:
`python scripts/gallery.py NAME` does so again. `photos` is any folder of photos, `styles` one of
paintings; the other pictures are in the repository."""
PAGE = Page(ROOT / "docs" / "gallery.md", "Gallery", INTRODUCTION, FOLDER)


if __name__ == "__main__":
    main(PICTURES, PAGE, __doc__)

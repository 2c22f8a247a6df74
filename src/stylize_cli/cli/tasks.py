"""What a training is asked to learn, out of its options."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stylize_cli.cli import inputs
from stylize_cli.cli.console import Console
from stylize_cli.cli.options import Descriptor
from stylize_cli.config import Method, TrainConfig
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from torch import Tensor

    from stylize_cli.checkpoints import Checkpoint
    from stylize_cli.descriptors import Descriptor as Network
    from stylize_cli.devices import Machine
    from stylize_cli.methods.tasks import Style

Wanted = Literal["auto", Method]

PREVIEW = 512  # px, long side
LEAST_SIZE = 32  # px, of a sample

NEEDS = {
    "perceptual": "one --style",
    "conditional": "--style once or more",
    "texture": "one --style, and no --dataset",
    "texture-style": "one --style",
    "super-resolution": "--upscale, and no --style",
}
# What a method may be called for beside what is found by itself.
ALSO: Mapping[Method, tuple[Method, ...]] = {
    "perceptual": ("conditional", "texture-style"),
}


def choose_method(wanted: Wanted, styles: int, factor: int | None, *, photos: bool) -> Method:
    """What is to be trained, with so many styles or for such a magnification.

    Args:
        wanted: what --method says.
        styles: how many there are.
        factor: of super-resolution, or None.
        photos: whether there is a dataset.

    Raises:
        StylizeError: that does not fit together.
    """
    if factor is None and not styles:
        raise StylizeError("nothing to learn: give --style IMAGE, or --upscale 4 to enlarge photos")
    if factor is not None and styles:
        raise StylizeError("--upscale has no style: leave out one of --style and --upscale")
    found: Method = "perceptual" if styles == 1 else "conditional"
    if factor is not None:
        found = "super-resolution"
    elif styles == 1 and not photos and wanted in ("auto", "texture"):
        found = "texture"
    if wanted in ("auto", found) or wanted in ALSO.get(found, ()):
        return found if wanted == "auto" else wanted
    raise StylizeError(f"--method {wanted} needs {NEEDS[wanted]}; or leave out --method")


def check(config: TrainConfig, factor: int | None, name: Descriptor) -> None:
    """Raises `StylizeError` for settings with which no step could be done."""
    from stylize_cli import descriptors

    if config.loss == "pixel" and not factor:
        raise StylizeError("--loss pixel is for --upscale: leave it out")
    style = config.style_weight and not factor
    if config.loss == "feature" and not config.content_weight and not style:
        raise StylizeError("both weights are 0: give --content-weight or --style-weight")
    descriptors.check_layers(config.layers, descriptors.SOURCES[name])
    least, multiple = _sizes(config, factor)
    if config.size < least or config.size % multiple:
        least = -(-max(least, config.size) // multiple) * multiple
        raise StylizeError(
            f"--size {config.size} does not suit the network and its layers: use --size {least}"
        )


def _sizes(config: TrainConfig, factor: int | None) -> tuple[int, int]:
    """The least side of a sample, and what sides must be multiples of."""
    from stylize_cli import descriptors
    from stylize_cli.generators import johnson

    least = descriptors.least_side(config.layers) if config.layers else 0
    if config.generator == "johnson":
        least = max(least, johnson.MARGIN + 1)
    if config.generator == "pyramid":  # at the coarsest scale too there is a deviation to divide by
        least = max(least, 2 * config.multiple)
    multiple = max(config.multiple, factor or 0)
    return -(-max(least, LEAST_SIZE, multiple) // multiple) * multiple, multiple


def lesser(config: TrainConfig, factor: int | None) -> Iterator[TrainConfig]:
    """What to try where memory will not do: fewer samples, then a single one ever smaller."""
    for count in reversed(range(1, config.batch_size)):
        yield replace(config, batch_size=count)
    least, multiple = _sizes(config, factor)
    size = config.size
    while (size := (size - max(multiple, size // 8)) // multiple * multiple) >= least:
        yield replace(config, batch_size=1, size=size)


def unique(names: list[str]) -> list[str]:
    """The names, with -2, -3 and so on where one comes again."""
    found: list[str] = []
    for name in names:
        free = (name, *(f"{name}-{number}" for number in range(2, len(names) + 2)))
        found.append(next(one for one in free if one not in found))
    return found


def stem(given: list[str], names: list[str], factor: int | None) -> str:
    """What a model is called: after its style, its folder of styles, or its magnification."""
    if factor is not None:
        return f"sr{factor}"
    if len(names) == 1:
        return names[0]
    folder = Path(given[0])
    return folder.resolve().name if len(given) == 1 and folder.is_dir() else "styles"


def photos(dataset: Path | None, own: set[Path]) -> tuple[Path, ...]:
    """The photos to train on, without pictures that this command itself leaves among them."""
    from stylize_cli import datasets

    if dataset is None:
        raise StylizeError("there are no photos to train on: give --dataset FOLDER")
    places = {path.resolve() for path in own}
    found = datasets.find(dataset)
    names = {path.name for path in places}
    kept = tuple(f for f in found if f.name not in names or f.resolve() not in places)
    if not kept:
        raise StylizeError(f"there are no photos in {dataset}: give --dataset a folder of photos")
    return kept


def base(file: Path, name: str) -> "Checkpoint":
    """The model that a style of that name is to be added to.

    Raises:
        StylizeError: it cannot be read, or takes no such style.
    """
    from stylize_cli import checkpoints
    from stylize_cli.methods import add_style

    base = checkpoints.load(file)
    add_style.alone(base, name)  # refuses what cannot be, before VGG is loaded
    return base


def read_styles(
    files: list[str], names: list[str], config: TrainConfig, console: Console
) -> "tuple[Style, ...]":
    """The styles by name, none much larger than training looks at it.

    Fifty paintings of 50 megapixels would else take 30 GB.
    """
    from stylize_cli import images

    found = []
    for file, name in zip(files, names, strict=True):
        style = inputs.read_picture(file, console).rgb
        most = images.same_area(images.size_of(style), (2 * config.style_size) ** 2)
        found.append((name, images.resize(style, min(most, images.size_of(style)))))
    return tuple(found)


def read_preview(source: str, console: Console) -> "Tensor":
    """The photo that is drawn again and again, at the size of a preview."""
    from stylize_cli import images

    photo = inputs.read_picture(source, console).rgb
    return images.resize(photo, images.fitted(images.size_of(photo), PREVIEW))


def compare_descriptors(base: "Checkpoint", name: Descriptor, console: Console) -> None:
    """Says so where a model was trained with another descriptor than its new style will be."""
    from stylize_cli import descriptors

    used = str(base.provenance.get("descriptor")).partition(",")[0]
    if used in descriptors.SOURCES and used != name:
        console.say(f"the model's other styles were trained with --descriptor {used}")


def load_descriptor(
    config: TrainConfig, name: Descriptor, file: Path | None, machine: "Machine", console: Console
) -> "tuple[Network | None, dict[str, Any]]":
    """What judges the pictures, None where pixels do, and what a model should say of it."""
    from stylize_cli import descriptors

    console.say(f"device: {machine.describe()}")
    if not config.layers:
        return None, {}
    with console.progress() as on_step:
        describe = descriptors.load(
            name,
            layers=config.layers,
            dtype=machine.dtype,
            pool=config.pool,
            edges=config.edges,
            file=file,
            on_step=on_step,
        )
    origin = "original, bundled" if name == "vgg19" else "downloaded"
    source = f"from {file.name}" if file else origin
    return describe.to(machine.device), {"descriptor": f"{name}, {source}"}

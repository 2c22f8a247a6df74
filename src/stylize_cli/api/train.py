"""A network that is taught a style, many styles, a texture or super-resolution."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from stylize_cli import (
    boards,
    checkpoints,
    devices,
    images,
    limits,
    models,
    plots,
    ranks,
    transparency,
    vgg,
)
from stylize_cli.api import places
from stylize_cli.api.lesson import Lesson, TrainOptions, digest
from stylize_cli.api.options import ANY, SEED, Ranges, check, check_ranges
from stylize_cli.api.picture import Picture, Source, sources_of
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.config import override
from stylize_cli.config.train import START, TRAIN_PRESETS, Method, TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS
from stylize_cli.methods import add_style, previews, tasks, warm_start
from stylize_cli.methods.tasks import Style, Task
from stylize_cli.training import Update

if TYPE_CHECKING:
    from typing_extensions import Unpack

SHARE_OF_ADDED = 8  # an added style has an eighth of the steps (Dumoulin et al. 2017, sec. 3.3)
FACTORS = (2, 4, 8)  # of super-resolution
PREVIEW = 512  # px, long side
LEAST_MINUTES = 0.01
RANGES: Ranges = {
    **dict.fromkeys(("steps", "batch_size", "width", "levels"), (1, ANY)),
    **dict.fromkeys(("save_every", "preview_every", "threads"), (1, ANY)),
    **dict.fromkeys(("size", "style_size"), (tasks.LEAST_SIZE, ANY)),
    **dict.fromkeys(("lr", "content_weight", "style_weight", "tv_weight"), (0, ANY)),
    "minutes": (LEAST_MINUTES, ANY),
    "seed": SEED,
}


def train(
    styles: Source | Sequence[Source] | Mapping[str, Source] = (),
    photos: "str | PathLike[str] | None" = None,
    out: "str | PathLike[str] | None" = None,
    **options: "Unpack[TrainOptions]",
) -> Generator[Update, None, None]:
    """Teaches a network a style, many styles, a texture or super-resolution.

    It is safe to stop: leave the loop, and the model and its state are saved as they are. With
    `resume=True` the training goes on from there, and ends as if it had never been stopped. What
    ends the program in the middle of a step leaves what was saved last.

    Args:
        styles: pictures to learn, by name where that is not their file's; none with `upscale` or
            `add_style`.
        photos: folder of photos to learn on; None for a texture.
        out: file of the model, which ends in .pt, or a folder; None is the current one.
        **options: see `TrainOptions`.

    Returns:
        After every update of the weights how many there were, and the losses by name.

    Raises:
        StylizeError: an option, a picture, the device or the memory will not do.
    """
    lesson = prepare(styles, photos, out, **options)
    return devices.on_threads(lesson.begin().run(), lesson.threads)


def prepare(
    styles: Source | Sequence[Source] | Mapping[str, Source] = (),
    photos: "str | PathLike[str] | None" = None,
    out: "str | PathLike[str] | None" = None,
    **options: "Unpack[TrainOptions]",
) -> Lesson:
    """Reads and checks all that `train` is given, before anything is loaded.

    Args:
        styles: see `train`, and so are the others.
        photos: see there.
        out: see there.
        **options: see there.

    Raises:
        StylizeError: see there.
        TypeError: there is no such option.
    """
    check("train", options, TrainOptions.__annotations__)
    check_ranges(options, RANGES)
    _check_minutes(options)
    factor, to, paintings = options.get("upscale"), _base_file(styles, options), _named(styles)
    if factor not in (None, *FACTORS):
        raise StylizeError(f"--upscale {factor} will not do: use 2, 4 or 8")
    added = options.get("add_style")
    if added is not None:
        paintings = _named(added)
    method: Method = "conditional"
    if to is None:
        wanted = options.get("method", "auto")
        method = tasks.choose_method(wanted, len(paintings), factor, photos=photos is not None)
    base = _base(to, next(iter(paintings))) if to else None
    config = _settings(method, options, base)
    preview = options.get("preview")
    if preview is not None and method == "texture":
        raise StylizeError("a texture needs no photo: leave out --preview")
    name = _stem(list(paintings), factor, options.get("name"))
    sources = [*paintings.values(), *filter(None, [preview, to, options.get("weights")])]
    model = places.model_file(out, f"{to.stem}-{name}.pt" if to else f"{name}.pt", sources)
    plot = options.get("plot")
    if plot is not None:
        plots.check(
            Path(plot), model, places.given([*paintings.values(), *filter(None, [preview])])
        )
    device = ranks.device(options.get("device", "auto"))
    machine = devices.machine(device, options.get("precision", "auto"))
    descriptor = options.get("descriptor", "vgg19")
    tasks.check(config, factor, vgg.SOURCES[descriptor])
    if config.batch_size < ranks.count():
        raise StylizeError(
            f"{ranks.count()} processes share --batch-size {config.batch_size}: give them a sample "
            "each, or start fewer"
        )
    own = {previews.sheet_file(model), *(Path(file) for file in [plot] if file)}
    notes = [] if base is None else _other_descriptor(base, descriptor)
    found = () if method == "texture" else places.photos(photos, own, notes)
    sheet = [] if preview is None else [previews.sheet_file(model)]
    state = places.state(model, sheet, resume=options.get("resume", False))
    digests: list[str] = []
    learnt = tuple(_style(name, one, config, notes, digests) for name, one in paintings.items())
    listed = "".join(f"{file.name}\0{file.stat().st_size}\0" for file in found)
    given = {
        "style digests": digests,
        "photos digest": digest(listed.encode("utf-8", "surrogateescape")),
    }
    photo = None if preview is None else _preview(preview, notes)
    start = None if base is not None or state is not None else _start(config, options, notes)
    task = Task(method, config, learnt, factor, options.get("seed", 0), base, start)
    if state is None or state.step < config.steps:
        # What is resumed keeps its batch and size.
        instead = tasks.lesser(config, factor) if state is None else ()
        outline = partial(task.outline, dtype=machine.dtype)
        limits.check_training(outline, config, instead, machine, options.get("memory"))
    logs, first = options.get("tensorboard"), state.step if state else 0
    board = (
        None if logs is None or not ranks.is_first() else boards.open_board(Path(logs), first=first)
    )
    return Lesson(task, found, model, state, photo, board, machine, options, tuple(notes), given)


def _check_minutes(options: TrainOptions) -> None:
    """Refuses a time where steps are what counts."""
    if options.get("minutes") is None:
        return
    if options.get("steps") is not None:
        raise StylizeError("--minutes takes as many steps as there is time for: leave out --steps")
    if options.get("resume"):
        raise StylizeError("--minutes is for a whole training: with --resume give --steps")


def _base_file(
    styles: Source | Sequence[Source] | Mapping[str, Source], options: TrainOptions
) -> Path | None:
    """The model that a style is to be added to, or None.

    Raises:
        StylizeError: there is no such model, or options that do not go with it.
    """
    to = options.get("to")
    if (options.get("add_style") is None) != (to is None):
        raise StylizeError("--add-style IMAGE and --to MODEL.pt go together: give both")
    if to is None:
        return None
    if (
        _named(styles)
        or options.get("upscale")
        or options.get("width")
        or options.get("method", "auto") not in ("auto", "conditional")
    ):
        raise StylizeError(
            "--add-style trains one row of a model: leave out --style, --upscale, --width, --method"
        )
    return models.find(str(to))


def _base(file: Path, name: str) -> Checkpoint:
    """The model that a style of that name is to be added to.

    Raises:
        StylizeError: it cannot be read, or takes no such style.
    """
    base = checkpoints.load(file)
    add_style.alone(base, name)  # refuses what cannot be, before VGG is loaded
    return base


def _start(config: TrainConfig, options: TrainOptions, notes: list[str]) -> Checkpoint | None:
    """The model whose weights a training starts from; None for random ones.

    Raises:
        StylizeError: the model asked for cannot be read, or cannot start this network.
    """
    asked = options.get("start")
    usual = options.get("preset", "default") == "default" and KINDS[config.generator].takes_mix
    if asked == "none" or (asked is None and not usual):
        return None
    start = checkpoints.load(models.find(str(asked or START)))
    try:
        warm_start.check(start, config)
    except StylizeError:
        if asked is not None:
            raise
        notes.append(f"width {config.width}: starts from random weights, which takes longer")
        return None
    return start


def _named(styles: Source | Sequence[Source] | Mapping[str, Source]) -> dict[str, Source]:
    """The styles by name: a file's stem, with -2, -3 and so on where one comes again."""
    if isinstance(styles, Mapping):
        several, names = list(styles.values()), list(styles)
    else:
        several = sources_of(styles)
        names = [_name(one) for one in several]
    return dict(zip(checkpoints.style_names(names), several, strict=True))


def _name(source: Source) -> str:
    if isinstance(source, (str, PathLike)):
        return Path(source).stem
    return source.name if isinstance(source, Picture) else "style"


def _settings(method: Method, options: TrainOptions, base: Checkpoint | None) -> TrainConfig:
    """The preset's, for a style that is added the model's own losses, and what was given."""
    preset = options.get("preset", "default")
    if base is None:
        config = TRAIN_PRESETS[method, preset]
    else:
        config = add_style.settings(base, preset)
        config = replace(config, steps=config.steps // SHARE_OF_ADDED)
    given: dict[str, Any] = {field.name: options.get(field.name) for field in fields(config)}
    layers = given["style_layers"]
    given["style_layers"] = None if layers is None else tuple(layers)
    return override(config, **given)


def _stem(names: Sequence[str], factor: int | None, name: str | None) -> str:
    """What a model is called: after its style, its folder of styles, or its magnification."""
    if factor is not None:
        return f"sr{factor}"
    return names[0] if len(names) == 1 else name or "styles"


def _other_descriptor(base: Checkpoint, name: vgg.Name) -> list[str]:
    """Says so where a model was trained with another descriptor than its new style will be."""
    used = str(base.provenance.get("descriptor")).partition(",")[0]
    differs = used in vgg.SOURCES and used != name
    return [f"the model's other styles were trained with --descriptor {used}"] if differs else []


def _style(
    name: str, source: Source, config: TrainConfig, notes: list[str], digests: list[str]
) -> Style:
    """A style by name, not much larger than training looks at it, and its digest.

    Fifty paintings of 50 megapixels would else take 30 GB.
    """
    picture = _read(source, notes)
    digests.append(digest(np.ascontiguousarray(picture.pixels).tobytes()))
    # On a transparent canvas the painting alone.
    style = transparency.style_of(picture.planes())
    most = images.same_area(images.size_of(style), (2 * config.style_size) ** 2)
    return name, images.resize(style, min(most, images.size_of(style)))


def _preview(source: Source, notes: list[str]) -> Tensor:
    """The photo that is drawn again and again, at the size of a preview."""
    photo = _read(source, notes).planes().rgb
    return images.resize(photo, images.fitted(images.size_of(photo), PREVIEW))


def _read(source: Source, notes: list[str]) -> Picture:
    """A picture; what there is to say of it goes to the notes."""
    picture = Picture(source)
    if picture.note:
        notes.append(f"{picture.name}: {picture.note}")
    return picture

"""A photo painted in the style of others by optimising it (Gatys, Ecker, Bethge 2016)."""

import math
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import fields, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_cli import devices, images, limits, paths, vgg
from stylize_cli.api.optimization import Iterate, Optimization, OptimizeOptions
from stylize_cli.api.options import ANY, MEMORY, SEED, THREADS, Ranges, check, check_unused
from stylize_cli.api.picture import Picture, Source, sources_of
from stylize_cli.api.roles import check_roles
from stylize_cli.config import LEAST_SIDE, MOST, override
from stylize_cli.config.neighbours import NEIGHBOURS, NeighboursConfig
from stylize_cli.config.optimize import PRESETS, TEXTURE, OptimizeConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError, counted
from stylize_cli.methods.pictures import Pictures
from stylize_cli.methods.scales import scale_sizes

if TYPE_CHECKING:
    from typing_extensions import Unpack

GATYS_ALONE = (
    *("optimizer", "init", "content_weight", "style_weight", "tv_weight"),
    *("content_layers", "style_layers"),
)
RANGES: Ranges = {
    **MEMORY,
    **THREADS,
    "size": (LEAST_SIDE, MOST),
    **dict.fromkeys(("iterations", "scales"), (1, MOST)),
    "balance": (0.0, 1.0),
    "content_weight": (0, ANY),
    "style_weight": (0, ANY),
    "tv_weight": (0, ANY),
    "style_scale": (0.1, 4),
    "seed": SEED,
}


def optimize(
    content: Source | None = None,
    style: Source | Sequence[Source] = (),
    **options: "Unpack[OptimizeOptions]",
) -> Picture:
    """Paints a photo in the style of one or more pictures, or makes a texture like one.

    Args:
        content: the photo; None with `texture`.
        style: a picture, or several.
        **options: see `OptimizeOptions`.

    Returns:
        The result, with the photo's transparency.

    Raises:
        StylizeError: an option, a picture, the device or the memory will not do.
    """
    job = prepare(content, style, **options)
    (last,) = deque(job.run(job.load()), maxlen=1)
    return job.finished(last.image)


def iterate(
    content: Source | None = None,
    style: Source | Sequence[Source] = (),
    **options: "Unpack[OptimizeOptions]",
) -> Generator[Iterate, None, None]:
    """What `optimize` does, iteration by iteration, for whoever wants to look on, or stop early.

    Args:
        content: see `optimize`, and so are the others.
        style: see there.
        **options: see there.

    Returns:
        The best picture so far after every iteration; the first scales are small.

    Raises:
        StylizeError: see there.
    """
    job = prepare(content, style, **options)
    return job.run(job.load())


def prepare(
    content: Source | None = None,
    style: Source | Sequence[Source] = (),
    **options: "Unpack[OptimizeOptions]",
) -> Optimization:
    """Reads and checks all that `optimize` is given, before anything is loaded.

    Args:
        content: see `optimize`, and so are the others.
        style: see there.
        **options: see there.

    Raises:
        StylizeError: see there.
        TypeError: there is no such option.
    """
    options = check("optimize", options, OptimizeOptions.__annotations__, RANGES)
    texture = options.get("texture")
    styles = sources_of(style)
    check_roles([] if content is None else [content], styles, options)
    styles = styles if texture is None else [texture]
    config = _settings(options)
    shares = even_out(options.get("shares"), len(styles))
    machine = devices.machine(options.get("device", "auto"), options.get("precision", "auto"))
    photo, paintings, start = _read(content, styles, config, machine, options)
    read = [picture for picture in (photo, *paintings, start) if picture is not None]
    planes = None if photo is None else photo.planes()
    size = images.fitted(images.size_of(planes.rgb), config.size) if planes else (config.size,) * 2
    name, memory = options.get("descriptor", "vgg19"), options.get("memory")
    plan = check_fits(config, name, size, machine, memory, len(paintings))
    config = plan.applied(config)
    shown = [painting.as_style() for painting in paintings]
    given = Pictures(
        planes.rgb if planes else None,
        tuple(zip(shown, shares, strict=True)),
        None if start is None else start.planes().rgb,
    ).fitted(size, config.style_scale)
    notes = (*(picture.named_note for picture in read if picture.note), *plan.notes)
    if options.get("compile") and plan.room:  # of whose tiles VGG's stages are called one by one
        options["compile"] = False
        notes += ("`compile` is for pictures that fit into memory whole: nothing is compiled",)
    alpha, exif = (planes.alpha if planes else None), (photo.exif if photo else b"")
    return Optimization(config, given, alpha, size, machine, plan, options, notes, exif)


def _read(
    content: Source | None,
    styles: Sequence[Source],
    config: OptimizeConfig | NeighboursConfig,
    machine: Machine,
    options: OptimizeOptions,
) -> tuple[Picture | None, list[Picture], Picture | None]:
    """The photo, the styles, and the picture to start from; of large files no more than needed.

    Raises:
        StylizeError: one cannot be read, or memory will not do.
    """
    room = limits.room(machine, options.get("memory"))
    least = math.ceil(config.size * max(1.0, config.style_scale))  # px of any short side
    photo = None if content is None else Picture(content, least=least, room=room)
    paintings = [Picture(one, least=least, room=room) for one in styles]
    init = options.get("init")
    return photo, paintings, None if init is None or _is_named(init) else _first(init, least, room)


def check_fits(
    config: OptimizeConfig | NeighboursConfig,
    name: vgg.Name,
    size: tuple[int, int],
    machine: Machine,
    memory: int | None,
    styles: int = 1,
) -> limits.MemoryPlan:
    """How to stay within memory; refuses what could not run, before anything is loaded.

    Args:
        config: what is to run.
        name: of the descriptor.
        size: (height, width) of the result.
        machine: where.
        memory: most bytes the whole program may take; None for what is free.
        styles: how many there are.

    Raises:
        StylizeError: a layer is not the descriptor's, the picture is too small, memory too short.
    """
    vgg.check_layers(config.layers, vgg.SOURCES[name])
    scale_sizes(size, config)  # refuses what is too small
    return limits.check(size, config, machine, memory, styles)


def even_out(shares: Sequence[float] | None, styles: int) -> list[float]:
    """The shares of that many styles, made to sum to 1; even ones for None.

    Raises:
        StylizeError: not as many, negative or all zero.
        TypeError: they are no numbers.
    """
    if shares is None:
        return [1 / styles] * styles
    if isinstance(shares, Real) or not all(isinstance(share, Real) for share in shares):
        raise TypeError(f"`shares` takes numbers, one a style, not {shares!r}")
    if len(shares) != styles:
        raise StylizeError(
            f"`shares` has {counted(len(shares), 'share')} for {counted(styles, 'style')}: "
            "give one for each"
        )
    if not all(share >= 0 for share in shares) or not 0 < sum(shares) < float("inf"):
        text = ",".join(f"{share:g}" for share in shares)
        raise StylizeError(f"`shares` '{text}' must be positive numbers, one a style")
    return [share / sum(shares) for share in shares]


def _check_balance(options: OptimizeOptions) -> None:
    if options.get("content_weight") is not None:
        raise StylizeError("`balance` steers the content weight: leave out `content_weight`")
    if options.get("preset", "default") != "default":
        raise StylizeError("`balance` is the default preset's: give `content_weight` instead")


def _first(init: Source, least: int, room: int) -> Picture:
    """The picture to start from; refuses what was meant as a name."""
    if isinstance(init, str) and init and not Path(init).suffix and not paths.is_there(init):
        raise StylizeError(f"`init` takes content, noise or a picture's file, not '{init}'")
    return Picture(init, least=least, room=room)


def _is_named(init: Source | None) -> bool:
    return isinstance(init, str) and init in ("content", "noise")


def _of_neighbours(options: OptimizeOptions) -> NeighboursConfig:
    """The settings of `--preset neighbours`; refuses what only Gatys' method has."""
    check_unused(options, GATYS_ALONE, "`preset` neighbours")
    given = {field.name: options.get(field.name) for field in fields(NEIGHBOURS)}
    return override(NEIGHBOURS, **given)


def _settings(options: OptimizeOptions) -> OptimizeConfig | NeighboursConfig:
    """The preset's, and what was given in their place."""
    preset = options.get("preset", "default")
    if preset == "neighbours":
        return _of_neighbours(options)
    start = PRESETS[preset]
    given: dict[str, Any] = {field.name: options.get(field.name) for field in fields(start)}
    for name in ("content_layers", "style_layers"):
        given[name] = None if given[name] is None else vgg.named(given[name])
    given["init"] = given["init"] if _is_named(given["init"]) else None
    config = override(start if options.get("texture") is None else TEXTURE, **given)
    if given["balance"] is not None:
        _check_balance(options)
    elif given["content_weight"] is not None:
        config = replace(config, balance=None)
    if options.get("texture") is not None and not config.style_weight:
        raise StylizeError("a texture is its style alone: give a `style_weight` above 0")
    if not config.content_weight and not config.style_weight:
        raise StylizeError("both weights are 0: give `content_weight` or `style_weight`")
    return config

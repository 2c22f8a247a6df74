"""A photo painted in the style of others by optimising it (Gatys, Ecker, Bethge 2016)."""

import math
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from torch import Tensor

from stylize_cli import descriptors, devices, images, limits
from stylize_cli.api import describing
from stylize_cli.api.picture import Picture, Source, of_tensors, sources_of
from stylize_cli.config import PRESETS, TEXTURE, OptimizeConfig, PresetName, override
from stylize_cli.descriptors import Describe
from stylize_cli.devices import Machine, Precision
from stylize_cli.errors import StylizeError
from stylize_cli.methods import optimize as method
from stylize_cli.methods.optimize import Best, KeepColours, Pictures
from stylize_cli.progress import OnStep, ignore

if TYPE_CHECKING:
    from typing_extensions import Unpack


class OptimizeOptions(TypedDict, total=False):
    """What `stylize optimize` can be told, under the names and with the defaults it has there.

    None is the default everywhere. All that the preset decides can be given in its place.
    """

    texture: Source | None  # no photo: a texture like this picture
    preset: PresetName
    size: int | None  # long side of the result, px
    iterations: int | None  # at each scale
    scales: int | Literal["auto"] | None
    optimizer: Literal["lbfgs", "adam"] | None
    init: Source | None  # "content", "noise", or a picture to start from
    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    shares: Sequence[float] | None  # of several styles; made to sum to 1
    style_scale: float | None  # size of the style's strokes
    content_layers: Sequence[str] | None
    style_layers: Sequence[str] | None
    pool: Literal["max", "avg"] | None
    preserve_color: bool
    color_by: KeepColours
    match_histogram: bool  # of a texture
    descriptor: descriptors.Name
    weights: "str | PathLike[str] | None"
    compile: bool
    memory: int | None  # bytes that the whole program may take; None is what is free
    seed: int
    device: str
    precision: Precision
    threads: int | None  # of the CPU; None leaves torch's number alone


@dataclass(frozen=True)
class Iterate:
    """The best picture so far.

    Attributes:
        losses: weighted loss by term ("style relu1_1", "content relu4_2", "tv") and "total".
        done: share of all the work that is done, in [0, 1].
        image: (1, 3, H, W) as it is optimised, RGB in [0, 1].
    """

    losses: Mapping[str, float]
    done: float
    image: Tensor
    _finished: Callable[[Tensor], Picture]

    @cached_property
    def picture(self) -> Picture:
        """The picture, with the photo's transparency, at the size of the scale under way."""
        return self._finished(self.image)


@dataclass(frozen=True)
class Optimization:
    """A picture that is to be painted: all is read and checked, and nothing loaded.

    Attributes:
        config: what to minimise, and how.
        given: the pictures at the sizes they are needed in.
        alpha: (1, 1, H, W) of the photo, or None.
        size: (height, width) of the result.
        machine: what computes.
        options: all else that was asked for.
        notes: what the user should be told of the pictures.
        exif: the photo's metadata.
    """

    config: OptimizeConfig
    given: Pictures
    alpha: Tensor | None
    size: tuple[int, int]
    machine: Machine
    options: OptimizeOptions
    notes: tuple[str, ...]
    exif: bytes = b""

    def load(self, on_step: OnStep = ignore) -> Describe:
        """The descriptor.

        Args:
            on_step: told of a download.

        Raises:
            StylizeError: it cannot be had, or there is no compiler for it.
        """
        options, compiles = self.options, self.options.get("compile", False)
        if compiles:
            describing.check_compiler()
        describe = describing.load(
            self.config,
            self.config.layers,
            options.get("descriptor", "vgg19"),
            None if (file := options.get("weights")) is None else Path(file),
            self.machine,
            on_step=on_step,
        )
        return describing.compiled(describe) if compiles else describe

    def run(self, describe: Describe) -> Generator[Iterate, None, None]:
        """Paints; yields after every iteration.

        Args:
            describe: what `load` gave.

        Raises:
            StylizeError: a loss that is not a number, a blank result.
        """
        seen = method.keep_colours(self.given, self._keep).to(self.machine.device)
        seed = self.options.get("seed", 0)
        found = method.optimize(describe, seen, self.config, size=self.size, seed=seed)
        for now in devices.on_threads(found, self.threads):
            yield self._iterate(now)

    def finished(self, image: Tensor) -> Picture:
        """The picture of any iterate's image, at the size of the result."""
        return self._finished(images.resize(image, self.size))

    @property
    def threads(self) -> int | None:
        """How many of the CPU; None leaves torch's number alone."""
        return self.options.get("threads")

    @property
    def _keep(self) -> KeepColours | None:
        if not self.options.get("preserve_color"):
            return None
        return self.options.get("color_by", "luminance")

    def _iterate(self, now: Best) -> Iterate:
        return Iterate(now.losses, now.done, now.image, self._finished)

    def _finished(self, image: Tensor) -> Picture:
        rgb = method.restore_colours(image.cpu(), self.given.content, self._keep)
        if self.options.get("match_histogram"):
            rgb = method.with_colours_of(self.given.styles[0][0], rgb)
        fitted = None if self.alpha is None else images.resize(self.alpha, images.size_of(rgb))
        return of_tensors(rgb, fitted)


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
    unknown = options.keys() - OptimizeOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"optimize has no option {', '.join(sorted(unknown))}")
    texture = options.get("texture")
    styles = sources_of(style)
    check_roles([] if content is None else [content], styles, options)
    styles = styles if texture is None else [texture]
    config = _settings(options)
    shares = even_out(options.get("shares"), len(styles))
    machine = devices.machine(options.get("device", "auto"), options.get("precision", "auto"))
    room = limits.room(machine, options.get("memory"))
    least = math.ceil(config.size * max(1.0, config.style_scale))  # px of any short side
    photo = None if content is None else Picture(content, least=least, room=room)
    paintings = [Picture(one, least=least, room=room) for one in styles]
    init = options.get("init")
    start = None if init is None or _is_named(init) else Picture(init)
    read = [picture for picture in (photo, *paintings, start) if picture is not None]
    planes = None if photo is None else photo.planes()
    size = images.fitted(images.size_of(planes.rgb), config.size) if planes else (config.size,) * 2
    check(config, options.get("descriptor", "vgg19"), size, machine, options.get("memory"))
    # Of a style on a transparent canvas the painting alone.
    shown = [images.visible(one.planes()).rgb for one in paintings]
    given = Pictures(
        planes.rgb if planes else None,
        tuple(zip(shown, shares, strict=True)),
        None if start is None else start.planes().rgb,
    ).fitted(size, config.style_scale)
    notes = tuple(f"{picture.name}: {picture.note}" for picture in read if picture.note)
    alpha, exif = (planes.alpha if planes else None), (photo.exif if photo else b"")
    return Optimization(config, given, alpha, size, machine, options, notes, exif)


def check(
    config: OptimizeConfig,
    name: descriptors.Name,
    size: tuple[int, int],
    machine: Machine,
    memory: int | None,
) -> None:
    """Refuses what could not run, before anything is loaded.

    Args:
        config: what is to run.
        name: of the descriptor.
        size: (height, width) of the result.
        machine: where.
        memory: most bytes the whole program may take; None for what is free.

    Raises:
        StylizeError: a layer is not the descriptor's, the picture is too small, memory too short.
    """
    descriptors.check_layers(config.layers, descriptors.SOURCES[name])
    method.scale_sizes(size, config)
    limits.check(size, config, machine, memory)


def even_out(shares: Sequence[float] | None, styles: int) -> list[float]:
    """The shares of that many styles, made to sum to 1; even ones for None.

    Raises:
        StylizeError: not as many, negative or all zero.
    """
    if shares is None:
        return [1 / styles] * styles
    if len(shares) != styles:
        raise StylizeError(f"--style-blend has {len(shares)} shares for {styles} styles")
    if not all(share >= 0 for share in shares) or not 0 < sum(shares) < float("inf"):
        text = ",".join(f"{share:g}" for share in shares)
        raise StylizeError(f"--style-blend '{text}' must be positive numbers, one a style")
    return [share / sum(shares) for share in shares]


def check_roles(
    photos: Sequence[Source], styles: Sequence[Source], options: OptimizeOptions
) -> None:
    """Refuses too few pictures, and options that photos alone take, or textures.

    Args:
        photos: one, or none for a texture.
        styles: that it is to be painted in; none for a texture.
        options: all else.

    Raises:
        StylizeError: they do not go together.
    """
    of_photos = options.get("preset", "default") != "default" or options.get("preserve_color")
    if options.get("texture") is None:
        if not photos or not styles:
            raise StylizeError(
                "give a photo and at least one style: stylize optimize PHOTO STYLE..."
            )
        if options.get("match_histogram"):
            raise StylizeError("--match-histogram is for textures: give --texture IMAGE")
    elif photos or styles:
        raise StylizeError("--texture takes no photo: leave out CONTENT and STYLE")
    elif of_photos:
        raise StylizeError("--texture has no photo and its own settings: leave out the others")


def _is_named(init: Source | None) -> bool:
    return isinstance(init, str) and init in ("content", "noise")


def _settings(options: OptimizeOptions) -> OptimizeConfig:
    """The preset's, and what was given in their place."""
    start = PRESETS[options.get("preset", "default")]
    given: dict[str, Any] = {field.name: options.get(field.name) for field in fields(start)}
    for name in ("content_layers", "style_layers"):
        given[name] = None if given[name] is None else tuple(given[name])
    given["init"] = given["init"] if _is_named(given["init"]) else None
    config = override(start if options.get("texture") is None else TEXTURE, **given)
    if not config.content_weight and not config.style_weight:
        raise StylizeError("both weights are 0: give --content-weight or --style-weight")
    return config

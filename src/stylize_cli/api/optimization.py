"""A picture that is to be painted: what was asked for, read, checked and ready to run."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Literal, TypedDict

from torch import Tensor

from stylize_cli import devices, images, vgg
from stylize_cli.api import describing
from stylize_cli.api.picture import Picture, Source, of_tensors
from stylize_cli.config import Precision
from stylize_cli.config.neighbours import NeighboursConfig
from stylize_cli.config.optimize import OptimizeConfig, PresetName
from stylize_cli.descriptors import Describe
from stylize_cli.devices import Machine
from stylize_cli.limits import MemoryPlan
from stylize_cli.methods import neighbours, pictures
from stylize_cli.methods import optimize as method
from stylize_cli.methods.pictures import Best, KeepColours, Pictures
from stylize_cli.progress import OnStep, ignore


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
    balance: float | None  # from 0, all photo, to 1, all painter
    content_weight: float | None  # a fixed one, in place of the balance
    style_weight: float | None
    tv_weight: float | None
    shares: Sequence[float] | None  # of several styles; made to sum to 1
    style_scale: float | None  # size of the style's strokes
    content_layers: str | Sequence[str] | None
    style_layers: str | Sequence[str] | None
    pool: vgg.Pool | None
    preserve_color: bool
    color_by: KeepColours
    match_histogram: bool  # of a texture
    descriptor: vgg.Name
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
        plan: how to stay within memory.
        options: all else that was asked for.
        notes: what the user should be told of the pictures.
        exif: the photo's metadata.
    """

    config: OptimizeConfig | NeighboursConfig
    given: Pictures
    alpha: Tensor | None
    size: tuple[int, int]
    machine: Machine
    plan: MemoryPlan
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
            describing.check_compiler(self.machine)
        describe = describing.load(
            self.config,
            self.config.layers,
            options.get("descriptor", "vgg19"),
            None if (file := options.get("weights")) is None else Path(file),
            self.machine,
            on_step=on_step,
        )
        return describing.within(self.plan, describing.compiled(describe) if compiles else describe)

    def run(self, describe: Describe) -> Generator[Iterate, None, None]:
        """Paints; yields after every iteration.

        Args:
            describe: what `load` gave.

        Raises:
            StylizeError: a loss that is not a number, a blank result.
        """
        seen = pictures.keep_colours(self.given, self._keep).to(self.machine.device)
        for now in devices.on_threads(self._course(describe, seen), self.threads):
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

    def _course(self, describe: Describe, seen: Pictures) -> Generator[Best, None, None]:
        if isinstance(self.config, NeighboursConfig):
            return neighbours.paint(describe, seen, self.config, size=self.size)
        seed = self.options.get("seed", 0)
        return method.optimize(describe, seen, self.config, size=self.size, seed=seed)

    def _iterate(self, now: Best) -> Iterate:
        return Iterate(now.losses, now.done, now.image, self._finished)

    def _finished(self, image: Tensor) -> Picture:
        rgb = pictures.restore_colours(image.cpu(), self.given.content, self._keep)
        if self.options.get("match_histogram"):
            rgb = pictures.with_colours_of(self.given.styles[0][0], rgb)
        fitted = None if self.alpha is None else images.resize(self.alpha, images.size_of(rgb))
        return of_tensors(rgb, fitted)

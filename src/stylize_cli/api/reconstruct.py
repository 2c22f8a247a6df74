"""What VGG's layers keep of a picture (Gatys, Ecker, Bethge 2016, fig. 1)."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from torch import Tensor

from stylize_cli import choices, devices, images, limits, sheets, vgg
from stylize_cli.api import describing
from stylize_cli.api.optimize import RANGES, check_fits
from stylize_cli.api.options import check_ranges
from stylize_cli.api.picture import Picture, Source, of_tensors
from stylize_cli.config import STYLE_LAYERS, Precision
from stylize_cli.config.optimize import (
    FIGURE_CONTENT,
    RECONSTRUCT_CONTENT,
    RECONSTRUCT_STYLE,
    OptimizeConfig,
)
from stylize_cli.descriptors import Describe
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.limits import MemoryPlan
from stylize_cli.methods import optimize as method
from stylize_cli.methods.pictures import Best, Pictures
from stylize_cli.progress import OnStep, ignore


@dataclass(frozen=True)
class Reconstruction:
    """A picture of which layers are to be shown: all is read and checked, and nothing loaded.

    Attributes:
        original: (1, 3, *size) RGB in [0, 1].
        style: (1, 3, H, W) of no more pixels, or with alpha (1, 4, H, W) where what is transparent
            does not count.
        series: settings by label, one a picture.
        plans: likewise, how to stay within memory.
        size: (height, width) of each.
        machine: what computes.
        descriptor: whose layers they are.
        weights: of the descriptor, in place of its own.
        seed: of the noise it starts from.
        threads: of the CPU; None leaves torch's number alone.
        notes: what the user should be told of the picture.
    """

    original: Tensor
    style: Tensor
    series: Mapping[str, OptimizeConfig]
    plans: Mapping[str, MemoryPlan]
    size: tuple[int, int]
    machine: Machine
    descriptor: vgg.Name
    weights: Path | None
    seed: int
    threads: int | None
    notes: tuple[str, ...]

    def load(self, on_step: OnStep = ignore) -> Describe:
        """The descriptor.

        Args:
            on_step: told of a download.

        Raises:
            StylizeError: it cannot be had.
        """
        configs = list(self.series.values())
        layers = {layer for config in configs for layer in config.layers}
        name, file = self.descriptor, self.weights
        return describing.load(configs[0], layers, name, file, self.machine, on_step=on_step)

    def run(self, describe: Describe) -> Generator[tuple[str, Best], None, None]:
        """Paints one picture after the other; yields its label and the best so far.

        Raises:
            StylizeError: a loss that is not a number, a blank result.
        """
        for label, config in self.series.items():
            given = Pictures(None, ((self.style, 1.0),))
            if config.content_layers:
                given = Pictures(self.original)
            given = given.to(self.machine.device)
            look = describing.within(self.plans[label], describe)
            config = self.plans[label].applied(config)
            found = method.optimize(look, given, config, size=self.size, seed=self.seed)
            for now in devices.on_threads(found, self.threads):
                yield label, now

    def result(self, found: Mapping[str, Tensor]) -> Picture:
        """The one picture, or the figure of several.

        Args:
            found: (1, 3, h, w) by label; those that are missing are left out.
        """
        cells = [(name, images.resize(image.cpu(), self.size)) for name, image in found.items()]
        if len(self.series) == 1:
            return of_tensors(cells[0][1])
        original = ("original", images.resize(self.original, self.size))
        rows = [
            [original, *(cell for cell in cells if cell[0].startswith(kind))]
            for kind in ("content", "style")
        ]
        return of_tensors(sheets.contact_sheet(rows, height=self.size[0]))


def prepare(
    image: Source,
    *,
    content: str | Sequence[str] = (),
    style: str | Sequence[str] = (),
    size: int = RECONSTRUCT_CONTENT.size,
    iterations: int = RECONSTRUCT_CONTENT.iterations,
    descriptor: vgg.Name = "vgg19",
    weights: "str | PathLike[str] | None" = None,
    memory: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
) -> Reconstruction:
    """Reads and checks what is to be shown of a picture, before anything is loaded.

    Args:
        image: the picture.
        content: a layer, or several, whose features are shown. With no layers at all: the figure of
            both kinds.
        style: likewise, whose Gram matrices are shown.
        size: long side of the result, px.
        iterations: at each scale.
        descriptor: whose layers they are.
        weights: of the descriptor, in place of its own.
        memory: bytes that the whole program may take; None is what is free.
        seed: of the noise it starts from.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of the descriptor; auto is bfloat16 where the hardware multiplies it.
        threads: of the CPU; None leaves torch's number alone.

    Raises:
        StylizeError: an option, the picture, the device or the memory will not do.
    """
    content, style = vgg.named(content), vgg.named(style)
    if content and style:
        raise StylizeError("give one of `content` LAYER, `style` LAYER,... and --figure")
    counts = {"size": size, "iterations": iterations, "seed": seed, "threads": threads}
    check_ranges(counts | {"memory": memory}, RANGES)
    choices.check({"descriptor": descriptor, "precision": precision}, prepare.__annotations__)
    series = _figure()
    if content or style:
        series = {"-".join(content or style): _content(*content) if content else _style(*style)}
    series = {
        label: replace(config, size=size, iterations=iterations) for label, config in series.items()
    }
    machine = devices.machine(device, precision)
    picture = Picture(image, least=size, room=limits.room(machine, memory))
    planes = picture.planes()
    shape = images.fitted(images.size_of(planes.rgb), size)
    original = images.resize(planes.rgb, shape)
    painting = Pictures(None, ((picture.as_style(), 1.0),))
    ((shown, _),) = painting.fitted(shape, 1.0).styles
    plans = {
        label: check_fits(config, descriptor, shape, machine, memory)
        for label, config in series.items()
    }
    file = None if weights is None else Path(weights)
    said = (picture.named_note,) if picture.note else ()
    notes = (*said, *dict.fromkeys(note for plan in plans.values() for note in plan.notes))
    return Reconstruction(
        original, shown, series, plans, shape, machine, descriptor, file, seed, threads, notes
    )


def _content(*layers: str) -> OptimizeConfig:
    return replace(RECONSTRUCT_CONTENT, content_layers=layers)


def _style(*layers: str) -> OptimizeConfig:
    return replace(RECONSTRUCT_STYLE, style_layers=layers)


def _figure() -> dict[str, OptimizeConfig]:
    """The notes' two figures: content layer by layer, style of ever more layers."""
    content = {f"content {layer}": _content(layer) for layer in FIGURE_CONTENT}
    sets = [STYLE_LAYERS[: count + 1] for count in range(len(STYLE_LAYERS))]
    style = {f"style … {layers[-1]}": _style(*layers) for layers in sets}
    return content | style

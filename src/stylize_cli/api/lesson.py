"""A training that is to be run: what was asked for, read, checked and ready to begin."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypedDict

from torch import Tensor

from stylize_cli import boards, descriptors, files, vgg
from stylize_cli.api import describing
from stylize_cli.api.picture import Source
from stylize_cli.checkpoints import TrainingState
from stylize_cli.config import Precision
from stylize_cli.config.train import SAVE_EVERY, Loss, Method, TrainPreset
from stylize_cli.datasets import Album, Crops
from stylize_cli.devices import Machine
from stylize_cli.methods import previews
from stylize_cli.methods.course import Course, Plan
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training
from stylize_cli.progress import OnStep, ignore

DIGEST = 16  # characters of what tells pictures apart


def digest(data: bytes) -> str:
    """What tells two files or pictures apart."""
    return hashlib.sha256(data).hexdigest()[:DIGEST]


class TrainOptions(TypedDict, total=False):
    """What `stylize train` can be told, under the names and with the defaults it has there.

    None is the default everywhere. All that the preset decides can be given in its place.
    """

    method: Literal["auto", Method]
    upscale: int | None  # no style: enlarge photos so many times, 2, 4 or 8
    add_style: Source | None  # teach the model of `to` one more style
    to: "str | PathLike[str] | None"
    start: "str | PathLike[str] | None"  # a model to start from, or "none"
    preset: TrainPreset
    loss: Loss | None
    steps: int | None
    minutes: float | None  # in place of steps: as many as there is time for
    batch_size: int | None
    size: int | None  # side of the crops, px
    width: int | None  # maps of the first convolution
    lr: float | None
    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    content_layer: str | None
    style_layers: str | Sequence[str] | None
    pool: vgg.Pool | None
    levels: int | None  # scales of a texture network
    style_size: int | None  # side of a square style, px
    descriptor: vgg.Name
    weights: "str | PathLike[str] | None"
    memory: int | None  # bytes that the whole program may take; None is what is free
    save_every: int  # steps between saves
    resume: bool  # go on where the training of this model stopped
    preview: Source | None  # a photo, drawn on a contact sheet as the model learns
    preview_every: int | None  # steps
    plot: "str | PathLike[str] | None"  # file of the losses' curves
    tensorboard: "str | PathLike[str] | None"  # folder of logs
    name: str | None  # of several styles, where `out` names no file
    seed: int
    device: str
    precision: Precision
    threads: int | None  # of the CPU; None leaves torch's number alone


@dataclass(frozen=True)
class Lesson:
    """A training that is to be run: all is read and checked, and nothing loaded.

    Attributes:
        task: what is to be learnt.
        photos: to learn it on; none for a texture.
        model: the file to write.
        state: to go on from, or None.
        photo: (1, 3, H, W) to be drawn as the network learns, or None.
        board: where losses and previews are logged, or None.
        machine: what computes.
        options: all else that was asked for.
        notes: what the user should be told of the pictures.
        given: digests of the pictures, by which one that goes on knows that they are the same.
    """

    task: Task
    photos: tuple[Path, ...]
    model: Path
    state: TrainingState | None
    photo: Tensor | None
    board: boards.Board | None
    machine: Machine
    options: TrainOptions
    notes: tuple[str, ...]
    given: Mapping[str, Any]

    @property
    def threads(self) -> int | None:
        """How many of the CPU; None leaves torch's number alone."""
        return self.options.get("threads")

    def begin(self, on_step: OnStep = ignore) -> Course:
        """Loads the descriptor, and makes the network.

        Args:
            on_step: told of a download.

        Raises:
            StylizeError: the descriptor cannot be had.
        """
        options, task, config = self.options, self.task, self.task.config
        plot = options.get("plot")
        plan = Plan(
            self.model,
            options.get("save_every", SAVE_EVERY),
            self.photo,
            options.get("preview_every") or max(1, config.steps // previews.CELLS),
            None if plot is None else Path(plot),
            self.board,
        )
        describe, source = self._descriptor(on_step)
        minutes = options.get("minutes")
        # A GPU's --memory says nothing of the computer's, in which photos are kept.
        album = Album(options.get("memory") if self.machine.device.type == "cpu" else None)
        crops = Crops(
            self.photos, config.size, config.zoom, config.flip, task.seed, config.turn, album
        )
        training = Training(
            task,
            crops if self.photos else None,
            describe,
            self.machine,
            state=self.state,
            provenance={**source, **self.given},
            seconds=None if minutes is None else 60 * minutes,
        )
        return Course(training, plan)

    def _descriptor(self, on_step: OnStep) -> tuple[descriptors.Descriptor | None, dict[str, Any]]:
        """What judges the pictures, None where pixels do, and what a model should say of it."""
        config = self.task.config
        if not config.layers:
            return None, {}
        name, given = self.options.get("descriptor", "vgg19"), self.options.get("weights")
        file = None if given is None else Path(given)
        origin = "original, bundled" if name == "vgg19" else "downloaded"
        source = f"from {file.name}, {digest(files.contents(file))}" if file else origin
        describe = describing.load(config, config.layers, name, file, self.machine, on_step=on_step)
        return describe, {"descriptor": f"{name}, {source}"}

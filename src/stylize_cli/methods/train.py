"""Training of a generator: which network, on which batches, towards which losses."""

import copy
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from stylize_cli import __version__, datasets, devices, images, perceptual, ranks, training
from stylize_cli.checkpoints import Checkpoint, TrainingState
from stylize_cli.datasets import Crops
from stylize_cli.descriptors import Descriptor
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.generators import layers
from stylize_cli.methods import add_style, resuming, tasks
from stylize_cli.methods.tasks import Task
from stylize_cli.training import Pace, Update

MEMORY_OF_STYLES = 0.95  # share of a style's mean loss that one more sample leaves
RATED = 50  # updates from one look at a pyramid's fixed noise to the next
RATED_SAMPLES = 4  # of that noise, at least
RATING = "loss on fixed noise"
LEAST_SIDE = 32  # px, of a preview
BLANK = 1 / 255  # deviation of the pixels of one map, below which nothing is shown
SHOWN = 8 / 255  # of the photos', above which something should be (a clear sky may come out flat)


class Training:
    """A generator in training: its network, its optimiser, and how far it is.

    Args:
        task: what it learns.
        crops: the photos; None for a texture.
        describe: a `Descriptor` with the config's layers; None where only pixels count.
        machine: device and precision of the network.
        state: to go on from; None starts anew.
        provenance: to be noted in the model beside what is known here: its descriptor, digests of
            the styles and photos. One that goes on must have the same.
        seconds: of training, after which it ends; None is after the config's steps.

    Raises:
        StylizeError: the state is of another task.
    """

    def __init__(
        self,
        task: Task,
        crops: Crops | None,
        describe: Descriptor | None,
        machine: Machine,
        *,
        state: TrainingState | None = None,
        provenance: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> None:
        self.task, self.crops, self.describe, self.machine = task, crops, describe, machine
        config = task.config
        self.side = tasks.small_side(config) if crops is None and task.styles else config.size
        small = config.small if self.side < config.size else 0.0
        self.pace = Pace(config.steps, seconds, small=small)
        self.step = 0
        self.style_losses: dict[str, float] = {}
        self.provenance = dict(provenance or {})
        # Of a pyramid: trained for too long, it gets worse (Ulyanov et al. 2016, released code).
        self.best = None if state is None else state.best
        self.network = task.network() if state is None else resuming.network(task, state)
        if state is not None:
            resuming.check_given(self.provenance, state.checkpoint.provenance)
        if task.base is not None:
            add_style.freeze(self.network)
        self.network.to(machine.device)
        ranks.copy_first(self.network)
        self.optimizer = training.optimizer(self.network, task.config)
        if state is not None:
            self.step = state.step
            self.style_losses.update(state.checkpoint.provenance["style losses"])
            resuming.restore(self.optimizer, state)

    @property
    def skipped(self) -> list[Path]:
        """Files of the dataset that could not be read so far."""
        skipped = [] if self.crops is None else self.crops.skipped
        return [file for file in skipped if isinstance(file, Path)]

    def run(self) -> Iterator[Update]:
        """Trains to the end; yields after every step.

        Raises:
            StylizeError: the loss explodes, or the generator's output is blank.
        """
        config = self.task.config
        targets, of_parts = None, None
        if self.describe is not None and self.task.styles:
            styles = [image.to(self.machine.device) for _, image in self.task.styles]
            targets = perceptual.style_summary(self.describe, styles, config)
            if self.pace.small:
                parts = perceptual.parts_summary(self.describe, styles[0], config, self.side)
                of_parts = {**targets, **parts}
        with closing(self._batches()) as batches:

            def losses(step: int) -> Mapping[str, Tensor]:
                with ranks.together():
                    batch = next(batches)
                if self.pace.is_small(step):
                    return self._losses(step, batch[..., : self.side, : self.side], of_parts)
                return self._losses(step, batch, targets)

            course = training.fit(losses, self.optimizer, config, first=self.step, pace=self.pace)
            for update in course:
                self.step = update.step
                due = update.step % RATED == 0 or self.pace.share(update.step) >= 1
                whole = self.pace.share(update.step) >= self.pace.small
                if self.task.kind.takes_noise and due and whole and ranks.is_first():
                    self._rate(targets or {})
                yield update

    def _batches(self) -> Generator[Tensor, None, None]:
        config, device = self.task.config, self.machine.device
        own = ranks.part(config.batch_size)
        if self.crops is not None:
            yield from datasets.batches(
                self.crops, config.batch_size, first=self.step, part=own, device=device
            )
        blank = torch.zeros(len(own), 3, config.size, config.size, device=device)
        while True:  # of a texture, whose size alone counts
            yield blank

    def _losses(
        self, step: int, batch: Tensor, targets: Mapping[str, Tensor] | None
    ) -> Mapping[str, Tensor]:
        config, whole = self.task.config.at(step), self.task.config.batch_size
        photos, own = None if self.crops is None else batch, ranks.part(whole)
        everyones = self._chosen(step, whole)
        chosen = everyones[own.start : own.stop]
        self.network.train(self.pace.agreed(step) < 1 - config.frozen)
        output = self._generate(self.task.inputs(batch, chosen, step, whole=whole))
        if self.describe is None:
            terms = perceptual.pixel_losses(output, batch)
        else:
            if config.shifted and photos is not None:
                way = tasks.mixed(self.task.seed, step) % 4
                output, photos = perceptual.shifted(output, photos, way)
            wanted = None if targets is None else self._of(targets, chosen)
            terms = perceptual.feature_losses(self.describe, output, photos, config, styles=wanted)
        # Last: a GPU is waited for here.
        _check_not_blank(output, photos, step)
        if targets is not None and "style" in terms:
            self._remember(everyones, ranks.whole(terms["style"], whole))
        return terms

    def _of(self, targets: Mapping[str, Tensor], chosen: Sequence[int]) -> dict[str, Tensor]:
        """The targets of each sample's own style."""
        places = torch.tensor(chosen)
        there = devices.sent(places, self.machine.device)
        return {
            name: of[places if of.device.type == "cpu" else there] for name, of in targets.items()
        }

    def _chosen(self, step: int, count: int) -> list[int]:
        """The style of each sample: every one as often as the others, in seeded order."""
        styles = max(1, len(self.task.styles))
        draws = range(step * count, (step + 1) * count)
        # Another seed than the crops': as many styles as photos would meet in fixed pairs.
        return [datasets.shuffled(draw, styles, self.task.seed + 1) for draw in draws]

    def _generate(self, inputs: Sequence[Tensor]) -> Tensor:
        return layers.run(self.network, inputs, self.machine.dtype)

    def _remember(self, chosen: Sequence[int], values: Tensor) -> None:
        for index, value in zip(chosen, values.tolist(), strict=True):
            name = self.task.styles[index][0]
            old = self.style_losses.get(name, value)
            self.style_losses[name] = MEMORY_OF_STYLES * old + (1 - MEMORY_OF_STYLES) * value

    def share_skipped(self) -> None:
        """Lets every process know which files of the dataset the others could not read."""
        if self.crops is not None:
            for skipped in ranks.gathered(dict(self.crops.skipped)):
                self.crops.skipped.update(skipped)

    @torch.no_grad()
    def _rate(self, targets: Mapping[str, Tensor]) -> None:
        """Keeps the model if its loss on fixed inputs, generated as they will be, is the least."""
        config, count = self.task.config, max(RATED_SAMPLES, self.task.config.batch_size)
        photos = torch.zeros(count, 3, config.size, config.size)
        if self.crops is not None:
            photos = torch.stack([self.crops.crop(number) for number in range(count)])
        photos = photos.to(self.machine.device)
        inputs = self.task.inputs(photos, [0] * count, 0)
        self.network.eval()
        loss = fmean(
            self._rating([x[k : k + 1] for x in inputs], photos[k : k + 1], targets)
            for k in range(count)  # each by itself, to take no more memory than training does
        )
        if self.best is None or loss < self.best.provenance[RATING]:
            made = self._checkpoint()
            self.best = replace(made, provenance={**made.provenance, RATING: loss})

    def _rating(
        self, inputs: Sequence[Tensor], photo: Tensor, targets: Mapping[str, Tensor]
    ) -> float:
        assert self.describe is not None
        target = None if self.crops is None else photo
        terms = perceptual.feature_losses(
            self.describe, self._generate(inputs), target, self.task.config, styles=targets
        )
        return sum(values.item() for values in terms.values())

    @torch.no_grad()
    def preview(self, photo: Tensor, *, most: int) -> dict[str, Tensor]:
        """A photo by the network as it is now, in evaluation mode.

        Args:
            photo: (1, 3, H, W) RGB in [0, 1]; of super-resolution, what is to be guessed.
            most: styles to show, from the first on.

        Returns:
            {style's name, "" where there is none: (1, 3, h, w) RGB in [0, 1]}, sides rounded down
            to what the network can make.
        """
        multiple = self.task.factor or self.task.kind.multiple(self.task.config.levels)
        # No thinner than what the network's own padding can mirror.
        least = multiple * math.ceil(max(getattr(self.network, "least", 1), LEAST_SIDE) / multiple)
        height, width = (max(least, side // multiple * multiple) for side in photo.shape[2:])
        given = images.resize(photo, (height, width)).to(self.machine.device)
        names = self.task.names[:most] or ("",)
        self.network.eval()
        shown = {
            name: self._generate(self.task.inputs(given, [index], None))
            for index, name in enumerate(names)
        }
        return {name: output.clamp(0, 1).cpu() for name, output in shown.items()}

    def checkpoint(self) -> Checkpoint:
        """The model so far, of a pyramid the best: a copy on the CPU."""
        own = self.best or self._checkpoint()
        return own if self.task.base is None else add_style.joined(self.task.base, own)

    def alone(self) -> Checkpoint:
        """The network as it is, without the styles of the model it is added to."""
        return self._checkpoint()

    def _checkpoint(self) -> Checkpoint:
        task, state = self.task, self.network.state_dict()
        weights = {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
        known = {
            "descriptor": None if self.describe is None else "vgg19, original, bundled",
            "values": "RGB in [0, 1]",
            "normalisation": self.network.normalisation,
            "config": asdict(task.config),
            "photos": len(self.crops.files if self.crops else ()) - len(self.skipped),
            "steps": self.step,
            "seed": task.seed,
            "style losses": dict(self.style_losses),
            "stylize-cli": __version__,
        }
        return Checkpoint(
            task.method,
            task.config.generator,
            task.arguments,
            weights,
            task.names,
            {**known, **self.provenance},
        )

    def state(self) -> TrainingState:
        """All that it takes to go on later."""
        optimizer = copy.deepcopy(self.optimizer.state_dict())
        settings = asdict(self.task.config)
        return TrainingState(self._checkpoint(), optimizer, self.step, settings, self.best)


def _check_not_blank(output: Tensor, photos: Tensor | None, step: int) -> None:
    # Asked of the whole batch, whichever processes have it.
    shows = ranks.any_of(not _contrast(output) < BLANK)
    if not shows and ranks.any_of(photos is None or _contrast(photos) > SHOWN):
        raise StylizeError(
            f"the generator's output is blank at step {step + 1}: use a smaller `lr`, or another "
            "`seed`"
        )


def _contrast(batch: Tensor) -> float:
    """The greatest deviation within any map of any picture."""
    return batch.detach().std((2, 3)).max().item()

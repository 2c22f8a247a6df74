"""The course of a training: when it saves, draws previews and logs, and how it ends."""

import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from stylize_cli import checkpoints, files, plots, ranks
from stylize_cli.boards import Board
from stylize_cli.checkpoints import Checkpoint, TrainingState
from stylize_cli.errors import StylizeError
from stylize_cli.methods.previews import Sheet
from stylize_cli.methods.train import Training
from stylize_cli.training import Update

RECENT = 20  # steps that what is shown of losses and speed is the mean of


@dataclass(frozen=True)
class Plan:
    """What is written while a network learns, and when.

    Attributes:
        model: file of the model; the training's state is kept beside it.
        save_every: steps from one save of both to the next.
        photo: (1, 3, H, W) RGB in [0, 1], drawn on a contact sheet by the network as it learns.
        preview_every: steps from one cell of that sheet to the next.
        plot: file of the losses' curves, drawn at every save.
        board: where losses, speed and previews are logged.
    """

    model: Path
    save_every: int
    photo: Tensor | None = None
    preview_every: int = 1
    plot: Path | None = None
    board: Board | None = None


def state_file(model: Path) -> Path:
    """Where the state of a model's training is: a.pt -> a.state.pt."""
    return model.with_suffix(".state.pt")


class Course:
    """A training from one step to the next, with all that it leaves on the way.

    Of several processes that train together (`ranks`) the first writes.

    Args:
        training: that is to be run.
        plan: what is written.

    Attributes:
        first: steps that were done before.
        history: losses by name after every step of this run.
        saved: steps of the model in the file; None where this run wrote none.
        ending: whether the last save is under way, which nobody should interrupt.
    """

    def __init__(self, training: Training, plan: Plan) -> None:
        self.training, self.plan = training, plan
        self.first = training.step
        self.history: list[Mapping[str, float]] = []
        self.saved: int | None = None
        self.ending = False
        self._times: deque[float] = deque(maxlen=RECENT + 1)
        self._sheet = (
            None if plan.photo is None else Sheet(plan.photo, plan.model, plan.board, training)
        )

    @property
    def losses(self) -> dict[str, float]:
        """Mean of the last steps by name; empty where there was none."""
        last = self.history[-RECENT:]
        return {name: sum(step[name] for step in last) / len(last) for name in (last or [{}])[0]}

    @property
    def speed(self) -> float:
        """Pictures that it sees in a second, by the last steps; 0 before the second."""
        if len(self._times) < 2:
            return 0.0
        steps = len(self._times) - 1
        return steps * self.training.task.config.batch_size / (self._times[-1] - self._times[0])

    @property
    def seconds_left(self) -> float | None:
        """Time to the end, by the clock or by the last steps; None before the second of these."""
        pace, step = self.training.pace, self.training.step
        left = max(0.0, 1 - pace.share(step))
        if pace.seconds is not None:
            return pace.seconds * left
        if len(self._times) < 2:
            return None
        gone = pace.share(step) - pace.share(step - len(self._times) + 1)
        return left / gone * (self._times[-1] - self._times[0])

    def run(self) -> Generator[Update, None, None]:
        """Trains to the end, and saves; closed before that, it saves what it has.

        Yields:
            After every step.

        Raises:
            StylizeError: the loss explodes, the output is blank, or a file cannot be written.
        """
        with ExitStack() as held:

            def hold() -> None:
                held.enter_context(files.held(self.plan.model))
                if self.plan.board:
                    held.enter_context(closing(self.plan.board))

            ranks.by_first(hold)
            try:
                try:
                    yield from self._steps()
                except GeneratorExit:  # whoever looks on has seen enough
                    self._end()
                    raise
                self._end()
            except StylizeError as error:
                raise StylizeError(f"{error}; {self._kept}") from error

    def _steps(self) -> Generator[Update, None, None]:
        pending = None
        for update in self.training.run():
            # A step's loss is the judge of the weights that were there before it.
            if pending is not None:
                self._write(*pending)
            self.history.append(update.losses)
            self._times.append(time.perf_counter())
            if ranks.is_first():
                self._log(update)
            if self._sheet and update.step % self.plan.preview_every == 0:
                ranks.by_first(partial(self._sheet.draw, update.step))
            yield update
            pending = self._taken if update.step % self.plan.save_every == 0 else None

    @property
    def _taken(self) -> tuple[int, TrainingState, Checkpoint]:
        self.training.share_skipped()
        return self.training.step, self.training.state(), self.training.checkpoint()

    def _end(self) -> None:
        """Saves the last step."""
        self.ending = True
        with ranks.together():
            _check_weights(self.training)
        self._write(*self._taken)
        if self._sheet:
            ranks.by_first(partial(self._sheet.draw, self.training.step))

    def _write(self, step: int, state: TrainingState, model: Checkpoint) -> None:
        ranks.by_first(partial(self._save, state, model))
        self.saved = step

    def _save(self, state: TrainingState, model: Checkpoint) -> None:
        # The state first: a run that is killed in between goes on from the later step.
        checkpoints.save_state(state_file(self.plan.model), state)
        checkpoints.save(self.plan.model, model)
        if self.plan.plot and self.history:
            plots.write(self.plan.plot, self.history, first=self.first)

    def _log(self, update: Update) -> None:
        if self.plan.board:
            for name, value in update.losses.items():
                self.plan.board.add_scalar(f"loss/{name}", value, update.step)
            self.plan.board.add_scalar("images a second", self.speed, update.step)

    @property
    def _kept(self) -> str:
        """What is left of a training that failed."""
        if self.saved is not None:
            return f"{self.plan.model} holds step {self.saved}"
        if self.first:
            return f"{self.plan.model} is as it was"
        return "nothing was saved before"


def _check_weights(training: Training) -> None:
    """Raises `StylizeError` where the last step, which no other judges, made them no numbers."""
    if not all(bool(values.isfinite().all()) for values in training.network.parameters()):
        raise StylizeError(
            f"the weights are no numbers after step {training.step}: use a smaller `lr`, or "
            "`precision` float32"
        )

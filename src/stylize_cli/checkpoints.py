"""Model files: what a trained generator is, where it comes from, and its weights.

A file rebuilds its network by itself and is read with ``weights_only=True``: it cannot run code.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from stylize_cli import archives, files
from stylize_cli.archives import NOT_WEIGHTS
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS
from stylize_cli.names import style_names
from stylize_cli.quiet import quiet

FORMAT = 1
MOST = 4096  # of any number that builds a network: widths, styles
MOST_LEVELS = 12  # of a pyramid, whose noise is 2^levels px a side
MODEL, STATE = "stylize model", "stylize training"


@dataclass(frozen=True)
class Checkpoint:
    """A trained generator.

    Attributes:
        method: that trained it, such as "perceptual".
        generator: key of `generators.KINDS`.
        arguments: that build it.
        weights: its state dict.
        styles: names of its styles, in the order of its rows; none for super-resolution.
        provenance: what it was trained with: descriptor, loss weights, dataset size, steps, seed,
            version of this package, licence.
    """

    method: str
    generator: str
    arguments: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    styles: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grain(self) -> float:
        """How much of `grain.drawn` it is to see of a photo, in [0, 1], as it was trained."""
        noted: float = self.provenance.get("config", {}).get("grain", 0.0)
        return noted

    def build(self) -> nn.Module:
        """The network with its weights, in evaluation mode, float32.

        Raises:
            StylizeError: arguments and weights do not fit each other.
        """
        try:
            # Without memory of its own: a file that asks for a network of a terabyte fails below.
            with torch.device("meta"), _Unfilled():
                network = KINDS[self.generator].build(**self.arguments)
            # Before they are copied: a view of one value may have the shape of a terabyte.
            if _shapes(network.state_dict()) != _shapes(self.weights):
                raise ValueError
            network.load_state_dict({k: _own(v) for k, v in self.weights.items()}, assign=True)
        except NOT_WEIGHTS as error:
            raise StylizeError(
                f"the weights do not fit their network, '{self.generator}': copy the file again"
            ) from error
        if not all(bool(values.isfinite().all()) for values in network.state_dict().values()):
            raise StylizeError("the model's weights are not all numbers: train it anew")
        return network.requires_grad_(requires_grad=False).eval()


@dataclass(frozen=True)
class TrainingState:
    """All that a training needs to go on as if it had never stopped.

    Attributes:
        checkpoint: the model so far.
        optimizer: the optimiser's state dict.
        step: updates done. Crops, noise and styles are functions of it and the seed.
        config: what the training was started with, to refuse another.
        best: the model to be kept where that is not the last one (`methods.train`).
    """

    checkpoint: Checkpoint
    optimizer: Mapping[str, Any]
    step: int
    config: Mapping[str, Any]
    best: Checkpoint | None = None


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a model file, whole or not at all; its styles get names as `style_names` makes them.

    Raises:
        StylizeError: it cannot be written there.
    """
    _write(path, {"kind": MODEL, **_plain(checkpoint)})


def load(path: Path) -> Checkpoint:
    """Reads a model file.

    Raises:
        StylizeError: it is not there, damaged, something else, or of a newer version.
    """
    return _checkpoint(_read(path, MODEL), path)


def save_state(path: Path, state: TrainingState) -> None:
    """Writes a training's state, whole or not at all."""
    record = {
        "optimizer": state.optimizer,
        "step": state.step,
        "config": dict(state.config),
        "best": None if state.best is None else _plain(state.best),
    }
    _write(path, {"kind": STATE, **_plain(state.checkpoint), **record})


def load_state(path: Path) -> TrainingState:
    """Reads a training's state; raises as `load` does."""
    record = _read(path, STATE)
    checkpoint = _checkpoint(record, path)
    try:
        best = record["best"] and _checkpoint(record["best"], path)
        made = TrainingState(
            checkpoint, record["optimizer"], record["step"], record["config"], best
        )
        if not _is_sound_state(made):
            raise ValueError
        return made
    except NOT_WEIGHTS as error:
        raise StylizeError(f"{path} is a training with parts missing: copy it again") from error


class _Unfilled(TorchFunctionMode):
    """Leaves weights without initialisation: for those without memory it costs 1.7 s of imports."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - torch's own signature
        module = getattr(func, "__module__", None)
        if module == nn.init.__name__ or func in (Tensor.normal_, Tensor.uniform_):
            return None
        return func(*args, **(kwargs or {}))


def _own(values: Tensor) -> Tensor:
    """A copy, so that who trains the network on leaves the checkpoint as it is; halves widened."""
    kind = torch.float32 if values.is_floating_point() else values.dtype
    return values.to(kind, copy=True)


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, bool]]:
    return {name: (value.shape, value.is_floating_point()) for name, value in weights.items()}


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    return {"format": FORMAT, **fields, "styles": list(style_names(checkpoint.styles))}


def _write(path: Path, record: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(dict(record), buffer)
    files.write(path, buffer.getvalue())


def _read(path: Path, kind: str) -> dict[str, Any]:
    data = files.contents(path, what="a model file")
    try:
        with quiet():  # what it warns of in a foreign file fails below
            record = archives.load(data)
        found, version = record["kind"], record["format"]
        if found not in (MODEL, STATE) or type(version) is not int or version < 1:
            raise ValueError
    except (*NOT_WEIGHTS, OverflowError, MemoryError) as error:
        raise StylizeError(f"{path} is not a file of stylize, or damaged: copy it again") from error
    if found != kind:
        model = path.with_name(path.name.replace(".state.", "."))
        beside = f", {model}" if kind == MODEL and model != path else ""
        raise StylizeError(f"{path} is a file of '{found}': give one of '{kind}'{beside}")
    if version > FORMAT:
        raise StylizeError(f"{path} was made by a newer version: pip install -U stylize-cli")
    return record


def _checkpoint(record: Mapping[str, Any], path: Path) -> Checkpoint:
    try:
        made = Checkpoint(**{name: record[name] for name in Checkpoint.__dataclass_fields__})
        if not _is_sound(made):
            raise ValueError
        return replace(made, styles=style_names(made.styles))
    except NOT_WEIGHTS as error:
        raise StylizeError(f"{path} is a model with parts missing: copy it again") from error


def _is_sound(made: Checkpoint) -> bool:
    """Whether a foreign file's fields are what others rely on them to be."""
    arguments, provenance = made.arguments, made.provenance
    archives.check_values([arguments, provenance], room=0)
    return (
        isinstance(made.method, str)
        and isinstance(made.generator, str)
        and isinstance(made.styles, (list, tuple))
        and all(isinstance(style, str) for style in made.styles)
        and all(isinstance(value, Tensor) for value in made.weights.values())
        and all(isinstance(name, str) for name in (*made.weights, *arguments, *provenance))
        and all(isinstance(provenance.get(name, {}), Mapping) for name in ("config", "added"))
        and type(made.grain) is float
        and 0 <= made.grain <= 1
        and arguments.get("styles", len(made.styles)) == len(made.styles) <= MOST
        and all(isinstance(value, (int, str)) for value in arguments.values())
        and all(0 <= value <= MOST for value in arguments.values() if isinstance(value, int))
        and arguments.get("levels", 0) <= MOST_LEVELS
    )


def _is_sound_state(made: TrainingState) -> bool:
    losses = made.checkpoint.provenance["style losses"]
    archives.check_values([made.config, losses], room=0)
    return (
        type(made.step) is int
        and made.step >= 0
        and isinstance(made.config, Mapping)
        and isinstance(losses, Mapping)
        and all(isinstance(value, float) for value in losses.values())
        and isinstance(made.optimizer, Mapping)
        and isinstance(made.best, (Checkpoint, NoneType))
    )

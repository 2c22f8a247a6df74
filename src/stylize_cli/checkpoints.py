"""Model files: what a trained generator is, where it comes from, and its weights.

A file rebuilds its network by itself and is read with ``weights_only=True``: it cannot run code.
"""

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from stylize_cli import images
from stylize_cli.descriptors import NOT_WEIGHTS
from stylize_cli.errors import StylizeError
from stylize_cli.generators import BUILDERS

FORMAT = 1
MOST = 4096  # of any number that builds a network: levels, widths, styles
MODEL, STATE = "stylize model", "stylize training"


@dataclass(frozen=True)
class Checkpoint:
    """A trained generator.

    Attributes:
        method: that trained it, such as "perceptual".
        generator: key of `generators.BUILDERS`.
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

    def build(self) -> nn.Module:
        """The network with its weights, in evaluation mode, float32.

        Raises:
            StylizeError: arguments and weights do not fit each other.
        """
        try:
            # Without memory of its own: a file that asks for a network of a terabyte fails below.
            with torch.device("meta"), _Unfilled():
                network = BUILDERS[self.generator](**self.arguments)
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
    """Writes a model file, whole or not at all.

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
        return TrainingState(
            checkpoint, record["optimizer"], record["step"], record["config"], best
        )
    except KeyError as error:
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


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    return {"format": FORMAT, **fields, "styles": list(checkpoint.styles)}


def _write(path: Path, record: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(dict(record), buffer)
    images.write_bytes(path, buffer.getvalue())


def _read(path: Path, kind: str) -> dict[str, Any]:
    data = io.BytesIO(images.contents(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of in a foreign file fails below
            record = torch.load(data, map_location="cpu", weights_only=True)
        found, version = record["kind"], int(record["format"])
    except (*NOT_WEIGHTS, OverflowError) as error:
        raise StylizeError(f"{path} is not a file of stylize, or damaged: copy it again") from error
    if found != kind:
        raise StylizeError(f"{path} is a file of '{found}': give one of '{kind}'")
    if version > FORMAT:
        raise StylizeError(f"{path} was made by a newer version: pip install -U stylize-cli")
    return dict(record)


def _sound(fields: Mapping[str, Any], styles: tuple[Any, ...]) -> bool:
    """Whether a foreign file's fields are what others rely on them to be."""
    arguments = fields["arguments"]
    return (
        all(isinstance(fields[name], Mapping) for name in ("arguments", "weights", "provenance"))
        and all(isinstance(style, str) and style.isprintable() for style in styles)
        and arguments.get("styles", len(styles)) == len(styles)
        and all(not isinstance(value, int) or value <= MOST for value in arguments.values())
    )


def _checkpoint(record: Mapping[str, Any], path: Path) -> Checkpoint:
    try:
        fields = {name: record[name] for name in Checkpoint.__dataclass_fields__}
        styles = tuple(fields["styles"])
        if not _sound(fields, styles):
            raise ValueError
        return Checkpoint(**{**fields, "styles": styles})
    except NOT_WEIGHTS as error:
        raise StylizeError(f"{path} is a model with parts missing: copy it again") from error

"""Curves of the losses, as an image file."""

import io
from collections.abc import Iterable, Mapping, Sequence
from importlib import util
from pathlib import Path

from stylize_cli import files
from stylize_cli.errors import StylizeError

SIZE = (9.0, 5.0)  # inches
DPI = 120
SUFFIXES = (".png", ".svg", ".pdf")


def check(path: Path, result: Path | None, inputs: Iterable[Path]) -> None:
    """Refuses, before any work, a plot that could not be written in the end.

    Args:
        path: of the plot.
        result: file of what the losses are of; None is stdout.
        inputs: files that must not be overwritten.

    Raises:
        StylizeError: its kind is unknown, nothing can be written there, it is the result or an
            input, or matplotlib is missing.
    """
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise StylizeError(f"cannot plot to {path}: its name must end in one of {known}")
    files.check_place(path, inputs)
    if result is not None and files.resolved(path) == files.resolved(result):
        raise StylizeError(f"`plot` {path} is the picture's own file: name another")
    if util.find_spec("matplotlib") is None:
        raise StylizeError(
            "matplotlib is not installed: pip install 'stylize-cli[plot]', or leave out `plot`"
        )


def write(path: Path, history: Sequence[Mapping[str, float]], *, first: int = 0) -> None:
    """Draws the losses over the iterations from `first` on, into a file of its suffix's kind."""
    files.write(path, loss_plot(history, format=path.suffix[1:].lower(), first=first))


def loss_plot(
    history: Sequence[Mapping[str, float]], *, format: str = "png", first: int = 0
) -> bytes:
    """The losses over the iterations, one curve a term, on a logarithmic axis.

    Args:
        history: the losses by name after each iteration.
        format: "png", "svg", "pdf" or another that matplotlib writes.
        first: iterations that were done before.

    Returns:
        The encoded file.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and half a second

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for name in sorted({term for losses in history for term in losses}):
        # A logarithmic axis has no place for 0: a gap.
        values = [losses.get(name) or float("nan") for losses in history]
        emphasis = {"color": "black", "linewidth": 2.0} if name == "total" else {"linewidth": 1.0}
        axes.plot(range(first, first + len(values)), values, label=name, **emphasis)
    axes.set(xlabel="iteration", ylabel="weighted loss", yscale="log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format=format)
    return file.getvalue()

"""Curves of the losses, as an image file."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

SIZE = (9.0, 5.0)  # inches
DPI = 120


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

"""Draws the plots of docs/benchmarks.md, of the numbers in its own tables.

python scripts/plot_benchmarks.py
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "gallery"
WIDTH, ROW = 7.0, 0.42  # inches
OF = re.compile(r"([\d.]+) of ([\d.]+)")


@dataclass(frozen=True)
class Plot:
    """Bars of a table.

    Attributes:
        name: of the file, plot-NAME.svg.
        heading: of the section whose first table it is.
        labels: the columns that say what a row is.
        values: the columns that are drawn, a bar each.
        axis: what is drawn; "A of B" is drawn as a share.
        line: a value to compare with.
    """

    name: str
    heading: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    axis: str
    line: float


PLOTS = (
    Plot(
        "by-eye",
        "By eye",
        ("of stylize", "beside"),
        ("judge 1", "judge 2"),
        "share of the sheets placed above",
        0.5,
    ),
    Plot(
        "superres",
        "Super-resolution",
        ("set", "upscaled by"),
        ("of bicubic's",),
        "relu2_2 of bicubic's; less is better",
        1,
    ),
)


def table(text: str, heading: str) -> list[dict[str, str]]:
    """The first table below a heading, a row as {column: text}, without emphasis."""
    section = re.split(rf"^## {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert lines is not None
    cells = [
        [re.sub(r"[`*]", "", cell).strip() for cell in line.strip("|").split("|")]
        for line in lines[0].splitlines()
    ]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def number(text: str) -> float:
    """Reads "0.5" and "2 of 4" as 0.5."""
    found = OF.fullmatch(text)
    return float(found[1]) / float(found[2]) if found else float(text)


def draw(plot: Plot, rows: list[dict[str, str]], path: Path) -> None:
    """Draws the bars, the first row at the top."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": plot.name, "svg.fonttype": "path"}):
        figure = Figure((WIDTH, ROW * (len(rows) + 2)), layout="constrained")
        axes = figure.subplots()
        thickness = 0.8 / len(plot.values)
        for at, column in enumerate(plot.values):
            places = [row + (at + 0.5) * thickness - 0.4 for row in range(len(rows))]
            axes.barh(places, [number(row[column]) for row in rows], thickness * 0.9, label=column)
        axes.set_yticks(
            range(len(rows)), [": ".join(row[one] for one in plot.labels) for row in rows]
        )
        axes.invert_yaxis()
        axes.axvline(plot.line, color="grey", linewidth=1)
        figure.supxlabel(plot.axis, fontsize="medium")  # which may be wider than the bars
        if len(plot.values) > 1:
            figure.legend(loc="outside upper right", ncols=len(plot.values))
        figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> None:
    """Draws all of them."""
    text = PAGE.read_text(encoding="utf-8")
    for plot in PLOTS:
        draw(plot, table(text, plot.heading), FOLDER / f"plot-{plot.name}.svg")


if __name__ == "__main__":
    main()

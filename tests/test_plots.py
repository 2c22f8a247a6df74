import io
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stylize_cli import plots
from stylize_cli.errors import StylizeError
from stylize_cli.plots import loss_plot

HISTORY = [
    {"style relu1_1": 3.0, "total": 5.0},
    {"style relu1_1": 2.0, "content relu4_2": 0.5, "total": 2.5},
    {"style relu1_1": 1.0, "content relu4_2": 0.4, "total": 1.4},
]
NAMES = ["content relu4_2", "style relu1_1", "total"]


@pytest.fixture
def figures(monkeypatch):
    """The figures that get saved."""
    seen, save = [], Figure.savefig

    def spy(figure, *args, **options):
        seen.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", spy)
    return seen


def test_there_is_one_curve_a_term_with_a_gap_where_it_was_not_told(figures):
    loss_plot(HISTORY)
    ((axes,),) = (figure.axes for figure in figures)
    curves = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    assert list(curves) == NAMES
    for name, curve in curves.items():
        want = [(i, losses.get(name, np.nan)) for i, losses in enumerate(HISTORY)]
        np.testing.assert_array_equal(curve, want)
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "iteration"


def test_the_legend_of_an_svg_names_the_curves():
    text = loss_plot(HISTORY, format="svg").decode()
    assert text.startswith("<?xml")
    legend = text[text.index('id="legend_1"') :]
    assert re.findall(r"<!-- (.*?) -->", legend) == NAMES


@pytest.mark.parametrize("history", [HISTORY, HISTORY[:1]])
def test_png_is_the_default(history):
    with Image.open(io.BytesIO(loss_plot(history))) as picture:
        assert (picture.format, picture.size) == ("PNG", (1080, 600))


def test_a_plot_that_is_the_picture_is_refused_also_beside_a_loop_of_links(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "link.png").symlink_to("a.png")
    plots.check(tmp_path / "loop.png", tmp_path / "a.png", [])
    with pytest.raises(StylizeError, match="is the picture's own file"):
        plots.check(tmp_path / "link.png", tmp_path / "a.png", [])


def test_a_term_of_zero_has_no_logarithm_and_is_left_out_quietly():
    assert loss_plot([{"content relu4_2": 0.0, "total": 1.0}] * 2)

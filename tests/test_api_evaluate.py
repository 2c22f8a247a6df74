"""api.evaluate: the figures of pictures, wherever they come from."""

import numpy as np
import pytest

import stylize_cli as stylize
from stylize_cli import hardware
from stylize_cli.api.evaluate import evaluations

pytest_plugins = ["commandline"]
pytestmark = pytest.mark.usefixtures("loaded")


@pytest.fixture
def files(picture_file):
    return [picture_file(40, 48, seed=seed, name=f"{seed}.png") for seed in range(3)]


def test_a_file_its_array_and_the_command_have_the_same_figures(files, stylize_command):
    picture, style, content = files
    figures = stylize.evaluate(picture, style=style, content=content)
    assert list(figures) == ["style_error", "content_error", "notebook"]
    floats = stylize.Picture(picture).floats
    assert stylize.evaluate(floats, style=style, content=content) == pytest.approx(
        figures, rel=1e-4
    )
    record = stylize_command(picture, style, content)
    assert {name: record[name] for name in figures} == figures


@pytest.fixture
def stylize_command(stylize):
    def run(picture, style, content):
        options = ["--style", style, "--content", content, "--json"]
        return stylize("evaluate", picture, *options).record

    return run


def test_one_that_fails_does_not_stop_the_others(files):
    small = np.zeros((8, 40, 3), np.uint8)
    found = list(evaluations([files[0], small, files[1]], style=files[2]))
    assert [bool(one.error) for one in found] == [False, True, False]
    assert "too small to measure" in found[1].error


def test_what_memory_will_not_do_is_refused(files):
    picture, style = (stylize.Picture(file) for file in files[:2])
    budget = hardware.own_memory() + 50_000_000
    with pytest.raises(stylize.StylizeError, match=r"48x40 px needs about .* give `memory` more"):
        stylize.evaluate(picture, style=style, memory=budget)


def test_a_budget_below_the_program_s_own_blames_no_picture(files):
    said = r"^`memory` 10 MB is less than the program itself takes: that is \d.*, so give it \d"
    with pytest.raises(stylize.StylizeError, match=said):
        stylize.evaluate(files[0], style=files[1], memory=10_000_000)
    with pytest.raises(stylize.StylizeError, match=said):
        next(stylize.iterate(files[0], files[1], memory=10_000_000))


def test_nothing_to_compare_with_is_refused(files):
    with pytest.raises(stylize.StylizeError, match="nothing to compare with"):
        stylize.evaluate(files[0])

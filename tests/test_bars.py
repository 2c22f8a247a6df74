"""How far a work is: the time that is left, and a line that holds it at 80 columns."""

import io
import re
from itertools import pairwise

import pytest
from rich.console import Console as Terminal

from stylize_cli.cli import bars
from stylize_cli.cli.bars import Countdown
from stylize_cli.progress import Step


def test_time_left_is_the_mean_of_all_that_is_done():
    pace = Countdown()
    assert pace.left(2, 10, 100.0) is None  # what a training that goes on has done before
    assert pace.left(4, 10, 103.0) == pytest.approx(6 / 2 * 3)
    assert pace.left(10, 10, 120.0) == 0
    assert pace.left(5, None, 121.0) is None


def test_time_left_does_not_jump_where_a_work_of_another_pace_begins():
    pace, now, said = Countdown(), 0.0, []
    # Five scales of 60 iterations; a pixel of the first takes twice as long as one of the last.
    pixels = [4.0**scale for scale in range(5)]
    costs = [work * (2 - scale / 4) for scale, work in enumerate(pixels)]
    total = 60 * sum(pixels)
    everything, done = 60 * sum(costs), 0.0
    for work, cost in zip(pixels, costs, strict=True):
        for _ in range(60):
            done, now = done + work, now + cost
            said.append((pace.left(done, total, now), everything - now))
    known = [(left, truth) for left, truth in said[1:-30]]
    assert all(0.9 < left / truth < 2.1 for left, truth in known)
    steps = [later / left for (left, _), (later, _) in pairwise(known)]
    assert all(0.9 < step < 1.05 for step in steps)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.4, "0:00:00 left"), (7384.6, "2:03:05 left")]
)
def test_a_time_is_read_at_a_glance(seconds, text):
    assert bars.shown(seconds) == text


def test_a_bar_holds_its_name_and_the_time_left_at_80_columns(monkeypatch):
    shown = io.StringIO()
    terminal = Terminal(file=shown, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr("rich.console.Console", lambda **_options: terminal)
    times = iter([0.0, 3.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    long = "step 120/5000, 8.35 images/s, loss 1.234, content 0.123, style 0.456, tv 0.01"
    with bars.drawn("Training", redirect_stdout=False) as on_step:
        on_step(Step(long, 0, 10))
        on_step(Step(long, 5, 10))
    lines = [line for line in re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", shown.getvalue()) if line]
    assert lines[0].startswith("Training")
    last = [line for line in lines if line.startswith("step")][-1]
    assert len(last) <= 80
    assert last.startswith("step 120/5000, 8.35 images/s, loss 1.234")
    assert re.search(r" 50% 0:00:03 left\s*$", last)

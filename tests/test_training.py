import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from stylize_cli import training
from stylize_cli.config.train import TrainConfig
from stylize_cli.errors import StylizeError
from stylize_cli.training import SETTLED, Pace, fit, learning_rate

pytest_plugins = ["reads"]
CONFIG = TrainConfig(generator="conditional", width=1, steps=300, lr=0.1, decay="cosine")


class Point(nn.Module):
    """A network that is a point."""

    def __init__(self, *start):
        super().__init__()
        self.place = nn.Parameter(torch.tensor(start, dtype=torch.float64))
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)


def run(point, losses, config=CONFIG, **options):
    return list(fit(losses, training.optimizer(point, config), config, **options))


def given(point, losses):
    """Losses by step as given, whatever the point; a gradient flows all the same."""
    return lambda step: {"given": losses[step] + 0 * point.place.sum()}


def test_least_squares_end_at_their_closed_form():
    random = np.random.default_rng(0)
    matrix, values = random.normal(size=(20, 3)), random.normal(size=20)
    a, b = torch.from_numpy(matrix), torch.from_numpy(values)
    point = Point(0.0, 0.0, 0.0)
    run(point, lambda _: {"error": (a @ point.place - b).square()})
    want = np.linalg.lstsq(matrix, values, rcond=None)[0]
    np.testing.assert_allclose(point.place.detach(), want, atol=1e-3)


def test_the_sum_of_the_losses_means_is_minimised_and_told():
    point = Point(3.0)

    def losses(_step):
        return {"a": (point.place - torch.tensor([0.0, 2.0])).square(), "b": point.place.square()}

    course = run(point, losses)
    assert point.place.item() == pytest.approx(0.5, abs=1e-3)  # of (x - 1)² + 1 + x²
    assert course[-1].losses == pytest.approx({"a": 1.25, "b": 0.25, "total": 1.5}, abs=1e-3)
    assert course[0].losses == pytest.approx({"a": 5.0, "b": 9.0, "total": 14.0})
    assert [update.step for update in course] == list(range(1, 301))


@pytest.mark.parametrize("decay", ["cosine", "constant"])
def test_step_sizes_follow_the_decay(decay):
    config, point, rates = replace(CONFIG, steps=8, decay=decay), Point(1.0), []
    optimizer = training.optimizer(point, config)
    for _ in fit(lambda _: {"a": point.place.square()}, optimizer, config):
        rates.append(optimizer.param_groups[0]["lr"])
    want = [0.1 * (math.cos(math.pi * k / 16) ** 2 if decay == "cosine" else 1) for k in range(8)]
    assert rates == pytest.approx(want)


def test_the_papers_steps_come_after_1000_updates_and_then_every_200():
    config = replace(CONFIG, lr=0.1, decay="steps")
    rates = [learning_rate(step, config, 0.5) for step in (0, 999, 1000, 1199, 1200, 1400, 1999)]
    assert rates == pytest.approx([0.1, 0.1, 0.07, 0.07, 0.049, 0.0343, 0.1 * 0.7**5])


def test_the_cosine_ends_at_nothing():
    assert learning_rate(CONFIG.steps, CONFIG, 1.0) == pytest.approx(0, abs=1e-12)
    assert learning_rate(0, CONFIG, 0.0) == CONFIG.lr


def test_by_the_clock_it_ends_when_its_time_is_over(monkeypatch):
    """A look at the clock takes a second: ten seconds are ten steps, whatever the config says."""
    ticks, point, rates = itertools.count(100.0), Point(1.0), []
    monkeypatch.setattr(training.time, "monotonic", lambda: next(ticks))
    optimizer = training.optimizer(point, CONFIG)
    for _ in fit(lambda _: {"a": point.place.square()}, optimizer, CONFIG, pace=Pace(3, 10.0)):
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1 * math.cos(math.pi * k / 20) ** 2 for k in range(10)])


def test_small_steps_are_a_quarter_of_the_work_of_the_others():
    """22 of them: 16 small ones are the work of four, four tenths of ten."""
    work = [0.25] * 16 + [1.0] * 6
    pace = Pace(22, small=0.4)
    assert [pace.share(step) for step in range(23)] == pytest.approx(
        [0.0, *(done / 10 for done in itertools.accumulate(work))]
    )
    assert [pace.is_small(step) for step in range(22)] == [True] * 16 + [False] * 6
    assert not Pace(22).is_small(0)


def test_what_is_frozen_is_neither_trained_nor_remembered():
    point = Point(1.0)
    optimizer = training.optimizer(point, CONFIG)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]
    next(fit(lambda _: {"a": (point.place * point.frozen).square()}, optimizer, CONFIG))
    assert point.frozen.tolist() == [1, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e4])
@pytest.mark.parametrize("step", [3, SETTLED + 5])
def test_a_loss_that_explodes_stops_before_the_update(bad, step):
    point, places = Point(5.0), []

    def losses(now):
        factor = bad if now == step else 1.0
        return {"a": (1 + 0.01 * point.place) * factor}

    course = fit(losses, training.optimizer(point, CONFIG), CONFIG)
    for _ in range(step):
        next(course)
        places.append(point.place.item())
    with pytest.raises(StylizeError, match=rf"at step {step + 1}: use a smaller `lr`"):
        next(course)
    assert len(set(places)) == step
    assert point.place.item() == places[-1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_first_loss_that_is_no_number_stops(bad):
    point = Point(5.0)
    with pytest.raises(StylizeError, match="at step 1: "):
        run(point, given(point, [bad]))


def test_a_batch_that_is_met_exactly_is_no_explosion():
    point = Point(0.0)
    losses = [0.0, 0.0, *([1e-14] * 3), 0.0, 1e-13]
    assert len(run(point, given(point, losses), replace(CONFIG, steps=len(losses)))) == len(losses)


def test_one_easy_batch_among_the_first_does_not_make_the_others_explosions():
    point = Point(0.0)
    losses = [1.0] * 5 + [1e-4] + [1.0] * 30
    assert len(run(point, given(point, losses), replace(CONFIG, steps=len(losses)))) == len(losses)


def test_first_goes_on_as_if_it_had_never_stopped():
    config = replace(CONFIG, steps=40)

    def made():
        point = Point(3.0, -1.0)
        return point, lambda step: {"a": (point.place - step / 10).square()}

    whole, losses = made()
    want = run(whole, losses, config)
    half, losses = made()
    optimizer = training.optimizer(half, config)
    course = fit(losses, optimizer, config)
    got = [next(course) for _ in range(15)]
    again, losses = made()
    again.load_state_dict(half.state_dict())
    resumed = training.optimizer(again, config)
    resumed.load_state_dict(optimizer.state_dict())
    got += fit(losses, resumed, config, first=15)
    assert got == want
    assert torch.equal(again.place, whole.place)


def test_a_training_that_is_done_has_nothing_left_to_do():
    point = Point(1.0)
    assert run(point, given(point, []), first=CONFIG.steps) == []


def test_a_step_waits_for_a_device_once(reads):
    point = Point(3.0)
    terms = {name: lambda: point.place.square() for name in "abc"}
    steps = fit(
        lambda _: {name: term() for name, term in terms.items()},
        torch.optim.SGD([point.place], lr=0.1),  # Adam counts on the CPU
        CONFIG,
    )
    next(steps)
    assert reads(lambda: next(steps)) == (0, 1)

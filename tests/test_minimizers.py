from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from stylize_cli.minimizers import COARSEST, MOST_TRIALS, Evaluation, adam, coarse_first, lbfgs

pytest_plugins = ["reads"]
MINIMIZERS = pytest.mark.parametrize("minimize", [lbfgs, adam])
NUMBERS = (0.0, 1.0)
PER_CHANNEL = tuple(
    torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1)
    for values in ([-2.1, -2.0, -1.8], [2.2, 2.4, 2.6])
)


def objective_of(function, seen=None):
    """Loss and gradient of a function of a tensor; `seen` gets a copy of every point."""

    def objective(x):
        if seen is not None:
            seen.append(x.clone())
        x = x.detach().requires_grad_()
        loss = function(x)
        (gradient,) = torch.autograd.grad(loss, x)
        return Evaluation(loss.item(), gradient)

    return objective


def uniform(*shape, low=0.0, high=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def quadratic(centre, *, seed=0, scale=1.0):
    """½·scale·|A(x - centre)|², and A: random, with singular values from 0.5 to 2."""
    size = centre.numel()
    vectors, _ = torch.linalg.qr(uniform(size, size, low=-1, seed=seed))
    a = (vectors @ torch.diag(torch.linspace(0.5, 2, size).double()) @ vectors.mT).to(centre.dtype)
    return lambda x: 0.5 * scale * (a @ (x - centre).flatten()).square().sum(), a


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def bounded(points, lower, upper):
    return all(bool(((x >= lower) & (x <= upper)).all()) for x in points)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bounds", [NUMBERS, PER_CHANNEL], ids=["numbers", "per channel"])
@pytest.mark.parametrize("reach", [(0.2, 0.8), (-1.0, 2.0)], ids=["inside", "on the bounds"])
@pytest.mark.parametrize(
    ("minimize", "steps", "tolerance"), [(lbfgs, 300, 1e-6), (adam, 600, 2e-3)]
)
def test_bounded_quadratic_agrees_with_scipy(minimize, steps, tolerance, reach, bounds, seed):
    lower, upper = bounds
    centre = lower + (upper - lower) * uniform(1, 3, 2, 2, low=reach[0], high=reach[1], seed=seed)
    function, a = quadratic(centre, seed=seed)
    low, high = (np.broadcast_to(np.asarray(b), centre.shape).ravel() for b in bounds)
    right = a.numpy() @ centre.numpy().ravel()
    want = lsq_linear(a.numpy(), right, bounds=(low, high), tol=1e-14).x
    held = np.isclose(want, low, atol=1e-6) | np.isclose(want, high, atol=1e-6)
    assert not held.all()
    assert held.any() == (reach == (-1.0, 2.0))
    seen = []
    start = (lower + upper) / 2 + torch.zeros_like(centre)
    found = minimize(objective_of(function, seen), start, lower=lower, upper=upper)
    *_, last = islice(found, steps)
    np.testing.assert_allclose(last.x.numpy().ravel(), want, rtol=0, atol=tolerance)
    assert bounded(seen, lower, upper)


NASTY = {
    "valley that ends at a bound": (rosenbrock, [-1.2, 1.0], (-1.5, 0.8), 0.04),
    "valley": (rosenbrock, [-1.2, 1.0], (-2.0, 2.0), 0.0),
    "huge": (lambda x: 1e9 * rosenbrock(x), [-1.2, 1.0], (-1.5, 0.8), 0.04e9),
    "in steps of bfloat16": (
        lambda x: (x - 0.3).square().sum().bfloat16().double() + 1,
        [1.0, 0.9, 0.0],
        (0.0, 1.0),
        1.0,
    ),
    "kinks": (lambda x: (x - 0.3).abs().sum() + 1, [1.0, 0.9, 0.0], (0.0, 1.0), 1.0),
}


@pytest.mark.parametrize(("function", "start", "bounds", "least"), NASTY.values(), ids=NASTY)
def test_lbfgs_never_rises_never_leaves_and_ends(function, start, bounds, least):
    seen = []
    start = torch.tensor(start, dtype=torch.float64)
    found = lbfgs(objective_of(function, seen), start, lower=bounds[0], upper=bounds[1])
    losses = [now.evaluation.loss for now in islice(found, 2000)]
    assert len(losses) < 2000
    assert all(after < before for before, after in pairwise(losses))
    assert losses[-1] - least < 1e-3 * (losses[0] - least)
    assert bounded(seen, *bounds)


def test_lbfgs_uses_curvature():
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    found = list(lbfgs(objective_of(rosenbrock), start, lower=-2, upper=2))
    assert found[-1].evaluations < 100  # steepest descent needs thousands
    torch.testing.assert_close(found[-1].x, torch.ones(2).double(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("power", [30, -20])
def test_lbfgs_takes_the_same_path_at_any_scale_of_the_loss(power):
    centre = uniform(1, 3, 2, 2, low=-0.5, high=1.5).float()
    paths = [
        [now.x for now in islice(lbfgs(objective_of(function), torch.full_like(centre, 0.5)), 12)]
        for function in (quadratic(centre)[0], quadratic(centre, scale=2.0**power)[0])
    ]
    assert len(paths[0]) == 12
    torch.testing.assert_close(*paths, rtol=0, atol=0)


def test_lbfgs_descends_where_squares_of_the_gradient_underflow():
    function, _ = quadratic(uniform(1, 3, 2, 2, low=-0.5, high=1.5).float(), scale=1e-25)
    found = list(islice(lbfgs(objective_of(function), torch.full((1, 3, 2, 2), 0.5)), 12))
    assert found[-1].evaluation.loss < found[0].evaluation.loss


@pytest.mark.parametrize(
    ("function", "start", "evaluations"),
    [
        (lambda x: (x - 0.3).square().sum(), 0.3, 1),
        (lambda x: (x + 1).square().sum(), 0.0, 1),
        (lambda x: (x - 2).square().sum(), 1.0, 1),
        (lambda x: 0 * x.sum(), 0.5, 1),
        (lambda x: x.sum() - x.sum().detach(), 0.5, 11),
    ],
    ids=["least inside", "least at lower", "least at upper", "flat", "flat with a slope"],
)
def test_lbfgs_ends_at_once_where_nothing_is_lower(function, start, evaluations):
    seen = []
    found = list(lbfgs(objective_of(function, seen), torch.full((4,), start)))
    assert [now.evaluations for now in found] == [1]
    assert len(seen) == evaluations


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_lbfgs_steps_back_from_points_without_a_finite_loss(broken):
    seen = []

    def function(x):
        loss = (x - 0.35).square().sum()
        return loss * broken if x.max() > 0.5 else loss

    found = list(lbfgs(objective_of(function, seen), torch.full((4,), 0.1), first_step=0.9))
    assert any(x.max() > 0.5 for x in seen)
    assert all(now.evaluation.loss < 1 for now in found)
    torch.testing.assert_close(found[-1].x, torch.full((4,), 0.35), rtol=0, atol=1e-3)


def test_lbfgs_starts_afresh_where_its_history_leads_nowhere():
    broken = iter(())

    def function(x):
        return (weights * (x - 0.35).square()).sum() + next(broken, 0.0)

    weights = torch.tensor([1.0, 3.0, 9.0])
    found = lbfgs(objective_of(function), torch.full((3,), 0.1))
    for _ in range(3):
        before = next(found)
    broken = iter([float("inf")] * MOST_TRIALS)
    after = list(found)
    assert after[0].evaluations > before.evaluations + MOST_TRIALS
    torch.testing.assert_close(after[-1].x, torch.full((3,), 0.35), rtol=0, atol=1e-3)


@MINIMIZERS
def test_every_call_is_counted(minimize):
    seen = []
    function, _ = quadratic(uniform(1, 3, 2, 2, low=-1, high=2))
    start = uniform(1, 3, 2, 2, seed=1)
    for now in islice(minimize(objective_of(function, seen), start), 20):
        assert now.evaluations == len(seen)
        torch.testing.assert_close(now.x, seen[-1], rtol=0, atol=0)
        assert now.evaluation.loss == function(now.x).item()
    assert len(seen) >= 20


@MINIMIZERS
def test_start_is_clamped_and_left_as_it_was(minimize):
    start = torch.tensor([-1.0, 0.25, 3.0])
    given = start.clone()
    found = list(islice(minimize(objective_of(lambda x: x.square().sum()), start), 3))
    torch.testing.assert_close(found[0].x, torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(start, given)
    assert found[0].evaluation.loss > found[-1].evaluation.loss  # so that no iterate is a view


@MINIMIZERS
@pytest.mark.parametrize(
    ("lower", "upper"), [(0.2, torch.tensor([0.3, 0.9])), (torch.tensor([0.3, 0.9]), 1.0)]
)
def test_a_number_can_bound_one_side_and_a_tensor_the_other(minimize, lower, upper):
    objective = objective_of(lambda x: x.square().sum())
    first = next(minimize(objective, torch.tensor([0.0, 2.0]), lower=lower, upper=upper))
    assert bounded([first.x], lower, upper)


def test_an_iteration_waits_for_a_device_no_more_often_than_it_decides(reads):
    centre = uniform(1, 3, 4, 4)
    steps = lbfgs(objective_of(quadratic(centre)[0]), uniform(1, 3, 4, 4, seed=2), history=6)
    list(islice(steps, 8))  # of full history
    singles, lists = reads(lambda: next(steps))
    assert singles == 1  # the loss, which the test's own objective reads
    assert lists == 3  # the direction; the fall that it promises; the curvature


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_the_guess_is_symmetric_positive_and_1_over_f(size):
    count = size[0] * size[1]
    guess = coarse_first(size, 1.5)
    matrix = guess(torch.eye(count, dtype=torch.float64).view(count, *size)).flatten(1)
    torch.testing.assert_close(matrix, matrix.mT)
    frequencies = [np.hypot(y, x) for y in np.fft.fftfreq(size[0]) for x in np.fft.fftfreq(size[1])]
    want = sorted((COARSEST + f) ** -1.5 for f in frequencies)
    np.testing.assert_allclose(torch.linalg.eigvalsh(matrix), want)


def test_a_true_guess_is_newton_s_method():
    """Of a quadratic whose Hessian is the guess's inverse, all that is left is a line search."""
    size = (8, 8)
    stiff, centre = coarse_first(size, -2.0), uniform(1, 3, *size, low=0.3, high=0.7)

    def loss(x):
        return ((x - centre) * stiff(x - centre)).sum()

    def left(guess):
        start = torch.full_like(centre, 0.5)
        steps = list(islice(lbfgs(objective_of(loss), start, guess=guess), 4))
        return steps[-1].evaluation.loss / steps[0].evaluation.loss

    assert left(coarse_first(size, 2.0)) < 1e-10
    assert left(None) > 1e-4


def test_a_history_in_bfloat16_leads_as_far():
    """In as many steps, on a valley that steepest descent does not get through."""
    found = []
    for kept_in in (None, torch.bfloat16):
        start = torch.tensor([0.1, 0.9])
        points = islice(lbfgs(objective_of(rosenbrock), start, kept_in=kept_in), 40)
        found.append([*points][-1].evaluation.loss)
    assert max(found) < 1e-4

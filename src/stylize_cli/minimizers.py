"""Minimisers of a loss over an image whose values have bounds.

The optimum wanted is that of the image that gets saved, which holds nothing outside its range: an
optimum found without bounds is far worse once it is clipped (docs/methods.md). So every point that
is evaluated here lies inside the bounds.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylize_cli.config import PairType

TYPES: Mapping[PairType, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Bound = float | Tensor
Operator = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]  # how a point and its gradient differ from those before
Pairs = deque[Pair]

SUFFICIENT_DECREASE = 1e-4  # Armijo's constant (Nocedal & Wright, Numerical Optimization, sec. 3.1)
SHRINK = 0.3  # of the step, each time the loss has not fallen enough
MOST_TRIALS = 10  # the last is 51,000 times shorter than the first
COARSEST = 0.05  # cycles a pixel, below which `coarse_first` treats all alike
CURVATURE = 1e-8  # least cosine between s and y for a pair to enter the history


@dataclass(frozen=True)
class Evaluation:
    """A loss, its gradient and its parts by name at one point."""

    loss: float
    gradient: Tensor
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A point a minimiser accepted, and how many evaluations it has taken so far."""

    x: Tensor
    evaluation: Evaluation
    evaluations: int


Objective = Callable[[Tensor], Evaluation]


def lbfgs(
    objective: Objective,
    x: Tensor,
    *,
    lower: Bound = 0.0,
    upper: Bound = 1.0,
    history: int = 10,
    kept_in: torch.dtype | None = None,
    first_step: float = 0.02,
    guess: Operator | None = None,
) -> Iterator[Point]:
    """Projected L-BFGS: the loss never rises from one iterate to the next.

    Values that sit on a bound and are pushed against it are held; the others move along the L-BFGS
    direction (Nocedal & Wright, algorithm 7.4), and the path is clamped to the bounds. A step is
    taken only where the loss falls enough, which is what keeps it from diverging: the first trial
    nearly always does, so an iteration costs one evaluation.

    Args:
        objective: called with a tensor shaped like `x`, inside the bounds.
        x: start, any shape; clamped to the bounds first.
        lower: least value, a number or a tensor that broadcasts to `x`.
        upper: greatest value, likewise.
        history: pairs kept; two tensors like `x` each.
        kept_in: the type of these; None for that of `x`. In bfloat16 they take half of the memory,
            and the directions are hardly other ones.
        first_step: mean change per value of the first trial, in units of `x`.
        guess: the inverse Hessian as it is guessed before the history, up to a factor: symmetric
            and positive, such as `coarse_first`; None for the identity.

    Yields:
        The start, then every accepted point. Ends where no step lowers the loss any more.
    """
    low, high = (torch.as_tensor(b, dtype=x.dtype, device=x.device) for b in (lower, upper))
    x = x.clamp(low, high)
    kept_in = kept_in or x.dtype
    now = objective(x)
    evaluations = 1
    yield Point(x, now, evaluations)
    pairs: Pairs = deque(maxlen=history)
    while True:
        free = ~(((x <= low) & (now.gradient > 0)) | ((x >= high) & (now.gradient < 0)))
        direction, size = _downhill(now.gradient, free, pairs, guess)
        del free  # a large picture leaves no room for what is not needed
        if size == 0:
            return
        length = 1.0 if pairs else first_step / size
        for _ in range(MOST_TRIALS):
            trial = (x + length * direction).clamp(low, high)
            then = objective(trial)
            evaluations += 1
            (expected,) = _read(_dot(now.gradient, trial - x))
            if then.loss <= now.loss + SUFFICIENT_DECREASE * expected and then.loss < now.loss:
                break
            length *= SHRINK
        else:
            if not pairs:
                return
            pairs.clear()  # a stale history: once more from the steepest descent
            continue
        pair = (trial - x).to(kept_in), (then.gradient - now.gradient).to(kept_in)
        if _is_curved(pair, x.dtype):
            pairs.append(pair)
        x, now = trial, then
        yield Point(x, now, evaluations)


def _downhill(
    gradient: Tensor, free: Tensor, pairs: Pairs, guess: Operator | None
) -> tuple[Tensor, float]:
    """The direction of the values that are free, and its mean size.

    A history that leads uphill is forgotten.
    """
    direction = _two_loop(-gradient * free, pairs, guess).mul_(free)
    slope, size = _read(_dot(direction, gradient), direction.abs().mean())
    if slope >= 0:
        pairs.clear()
        direction = _two_loop(-gradient * free, pairs, guess).mul_(free)
        (size,) = _read(direction.abs().mean())
    return direction, size


def _is_curved(pair: Pair, dtype: torch.dtype) -> bool:
    """Whether the loss curves upwards from one point to the next, as an inverse Hessian wants."""
    step, change = (one.to(dtype) for one in pair)
    curvature, most = _read(_dot(step, change), step.norm() * change.norm())
    return curvature > CURVATURE * most > 0


def coarse_first(size: tuple[int, int], exponent: float = 1.0) -> Operator:
    """A guess of the inverse Hessian of a loss of images: the coarser a form, the longer its step.

    A picture's own amplitudes fall as 1/f, and a loss of VGG's features is the steeper the finer
    what changes is (Olah et al., Feature Visualization, 2017, "Preconditioning").

    Args:
        size: (height, width) of the images.
        exponent: e in 1 / (f₀ + f)^e, f in cycles a pixel.

    Returns:
        (…, H, W) -> the same shape, filtered.
    """

    def filtered(image: Tensor) -> Tensor:
        rows = torch.fft.fftfreq(size[0], device=image.device, dtype=image.dtype)[:, None]
        columns = torch.fft.rfftfreq(size[1], device=image.device, dtype=image.dtype)
        gain = (COARSEST + (rows.square() + columns.square()).sqrt()) ** -exponent
        result: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * gain, s=size)
        return result

    return filtered


def _two_loop(vector: Tensor, pairs: Pairs, guess: Operator | None) -> Tensor:
    """The inverse Hessian that the pairs (s, y) stand for, times a vector, which is overwritten."""
    if not pairs:
        return guess(vector) if guess else vector
    done = []
    for pair in reversed(pairs):
        step, change = (one.to(vector.dtype) for one in pair)
        alpha = _dot(step, vector) / _dot(step, change)
        vector.addcmul_(change, alpha, value=-1)
        done.append((pair, alpha))
    step, change = (one.to(vector.dtype) for one in pairs[-1])
    if guess:
        vector = guess(vector).mul_(_dot(step, change) / _dot(change, guess(change)))
    else:
        vector.mul_(_dot(step, change) / _dot(change, change))
    for pair, alpha in reversed(done):
        step, change = (one.to(vector.dtype) for one in pair)
        beta = _dot(change, vector) / _dot(step, change)
        vector.addcmul_(step, alpha - beta)
    return vector


def adam(
    objective: Objective,
    x: Tensor,
    *,
    lower: Bound = 0.0,
    upper: Bound = 1.0,
    rate: float = 0.02,
) -> Iterator[Point]:
    """Adam, clamped to the bounds after every step. Its loss may rise: keep the best iterate.

    Args:
        objective: called with a tensor shaped like `x`, inside the bounds.
        x: start, any shape; clamped to the bounds first.
        lower: least value, a number or a tensor that broadcasts to `x`.
        upper: greatest value, likewise.
        rate: learning rate, in units of `x`.

    Yields:
        The start, then the point after every step, without end.
    """
    low, high = (torch.as_tensor(b, dtype=x.dtype, device=x.device) for b in (lower, upper))
    x = x.clamp(low, high)
    optimizer = torch.optim.Adam([x], lr=rate)
    evaluations = 0
    while True:
        now = objective(x)
        evaluations += 1
        yield Point(x.clone(), now, evaluations)
        x.grad = now.gradient
        optimizer.step()
        x.clamp_(low, high)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.flatten(), b.flatten())


def _read(*values: Tensor) -> list[float]:
    """Numbers of the device at once: a GPU would wait at each."""
    numbers: list[float] = torch.stack(values).tolist()
    return numbers

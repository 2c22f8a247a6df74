"""Muon (Jordan et al. 2024): steps as long in one direction of a kernel as in another."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95  # kernels: Jordan et al.
BETAS, TINY = (0.9, 0.999), 1e-8  # all else: Adam (Kingma & Ba 2015, alg. 1)
ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)  # steepest at 0, bounded on [0, 1]: Jordan et al.


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for kernels of convolutions, Adam for γ, β and biases.

    A kernel's momentum, as a matrix (out, in·k²), is replaced by one with the same singular vectors
    and singular values of about 1, so that directions with a small gradient are learnt too.

    Args:
        parameters: of a network.
        lr: length of a step: of a kernel in every direction, of a vector in every value.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of all that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update = _orthogonal_step if parameter.dim() == 4 else _adam_step
                    update(parameter, parameter.grad, self.state[parameter], group["lr"])


def _orthogonal_step(kernel: Tensor, grad: Tensor, state: dict[str, Any], lr: float) -> None:
    momentum = state.setdefault("momentum", torch.zeros_like(kernel))
    momentum.lerp_(grad, 1 - MOMENTUM)
    direction = orthogonalised(grad.lerp(momentum, MOMENTUM).flatten(1))  # Nesterov's
    height, width = direction.shape
    scale = max(1.0, height / width) ** 0.5
    kernel.add_(direction.view_as(kernel), alpha=-lr * scale)


def _adam_step(vector: Tensor, grad: Tensor, state: dict[str, Any], lr: float) -> None:
    mean = state.setdefault("mean", torch.zeros_like(vector))
    square = state.setdefault("square", torch.zeros_like(vector))
    state["step"] = step = state.get("step", 0) + 1
    mean.lerp_(grad, 1 - BETAS[0])
    square.lerp_(grad.square(), 1 - BETAS[1])
    deviation = (square / (1 - BETAS[1] ** step)).sqrt() + TINY
    vector.addcdiv_(mean, deviation, value=-lr / (1 - BETAS[0] ** step))


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix of the same singular vectors, and singular values between about 0.7 and 1.2.

    Five Newton-Schulz iterations, whose polynomial is steeper at 0 than one that converges to 1.

    Args:
        matrix: (M, N), any scale.

    Returns:
        (M, N); zeros where the input is.
    """
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.T if tall else matrix) / (matrix.norm() + TINY)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x

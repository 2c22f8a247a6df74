"""Muon (Jordan et al. 2024): steps as long in one direction of a kernel as in another."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stylize_cli import devices

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
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            vectors = [one for one in moved if one.dim() != 4]
            for kernels in _alike([one for one in moved if one.dim() == 4]):
                self._orthogonal_step(kernels, group["lr"])
            if vectors:
                self._adam_step(vectors, group["lr"])

    def _orthogonal_step(self, kernels: list[Tensor], lr: float) -> None:
        grads, momenta = _grads(kernels), self._kept("momentum", kernels)
        torch._foreach_lerp_(momenta, grads, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(grads, momenta, MOMENTUM)  # Nesterov's
        directions = orthogonalised(torch.stack([one.flatten(1) for one in ahead]))
        height, width = directions.shape[1:]
        scale = max(1.0, height / width) ** 0.5
        moves = directions.view(-1, *kernels[0].shape).unbind()
        torch._foreach_add_(kernels, moves, alpha=-lr * scale)

    def _adam_step(self, vectors: list[Tensor], lr: float) -> None:
        grads = _grads(vectors)
        means, squares = self._kept("mean", vectors), self._kept("square", vectors)
        for one in vectors:
            self.state[one]["step"] = self.state[one].get("step", 0) + 1
        steps = [self.state[one]["step"] for one in vectors]
        torch._foreach_lerp_(means, grads, 1 - BETAS[0])
        torch._foreach_lerp_(squares, torch._foreach_mul(grads, grads), 1 - BETAS[1])
        deviations = torch._foreach_div(squares, [1 - BETAS[1] ** step for step in steps])
        torch._foreach_sqrt_(deviations)
        torch._foreach_add_(deviations, TINY)
        rates = [-lr / (1 - BETAS[0] ** step) for step in steps]
        torch._foreach_addcdiv_(vectors, means, deviations, rates)

    def _kept(self, name: str, parameters: list[Tensor]) -> list[Tensor]:
        """What is remembered of each under that name, zeros at first."""
        for one in parameters:
            if name not in self.state[one]:
                self.state[one][name] = torch.zeros_like(one)
        return [self.state[one][name] for one in parameters]


def _alike(kernels: list[Tensor]) -> Iterable[list[Tensor]]:
    """Kernels of one shape, which a GPU moves at once; or each by itself."""
    groups: dict[object, list[Tensor]] = {}
    for place, one in enumerate(kernels):
        groups.setdefault(one.shape if devices.at_once(one) else place, []).append(one)
    return groups.values()


def _grads(parameters: list[Tensor]) -> list[Tensor]:
    return [one.grad for one in parameters if one.grad is not None]


def orthogonalised(matrices: Tensor) -> Tensor:
    """Matrices of the same singular vectors, and singular values between about 0.7 and 1.2.

    Five Newton-Schulz iterations, whose polynomial is steeper at 0 than one that converges to 1.

    Args:
        matrices: (B, M, N), any scale.

    Returns:
        (B, M, N); zeros where the input is.
    """
    a, b, c = QUINTIC
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + TINY)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x

import pytest
import torch
from torch import nn

from stylize_cli.muon import Muon, orthogonalised


def rand(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 27), (40, 8), (16, 16)])
def test_directions_are_kept_and_all_of_about_one_strength(shape):
    matrix = rand(*shape)
    found = orthogonalised(1e-3 * matrix)
    left, strengths, right = torch.linalg.svd(matrix, full_matrices=False)
    in_its_own_directions = left.T @ found @ right.T
    here = strengths > strengths.max() / 50  # weaker ones are lifted, but not all the way
    assert ((in_its_own_directions.diag()[here] - 1).abs() < 0.4).all()
    away = in_its_own_directions - in_its_own_directions.diag().diag()
    assert away.abs().max() < 1e-4


def test_nothing_is_no_direction():
    assert not orthogonalised(torch.zeros(3, 5)).any()


def test_vectors_are_adams():
    ours, theirs = nn.Parameter(rand(7)), nn.Parameter(rand(7))
    optimizers = Muon([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01)
    for step in range(20):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = rand(7, seed=step) + parameter.detach()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has it since 2.9")
@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (40, 8, 1, 1)])
def test_kernels_are_torchs_muon(shape):
    kernel = nn.Parameter(rand(*shape))
    matrix = nn.Parameter(kernel.detach().flatten(1).clone())
    start = matrix.detach().clone()
    ours = Muon([kernel], lr=0.01)
    theirs = torch.optim.Muon([matrix], lr=0.01, weight_decay=0)
    for step in range(5):
        kernel.grad = rand(*shape, seed=step)
        matrix.grad = kernel.grad.flatten(1)
        ours.step()
        theirs.step()
    apart = (kernel.detach().flatten(1) - matrix.detach()).norm()
    assert apart < 0.03 * (matrix.detach() - start).norm()  # torch's works in bfloat16


def test_what_has_no_gradient_stays():
    kernel, vector = nn.Parameter(rand(4, 4, 3, 3)), nn.Parameter(rand(4))
    before = [kernel.detach().clone(), vector.detach().clone()]
    Muon([kernel, vector], lr=0.1).step()
    assert kernel.equal(before[0])
    assert vector.equal(before[1])

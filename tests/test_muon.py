import pytest
import torch
from torch import nn

from stylize_cli import devices
from stylize_cli.muon import Muon, orthogonalised


def rand(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 27), (40, 8), (16, 16)])
def test_directions_are_kept_and_all_of_about_one_strength(shape):
    matrix = rand(*shape)
    found = orthogonalised(1e-3 * matrix[None])[0]
    left, strengths, right = torch.linalg.svd(matrix, full_matrices=False)
    in_its_own_directions = left.T @ found @ right.T
    here = strengths > strengths.max() / 50  # weaker ones are lifted, but not all the way
    assert ((in_its_own_directions.diag()[here] - 1).abs() < 0.4).all()
    away = in_its_own_directions - in_its_own_directions.diag().diag()
    assert away.abs().max() < 1e-4


def test_nothing_is_no_direction():
    assert not orthogonalised(torch.zeros(1, 3, 5)).any()


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


@pytest.mark.parametrize("at_once", [False, True], ids=["CPU", "GPU"])
def test_each_is_moved_as_if_it_were_alone(monkeypatch, at_once):
    monkeypatch.setattr(devices, "at_once", lambda _: at_once)
    shapes = [(6, 4, 3, 3), (4,), (6, 4, 3, 3), (4, 6, 1, 1), (7,)]
    together = [nn.Parameter(rand(*shape, seed=k)) for k, shape in enumerate(shapes)]
    alone = [nn.Parameter(one.detach().clone()) for one in together]
    optimizers = [Muon(together, lr=0.1), *(Muon([one], lr=0.1) for one in alone)]
    for step in range(3):
        for k, (a, b) in enumerate(zip(together, alone, strict=True)):
            late = k == 1 and not step  # has no gradient at first
            a.grad = b.grad = None if late else rand(*a.shape, seed=10 * step + k)
        for optimizer in optimizers:
            optimizer.step()
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b)

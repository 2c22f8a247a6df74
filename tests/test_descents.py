import pytest
import torch

from stylize_cli import descents
from stylize_cli.descents import Climb


@pytest.mark.parametrize("size", [(12, 16), (11, 13)])
@pytest.mark.parametrize("edges", ["clean", "trained"])
@pytest.mark.parametrize("pool", ["max", "avg"])
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("layer", ["relu2_1", "pool2", "relu3_1"])
def test_the_way_down_is_autograd_s(layer, keeps, pool, edges, size, make_narrow):
    describe = make_narrow(pool=pool, edges=edges, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    maps = {"relu2_1": 4, "pool2": 5, "relu3_1": 5}[layer]
    x = torch.randn((1, maps, *size), generator=generator, dtype=torch.float64).relu()
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    y = describe.layer(x, layer)
    given = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    (want,) = torch.autograd.grad(y, x, given)
    with torch.no_grad():
        step = descents.step(describe, Climb(layer, 1, x, y), keeps=keeps)
        got = descents.down(describe, step, given.clone())
    assert (step.maps is None) == (not keeps)
    torch.testing.assert_close(got, want)

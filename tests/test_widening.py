import pytest
import torch

from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS, widening


def trained(width, generator="conditional"):
    random = torch.Generator().manual_seed(0)
    network = KINDS[generator].build(styles=2, width=width)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random))
    return network


@pytest.mark.parametrize("generator", ["conditional", "halved"])
@pytest.mark.parametrize("width", [4, 5, 7, 8])
def test_a_wider_network_computes_the_same(generator, width, monkeypatch):
    monkeypatch.setattr(widening, "DISTURBANCE", 0.0)
    narrow, wide = trained(4, generator), KINDS[generator].build(styles=2, width=width)
    random = torch.Generator().manual_seed(1)
    wide.load_state_dict(widening.widened(narrow.state_dict(), 4, width, random=random))
    photo = torch.rand(2, 3, 24, 20, generator=random)
    mix = torch.eye(2)
    with torch.no_grad():
        torch.testing.assert_close(wide(photo, mix), narrow(photo, mix), atol=2e-5, rtol=0)


def test_copies_differ():
    random = torch.Generator().manual_seed(1)
    weights = widening.widened(trained(4).state_dict(), 4, 8, random=random)
    kernel = weights["down.0.conv.weight"]
    assert len({tuple(one.flatten().tolist()) for one in kernel}) == len(kernel)


@pytest.mark.parametrize("width", [3, 9])
def test_other_widths_are_refused(width):
    with pytest.raises(StylizeError, match=f"width 4 can start one of width 4 to 8, not {width}"):
        widening.widened(trained(4).state_dict(), 4, width, random=torch.Generator())

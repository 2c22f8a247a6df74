"""Layers in fewer operations: the numbers stay."""

import pytest
import torch

from stylize_cli.engines import blocks
from stylize_cli.generators import KINDS
from stylize_cli.generators.layers import DoublingConv


@pytest.fixture(autouse=True)
def exact():
    """Everything but a style net's last step in float64, so that a difference is no rounding."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def assert_close(found, want):
    torch.testing.assert_close(found, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", ["reflect", "zeros", "circular"])
@pytest.mark.parametrize(("kernel", "out", "bias"), [(3, 1, True), (5, 3, False), (9, 3, True)])
def test_a_blocked_convolution_is_the_convolution(mode, kernel, out, bias):
    conv = torch.nn.Conv2d(5, out, kernel, padding=kernel // 2, padding_mode=mode, bias=bias)
    image = torch.rand(2, 5, 10, 14)
    assert_close(blocks.Blocked(conv)(image), conv(image))


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 3), (10, 7), (9, 13)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("block", "kernel"), [("Phased", 3), ("Centred", 5), ("Phased", 7), ("Centred", 9)]
)
def test_at_the_size_of_its_input_it_is_the_convolution_of_the_doubled_image(
    block, kernel, bias, size
):
    conv = DoublingConv(5, 3, kernel, bias=bias)
    image = torch.rand(2, 5, *size)
    assert_close(getattr(blocks, block)(conv)(image), conv(image))


@pytest.mark.parametrize("mode", ["reflect", "zeros"])
@pytest.mark.parametrize(("kernel", "bias"), [(1, False), (5, True), (9, False)])
def test_a_convolution_of_stride_two_is_the_same_on_squares_of_pixels(mode, kernel, bias):
    conv = torch.nn.Conv2d(3, 5, kernel, 2, kernel // 2, padding_mode=mode, bias=bias)
    image = torch.rand(2, 3, 10, 14)
    assert_close(blocks.Unshuffled(conv)(image), conv(image))


@pytest.mark.parametrize("size", [(8, 8), (12, 28), (20, 8), (36, 44)])
@pytest.mark.parametrize("generator", ["conditional", "halved"])
def test_a_style_net_in_one_piece_is_the_network(generator, size):
    """Of two pictures and two styles, whose statistics must not mix."""
    network = KINDS[generator].build(styles=2, width=4).eval()
    for name, value in network.named_parameters():
        if name.endswith(("gamma", "beta")):
            torch.nn.init.normal_(value)
    image, mix = torch.rand(2, 3, *size), torch.tensor([[1.0, 0.0], [0.3, 0.7]])
    want = network(image, mix)
    assert want.std() > 1e-2
    blocks.rewrite(network)
    assert_close(network(image, mix), want)
    assert_close(blocks.whole(network)(image, mix), want)


def test_a_network_of_another_kind_is_the_same_too():
    network = KINDS["upscaler"].build(factor=4, width=8).eval()
    torch.nn.init.normal_(network.head.weight)
    image = torch.rand(1, 3, 7, 5)
    want = network(image)
    blocks.rewrite(network)
    assert blocks.whole(network) is network
    assert_close(network(image), want)

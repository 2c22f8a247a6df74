import inspect

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn import functional as F

from stylize_cli import devices, engines
from stylize_cli.generators import KINDS, johnson, width_of
from stylize_cli.generators.conditional import ConditionalTransform
from stylize_cli.generators.halved import HalvedTransform
from stylize_cli.generators.johnson import JohnsonTransform
from stylize_cli.generators.layers import (
    EPSILON,
    ConditionalInstanceNorm,
    Conv,
    DoublingConv,
    Residual,
    Tanh,
    doubled,
    instance_norm,
    wrapped,
)
from stylize_cli.generators.superres import JohnsonUpscaler, Upscaler, degraded

IMAGE_256 = torch.zeros(1, 3, 256, 256)
RELU = pytest.mark.parametrize("relu", [True, False])


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def varied(network, *, seed=0, gamma=1.0):
    """The network with parameters that no initialisation makes special."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in network.named_parameters():
            scale = 0.3 if "weight" in name else gamma
            values.copy_(scale * torch.randn(values.shape, generator=generator))
    return network


def count(network):
    return sum(values.numel() for values in network.parameters())


def shapes(network, kinds, *inputs):
    """(maps, side) of what every module of these kinds returns, in order."""
    found = []
    for module in network.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda *call: found.append(tuple(call[-1].shape[1:3])))
    with torch.no_grad():
        network(*inputs)
    return found


# The papers' tables.


@pytest.mark.parametrize(
    ("generator", "arguments", "parameters"),
    [
        ("conditional", {"styles": 1}, 1_677_638),
        ("conditional", {"styles": 32}, 1_677_638 + 31 * 3_206),
        # Where the paper's has 9×9 3-32, 3×3 32-64, 3×3 64-32, 9×9 32-3 and two norms of 32 maps.
        ("halved", {"styles": 1, "blocks": 5}, 1_677_638 - 52_544 + 5**2 * 3 * 64 + 9**2 * 64 * 3),
        ("halved", {"styles": 1, "width": 24}, 763_686),  # as docs/methods.md says of these
        ("halved", {"styles": 24, "width": 24}, 763_686 + 23 * 1_926),
        ("johnson", {}, 1_679_235),
        ("johnson-upscaler", {"factor": 4}, 401_859),
        ("johnson-upscaler", {"factor": 8}, 438_915),
        ("upscaler", {"factor": 4}, 330_403),  # likewise
        ("upscaler", {"factor": 4, "blocks": 16}, 330_403 + 12 * 2 * (9 * 64**2 + 64)),
    ],
)
def test_parameters_are_as_many_as_the_papers_tables_hold(generator, arguments, parameters):
    assert count(KINDS[generator].build(**arguments)) == parameters


def test_johnsons_maps_shrink_and_grow_as_in_its_table():
    got = shapes(JohnsonTransform(width=1), (Conv, Residual, nn.ConvTranspose2d), IMAGE_256)
    blocks = [(4, side) for k in range(5) for side in (82 - 4 * k, 80 - 4 * k, 80 - 4 * k)]
    assert got == [(1, 336), (2, 168), (4, 84), *blocks, (2, 128), (1, 256), (3, 256)]


def test_an_update_of_johnsons_network_does_not_saturate_its_head():
    network, photo = JohnsonTransform(), normal(2, 3, 48, 48).float()
    before = network(photo)
    assert before.std() < 0.05  # about grey, with room either way
    before.mean().neg().backward()
    torch.optim.Adam(network.parameters(), lr=1e-3).step()
    assert (network(photo) - before).abs().max() < 0.25


def test_dumoulins_maps_shrink_and_grow_as_in_its_table():
    network = ConditionalTransform(styles=1, width=1)
    got = shapes(network, Conv, IMAGE_256, torch.ones(1, 1))
    assert got == [(1, 256), (2, 128), (4, 64), *[(4, 64)] * 10, (2, 128), (1, 256), (3, 256)]


@pytest.mark.parametrize(("given", "blocks"), [({}, 4), ({"blocks": 5}, 5)])
def test_no_maps_but_the_result_have_the_image_s_size(given, blocks):
    network = HalvedTransform(styles=1, width=1, **given)
    got = shapes(network, Conv, IMAGE_256, torch.ones(1, 1))
    assert got == [(2, 128), (4, 64), *[(4, 64)] * 2 * blocks, (2, 128), (3, 256)]


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("build", [JohnsonUpscaler, Upscaler])
def test_an_upscaler_multiplies_both_sides(build, factor):
    output = build(factor=factor, width=2)(normal(2, 3, 7, 9).float())
    assert output.shape == (2, 3, 7 * factor, 9 * factor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("generator", "arguments"),
    [
        ("conditional", {"styles": 2}),
        ("halved", {"styles": 2}),
        ("johnson", {}),
        ("johnson-upscaler", {"factor": 2}),
        ("upscaler", {"factor": 2}),
    ],
)
def test_a_generator_computes_in_its_inputs_type_and_stays_float32(generator, arguments, dtype):
    network = varied(KINDS[generator].build(width=2, **arguments))
    mix = (torch.eye(2),) if KINDS[generator].takes_mix else ()
    seen = []
    for module in network.modules():
        if isinstance(module, Conv):
            module.register_forward_hook(lambda *call: seen.append(call[-1].dtype))
    image = normal(2, 3, 44, 48).sigmoid().float()
    output = network(image.to(dtype), *mix)
    output.square().mean().backward()
    assert set(seen) == {dtype}
    assert output.dtype == torch.float32
    assert {values.grad.dtype for values in network.parameters()} == {torch.float32}
    want = network(image, *mix)
    assert (output - want).square().mean() < 0.02 * want.var()


# Layers.


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 9])
@pytest.mark.parametrize(
    ("padding", "mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_a_convolution_sees_the_border_as_numpy_pads_it(padding, mode, kernel, stride):
    conv = Conv(2, 3, kernel, stride=stride, padding=padding).double()
    x = normal(1, 2, 10, 13)
    margin = [(0, 0), (0, 0), *[(kernel // 2,) * 2] * 2]
    padded = torch.from_numpy(np.pad(x.numpy(), margin, mode=mode))
    torch.testing.assert_close(conv(x), F.conv2d(padded, conv.weight, stride=stride))


@pytest.mark.parametrize(("padding", "margin"), [("none", 2), ("zeros", 0)])
def test_a_block_that_adds_nothing_hands_on_its_input_in_place(padding, margin):
    block = Residual(3, padding=padding)
    nn.init.zeros_(block.body[-1].weight)
    x = normal(2, 3, 9, 11, dtype=torch.float32)
    torch.testing.assert_close(block(x), x[..., margin : 9 - margin, margin : 11 - margin])


def test_doubling_repeats_every_pixel():
    x = normal(2, 3, 4, 5)
    assert np.array_equal(doubled(x), np.kron(x, np.ones((2, 2))))


@pytest.mark.parametrize(("kernel", "mode"), [(3, "reflect"), (3, "edge"), (9, "edge")])
def test_a_doubling_convolution_is_one_of_numpy_s_doubled_image(kernel, mode):
    conv = DoublingConv(2, 3, kernel).double()
    x = normal(1, 2, 5, 7)
    margin = [(0, 0), (0, 0), *[(kernel // 2,) * 2] * 2]
    padded = torch.from_numpy(np.pad(np.kron(x, np.ones((2, 2))), margin, mode=mode))
    torch.testing.assert_close(conv(x), F.conv2d(padded, conv.weight))


def test_the_paper_head_spans_150_levels_around_the_mean_colour():
    far = torch.full((1, 3, 1, 1), 50.0)
    mean = np.array([123.68, 116.779, 103.939])
    for x, want in ((far, mean + 150), (-far, mean - 150), (0 * far, mean)):
        np.testing.assert_allclose(255 * Tanh()(x).flatten(), want, rtol=1e-5)


def test_the_mean_colour_lies_where_the_network_does_and_in_no_file(monkeypatch):
    with torch.device("meta"):  # as a file's network is laid out before its weights are seen
        head = Tanh()
    assert not head.state_dict()
    monkeypatch.setattr(torch, "tensor", None)  # nothing is made, or sent, at each call
    x = normal(1, 3, 4, 4, dtype=torch.float32)
    torch.testing.assert_close(head(x)[0, 0], 150 / 255 * x[0, 0].tanh() + 123.68 / 255)
    assert head(x.to("meta")).shape == x.shape  # whose memory alone is to be known
    assert head.to("meta").mean.is_meta


# Circular padding.


@pytest.mark.parametrize("margin", [1, 3])
def test_values_and_gradients_are_those_of_torchs_circular_padding(margin):
    x = normal(2, 3, 5, 4).requires_grad_()
    got, want = wrapped(x, margin), F.pad(x, (margin,) * 4, mode="circular")
    assert got.equal(want)
    up = normal(*want.shape, seed=1)
    found, expected = (torch.autograd.grad(out, x, up)[0] for out in (got, want))
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        assert wrapped(x, margin).equal(want)


def test_circular_padding_keeps_channels_last_there_and_back():
    x = normal(2, 3, 5, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = wrapped(x, 1)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    for maps in (out, gradient):
        assert maps.is_contiguous(memory_format=torch.channels_last)


# Conditional instance normalisation.


def oracle(x, gamma, beta, *, relu):
    """PyTorch's own, sample by sample."""
    rows = zip(x, gamma, beta, strict=True)
    out = torch.cat([F.instance_norm(a[None], weight=g, bias=b, eps=EPSILON) for a, g, b in rows])
    return out.relu() if relu else out


def norm_and_mix(*, maps=3):
    norm = varied(ConditionalInstanceNorm(maps, 2).double())
    return norm, torch.tensor([[1.0, 0.0], [0.3, 0.7]], dtype=torch.float64)


@RELU
def test_values_and_gradients_are_those_of_torchs_instance_norm(relu):
    norm, mix = norm_and_mix()
    x, up = normal(2, 3, 5, 4), normal(2, 3, 5, 4, seed=1)
    inputs = x.requires_grad_(), norm.gamma, norm.beta
    got = norm(x, mix, relu=relu)
    want = oracle(x, mix @ norm.gamma, mix @ norm.beta, relu=relu)
    torch.testing.assert_close(got, want)
    for a, b in zip(*(torch.autograd.grad(out, inputs, up) for out in (got, want)), strict=True):
        torch.testing.assert_close(a, b)


@RELU
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_a_gpu_does_at_once_is_what_is_done_one_by_one(monkeypatch, relu, dtype):
    found = []
    for at_once in (False, True):
        monkeypatch.setattr(devices, "at_once", lambda _, chosen=at_once: chosen)
        x = normal(3, 4, 7, 5).to(dtype).contiguous(memory_format=torch.channels_last)
        gamma, beta, up = (
            normal(3, 4, seed=1).float(),
            normal(3, 4, seed=2).float(),
            normal(3, 4, 7, 5),
        )
        given = [one.requires_grad_() for one in (x, gamma, beta)]
        out = instance_norm(*given, relu=relu)
        found.append((out, *torch.autograd.grad(out, given, up.to(dtype))))
    for got, want in zip(*found, strict=True):
        assert got.dtype == want.dtype
        tolerance = 1e-5 if dtype == torch.float32 else 0.02  # of values of about 1
        torch.testing.assert_close(got, want, atol=tolerance, rtol=tolerance)
    assert found[1][0].is_contiguous(memory_format=torch.channels_last)


@RELU
def test_gradients_are_those_of_finite_differences(relu):
    norm, mix = norm_and_mix()

    def function(x, gamma, beta, mix):
        return torch.func.functional_call(
            norm, {"gamma": gamma, "beta": beta}, (x, mix), {"relu": relu}
        )

    inputs = normal(2, 3, 3, 4), norm.gamma.detach(), norm.beta.detach(), mix
    assert torch.autograd.gradcheck(
        function, [values.clone().requires_grad_() for values in inputs]
    )


@RELU
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_training_and_inference_agree(relu, dtype):
    norm, mix = norm_and_mix()
    norm, mix, x = norm.float(), mix.float(), normal(2, 3, 8, 8).to(dtype)
    trained = norm(x, mix, relu=relu)
    with torch.no_grad():
        used = norm(x, mix, relu=relu)
    assert trained.dtype == used.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(trained, used, atol=tolerance, rtol=tolerance)


@RELU
def test_bfloat16_is_close_to_float32(relu):
    norm, mix = norm_and_mix()
    norm, mix = norm.float(), mix.float()
    x, up = normal(2, 3, 16, 16, dtype=torch.bfloat16) + 1, normal(2, 3, 16, 16, seed=1).float()
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        given = x.detach().to(dtype).requires_grad_()
        out = norm(given, mix, relu=relu)
        grads = torch.autograd.grad(out, (given, norm.gamma, norm.beta), up.to(dtype))
        found.append([values.float() for values in (out, *grads)])
    for want, got in zip(*found, strict=True):
        assert (got - want).norm() < 0.1 * want.norm()  # a ReLU may fall the other way


@RELU
def test_channels_last_comes_out_and_back_as_channels_last(relu):
    norm, mix = norm_and_mix()
    x = normal(2, 3, 5, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = norm(x, mix, relu=relu)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    for values in (out, gradient):
        assert values.is_contiguous(memory_format=torch.channels_last)


# N styles in one network.


def one_style(network, mix):
    """A network of one style, whose γ and β are this mixture of the network's rows."""
    state = network.state_dict()
    for name, values in state.items():
        if name.endswith((".gamma", ".beta")):
            state[name] = (mix[:, None] * values).sum(0, keepdim=True)
    alone = ConditionalTransform(styles=1, width=2)
    alone.load_state_dict(state)
    return alone


@pytest.mark.parametrize("mix", [(1, 0, 0), (0, 0, 1), (0.5, 0.2, 0.3)])
def test_a_mixture_of_styles_is_the_style_of_the_mixed_rows(mix):
    mix = torch.tensor(mix, dtype=torch.float32)
    network = varied(ConditionalTransform(styles=3, width=2))
    image = normal(1, 3, 16, 20, dtype=torch.float32).sigmoid()
    want = one_style(network, mix)(image, torch.ones(1, 1))
    torch.testing.assert_close(network(image, mix[None]), want, atol=1e-4, rtol=1e-4)


def test_each_sample_of_a_batch_has_its_own_style():
    network = varied(ConditionalTransform(styles=3, width=2))
    image = normal(1, 3, 16, 20, dtype=torch.float32).sigmoid()
    together = network(image.expand(3, -1, -1, -1), torch.eye(3))
    for got, row in zip(together, torch.eye(3), strict=True):
        torch.testing.assert_close(got, network(image, row[None])[0], atol=1e-4, rtol=1e-4)
    assert (together[0] - together[1]).abs().mean() > 0.01


@pytest.mark.parametrize("build", [ConditionalTransform, HalvedTransform])
def test_a_constant_picture_stays_constant_up_to_the_border(build):
    network = varied(build(styles=1, width=2), gamma=0.02)
    output = network(torch.full((1, 3, 32, 48), 0.7), torch.ones(1, 1))
    assert output.std((2, 3)).max() < 1e-6
    for module in network.modules():  # what the border would look like
        if isinstance(module, Conv):
            module.padding_mode = "zeros"
    assert network(torch.full((1, 3, 32, 48), 0.7), torch.ones(1, 1)).std((2, 3)).max() > 1e-4


@pytest.mark.parametrize("build", [ConditionalTransform, HalvedTransform])
def test_a_new_network_shows_neither_black_nor_white_nor_nothing(picture, build):
    torch.manual_seed(0)
    output = build(styles=1, width=4)(picture(32, 32), torch.ones(1, 1))
    assert output.min() > 0
    assert output.max() < 1
    assert output.std() > 0.1


# Super-resolution.


def bicubic(image, factor):
    """Keys' cubic convolution with a = -0.75, the border repeated, by its definition."""

    def weight(distance):
        x, a = np.abs(distance), -0.75
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        return np.where(x <= 1, near, np.where(x < 2, a * (x**3 - 5 * x**2 + 8 * x - 4), 0))

    for axis in (2, 3):
        length = image.shape[axis]
        places = (np.arange(length * factor) + 0.5) / factor - 0.5
        matrix = np.zeros((length * factor, length))
        for row, place in enumerate(places):
            for column in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
                matrix[row, np.clip(column, 0, length - 1)] += weight(place - column)
        image = np.moveaxis(np.moveaxis(image, axis, -1) @ matrix.T, -1, axis)
    return image


@pytest.mark.parametrize("factor", [2, 4])
def test_an_untrained_upscaler_is_bicubic_interpolation(factor, picture):
    image = picture(9, 12)
    with torch.no_grad():
        output = Upscaler(factor=factor, width=4)(image)
    np.testing.assert_allclose(output, bicubic(image.double().numpy(), factor), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_an_upscaler_moves_with_its_input(factor, picture):
    network, margin = varied(Upscaler(factor=factor, width=2)), 16  # px, of what a pixel sees
    with torch.no_grad():
        whole = network(picture(40, 44))
        moved = network(picture(40, 44)[..., 3:, 2:])
    inside = (..., *[slice(margin * factor, -margin * factor)] * 2)
    want = whole[..., 3 * factor :, 2 * factor :][inside]
    torch.testing.assert_close(moved[inside], want, atol=1e-4, rtol=1e-4)
    assert (want - F.interpolate(picture(40, 44), scale_factor=factor).mean()).std() > 0.01


@pytest.mark.parametrize("blocks", [None, 1, 7])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_an_upscalers_pixel_looks_no_farther_than_its_halo(factor, blocks):
    given = {"factor": factor, "width": 2, **({} if blocks is None else {"blocks": blocks})}
    halo = engines.About("m", "upscaler", given, (), 1, 3, {}).halo
    network, side = Upscaler(**given).double(), 2 * halo + 5
    with torch.no_grad():  # nothing is negative, so that no ReLU hides what is seen
        for values in network.parameters():
            values.fill_(0.01)
    image = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    middle = side // 2
    rows = slice(middle * factor, (middle + 1) * factor)
    network(image)[..., rows, rows].sum().backward()
    seen = image.grad[0].abs().sum(0).nonzero()
    reach = int((seen - middle).abs().max())
    assert halo - 3 <= reach <= halo


def test_more_blocks_start_as_fewer_were_left(picture):
    few, many = varied(Upscaler(factor=2, width=4)), Upscaler(factor=2, width=4, blocks=6)
    many.load_state_dict(few.state_dict(), strict=False)
    with torch.no_grad():
        torch.testing.assert_close(many(picture(9, 12)), few(picture(9, 12)))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_degrading_is_scipys_gaussian_and_pillows_bicubic(factor, picture):
    image = picture(64, 80)
    got = degraded(image, factor)[0]
    for want, plane in zip(image[0].numpy(), got, strict=True):
        blurred = gaussian_filter(want, 1.0, mode="mirror", truncate=4.0)
        size = 80 // factor, 64 // factor
        small = Image.fromarray(blurred).resize(size, Image.Resampling.BICUBIC)
        np.testing.assert_allclose(plane, np.clip(small, 0, 1), atol=1e-4)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_degrading_leaves_a_constant_as_it_is(factor):
    colour = torch.tensor([0.0, 0.3, 1.0]).view(1, 3, 1, 1)
    small = degraded(colour.expand(2, -1, 32, 48), factor)
    torch.testing.assert_close(small, colour.expand(2, -1, 32 // factor, 48 // factor))


@pytest.mark.parametrize(
    ("generator", "given", "reach"),
    [("conditional", {}, 57), ("halved", {}, 45), ("halved", {"blocks": 5}, 53)],
)
def test_no_pixel_looks_further_than_the_table_says(generator, given, reach, monkeypatch):
    """By the gradient of a column of pixels; statistics apart, which see all."""
    network = KINDS[generator].build(styles=1, width=1, **given)
    halo = engines.About("m", generator, given, ("a",), 1, 4, {}).halo
    monkeypatch.setattr(ConditionalInstanceNorm, "forward", lambda _norm, x, _mix, **_: x)
    for values in network.parameters():
        nn.init.uniform_(values, 0.1, 0.2)
    image = torch.rand(1, 3, 160, 8, requires_grad=True)
    found = set()
    for row in range(80, 84):  # however it lies in the squares that become one position
        shown = network(image, torch.ones(1, 1))[0, :, row].logit()
        (gradient,) = torch.autograd.grad(shown.sum(), image)
        seen = gradient.abs().sum((0, 1, 3)).nonzero()
        found |= {row - seen.min().item(), seen.max().item() - row}
    assert max(found) == reach <= halo < reach + network.multiple


def test_the_table_knows_what_the_networks_are():
    levels = 4
    given = {
        "conditional": {"styles": 2},
        "halved": {"styles": 2},
        "johnson": {},
        "johnson-upscaler": {"factor": 2},
        "pyramid": {"levels": levels},
        "upscaler": {"factor": 2},
    }
    assert given.keys() == KINDS.keys()
    for name, arguments in given.items():
        kind, network = KINDS[name], KINDS[name].build(width=4, **arguments)
        assert kind.multiple(levels) % network.multiple == 0
        parameters = inspect.signature(network.forward).parameters
        assert kind.takes_mix == ("mix" in parameters)
        assert kind.takes_noise == ("inputs" in parameters)
    assert KINDS["johnson"].least(levels) == johnson.MARGIN + 1
    assert KINDS["pyramid"].least(levels) == 16


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_normalising_keeps_channels_last(mode, relu):
    x = torch.randn(2, 3, 6, 5).contiguous(memory_format=torch.channels_last)
    gamma, beta = torch.randn(2, 3), torch.randn(2, 3)
    with mode():
        found = instance_norm(x, gamma, beta, relu=relu)
    mean, deviation = x.mean((2, 3), keepdim=True), x.std((2, 3), correction=0, keepdim=True)
    want = (x - mean) / deviation * gamma[:, :, None, None] + beta[:, :, None, None]
    torch.testing.assert_close(found, want.relu() if relu else want, atol=1e-3, rtol=1e-3)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("generator", "given"),
    [
        ("conditional", {"styles": 1}),
        ("halved", {"styles": 1}),
        ("johnson", {}),
        ("johnson-upscaler", {"factor": 2}),
        ("pyramid", {"image": True}),
        ("upscaler", {"factor": 2}),
    ],
)
def test_what_arguments_leave_out_is_what_the_network_is_built_with(generator, given):
    full = {**given, "width": width_of(generator, given)}
    with torch.device("meta"):
        built = [KINDS[generator].build(**arguments).state_dict() for arguments in (given, full)]
    assert [value.shape for value in built[0].values()] == [v.shape for v in built[1].values()]
    abouts = [engines.About("m", generator, one, ("a",), 16, 4, {}) for one in (given, full)]
    need = [engines.bytes_needed(about, (64, 64), itemsize=4) for about in abouts]
    assert need[0] == need[1]
    assert not abouts[0].is_measured  # a pyramid's usual norm is the batch's

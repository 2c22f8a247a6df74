"""generators.pyramid: the papers' numbers, circular padding, and what frozen statistics are."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stylize_cli.generators import KINDS
from stylize_cli.generators.pyramid import (
    MOMENTUM,
    FrozenNorm,
    Pyramid,
    draw_noise,
    with_image,
)


def noise(size=(64, 32), levels=3, *, batch=1, seed=0):
    return draw_noise(size, levels, batch, torch.Generator().manual_seed(seed))


def trained(norm="batch", **arguments):
    """A network whose statistics are those of its noise, its other parameters random."""
    torch.manual_seed(0)
    settings = {"levels": 3, "width": 4, "norm": norm, **arguments}
    network = Pyramid(**settings)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, mean=0.5, std=0.3)
    with torch.no_grad():
        for step in range(200):
            given = noise((64, 64), settings["levels"], batch=4, seed=step)
            network(*(with_image(given, given[-1]) if "image" in arguments else given))
    return network.eval()


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({}, 71_659),
        ({"levels": 6, "image": True}, 118_211),
        # A trunk of 16 maps where 8 and 16 are published: a branch, two norms, a block, the head.
        (
            {"levels": 2, "trunk": 16},
            (3 * 144 + 16 + 16 * 144 + 16 + 16 * 16 + 16 + 3 * 32)
            + (224 + 584 + 72 + 3 * 16)
            + (2 * 16 + 2 * 8)
            + (24 * 144 + 16 + 16 * 144 + 16 + 16 * 16 + 16 + 3 * 32)
            + 51,
        ),
        ({"levels": 1}, 224 + 584 + 72 + 3 * 16 + 27),  # convolutions, normalisations, head
    ],
)
def test_parameters_are_the_notes(arguments, parameters):
    network = KINDS["pyramid"].build(**arguments)
    assert sum(values.numel() for values in network.parameters()) == parameters


def test_a_join_is_what_the_notes_say():
    """Two levels, written out with torch's own layers."""
    network = trained(levels=2)
    coarse, fine = noise(levels=2)

    def norm(layer, x):
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    def block(layers, x):
        for conv, layer in zip(layers[::3], layers[1::3], strict=True):
            margin = conv.kernel_size[0] // 2
            x = F.pad(x, [margin] * 4, mode="circular")
            x = F.leaky_relu(norm(layer, F.conv2d(x, conv.weight, conv.bias)), 0.01)
        return x

    deep = block(network.branches[0], coarse).repeat_interleave(2, 2).repeat_interleave(2, 3)
    shallow = block(network.branches[1], fine)
    joined = torch.cat([norm(network.deep[0], deep), norm(network.shallow[0], shallow)], 1)
    weight, bias = network.head.weight[:, :, 0, 0], network.head.bias
    expected = torch.einsum("oi,bihw->bohw", weight, block(network.joined[0], joined))
    torch.testing.assert_close(network(coarse, fine), expected + bias[:, None, None])


@pytest.mark.parametrize("training", [False, True])
def test_rolled_noise_gives_the_rolled_texture(training):
    """So that it has no border: whichever copy of it one looks at, it looks the same."""
    network, given = trained(), noise()
    rolled = [one.roll((side, -side), (2, 3)) for one, side in zip(given, (3, 6, 12), strict=True)]
    network.train(training)
    with torch.no_grad():
        expected = network(*given).roll((12, -12), (2, 3))
        torch.testing.assert_close(network(*rolled), expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.05


def test_frozen_a_texture_does_not_depend_on_its_batch_and_in_training_it_does():
    network, one, other = trained(), noise(), noise(seed=1)
    both = [torch.cat(pair) for pair in zip(one, [2 * value for value in other], strict=True)]
    with torch.no_grad():
        alone, together = network(*one), network(*both)[:1]
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
        network.train()
        assert (network(*both)[:1] - network(*one)).abs().mean() > 0.02


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_over_a_stationary_texture_frozen_statistics_are_those_at_hand(norm):
    network = trained(norm)
    given = noise((256, 256), seed=999)
    with torch.no_grad():
        frozen = network(*given)
        at_hand = network.train()(*given)
    assert frozen.std() > 0.05
    assert (frozen - at_hand).std() < 0.1 * frozen.std()


def test_on_photos_the_instance_variant_normalises_by_the_photo_at_hand_once_trained_too():
    torch.manual_seed(0)
    network = Pyramid(levels=3, width=4, norm="instance", image=True)
    drawn = noise(batch=2)
    given = with_image(drawn, torch.rand(2, 3, *drawn[-1].shape[2:]))
    expected = network.train()(*given).detach()
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(*given), expected, atol=1e-4, rtol=0)
        alone = network(*(one[:1] for one in given))
        torch.testing.assert_close(alone, expected[:1], atol=1e-4, rtol=0)
    assert expected.std() > 0.05


def test_in_training_the_instance_variant_is_torch_s_instance_norm():
    norm, oracle = FrozenNorm(3, "instance"), nn.InstanceNorm2d(3, affine=True)
    for layer in (norm, oracle):
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([0.5, 1.0, -2.0]))
            layer.bias.copy_(torch.tensor([0.1, 0.0, 3.0]))
    x = torch.rand(4, 3, 9, 7, generator=torch.Generator().manual_seed(0)) + 5
    weights = torch.rand(4, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    grads = []
    for layer in (norm, oracle):
        given = x.clone().requires_grad_()
        out = layer(given)
        (out * weights).sum().backward()
        grads.append((out.detach(), given.grad, layer.weight.grad, layer.bias.grad))
    for found, expected in zip(*grads, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_remembered_statistics_are_means_over_what_was_seen(norm):
    layer = FrozenNorm(2, norm)
    mean, variance = torch.zeros(2), torch.ones(2)
    for seed in range(5):
        x = 3 + 2 * torch.randn(2, 2, 64, 64, generator=torch.Generator().manual_seed(seed))
        layer(x)
        seen = [x] if norm == "batch" else x.split(1)
        for one in seen:
            mean = mean.lerp(one.mean((0, 2, 3)), MOMENTUM / len(seen))
            variance = variance.lerp(one.var((0, 2, 3)), MOMENTUM / len(seen))
    torch.testing.assert_close(layer.running_mean, mean)
    torch.testing.assert_close(layer.running_var, variance)
    before = layer.running_mean.clone()
    layer.eval()(x + 9)
    assert layer.running_mean.equal(before)


def test_noise_is_uniform_seeded_and_of_every_scale():
    drawn, again = noise(batch=2), noise(batch=2)
    assert [tuple(one.shape) for one in drawn] == [(2, 3, 16, 8), (2, 3, 32, 16), (2, 3, 64, 32)]
    for one, two in zip(drawn, again, strict=True):
        assert one.equal(two)
        assert 0 <= one.min() < one.max() < 1
    assert abs(drawn[-1].mean() - 0.5) < 0.01


def test_a_photo_is_pooled_to_every_scale_and_comes_first():
    photo = torch.rand(1, 3, 64, 32, generator=torch.Generator().manual_seed(5))
    drawn = noise()
    for ratio, one, given in zip((4, 2, 1), drawn, with_image(drawn, photo), strict=True):
        torch.testing.assert_close(given[:, :3], F.avg_pool2d(photo, ratio))
        assert given[:, 3:].equal(one)


@pytest.mark.parametrize("arguments", [{}, {"image": True}])
def test_it_computes_in_the_type_it_is_given_and_answers_in_float32(arguments):
    network, given = trained(**arguments), noise()
    given = with_image(given, given[-1]) if arguments else given
    with torch.no_grad():
        exact, rough = network(*given), network(*(one.bfloat16() for one in given))
    assert exact.dtype == rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().mean() < 0.05 * exact.std()


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_a_photo_is_normalised_by_itself_whatever_was_before_it(norm):
    """The authors' way: in evaluation as in training, by the batch at hand, here of one."""
    network = trained(norm, image=True)
    given = noise()
    inputs = with_image(given, torch.full_like(given[-1], 0.9))  # a sky: like nothing learnt from
    with torch.no_grad():
        found = network(*inputs)
        expected = network.train()(*inputs)
    torch.testing.assert_close(found, expected)
    assert not any("running" in name for name in network.state_dict())

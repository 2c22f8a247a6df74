import colorsys

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import color, exposure

from stylize_cli import colours


def picture(*size, low=0.0, high=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand((1, 3, *size), generator=generator)


def correlated(*size, spread, seed):
    """Colours about (0.4, 0.5, 0.6), mixed by a random matrix, that stay clear of 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.eye(3) + 0.2 * torch.randn((3, 3), generator=generator)
    noise = picture(*size, low=-spread / 2, high=spread / 2, seed=seed + 10)
    mean = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)
    return torch.einsum("ij,bjhw->bihw", mix, noise) + mean


def pixels(image):
    """(1, 3, H, W) -> (H·W, 3) in numpy's float64."""
    return image[0].flatten(1).T.double().numpy()


GREY = picture(7, 9, low=0.3, high=0.7)[:, :1].expand(1, 3, 7, 9)
ODD = {
    "constant": torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1).expand(1, 3, 5, 6),
    "black": torch.zeros(1, 3, 5, 6),
    "white": torch.ones(1, 3, 5, 6),
    "grey": GREY,
    "coloured": correlated(8, 8, spread=0.3, seed=1),
}
MATCHES = pytest.mark.parametrize("match", [colours.match_luminance, colours.match_covariance])


@pytest.mark.parametrize(
    ("rgb", "want"),
    [((1, 0, 0), 0.299), ((0, 1, 0), 0.587), ((0, 0, 1), 0.114), ((1, 1, 1), 1), ((0, 0, 0), 0)],
)
def test_luminance_of_the_primaries(rgb, want):
    y = colours.luminance(torch.tensor(rgb).float().view(1, 3, 1, 1))
    assert y.shape == (1, 1, 1, 1)
    assert y.item() == pytest.approx(want, abs=1e-6)


def test_luminance_agrees_with_pillow():
    levels = np.random.default_rng(0).integers(0, 256, (12, 15, 3), np.uint8)
    image = torch.from_numpy(levels).permute(2, 0, 1)[None].double() / 255
    grey = np.asarray(Image.fromarray(levels).convert("L"))
    y = colours.luminance(image)[0, 0].numpy() * 255
    np.testing.assert_allclose(y, grey, rtol=0, atol=0.51)


def test_own_luminance_changes_nothing():
    image = picture(8, 9)
    torch.testing.assert_close(colours.with_luminance(image, image), image)


def test_with_luminance_takes_y_from_the_source_and_i_and_q_from_the_image():
    image, source = picture(8, 9), picture(8, 9, seed=1)
    result = colours.with_luminance(image, source)
    assert result.min() >= 0
    assert result.max() <= 1
    inside = ((result > 0) & (result < 1)).all(dim=1).flatten()
    assert 10 < inside.sum() < inside.numel()
    y, wanted = colours.luminance(result).flatten(), colours.luminance(source).flatten()
    torch.testing.assert_close(y[inside], wanted[inside])
    for before, after in zip(
        pixels(image)[inside.numpy()], pixels(result)[inside.numpy()], strict=True
    ):
        assert colorsys.rgb_to_yiq(*after)[1:] == pytest.approx(
            colorsys.rgb_to_yiq(*before)[1:], abs=1e-6
        )


def test_match_luminance_gives_a_grey_image_the_mean_and_deviation_of_the_target():
    image, target = picture(8, 9), picture(9, 8, low=0.4, high=0.7, seed=1)
    result = colours.match_luminance(image, target)
    assert result.shape == image.shape
    red, green, blue = pixels(result).T
    np.testing.assert_array_equal(red, green)
    np.testing.assert_array_equal(red, blue)
    wanted = pixels(target) @ [0.299, 0.587, 0.114]
    assert red.mean() == pytest.approx(wanted.mean(), abs=1e-6)
    assert red.std() == pytest.approx(wanted.std(), rel=1e-5)
    y = pixels(image) @ [0.299, 0.587, 0.114]
    assert np.corrcoef(y, red)[0, 1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spread", [0.3, 0.08])
def test_match_covariance_gives_the_mean_and_covariance_of_the_target(spread, seed):
    image = correlated(16, 16, spread=2 * spread / 3, seed=seed)
    target = correlated(8, 32, spread=spread, seed=seed + 5)
    result = colours.match_covariance(image, target)
    assert result.min() > 0
    assert result.max() < 1
    np.testing.assert_allclose(pixels(result).mean(axis=0), pixels(target).mean(axis=0), atol=1e-6)
    wanted = np.cov(pixels(target).T)
    atol = 1e-4 * wanted.max()
    np.testing.assert_allclose(np.cov(pixels(result).T), wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("image", [ODD["coloured"], GREY, ODD["constant"], picture(8, 9)])
def test_matching_the_covariance_of_an_image_to_itself_is_the_identity(image):
    torch.testing.assert_close(colours.match_covariance(image, image), image, rtol=0, atol=1e-5)


def test_matching_the_luminance_of_an_image_to_itself_is_its_luminance():
    image = picture(8, 9)
    want = colours.luminance(image).expand_as(image)
    torch.testing.assert_close(colours.match_luminance(image, image), want)


@MATCHES
@pytest.mark.parametrize("target", ODD.values(), ids=ODD)
@pytest.mark.parametrize("image", ODD.values(), ids=ODD)
def test_odd_images_get_the_mean_of_the_target(match, image, target):
    result = match(image, target)
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    assert ((result >= 0) & (result <= 1)).all()  # and so no NaN
    mean, wanted = colours.luminance(result).mean(), colours.luminance(target).mean()
    assert mean.item() == pytest.approx(wanted.item(), abs=5e-3)  # clamping moves it a little


@MATCHES
def test_what_leaves_the_range_is_clamped(match):
    black_and_white = torch.tensor([0.0, 1.0]).expand(1, 3, 4, 2)
    result = match(picture(8, 9) ** 2, black_and_white)
    assert (result.min(), result.max()) == (0, 1)


@MATCHES
@pytest.mark.parametrize("side", ["image", "target"])
def test_one_pixel_will_do(match, side):
    one, many = picture(1, 1), picture(8, 9, seed=1)
    result = match(one, many) if side == "image" else match(many, one)
    assert ((result >= 0) & (result <= 1)).all()


def test_the_histogram_is_matched_as_skimage_does():
    image = picture(40, 50)[0].permute(1, 2, 0).numpy() ** 2
    target = 0.5 * picture(30, 20, seed=1)[0].permute(1, 2, 0).numpy()
    found = colours.match_histogram(image, target)
    expected = exposure.match_histograms(image, target, channel_axis=2)
    assert np.abs(found - expected).max() < 0.01


def test_matching_a_histogram_leaves_black_black():
    """Half of the image is black, and a bit less than half of the target."""
    image = np.tile(np.linspace(-1, 1, 100, dtype=np.float32).clip(0)[:, None, None], (1, 20, 3))
    target = np.tile(np.linspace(-0.8, 1.2, 100).clip(0, 1)[:, None, None], (1, 20, 3))
    found = colours.match_histogram(image, target.astype(np.float32))
    assert found[image == 0].max() < 0.02
    assert abs(found.mean() - target.mean()) < 0.02


# No colours.


@pytest.mark.parametrize("kind", [torch.Tensor, np.ndarray])
def test_a_picture_without_colours_is_known_and_made(picture, kind):
    def given(tensor):
        return tensor.numpy() if kind is np.ndarray else tensor

    photo = picture(9, 12)
    grey = photo.mean(1, keepdim=True).expand(-1, 3, -1, -1).clone()
    assert not colours.is_grey(given(photo))
    assert colours.is_grey(given(grey))
    grey[0, 0, 3, 4] += 1 / 255  # as JPEG may round
    assert colours.is_grey(given(grey))
    grey[0, 0, 3, 4] += 2 / 255
    assert not colours.is_grey(given(grey))
    made = colours.greyed(given(photo))
    assert isinstance(made, kind)
    assert colours.is_grey(made)
    expected = color.rgb2yiq(photo[0].permute(1, 2, 0).numpy())[..., 0]
    np.testing.assert_allclose(np.asarray(made)[0, 1], expected, atol=2e-3)


def test_of_all_maps_the_one_that_moves_the_colours_least_is_taken(picture):
    """Where the channels are independent, each keeps its own place: no hue is turned."""
    image = 0.3 + 0.4 * picture(64, 64, seed=3)
    factor = torch.tensor([0.9, 0.5, 0.2]).view(1, 3, 1, 1)
    moved = image * factor + 0.05
    torch.testing.assert_close(colours.match_covariance(image, moved).mean(), moved.mean())
    independent = torch.rand((1, 3, 200, 200), generator=torch.Generator().manual_seed(0))
    wanted = independent * factor
    result = colours.match_covariance(independent, wanted)
    torch.testing.assert_close(result, wanted, rtol=0, atol=0.02)


def test_the_noise_of_a_nearly_grey_image_does_not_become_colour(picture):
    noise = 0.004 * (torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(1)) - 0.5)
    grey = (picture(64, 64, seed=1).mean(1, keepdim=True).expand(1, 3, 64, 64) + noise).clamp(0, 1)
    colourful = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    spread = [
        colours.match_covariance(grey, colourful, least)[:, 0] for least in (colours.FLOOR, 1e-3)
    ]
    smooth = colours.match_covariance(grey - noise, colourful, 1e-3)[:, 0]
    assert (spread[1] - smooth).std() < 0.02 < (spread[0] - smooth).std()

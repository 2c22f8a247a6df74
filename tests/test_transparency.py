"""What is transparent is no part of a style: not of its statistics, its colours, its cells."""

from dataclasses import replace

import pytest
import torch

from stylize_cli import hypercolumns, images, metrics, perceptual, transparency
from stylize_cli.config import STYLE_LAYERS
from stylize_cli.config.optimize import TEXTURE
from stylize_cli.config.train import TRAIN_PRESETS
from stylize_cli.descriptor_tiles import Tiled
from stylize_cli.images import Planes
from stylize_cli.methods import optimize
from stylize_cli.methods.pictures import Pictures, keep_colours, with_colours_of
from stylize_cli.statistics import STATISTICS
from stylize_cli.vgg import block_of

SIDE = 96


@pytest.fixture
def painting(picture):
    """(1, 3, 96, 96)."""
    return picture(SIDE, SIDE, seed=3)


@pytest.fixture
def alpha():
    """(1, 1, 96, 96), with a hole in it that is no whole number of positions anywhere."""
    found = torch.ones(1, 1, SIDE, SIDE)
    found[..., 21:75, 13:70] = 0
    return found


@pytest.fixture
def file(painting, alpha, tmp_path):
    """The painting with a hole that hides a glaring colour, as it is read from a file."""
    hidden = torch.tensor([1.0, 0, 1]).view(1, 3, 1, 1)
    images.write(tmp_path / "holed.png", Planes(painting.where(alpha > 0, hidden), alpha))
    return images.read(tmp_path / "holed.png")


@pytest.fixture
def holed(file):
    """The same as a style."""
    return transparency.style_of(file)


def known(describe, image, statistic):
    return describe(image, STYLE_LAYERS, lambda _layer, maps: STATISTICS[statistic].of(maps))


def of_the_opaque(describe, painting, alpha, statistic):
    """What the whole painting shows where it will be opaque, position by position."""
    found = {}
    for layer, maps in describe(painting, STYLE_LAYERS).items():
        side = 2 ** (block_of(layer) - 1)
        vectors = [
            maps[0, :, y, x]
            for y in range(maps.shape[2])
            for x in range(maps.shape[3])
            if alpha[0, 0, y * side : (y + 1) * side, x * side : (x + 1) * side].mean() >= 0.9
        ]
        rows = torch.stack(vectors)
        moments = rows.T @ rows / len(rows)
        if statistic == "gaussian":
            moments = torch.cat([moments, rows.mean(0)[:, None]], 1)
        found[layer] = moments[None]
    return found


def worst(found, expected):
    return max(metrics.relative_error(found[k], expected[k]) for k in STYLE_LAYERS[:4])


@pytest.mark.parametrize("edges", ["trained", "clean"])
@pytest.mark.parametrize("statistic", ["gram", "gaussian"])
def test_statistics_are_those_of_the_opaque_part(
    make_narrow, painting, alpha, file, holed, statistic, edges
):
    describe = make_narrow(edges=edges)
    expected = of_the_opaque(describe, painting, alpha, statistic)
    masked = worst(known(describe, holed, statistic), expected)
    whole = worst(known(describe, file.rgb, statistic), expected)
    assert masked < 0.06  # what a hole does beside it
    assert whole > 3 * masked


def test_tile_by_tile_they_are_the_same(make_narrow, holed):
    describe = make_narrow(edges="clean")
    tiled = Tiled(describe, room=1_500_000)
    for statistic in STATISTICS:
        whole, tiles = (known(one, holed, statistic) for one in (describe, tiled))
        assert worst(tiles, whole) < 1e-4


@pytest.mark.parametrize("level", [0.02, 0.5, 254 / 255])
def test_a_painting_as_transparent_everywhere_is_whole(narrow, painting, level):
    even = torch.cat([painting, torch.full((1, 1, SIDE, SIDE), level)], 1)
    for statistic in STATISTICS:
        whole, found = (known(narrow, one, statistic) for one in (painting, even))
        assert worst(found, whole) < 1e-4


def test_a_thin_line_has_statistics_in_every_layer(narrow, painting):
    alpha = torch.zeros(1, 1, SIDE, SIDE)
    alpha[0, 0].fill_diagonal_(1)
    found = known(narrow, transparency.style_of(Planes(painting, alpha)), "gram")
    assert all(value.isfinite().all() and value.any() for value in found.values())


def test_a_training_s_targets_are_those_of_the_opaque_part(narrow, painting, alpha, holed):
    config = TRAIN_PRESETS["conditional", "default"]
    own = painting * 0.5 + 0.25  # so that the hidden colour is the extreme
    image = torch.cat([own.where(alpha > 0, holed.new_ones(())), alpha], 1)
    found = perceptual.style_summary(narrow, [image], config)
    plain = perceptual.style_summary(narrow, [own], config)
    assert all(found[name].shape == plain[name].shape for name in plain)
    assert found[perceptual.RANGE].max() < 0.76
    mean = own[0][:, alpha[0, 0] > 0].mean(1)
    torch.testing.assert_close(found[perceptual.PALETTE][0, :, 3].float(), mean, atol=0.01, rtol=0)


@pytest.mark.parametrize("by", ["luminance", "covariance"])
def test_colours_are_matched_by_the_opaque_ones(painting, alpha, picture, by):
    photo = picture(40, 50, seed=9)
    image = torch.cat([painting.where(alpha > 0, torch.ones(())), alpha], 1)
    ((changed, _share),) = keep_colours(Pictures(photo, ((image, 1.0),)), by).styles
    vectors = painting[..., alpha[0, 0] > 0][..., None]  # as a picture of one column
    ((expected, _share),) = keep_colours(Pictures(photo, ((vectors, 1.0),)), by).styles
    shown = changed[:, :3, alpha[0, 0] > 0][..., None]
    torch.testing.assert_close(shown, expected)


def test_a_photo_takes_the_palette_of_the_opaque_part(painting, alpha, picture):
    photo = picture(40, 50, seed=9)
    image = torch.cat([painting.where(alpha > 0, torch.ones(())), alpha], 1)
    vectors = painting[..., alpha[0, 0] > 0][..., None]
    found, expected = (
        Pictures(photo, ((one, 1.0),)).recoloured(0.8).content for one in (image, vectors)
    )
    torch.testing.assert_close(found, expected)


def test_a_texture_s_histogram_is_that_of_the_opaque_part(painting, alpha, picture):
    image = torch.cat([(painting * 0.5).where(alpha > 0, torch.ones(())), alpha], 1)
    assert with_colours_of(image, picture(32, 32)).max() <= 0.5 + 1e-6


def test_a_texture_starts_in_the_mean_colour_of_the_opaque_part(narrow, painting, alpha):
    image = torch.cat([painting.where(alpha > 0, torch.ones(())), alpha], 1)
    config = replace(TEXTURE, iterations=1, scales=1)
    (start,) = optimize.optimize(narrow, Pictures(None, ((image, 1.0),)), config, size=(64, 64))
    expected = painting[..., alpha[0, 0] > 0].mean(2)
    torch.testing.assert_close(start.image.mean((2, 3)), expected, rtol=0, atol=0.01)


def test_neighbours_are_found_in_opaque_cells(make_narrow, painting, alpha, holed):
    describe = make_narrow(edges="clean")
    layers = STYLE_LAYERS[:3]
    every, opaque = (hypercolumns.columns(describe, one, layers) for one in (painting, holed))
    cells = alpha.unfold(2, 4, 4).unfold(3, 4, 4).mean((4, 5)).flatten() >= 0.9
    assert 0 < len(opaque.colours) == cells.sum() < len(every.colours)
    torch.testing.assert_close(opaque.colours, every.colours[cells], atol=0.02, rtol=0)


def test_a_hole_is_filled_from_around():
    rgb = torch.zeros(1, 3, 33, 47)
    rgb[..., 20:] = 0.8
    alpha = torch.ones(1, 1, 33, 47)
    alpha[..., 4:29, 2:12] = 0  # in the dark half
    filled = transparency.style_of(Planes(rgb.where(alpha > 0, torch.ones(())), alpha))
    assert torch.equal(filled[:, 3:], alpha)
    assert torch.equal(filled[:, :3, :, 12:], rgb[..., 12:])
    assert filled[:, :3, :, :12].max() < 0.2


# Canvases.


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (9, 13)])
def test_a_painting_on_a_transparent_canvas_is_the_painting(tmp_path, picture, top, left):
    painting = picture(7, 11)
    rgb, alpha = torch.zeros(1, 3, 16, 24), torch.zeros(1, 1, 16, 24)
    rgb[..., top : top + 7, left : left + 11] = painting
    alpha[..., top : top + 7, left : left + 11] = 1
    images.write(tmp_path / "canvas.png", Planes(rgb, alpha))
    images.write(tmp_path / "alone.png", Planes(painting))
    found, expected = (
        transparency.style_of(images.read(tmp_path / f"{n}.png")) for n in ("canvas", "alone")
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize("at", [(0, 0), (7, 7), (3, 0)])
def test_a_dot_on_a_canvas_is_a_picture_still(at):
    alpha = torch.zeros(1, 1, 8, 8)
    alpha[(0, 0, *at)] = 0.5
    found = transparency.style_of(Planes(torch.zeros(1, 3, 8, 8), alpha))
    assert min(found.shape[2:]) >= 2
    assert found[:, 3].max() == 0.5


def test_a_picture_that_is_all_transparent_or_opaque_stays():
    for alpha in (None, torch.zeros(1, 1, 8, 8)):
        picture = Planes(torch.zeros(1, 3, 8, 8), alpha)
        assert transparency.style_of(picture) is picture.rgb

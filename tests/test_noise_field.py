"""noise_field: the noise as a function of its place, the halo, and how an axis is cut."""

import numpy as np
import pytest
import torch

from stylize_cli import noise_field
from stylize_cli.generators.pyramid import Pyramid, draw_noise
from stylize_cli.tiles import Stretch

LEVELS = 4
SIZE = (96, 64)
WHOLE = Stretch.whole(96), Stretch.whole(64)


def test_numbers_are_splitmix64_s():
    """Those that its author's program, and every port of it, gives for the seed 1234567."""
    states = np.uint64(1234567) + np.arange(1, 6, dtype=np.uint64) * np.uint64(noise_field.STEP)
    assert noise_field.mixed(states).tolist() == [
        6457827717110365317, 3203168211198807973, 9817491932198370423,
        4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


def test_noise_is_uniform_and_no_two_maps_are_alike():
    noise = noise_field.draw((0,), 2, (256, 256), (Stretch.whole(256),) * 2)
    maps = [one for level in noise for one in level[0]]
    for one in maps:
        assert one.dtype == np.float32
        assert 0 <= one.min() < one.max() < 1
        counts = np.histogram(one, 16, (0, 1))[0]
        expected = one.size / 16
        assert np.square(counts - expected).sum() / expected < 45  # χ² of 15: p < 1e-4
    corners = np.stack([one[:128, :128].ravel() for one in maps])
    shifted = np.stack(
        [np.roll(maps[3], shift, axis).ravel() for shift in (1, 2) for axis in (0, 1)]
    )
    for rows in (corners, np.vstack([maps[3].ravel(), shifted])):
        correlations = np.corrcoef(rows) - np.eye(len(rows))
        assert np.abs(correlations).max() < 5 / np.sqrt(rows.shape[1])


def test_noise_has_the_shapes_of_training_s():
    drawn = noise_field.draw((0,), LEVELS, SIZE, WHOLE)
    expected = draw_noise(SIZE, LEVELS, 1, torch.Generator())
    assert [one.shape for one in drawn] == [tuple(one.shape) for one in expected]


@pytest.mark.parametrize(
    "rows", [Stretch(32, 56, 16, 72), Stretch(0, 32, -16, 48), Stretch(80, 112, 40, 152)]
)
@pytest.mark.parametrize("columns", [Stretch.whole(64), Stretch(48, 64, -16, 128)])
def test_any_part_is_cut_out_of_the_whole_which_wraps_around(rows, columns):
    whole = noise_field.draw((7, 1), LEVELS, SIZE, WHOLE)
    part = noise_field.draw((7, 1), LEVELS, SIZE, (rows, columns))
    for ratio, one, cut in zip((8, 4, 2, 1), whole, part, strict=True):
        padded = np.pad(one, [(0, 0), (0, 0), *[(64 // ratio, 64 // ratio)] * 2], mode="wrap")
        begins = [(span.first + 64) // ratio for span in (rows, columns)]
        y, x = (
            slice(begin, begin + span.width // ratio)
            for begin, span in zip(begins, (rows, columns), strict=True)
        )
        np.testing.assert_array_equal(cut, padded[:, :, y, x])


def test_seeds_draw_unlike_noise_and_one_seed_the_same():
    drawn = [noise_field.draw(seed, 1, SIZE, WHOLE)[0] for seed in ((0, 0), (0, 0), (0, 1), (1, 0))]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    for other in drawn[2:]:
        assert abs(np.corrcoef(drawn[0].ravel(), other.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 6])
def test_the_halo_is_as_far_as_a_tile_s_border_depends_on_noise(levels):
    """By the gradient of the border's pixels: what they do not depend on has exactly none."""
    halo, unit = noise_field.halo(levels), 2 ** (levels - 1)
    assert halo % unit == 0
    side, begin = 2 * halo + 4 * unit, halo + unit  # a tile of two units in the middle
    torch.manual_seed(0)
    network = Pyramid(levels=levels, width=2).double().eval()
    generator = torch.Generator().manual_seed(0)
    noise = [one.double() for one in draw_noise((side, 2 * unit), levels, 1, generator)]
    for rows, furthest in ((begin, begin - halo), (begin + 2 * unit - 1, begin + 2 * unit + halo)):
        inputs = [one.clone().requires_grad_() for one in noise]
        network(*inputs)[:, :, rows].sum().backward()
        reached = []
        for level, one in enumerate(inputs):
            positions = one.grad.abs().sum((0, 1, 3)).nonzero().flatten() * 2 ** (
                levels - 1 - level
            )
            reached += [int(positions.min()), int(positions.max()) + 2 ** (levels - 1 - level)]
        assert begin - halo <= min(reached) < max(reached) <= begin + 2 * unit + halo
        assert furthest in reached  # and no more than is needed


@pytest.mark.parametrize("levels", [1, 3, 5, 7])
@pytest.mark.parametrize("side", [64, 960, 1024, 1088, 4096, 8192])
def test_an_axis_is_cut_into_equal_stretches_that_cover_it_once(levels, side):
    cut = noise_field.stretches(side, levels, most=1024)
    (length,) = {span.stop - span.start for span in cut}
    ((before, after),) = {(span.start - span.first, span.last - span.stop) for span in cut}
    assert [span.start for span in cut] == list(range(0, side, length))
    assert cut[-1].stop >= side
    assert cut[0].width <= 1024
    if side <= 1024:
        assert cut == [Stretch.whole(side)]
    else:
        assert before == after == noise_field.halo(levels)
        assert length % 2 ** (levels - 1) == 0

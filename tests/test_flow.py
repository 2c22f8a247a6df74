"""Flow between frames: against movements that are known."""

import numpy as np
import pytest
from skimage.filters import gaussian

from stylize_cli import flow


@pytest.fixture
def scene():
    """(128, 192, 3) uint8, smooth noise with detail."""
    noise = np.random.default_rng(0).random((128, 192, 3))
    smooth = gaussian(noise, 2, channel_axis=2, mode="wrap")
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def test_a_shift_is_found_and_undone(scene):
    now = np.roll(scene, (3, 5), (0, 1))
    found = flow.between(scene, now)
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(found.back[inner] - (-5, -3)).mean() < 0.3
    assert found.trust[inner].mean() > 0.9
    moved = flow.carried(scene / np.float32(255), found)
    assert np.abs(moved - now / 255)[inner].mean() < 0.02


def test_noise_does_not_move(scene):
    noise = np.random.default_rng(1).normal(0, 3, (2, *scene.shape))
    one, two = (np.uint8((scene + part).clip(0, 255)) for part in noise)
    assert np.abs(flow.between(one, two).back).mean() < 0.02


def test_what_comes_into_view_is_not_trusted(scene):
    now = scene.copy()
    before = scene.copy()
    before[40:90, 60:110] = 20  # a plate that is gone in the next frame
    found = flow.between(before, now)
    assert found.trust[50:80, 70:100].mean() < 0.3
    assert found.trust[:, 130:].mean() > 0.9


def test_a_cut_is_found(scene):
    assert flow.between(scene, scene[::-1, ::-1, ::-1].copy()).is_cut
    assert not flow.between(scene, scene).is_cut


def test_larger_pictures_are_carried_by_the_same_flow(scene):
    now = np.roll(scene, (2, 4), (0, 1))
    large = np.kron(scene, np.ones((2, 2, 1))).astype(np.float32) / 255
    moved = flow.carried(large, flow.between(scene, now))
    wanted = np.roll(large, (4, 8), (0, 1))
    assert np.abs(moved - wanted)[32:-32, 32:-32].mean() < 0.03


@pytest.mark.parametrize("size", [(2, 2), (8, 200), (33, 17)])
def test_small_frames(size):
    frame = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    found = flow.between(frame, frame)
    assert found.back.shape == (*size, 2)
    assert np.abs(found.back).max() < 0.5

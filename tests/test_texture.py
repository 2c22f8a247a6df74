"""methods.texture: tiles, seams, seeds; and photos in a texture-style net."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import stylize_cli
from stylize_cli import checkpoints, engines, models, noise_field
from stylize_cli.errors import StylizeError
from stylize_cli.generators.pyramid import with_image
from stylize_cli.methods import feedforward, texture
from stylize_cli.methods.feedforward import Noise
from stylize_cli.tiles import Stretch

pytest_plugins = ["nets"]
pytestmark = pytest.mark.usefixtures("conversions")

ENGINES = pytest.mark.parametrize("engine", ["openvino", "torch"])
SIZE, TILE = (96, 128), 64  # which makes 3 x 4 tiles of 32 px and their margins
UNIT = 4  # px, of the pyramid's coarsest level
DEEP = 2**16 - 1
ROUNDING = 0.5 / DEEP


def opened(path, engine="openvino", **options):
    options = {"precision": "float32", "threads": 1, "device": "cpu", **options}
    return engines.open_model(path, engine=engine, **options)


def made(engine, size=SIZE, seed=0, index=0, *, tile=texture.TILE):
    """The texture, (H, W, 3) in [0, 1]."""
    *_, last = texture.generate(engine, size, seed, index, depth=16, tile=tile)
    assert (last.done, last.samples.dtype) == (last.tiles, np.uint16)
    return last.samples / DEEP


def network_on(path, size, seed, *given):
    """What the network itself makes of the whole noise of that seed, not clipped."""
    network = checkpoints.load(path).build()
    whole = tuple(map(Stretch.whole, size))
    noise = noise_field.draw(seed, network.multiple.bit_length(), size, whole)
    inputs = [torch.from_numpy(one) for one in noise]
    with torch.no_grad():
        output = network(*(with_image(inputs, *given) if given else inputs))
    return output[0].permute(1, 2, 0).numpy()


@ENGINES
@pytest.mark.parametrize("tile", [TILE, 80, 1024])
def test_in_tiles_or_not_it_is_the_network_s_output(pyramid, engine, tile):
    path = pyramid()
    expected = network_on(path, SIZE, (3, 1))
    assert expected.std() > 0.1
    assert np.mean(expected == expected.clip(0, 1)) > 0.95
    found = made(opened(path, engine), SIZE, 3, 1, tile=tile)
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=1e-5 + ROUNDING)


@pytest.mark.parametrize("size", [(96, 20), (20, 96), (100, 96)])
def test_sides_are_tiled_each_for_itself(pyramid, size):
    engine = opened(pyramid(), "torch")
    assert len(list(texture.generate(engine, size, 0, tile=TILE))) > 1
    np.testing.assert_allclose(made(engine, size, tile=TILE), made(engine, size), atol=2e-5)


@ENGINES
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_both_engines_make_the_same_texture(pyramid, engine, precision):
    path = pyramid(5)
    expected = network_on(path, SIZE, (0, 0)).clip(0, 1)
    try:
        found = made(opened(path, engine, precision=precision))
    except StylizeError as error:
        pytest.skip(str(error))
    least = 80 if precision == "float32" else 30
    assert -10 * np.log10(np.square(found - expected).mean()) > least


@pytest.mark.parametrize("tile", [TILE, 1024])
def test_opposite_borders_match_once_it_is_rolled_by_half(pyramid, tile):
    engine = opened(pyramid(), "torch")
    whole = made(engine, tile=tile)
    for axis in (0, 1):
        rolled = np.moveaxis(np.roll(whole, SIZE[axis] // 2, axis), axis, 0)
        steps = np.abs(np.diff(rolled, axis=0)).mean((1, 2))[UNIT - 1 :: UNIT]
        seam = len(steps) // 2
        borders = np.abs(whole.take(0, axis) - whole.take(-1, axis)).mean()
        assert steps[seam] == pytest.approx(borders)
        others = np.delete(steps, seam)
        assert others.min() * 0.9 < steps[seam] < others.max() * 1.1
        far = np.abs(rolled - np.roll(rolled, SIZE[axis] // 4, 0)).mean()
        assert steps[seam] < far  # neighbours are alike


@pytest.mark.parametrize(("size", "larger"), [((33, 50), (36, 52)), ((2, 2), (4, 4))])
def test_other_sizes_are_cut_out_of_the_next_that_tiles(pyramid, size, larger):
    engine = opened(pyramid(), "torch")
    height, width = size
    np.testing.assert_array_equal(made(engine, size), made(engine, larger)[:height, :width])
    assert texture.tileable(larger, engine.about) == (larger, larger)
    below, above = texture.tileable(size, engine.about)
    assert above == larger
    assert all(side % UNIT == 0 and side > 0 for side in below)


def test_a_network_whose_texture_is_no_number_is_an_error(pyramid):
    path = pyramid()
    trained = checkpoints.load(path)
    kernels = {name: one * 1e30 for name, one in trained.weights.items() if one.dim() == 4}
    checkpoints.save(path, replace(trained, weights={**trained.weights, **kernels}))
    with pytest.raises(StylizeError, match="its values are no numbers"):
        made(opened(path, "torch"))


def test_same_seed_same_samples_and_others_unlike(pyramid):
    path = pyramid()
    one = made(opened(path), (32, 32), 5, 2)
    np.testing.assert_array_equal(one, made(opened(path), (32, 32), 5, 2))
    for seed, index in ((5, 3), (6, 2), (2, 5)):
        other = made(opened(path), (32, 32), seed, index)
        assert np.abs(one - other).mean() > 0.2 * one.std()


def test_eight_bits_are_the_sixteen_rounded(pyramid):
    engine = opened(pyramid(), "torch")
    *_, last = texture.generate(engine, SIZE, 0, tile=TILE)
    assert last.samples.dtype == np.uint8
    assert np.abs(last.samples - 255 * made(engine)).max() <= 0.51


def test_one_shape_serves_all_tiles_and_each_is_told_of(pyramid):
    engine, shapes = opened(pyramid(), "torch"), []

    class Spy:
        about = engine.about

        def run(self, *arrays):
            shapes.append(arrays[-1].shape)
            return engine.run(*arrays)

    told = [(now.done, now.tiles) for now in texture.generate(Spy(), (100, 104), 0, tile=TILE)]
    assert told == [(done, 16) for done in range(1, 17)]
    assert set(shapes) == {(1, 3, 60, 60)}


@pytest.mark.parametrize("depth", [8, 16])
def test_memory_grows_by_the_result_alone(pyramid, depth):
    engine = opened(pyramid(), "torch")
    sizes = [(side, side) for side in (4096, 8192, 16384)]
    need = [texture.needed(engine, size, "PNG", depth=depth) for size in sizes]
    samples = [3 * height * width * depth // 8 for height, width in sizes]
    for whole, result in zip(need, samples, strict=True):
        assert 3 * result < whole <= 4 * result + engine.bytes_needed((1024, 1024))


@pytest.mark.parametrize("size", [(32768, 16384), (640, 640)])
def test_memory_refuses_a_size_and_names_one_that_fits(pyramid, size):
    engine = opened(pyramid(), "torch")

    def check(size, room):
        texture.check(engine, size, "PNG", depth=8, room=room)

    room = texture.needed(engine, (size[0] // 2, size[1] // 2), "PNG", depth=8)
    with pytest.raises(
        StylizeError, match=f"{size[1]}x{size[0]} px needs about .*use `size`"
    ) as no:
        check(size, room)
    width, height = map(int, str(no.value).split("`size` ")[1].split("x"))
    assert height > 0.9 * size[0] // 2
    check((height, width), room)
    with pytest.raises(StylizeError, match="give `memory` more, or free some"):
        check(size, 0)


def test_a_format_that_cannot_hold_it_is_refused_before_the_work(pyramid):
    engine = opened(pyramid(), "torch")
    with pytest.raises(StylizeError, match=r"WEBP holds at most .* \.png or \.tif"):
        texture.check(engine, (16, 20000), "WEBP", depth=8, room=10**12)


@pytest.mark.parametrize("generator", ["conditional", "pyramid"])
def test_what_works_on_photos_makes_no_texture(net, pyramid, generator):
    path = net() if generator == "conditional" else pyramid(image=True)
    engine = opened(path, "torch")
    with pytest.raises(StylizeError, match="works on photos: use stylize apply"):
        texture.check(engine, SIZE, "PNG", depth=8, room=10**12)


RUN_CACHED = """
import sys, json
from pathlib import Path
from stylize_cli import engines
from stylize_cli.methods import texture
runner = engines.open_model(Path(sys.argv[1]), engine="openvino", precision="float32")
*_, last = texture.generate(runner, (48, 64), 0, tile=48)
print(json.dumps([last.samples.shape, "torch" in sys.modules]))
"""


def test_a_cached_model_needs_no_torch(pyramid):
    path = pyramid()
    opened(path)
    out = subprocess.run(
        [sys.executable, "-c", RUN_CACHED, path],
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        capture_output=True,
        check=True,
    ).stdout
    assert json.loads(out) == [[48, 64, 3], False]


# Photos in a texture-style net.


def photo(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def styled(engine, *photos, **options):
    return feedforward.forward(engine, photos, [np.ones(1, np.float32)] * len(photos), **options)


@ENGINES
def test_a_photo_and_noise_are_what_the_network_is_given(pyramid, engine):
    path, given = pyramid(image=True), photo(24, 32)
    (found,) = styled(opened(path, engine), given, noise=Noise(seed=3))
    image = torch.from_numpy(given).permute(2, 0, 1)[None]
    expected = network_on(path, (24, 32), (3,), image).clip(0, 1)
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_photo_of_any_size_is_filled_up_by_its_mirror_image(pyramid):
    engine = opened(pyramid(image=True), "torch")
    (found,) = styled(engine, photo(21, 30))
    (expected,) = styled(engine, np.pad(photo(21, 30), [(0, 3), (0, 2), (0, 0)], mode="reflect"))
    assert found.shape == (21, 30, 3)
    np.testing.assert_array_equal(found, expected[:21, :30])


def test_noise_has_a_scale_and_a_seed_and_is_the_same_for_every_photo(pyramid):
    engine = opened(pyramid(image=True), "torch")
    one, two = photo(24, 32), photo(24, 32, seed=1)
    (first, second), (alone,) = styled(engine, one, two), styled(engine, two)
    np.testing.assert_allclose(second, alone, atol=1e-5)
    assert np.abs(first - second).mean() > 0.01
    silent = [styled(engine, one, noise=Noise(seed, 0.0))[0] for seed in (0, 1)]
    np.testing.assert_array_equal(*silent)
    away = [
        np.abs(styled(engine, one, noise=Noise(1, scale))[0] - silent[0]).mean()
        for scale in (0.1, 0.5, 1.0)
    ]
    assert away == sorted(away)
    (other,) = styled(engine, one, noise=Noise(1))
    assert np.abs(first - other).mean() > 0.01


def test_the_shipped_textures_are_textures_whose_copies_join():
    shipped = [model for model in models.bundled().values() if model.method == "texture"]
    assert len(shipped) >= 3
    for model in shipped:
        engine = opened(model.path, "torch")
        samples = [made(engine, (128, 160), seed) for seed in range(8)]
        one, other, *_ = samples
        assert one.std((0, 1)).min() > 0.04  # no plain colour
        apart = np.sqrt(np.square(one - other).mean())
        assert apart > np.sqrt(one.var((0, 1)).mean())  # no picture learnt by heart
        for axis in (0, 1):  # of one sample alone a border may be a joint of the wall's
            within = np.mean([np.abs(np.diff(each, axis=axis)).mean() for each in samples])
            border = np.mean([np.abs(x.take(0, axis) - x.take(-1, axis)).mean() for x in samples])
            assert border < 1.2 * within  # of unrelated rows 1.45 times and more

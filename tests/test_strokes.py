from types import SimpleNamespace

import numpy as np
import pytest

from stylize_cli import engines, grain
from stylize_cli.errors import StylizeError
from stylize_cli.methods import feedforward, resampling
from stylize_cli.methods.strokes import Stroked

pytest_plugins = ["commandline", "nets"]

SIZE = (48, 64)


def about(factor=1, generator="conditional", grain=0.0):
    arguments = {"factor": factor, "levels": 3, "image": True, "norm": "instance"}
    return engines.About("m", generator, arguments, ("a", "b"), 4, 4, {}, grain)


@pytest.fixture
def photo(picture):
    return picture(*SIZE).numpy()


@pytest.fixture
def stroked():
    """stroked(scale) -> an engine that leaves photos alone, and the list of what it was given."""

    def make(scale, grain=0.0):
        seen = []

        def run(photos, mix):
            seen.append((photos, mix))
            return photos

        names = {"name": "n", "device": "d", "precision": "p", "note": "", "threads": 1}
        size = {"bytes_needed": lambda size, batch=1: batch * size[0] * size[1]}
        painter = SimpleNamespace(**names, **size, about=about(grain=grain), run=run)
        enlarge = lambda x: x.repeat(4, 2).repeat(4, 3)  # noqa: E731
        upscaler = SimpleNamespace(**size, about=about(4, "upscaler"), run=enlarge)
        return Stroked(painter, upscaler, scale), seen

    return make


@pytest.mark.parametrize(("scale", "size"), [(2, (24, 32)), (0.5, (96, 128))])
def test_grain_is_laid_once_where_the_network_paints(stroked, scale, size):
    engine, seen = stroked(scale, 0.05)
    feedforward.forward(engine, [np.full((*SIZE, 3), 0.5, np.float32)], [np.float32([1, 0])])
    field = 0.5 + 0.05 * grain.drawn(*map(np.arange, size))
    ((shown, _),) = seen
    np.testing.assert_allclose(shown[0], np.broadcast_to(field, shown[0].shape), atol=1e-6)


@pytest.mark.parametrize(("scale", "given"), [(2, (24, 32)), (0.5, (96, 128)), (3, (16, 24))])
def test_the_network_sees_another_size_and_the_result_keeps_its_own(stroked, photo, scale, given):
    engine, seen = stroked(scale)
    mix = np.float32([[0.25, 0.75]])
    result = engine.run(photo, mix)
    assert result.shape == photo.shape
    ((shown, mixed),) = seen
    assert shown.shape[2:] == given  # a third of 64 is filled up to a multiple of 4
    assert np.array_equal(mixed, mix)
    rows, columns = (round(side / scale) for side in SIZE)
    want = resampling.resized(photo[0].transpose(1, 2, 0), (rows, columns))
    np.testing.assert_allclose(shown[0, :, :rows, :columns].transpose(1, 2, 0), want, atol=1e-6)
    assert np.abs(result - photo).mean() < 0.03  # no shift: what was left alone is what comes back


def test_larger_strokes_take_less_memory(stroked):
    assert stroked(2)[0].bytes_needed(SIZE) == 24 * 32
    assert stroked(0.5)[0].bytes_needed(SIZE, 2) == 2 * 96 * 128


@pytest.mark.parametrize("other", [about(4, "upscaler"), about(1, "pyramid")])
def test_what_has_no_strokes_is_refused(other):
    with pytest.raises(StylizeError, match=r"no strokes .*: leave out `stroke_size`"):
        Stroked(SimpleNamespace(about=other), None, 2.0)


def test_a_command_paints_them(stylize, net, picture_file, pixels):
    picture_file(*SIZE, name="photo.png")
    command = ["apply", net(), "photo.png", "--style", "monet", "--precision", "float32", "-q"]
    for name, size in (("one", 1), ("two", 2), ("half", 0.5)):
        ran = stylize(*command, "--stroke-size", size, "-o", f"{name}.png")
        assert ran.code == 0, ran.err
    made = [pixels(f"{name}.png") for name in ("one", "two", "half")]
    assert {image.shape for image in made} == {(*SIZE, 3)}
    assert min(np.abs(made[0] - other).mean() for other in made[1:]) > 1
    ran = stylize(*command, "--stroke-size", 9, "-o", "nine.png")
    assert (ran.code, "it must be from 0.25 to 4" in ran.err) == (2, True)

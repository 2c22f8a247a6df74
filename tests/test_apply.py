"""methods.apply and methods.feedforward: sizes, colours, mixtures, and the pipeline."""

import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage import metrics, transform

from stylize_cli import encoders, engines, images
from stylize_cli.errors import StylizeError
from stylize_cli.methods import apply as method
from stylize_cli.methods import feedforward, resampling
from stylize_cli.methods.apply import Photo
from stylize_cli.methods.look import Look

pytest_plugins = ["nets"]
pytestmark = pytest.mark.usefixtures("conversions")

ROOM = 10**9
SIZES = [(37, 53), (5, 7), (2, 2), (48, 64), (63, 9)]


@pytest.fixture
def runner(net):
    """runner(generator="conditional", **options of net) -> an engine of float32, on one thread."""

    def make(generator="conditional", *, engine="openvino", **options):
        path = net(generator, **options)
        return engines.open_model(path, engine=engine, precision="float32", threads=1)

    return make


def noise(height, width, *, seed=0, channels=3):
    return np.random.default_rng(seed).random((height, width, channels), np.float32)


def file_of(pixels):
    return encoders.encode(pixels, "PNG")


def forward(engine, *photos, style="munch"):
    mixes = [feedforward.one_style(engine.about, style)] * len(photos)
    return feedforward.forward(engine, photos, mixes)


class Fake:
    """An engine that inverts colours; its about is a real one."""

    name, device, precision, note = "fake", "cpu", "float32", ""

    def __init__(self, about, threads):
        self.about, self.threads = about, threads
        self.batches = []

    def run(self, image, mix=None):
        self.batches.append(len(image))
        grey = (
            1 - image
            if mix is None
            else np.ones_like(image) * mix.argmax(1)[:, None, None, None] / 9
        )
        return grey.repeat(self.about.factor, 2).repeat(self.about.factor, 3)

    def bytes_needed(self, size, batch=1):
        return batch * size[0] * size[1] * 100


@pytest.fixture
def fake():
    """fake(styles=(), factor=1, multiple=4, threads=2): an engine that does nothing but invert."""

    def make(styles=(), *, factor=1, multiple=4, threads=2):
        generator = "conditional" if styles else "upscaler"
        arguments = {"factor": factor}
        return Fake(engines.About("m", generator, arguments, styles, multiple, 8, {}), threads)

    return make


def collected(engine, files, look=None, room=ROOM):
    """The results, and what was saved under each name and style."""
    saved = {}
    photos = [
        Photo(
            name,
            lambda data=data: data,
            lambda style, p, name=name: saved.update({(name, style): p}),
        )
        for name, data in files.items()
    ]
    look = look or Look((engine.about.styles or (None,))[:1])
    return list(method.apply(engine, photos, look, room=room)), saved


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("generator", ["conditional", "johnson", "upscaler", "johnson-upscaler"])
def test_any_size_comes_out_exactly(runner, generator, size):
    engine = runner(generator)
    (result,) = forward(engine, noise(*size))
    assert result.shape == (size[0] * engine.about.factor, size[1] * engine.about.factor, 3)
    assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_what_is_filled_up_is_mirrored_and_cropped(fake, size):
    engine, photo = fake(multiple=16), noise(*size)
    seen = []
    engine.run = lambda image: seen.append(image) or image
    (result,) = forward(engine, photo)
    np.testing.assert_array_equal(result, photo)
    assert all(side % 16 == 0 for side in seen[0].shape[2:])
    height, width = size
    mirror = [
        np.abs((np.arange(s[1]) + s[0] - 1) % (2 * s[0] - 2) - s[0] + 1)
        for s in ((height, seen[0].shape[2]), (width, seen[0].shape[3]))
    ]
    np.testing.assert_array_equal(
        seen[0][0], photo.transpose(2, 0, 1)[:, mirror[0]][:, :, mirror[1]]
    )


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("generator", ["conditional", "upscaler"])
def test_a_constant_picture_stays_constant_to_the_border(runner, engine, generator):
    """Mirrored, it has no border: whatever differs there is a mark."""
    (result,) = forward(runner(generator, engine=engine), np.full((37, 53, 3), 0.3, np.float32))
    assert result.std(axis=(0, 1)).max() < 2e-3


@pytest.mark.parametrize("generator", ["conditional", "upscaler"])
def test_what_torch_makes_is_handed_over_as_it_lies(runner, generator):
    """Row by row, each pixel's colours together, as it is computed and will be written."""
    (result,) = forward(runner(generator, engine="torch"), noise(48, 64))
    assert result.flags.c_contiguous


def test_only_what_lies_beyond_is_clipped():
    inside, beyond = noise(4, 5), np.array([[-0.5, 0.25], [1, 1.5]], np.float32)
    np.testing.assert_array_equal(feedforward.clipped(inside.copy()), inside)
    np.testing.assert_array_equal(feedforward.clipped(beyond), [[0, 0.25], [1, 1]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_of_no_numbers_is_refused(value):
    output = noise(4, 5)
    output[1, 2, 0] = value
    with pytest.raises(StylizeError, match="its values are no numbers"):
        feedforward.clipped(output)


def test_styles_differ_and_runs_do_not(runner):
    engine, photo = runner(), noise(37, 53)
    (one,), (again,), (other,) = (
        forward(engine, photo, style=name) for name in ("munch", "munch", "monet")
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.01


def finish(output, photo, about, *, strength=1.0, preserve_color=False):
    return feedforward.finish(
        output, photo, about, strength=strength, preserve_color=preserve_color
    )


@pytest.mark.parametrize("strength", [0, 0.25, 1])
def test_strength_mixes_photo_and_result(fake, strength):
    photo, output = noise(6, 7), noise(6, 7, seed=1)
    result = finish(output, photo, fake().about, strength=strength)
    np.testing.assert_allclose(result, photo + strength * (output - photo), atol=1e-6)


def test_preserved_colours_are_the_photo_s_and_luminance_the_result_s(fake):
    photo, output = (0.4 + 0.2 * noise(6, 7, seed=seed) for seed in (0, 1))
    result = finish(output, photo, fake().about, preserve_color=True)
    weights = [0.299, 0.587, 0.114]
    np.testing.assert_allclose(result @ weights, output @ weights, atol=1e-6)
    for one, two in ((0, 1), (1, 2)):
        difference = photo[..., one] - photo[..., two]
        np.testing.assert_allclose(result[..., one] - result[..., two], difference, atol=1e-6)


def test_alpha_is_kept_and_enlarged(fake):
    about = fake(factor=2).about
    photo = noise(6, 7, channels=4)
    result = finish(noise(12, 14), photo, about)
    expected = transform.resize(photo[..., 3], (12, 14), order=3)
    assert result.shape == (12, 14, 4)
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(result[..., 3] - expected)[inner].mean() < 0.05  # two kinds of bicubic
    np.testing.assert_array_equal(
        finish(noise(6, 7, seed=1), photo, fake().about)[..., 3], photo[..., 3]
    )


@pytest.mark.parametrize(("loss", "matched"), [("feature", True), ("pixel", False)])
def test_super_resolution_by_features_gets_the_photo_s_histogram(runner, loss, matched):
    about = runner("upscaler", loss=loss).about
    photo, output = noise(8, 8), 0.2 * noise(16, 16, seed=1)
    means = finish(output, photo, about).mean((0, 1))
    assert np.allclose(means, photo.mean((0, 1)), atol=0.02) is matched


@pytest.mark.parametrize("size", [(20, 31), (90, 70)])
def test_resized_agrees_with_torch(size, picture):
    tensor = picture(45, 60)
    found = resampling.resized(tensor[0].permute(1, 2, 0).numpy(), size)
    expected = images.resize(tensor, size)[0].permute(1, 2, 0).numpy()
    assert metrics.peak_signal_noise_ratio(expected, found, data_range=1) > 50


@pytest.mark.parametrize(
    ("styles", "name", "said"),
    [
        (("monet", "munch"), None, "choose a style with `style`: monet, munch"),
        (("monet", "munch"), "Munk", "no style 'Munk': did you mean munch?"),
        (("monet",), "zzz", "no style 'zzz': it has monet"),
        ((), "monet", "the model has no styles: leave out `style`"),
    ],
)
def test_a_style_that_is_not_there_is_refused(fake, styles, name, said):
    with pytest.raises(StylizeError, match=said.replace("?", r"\?")):
        feedforward.choose_style(fake(styles).about, name)


def test_a_picture_that_is_there_is_not_missing_where_a_style_is_wanted(fake, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(b"")
    with pytest.raises(StylizeError, match=r"mine\.jpg is a picture, .* style of the model"):
        feedforward.choose_style(fake(("monet",)).about, str(tmp_path / "mine.jpg"))


@pytest.mark.parametrize(
    ("styles", "name", "chosen"),
    [(("monet",), None, "monet"), (("monet", "munch"), "munch", "munch"), ((), None, None)],
)
def test_the_only_style_needs_no_name(fake, styles, name, chosen):
    assert feedforward.choose_style(fake(styles).about, name) == chosen


def test_pictures_of_one_size_run_together(fake):
    engine = fake()
    sizes = [(8, 8)] * 6 + [(8, 12)] + [(8, 8)] * 2
    files = {f"{i}": file_of(noise(*size, seed=i)) for i, size in enumerate(sizes)}
    results, saved = collected(engine, files)
    assert engine.batches == [4, 2, 1, 2]
    assert [result.photo.name for result in results] == list(files)
    for index, size in enumerate(sizes):
        np.testing.assert_allclose(
            saved[str(index), None], 1 - noise(*size, seed=index), atol=0.003
        )


def test_a_bad_picture_fails_alone(fake):
    good = file_of(noise(8, 8))
    files = {"a": good, "b": b"no image", "c": good, "d": b"", "e": good}
    results, saved = collected(fake(), files)
    assert [(r.photo.name, bool(r.error)) for r in results] == [
        ("a", False), ("b", True), ("c", False), ("d", True), ("e", False)
    ]  # fmt: skip
    assert [name for name, _ in saved] == ["a", "c", "e"]


def test_a_result_that_cannot_be_saved_fails_alone(fake):
    def fail(_style, _pixels):
        raise StylizeError("the disk is full")

    data = file_of(noise(8, 8))
    photos = [Photo("a", lambda: data, fail), Photo("b", lambda: data, lambda *_: None)]
    results = list(method.apply(fake(), photos, Look((None,)), room=ROOM))
    assert [result.error for result in results] == ["the disk is full", ""]


def test_a_picture_that_takes_too_much_memory_fails_alone(fake, monkeypatch):
    finish = feedforward.finish

    def limited(output, *others, **options):
        if output.shape[1] > 8:
            raise MemoryError
        return finish(output, *others, **options)

    def exhausted(*_arguments):
        raise MemoryError

    monkeypatch.setattr(feedforward, "finish", limited)
    small, wide = (lambda side=side: file_of(noise(8, side)) for side in (8, 9))
    works = {"read": (exhausted, print), "finished": (wide, print), "saved": (small, exhausted)}
    photos = [Photo("a", small, lambda *_: None)]
    photos += [Photo(name, read, save) for name, (read, save) in works.items()]
    results = list(method.apply(fake(), [*photos, photos[0]], Look((None,)), room=ROOM))
    assert [result.photo.name for result in results] == ["a", *works, "a"]
    assert all("use a smaller `size`" in result.error for result in results[1:-1])
    assert results[0].error == results[-1].error == ""


@pytest.mark.parametrize(("threads", "decoding"), [(1, 2), (3, 3), (64, 8)])
def test_as_many_decode_as_the_engine_has_threads(fake, threads, decoding):
    together, alive, most = threading.Barrier(decoding), [], []

    def read():
        alive.append(1)
        most.append(len(alive))
        together.wait(timeout=10)
        alive.pop()
        together.wait(timeout=10)
        return file_of(noise(8, 8))

    photos = [Photo("x", read, lambda *_: None)] * 24
    results = list(method.apply(fake(threads=threads), photos, Look((None,)), room=ROOM))
    assert [result.error for result in results] == [""] * 24
    assert max(most) == decoding


def test_every_style_is_a_result_of_its_own(fake):
    engine = fake(("a", "b", "c", "d", "e"))
    results, saved = collected(engine, {"x": file_of(noise(8, 8))}, Look(engine.about.styles))
    assert engine.batches == [4, 1]
    assert [result.style for result in results] == list("abcde")
    for index, style in enumerate("abcde"):
        np.testing.assert_allclose(saved["x", style], index / 9, atol=1e-6)


@pytest.mark.parametrize(("size", "shape"), [(None, (9, 12)), (6, (4, 6)), (24, (18, 24))])
def test_size_is_the_long_side(fake, size, shape):
    look = Look((None,), size=size)
    (result,), saved = collected(fake(), {"x": file_of(noise(9, 12))}, look)
    assert result.size == saved["x", None].shape[:2]
    assert max(result.size) == max(shape)
    assert abs(min(result.size) - min(shape)) <= 1


def test_memory_refuses_a_size_and_names_one_that_fits(fake):
    engine, files = fake(), {"x": file_of(noise(90, 120))}
    room = method.needed(engine, (45, 60))
    (result,), saved = collected(engine, files, room=room)
    assert (saved, result.error[:28]) == ({}, "120x90 px needs about 4 MB, ")
    size = int(result.error.split("`size` ")[1])
    assert 30 < size <= 60
    (result,), _ = collected(engine, files, Look((None,), size=size), room=room)
    assert result.error == ""


def test_memory_bounds_the_batch(fake):
    engine = fake()
    files = {f"{i}": file_of(noise(8, 8, seed=i)) for i in range(4)}
    collected(engine, files, room=method.needed(engine, (8, 8), 2))
    assert engine.batches == [2, 2]


def test_no_more_pictures_are_held_than_the_estimate_says(fake):
    """However slowly they are saved."""
    data, alive, most, lock = file_of(noise(8, 8)), set(), [], threading.Lock()

    def photo(index):
        def read():
            with lock:
                alive.add(index)
                most.append(len(alive))
            return data

        def save(_style, _pixels):
            with lock:
                alive.discard(index)

        return Photo(str(index), read, save)

    engine = fake()
    results = method.apply(engine, map(photo, range(60)), Look((None,)), room=ROOM)
    assert len(list(results)) == 60
    assert max(most) <= 2 * method.early(engine) + 2 * method.BATCH


def test_ctrl_c_lets_out_what_is_computed(fake):
    engine = fake()
    run = engine.run

    def interrupted(image):
        if len(engine.batches) == 2:
            raise KeyboardInterrupt
        return run(image)

    engine.run = interrupted
    files = {f"{i}": file_of(noise(8, 8, seed=i)) for i in range(40)}
    saved, names = [], []
    photos = [
        Photo(name, lambda data=data: data, lambda *_, name=name: saved.append(name))
        for name, data in files.items()
    ]
    results = method.apply(engine, photos, Look((None,)), room=ROOM)
    with pytest.raises(KeyboardInterrupt):
        names.extend(result.photo.name for result in results)
    assert names == sorted(saved, key=int) == [str(i) for i in range(8)]


def test_decoded_by_pillow_encoded_for_pillow(runner):
    """From file to file with a real engine, alpha and all."""
    pixels = noise(21, 34, channels=4)
    _, saved = collected(runner(), {"x": file_of(pixels)}, Look(("munch",)))
    with Image.open(BytesIO(file_of(saved["x", "munch"]))) as image:
        assert (image.size, image.mode) == ((34, 21), "RGBA")
        alpha = np.asarray(image)[..., 3] / 255
    np.testing.assert_allclose(alpha, pixels[..., 3], atol=0.003)


def test_a_network_that_fails_on_a_picture_does_not_stop_the_others(fake, monkeypatch):
    engine = fake()
    run = engine.run

    def limited(*arrays):
        if arrays[0].shape[2] > 16:
            raise RuntimeError("out of memory\nand a page of hints")
        return run(*arrays)

    monkeypatch.setattr(engine, "run", limited)
    files = {name: file_of(noise(side, 12)) for name, side in (("a", 12), ("b", 20), ("c", 12))}
    results, saved = collected(engine, files)
    assert [bool(result.error) for result in results] == [False, True, False]
    assert "(out of memory): use a smaller `size`" in results[1].error
    assert {name for name, _ in saved} == {"a", "c"}

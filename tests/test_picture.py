"""Pictures of any origin: what each becomes, and what is refused."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from stylize_cli import images
from stylize_cli.api.picture import Picture, of_tensors
from stylize_cli.errors import StylizeError

RGBA = np.random.default_rng(0).integers(1, 256, (5, 7, 4), np.uint8)
RGB = RGBA[..., :3].copy()


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("array", [RGB, RGBA])
@pytest.mark.parametrize("kind", ["path", "text", "bytes", "pil", "array", "picture"])
def test_every_origin_gives_the_same_pixels(tmp_path, array, kind):
    path = tmp_path / "a.png"
    path.write_bytes(png(array))
    source = {
        "path": path,
        "text": str(path),
        "bytes": png(array),
        "pil": Image.fromarray(array),
        "array": array,
        "picture": Picture(path),
    }[kind]
    picture = Picture(source)
    assert (picture.width, picture.height) == (7, 5)
    assert picture.floats.dtype == np.float32
    np.testing.assert_allclose(picture.floats, array / 255, atol=1e-6)
    assert picture.name == ("a" if kind in ("path", "text", "picture") else "picture")
    np.testing.assert_array_equal(np.asarray(picture.to_pil()), array)
    np.testing.assert_array_equal(np.asarray(picture), picture.floats)


@pytest.mark.parametrize(
    "array",
    [
        RGB.astype(np.uint16) * 257,
        RGB / 255,
        (RGB / np.float32(255)),
        np.array([[[0, 0.5, 1]] * 2] * 2, np.float16),
    ],
)
def test_deeper_samples_and_floats_keep_their_values(array):
    white = 65535 if array.dtype == np.uint16 else 1
    np.testing.assert_allclose(Picture(array).floats, array / white, atol=1e-6)


@pytest.mark.parametrize(("suffix", "depth"), [(".png", 8), (".png", 16), (".tif", 16)])
def test_what_is_saved_is_read_again(tmp_path, suffix, depth):
    given = Picture(RGBA)
    path = given.save(tmp_path / "new" / f"b{suffix}", depth=depth)
    np.testing.assert_allclose(Picture(path).floats, RGBA / 255, atol=1 / 255 / 2)


def test_jpeg_lays_a_transparent_picture_on_white(tmp_path):
    clear = np.zeros((16, 16, 4), np.uint8)
    Picture(clear).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert np.asarray(image).min() >= 254
    small, large = (Picture(RGB).encoded("JPEG", quality=q) for q in (10, 100))
    assert len(small) < len(large)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("array", [RGB, RGBA])
def test_a_deep_picture_is_encoded_as_that_of_its_upper_bytes(array, format):
    deep = Picture(array.astype(np.uint16) * 257)
    assert deep.encoded(format) == Picture(array).encoded(format)


def test_metadata_are_read_without_what_holds_for_the_pixels_alone(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "2024:01:02 03:04:05"
    exif.get_ifd(0x8769)[0xA002] = 20
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    picture = Picture(tmp_path / "a.jpg")
    assert (picture.width, picture.height) == (10, 20)
    data = picture.encoded("JPEG", exif=picture.exif)
    kept = Image.open(io.BytesIO(data)).getexif()
    assert kept[0x0132] == "2024:01:02 03:04:05"
    assert kept.get_ifd(0x8825)[1] == "N"
    assert 0x0112 not in kept
    assert 0xA002 not in kept.get_ifd(0x8769)
    assert not Image.open(io.BytesIO(picture.encoded("JPEG"))).getexif()
    again = Picture(data)
    assert (again.width, again.height) == (10, 20)


def test_of_a_tiff_s_tags_those_that_say_how_it_is_laid_out_are_no_metadata(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "Maker", "2024:01:02 03:04:05"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (20, 10)).save(tmp_path / "a.tif", exif=exif, icc_profile=profile)
    data = Picture(tmp_path / "a.tif").encoded("JPEG", exif=Picture(tmp_path / "a.tif").exif)
    kept = Image.open(io.BytesIO(data)).getexif()
    assert {*kept} - {0x8769} == {0x010F, 0x0132}


def test_a_notebook_shows_it():
    with Image.open(io.BytesIO(Picture(RGBA)._repr_png_())) as image:
        np.testing.assert_array_equal(np.asarray(image), RGBA)
    assert repr(Picture(RGB, name="a")) == "Picture('a', 7x5)"


def test_tensors_there_and_back():
    planes = Picture(RGBA).planes()
    assert (planes.rgb.shape, planes.alpha.shape) == ((1, 3, 5, 7), (1, 1, 5, 7))
    back = of_tensors(planes.rgb, planes.alpha)
    np.testing.assert_array_equal(back.samples(), RGBA)
    assert Picture(RGB).planes().alpha is None
    assert of_tensors(torch.full((1, 3, 2, 2), 1 + 1e-7)).floats.max() == 1


def test_pillow_modes_and_rotations_are_read_as_from_a_file(tmp_path):
    images_of = {
        "L": Image.fromarray(RGB[..., 0]),
        "CMYK": Image.fromarray(RGB).convert("CMYK"),
        "I;16": Image.fromarray(RGB[..., 0].astype(np.uint16) * 257),
    }
    turned = Image.fromarray(RGB)
    turned.getexif()[0x0112] = 6
    for mode, image in images_of.items():
        image.save(tmp_path / "a.tif")
        expected = images.read(tmp_path / "a.tif").rgb[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(Picture(image).floats, expected, atol=1e-6, err_msg=mode)
    assert (Picture(turned).width, Picture(turned).height) == (5, 7)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (RGB[..., 0], "an array of shape 5x7 is no picture: give (H, W, 3)"),
        (RGBA[..., :2], "an array of shape 5x7x2 is no picture"),
        (RGB.astype(int), "an array of int64 is no picture"),
        (RGB > 3, "an array of bool is no picture"),
        (RGB.astype(np.float32), "from 1 to 2"),
        (RGB / 255 - 0.1, "clip it to [0, 1]"),
        (np.full((4, 4, 3), np.nan), "from nan to nan"),
        (RGB[:1], "too small"),
    ],
)
def test_what_is_no_picture_is_refused(array, said):
    with pytest.raises(StylizeError, match=re.escape(said)):
        Picture(array)


@pytest.mark.parametrize("size", [(1, 1), (9, 1), (0, 4)])
def test_a_pil_image_that_is_too_small_is_refused_as_its_file_is(size):
    with pytest.raises(StylizeError, match=f"night is {size[0]}x{size[1]} pixels: give a picture"):
        Picture(Image.new("RGB", size), name="night")


def test_what_a_lazily_opened_pil_image_lacks_is_said_as_of_its_file():
    rough = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    cut = png(rough)[:-3000]
    with pytest.raises(StylizeError) as whole:
        Picture(cut)
    with Image.open(io.BytesIO(cut)) as image, pytest.raises(StylizeError) as lazy:
        Picture(image)
    assert str(lazy.value) == str(whole.value)
    assert "the picture is damaged or cut short" in str(lazy.value)


def test_a_pil_image_is_read_in_the_memory_there_is():
    large = Image.new("RGB", (400, 300))
    with pytest.raises(StylizeError, match="its 400x300 pixels take 2 MB to read, 1 MB is free"):
        Picture(large, room=1_000_000)
    assert Picture(large, least=50, room=2_000_000).pixels.shape == (100, 134, 3)


def test_files_are_refused_in_the_usual_words(tmp_path):
    with pytest.raises(StylizeError, match="there is no file"):
        Picture(tmp_path / "none.png")
    with pytest.raises(StylizeError, match="cannot write"):
        Picture(RGB).save(tmp_path / "a.gif")
    with pytest.raises(StylizeError, match="is empty"):
        Picture(b"")
    with pytest.raises(StylizeError, match="use `depth` 8"):
        Picture(RGB).encoded("JPEG", depth=16)
    for options, said in (
        ({"depth": 12}, "`depth` 12 will not do: use one of: 8, 16"),
        ({"depth": 32}, "`depth` 32 will not do"),
        ({"quality": 200}, "`quality` 200 will not do: it must be from 1 to 100"),
    ):
        with pytest.raises(StylizeError, match=said):
            Picture(RGB).save(tmp_path / "a.webp", **options)
    with pytest.raises(StylizeError, match="`depth` 12 will not do"):
        Picture(RGB).samples(12)
    with pytest.raises(StylizeError, match="`format` 'GIF' will not do: use one of: PNG, JPEG"):
        Picture(RGB).encoded("GIF")
    assert not any(tmp_path.iterdir())


def open_at_its_end(data):
    """As whoever has just written it leaves it."""
    file = io.BytesIO()
    file.write(data)
    return file


class Pipe:
    """What can be read, and nothing else."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


@pytest.mark.parametrize("give", [io.BytesIO, bytearray, memoryview, open_at_its_end, Pipe])
def test_open_files_and_bytes_of_any_kind_will_do(give):
    picture = Picture(give(png(RGBA)))
    np.testing.assert_allclose(picture.floats, RGBA / 255, atol=1e-6)


def test_a_file_that_is_open_for_text_is_told():
    with pytest.raises(TypeError, match="reading in binary"):
        Picture(io.StringIO("text"))


@pytest.mark.parametrize("kind", ["made", "before it is read", "afterwards", "its file"])
def test_a_closed_image_is_not_called_damaged(tmp_path, kind):
    (tmp_path / "a.png").write_bytes(png(RGB))
    file = (tmp_path / "a.png").open("rb")
    image = Image.fromarray(RGB) if kind == "made" else Image.open(file)
    if kind == "afterwards":
        image.load()
    (file if kind == "its file" else image).close()
    file.close()
    with pytest.raises(StylizeError, match=r"^the picture is closed: give it while it is open"):
        Picture(image)


def test_a_truncated_image_is_called_damaged_still():
    with pytest.raises(StylizeError, match="damaged or cut short"):
        Picture(Image.open(io.BytesIO(png(RGB)[:60])))


@pytest.mark.parametrize("format", ["png", "Jpeg", "TIFF"])
def test_formats_are_known_in_any_case(format):
    with Image.open(io.BytesIO(Picture(RGB).encoded(format))) as image:
        assert image.format == format.upper()

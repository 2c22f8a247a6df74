import struct
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import stylize_cli
from stylize_cli.encoders import check_depth, encode
from stylize_cli.errors import StylizeError

PHOTO = Path(stylize_cli.__file__).parent / "pretrained" / "photo.jpg"
RANDOM = np.random.default_rng(0)


def random_pixels(channels, height=7, width=11):
    return RANDOM.random((height, width, channels), np.float32)


def opened(data):
    return np.asarray(Image.open(BytesIO(data)))


def read_16_bit(data, format):
    if format == "TIFF":
        return tifffile.imread(BytesIO(data))
    width, height, depth, colour_type = struct.unpack(">IIBB", data[16:26])
    assert depth == 16
    packed, start = b"", 8
    while start < len(data):  # chunk by chunk; those of the picture make one stream
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        packed += data[start + 8 : start + 8 + length] if kind == b"IDAT" else b""
        start += 12 + length
    step = {2: 6, 6: 8}[colour_type]  # bytes of a pixel
    rows = np.frombuffer(zlib.decompress(packed), np.uint8)
    read = np.zeros((1 + height, step * (1 + width)), int)  # what lies beyond the border is 0
    for y, (kind, *row) in enumerate(rows.reshape(height, -1), 1):
        assert kind == 3  # "Average", undone byte by byte
        for x, value in enumerate(row, step):
            read[y, x] = (value + (read[y, x - step] + read[y - 1, x]) // 2) % 256
    levels = read[1:, step:].astype(np.uint8).view(">u2").astype(np.uint16)
    return levels.reshape(height, width, step // 2)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_come_back_exactly(format, channels):
    levels = RANDOM.integers(0, 65536, (7, 11, channels), np.uint16)
    data = encode((levels / 65535).astype(np.float32), format, depth=16)
    read = read_16_bit(data, format)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, levels)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("depth", [8, 16])
def test_other_readers_see_the_same_picture(format, channels, depth):
    pixels = random_pixels(channels)
    image = Image.open(BytesIO(encode(pixels, format, depth=depth)))
    assert (image.format, image.mode) == (format, "RGB" if channels == 3 else "RGBA")
    np.testing.assert_allclose(np.asarray(image) / 255, pixels, atol=1.01 / 255)


@pytest.mark.parametrize("depth", [8, 16])
def test_levels_round_half_up_and_clamp(depth):
    top = 2**depth - 1
    values = [-1.0, 0.0, 0.49 / top, 0.51 / top, 0.5, 1.0, 7.0]
    expected = [0, 0, 0, 1, (top + 1) // 2, top, top]  # top / 2 is a half: up it goes
    pixels = np.repeat(np.float32(values)[None, :, None], 3, axis=2)
    levels = tifffile.imread(BytesIO(encode(pixels, "TIFF", depth=depth)))
    np.testing.assert_array_equal(levels[0, :, 0], expected)


@pytest.mark.parametrize(
    ("format", "depth"),
    [("PNG", 8), ("PNG", 16), ("TIFF", 8), ("TIFF", 16), ("JPEG", 8), ("WEBP", 8)],
)
def test_same_pixels_same_bytes(format, depth):
    pixels = random_pixels(3)
    assert encode(pixels, format, depth=depth) == encode(pixels.copy(), format, depth=depth)


def test_jpeg_is_laid_on_white():
    pixels = np.zeros((16, 16, 4), np.float32)
    pixels[:8, :, 3] = 0.4
    levels = opened(encode(pixels, "JPEG"))
    np.testing.assert_allclose(levels[:8] / 255, 0.6, atol=0.02)
    np.testing.assert_allclose(levels[8:] / 255, 1, atol=0.02)


def test_webp_keeps_alpha():
    pixels = np.full((16, 16, 4), 0.4, np.float32)
    np.testing.assert_array_equal(opened(encode(pixels, "WEBP"))[..., 3], 102)


@pytest.mark.parametrize(("quality", "sampling"), [(89, 2), (90, 1)])
def test_jpeg_keeps_full_chroma_from_quality_90(quality, sampling):
    image = Image.open(BytesIO(encode(random_pixels(3), "JPEG", quality=quality)))
    _, horizontal, vertical, _ = image.layer[0]
    assert (horizontal, vertical) == (sampling, sampling)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_quality_costs_bytes(format):
    pixels = random_pixels(3, 64, 64)
    assert len(encode(pixels, format, quality=95)) > len(encode(pixels, format, quality=50))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("height", [1, 2, 63, 64, 65, 130])
def test_eight_bits_come_back_exactly(height, channels):
    levels = RANDOM.integers(0, 256, (height, 2, channels), np.uint8)
    np.testing.assert_array_equal(opened(encode(levels, "PNG")), levels)


def test_a_png_is_hardly_larger_than_pillows():
    with Image.open(PHOTO) as photo:
        levels = np.asarray(photo.convert("RGB"))
    by_pillow = BytesIO()
    Image.fromarray(levels).save(by_pillow, "PNG")
    assert len(encode(levels, "PNG")) < 1.1 * len(by_pillow.getvalue())


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_smooth_sixteen_bit_pictures_compress(format):
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    pixels = np.broadcast_to(ramp[:, None, None] * 0.7, (64, 64, 3))
    assert len(encode(pixels, format, depth=16)) < pixels.size * 2 / 10


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_formats_of_8_bits_refuse_16(format):
    with pytest.raises(StylizeError, match=rf"{format} holds 8 bits.*`depth` 8"):
        check_depth(format, 16)
    with pytest.raises(StylizeError, match=rf"{format} holds 8 bits"):
        encode(random_pixels(3), format, depth=16)


@pytest.mark.parametrize(("format", "limit"), [("JPEG", 65500), ("WEBP", 16383)])
def test_sides_up_to_the_formats_limit(format, limit):
    assert encode(np.zeros((2, limit, 3), np.float32), format)
    with pytest.raises(StylizeError, match=rf"at most {limit} pixels a side.*{limit + 1}"):
        encode(np.zeros((limit + 1, 2, 3), np.float32), format)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_a_bug(value):
    pixels = random_pixels(3)
    pixels[2, 3, 1] = value
    with pytest.raises(ValueError, match="finite"):
        encode(pixels, "PNG")


# What is said beside the pixels.


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
def test_a_profile_says_that_it_is_srgb(format):
    profile = Image.open(BytesIO(encode(random_pixels(3), format))).info["icc_profile"]
    found = ImageCms.ImageCmsProfile(BytesIO(profile))
    assert "sRGB" in ImageCms.getProfileDescription(found)
    levels = Image.fromarray(RANDOM.integers(0, 256, (9, 9, 3), np.uint8))
    same = ImageCms.profileToProfile(levels, found, ImageCms.createProfile("sRGB"))
    np.testing.assert_allclose(np.asarray(same), np.asarray(levels), atol=1)


@pytest.mark.parametrize("depth", [8, 16])
def test_png_says_that_it_is_srgb(depth):
    assert Image.open(BytesIO(encode(random_pixels(3), "PNG", depth=depth))).info["srgb"] == 0


@pytest.mark.parametrize(
    ("format", "depth"),
    [("PNG", 8), ("PNG", 16), ("TIFF", 8), ("TIFF", 16), ("JPEG", 8), ("WEBP", 8)],
)
def test_metadata_are_written_where_they_are_given_and_only_there(format, depth):
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "Maker", "2024:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    kept = Image.open(
        BytesIO(encode(random_pixels(3), format, depth=depth, exif=exif.tobytes()))
    ).getexif()
    assert (kept[0x010F], kept[0x0132]) == ("Maker", "2024:01:02 03:04:05")
    assert format == "TIFF" or kept.get_ifd(0x8825)[1] == "N"
    plain = Image.open(BytesIO(encode(random_pixels(3), format, depth=depth))).getexif()
    assert not {0x010F, 0x0132, 0x8825, 0x0131} & set(plain)


@pytest.mark.parametrize("place", ["maker's note", "description"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_metadata_that_a_jpeg_cannot_hold_are_shortened_there_alone(format, place):
    exif = Image.Exif()
    exif[0x0132] = "2024:01:02 03:04:05"
    inner = exif.get_ifd(0x8769) if place == "maker's note" else exif
    inner[0x927C if place == "maker's note" else 0x010E] = "a" * 70_000
    file = Image.open(BytesIO(encode(random_pixels(3), format, exif=exif.tobytes())))
    kept = file.getexif()
    is_cut = format == "JPEG"
    assert (0x927C in kept.get_ifd(0x8769) or 0x010E in kept) != is_cut
    assert (0x0132 in kept) == (not is_cut or place == "maker's note")


@pytest.mark.parametrize(
    ("format", "depth", "channels"),
    [
        ("PNG", 8, 4),
        ("PNG", 16, 3),
        ("TIFF", 8, 3),
        ("TIFF", 16, 4),
        ("JPEG", 8, 4),
        ("WEBP", 8, 3),
    ],
)
def test_writing_takes_little_more_than_the_file_and_its_samples(format, depth, channels):
    """Beside the pixels, which are 4 bytes a value: whole, each step would take as many again."""
    pixels = np.full((1500, 1000, channels), 0.3, np.float32)
    tracemalloc.start()
    encode(pixels, format, depth=depth)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * pixels.nbytes + pixels.size * depth / 8 + 2_000_000

import struct
import subprocess
import sys
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from stylize_cli.decoders import decode
from stylize_cli.errors import StylizeError

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (6, 9, 3), np.uint8)
GREY = RANDOM.integers(0, 256, (6, 9), np.uint8)
DEEP = np.linspace(0, 65535, 54).astype(np.uint16).reshape(6, 9)
UNIT = 1 / 255
DEEP_UNIT = 1 / 65535


def saved(image, format="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def tiff(array, **options):
    buffer = BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def pixels_of(data):
    pixels, _ = decode(data, name="x")
    assert pixels.dtype == np.float32
    return pixels


def grey_rgb(values):
    return np.repeat(np.asarray(values, np.float64)[..., None], 3, axis=2)


# Profiles from raw bytes (ICC.1:2010, sections 7 and 10), so that their effect is known exactly.


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def icc(device, space, connection, tags):
    white = b"XYZ " + bytes(4) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    tags = {b"wtpt": white, **tags}
    offset, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s", offset + len(body), bytes(4), 0x02400000, device, space,
                         connection)  # fmt: skip
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return header.ljust(128, b"\0") + table + body


LINEAR = b"curv" + bytes(8)
# Columns: the primaries' XYZ, adapted to D50.
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.2412, 0.69225, 0.06657], [-0.00105, 0.04189, 0.784]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.0139, 0.0971, 0.714]])
LINEAR_P3 = icc(
    b"mntr",
    b"RGB ",
    b"XYZ ",
    {
        **{
            c + b"XYZ": b"XYZ " + bytes(4) + b"".join(map(fixed, P3[:, i]))
            for i, c in enumerate((b"r", b"g", b"b"))
        },
        **{c + b"TRC": LINEAR for c in (b"r", b"g", b"b")},
    },
)
LINEAR_GREY = icc(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": LINEAR})


def cmyk_profile():
    """CMYK -> Lab by a 2x2x2x2 table in which only the key counts: L* = 100 (1 - K)."""
    ramp = bytes(range(256))
    nodes = bytes(v for i in range(16) for v in (0 if i & 1 else 255, 128, 128))
    matrix = b"".join(map(fixed, np.eye(3).ravel()))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + nodes + ramp * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def srgb_curve(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG", "AVIF"])
def test_flat_colour_survives_every_format(format):
    options = {"quality": 100, "subsampling": "4:4:4"} if format in ("JPEG", "AVIF") else {}
    data = saved(Image.new("RGB", (16, 16), (200, 100, 50)), format, **options)
    expected = np.broadcast_to(np.array([200, 100, 50]) / 255, (16, 16, 3))
    np.testing.assert_allclose(pixels_of(data), expected, atol=3 * UNIT)


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        (saved(Image.fromarray(RGB)), RGB / 255, 1e-7),
        (saved(Image.fromarray(GREY)), grey_rgb(GREY / 255), 1e-7),
        (saved(Image.fromarray(GREY > 99)), grey_rgb(GREY > 99), 0),
        (saved(Image.fromarray(GREY > 99), "TIFF"), grey_rgb(GREY > 99), 0),
        (saved(Image.fromarray(DEEP)), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff(DEEP), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff(DEEP, byteorder=">"), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff(DEEP.astype(np.int32)), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff(DEEP.astype(np.int32) * 1000), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff((DEEP / 65535).astype(np.float32)), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff(DEEP.astype(np.float32)), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
        (tiff(RGB.astype(np.uint16) * 257, photometric="rgb"), RGB / 255, UNIT),
        (b"P5 9 6 65535\n" + DEEP.astype(">u2").tobytes(), grey_rgb(DEEP / 65535), DEEP_UNIT / 2),
    ],
    ids=[
        "rgb",
        "l",
        "1",
        "1-tiff",
        "I;16",
        "I;16-tiff",
        "I;16B",
        "I",
        "I-large",
        "F",
        "F-large",
        "rgb16-tiff",
        "pgm16",
    ],
)
def test_modes_and_depths_are_scaled_to_the_unit_range(data, expected, tolerance):
    np.testing.assert_allclose(pixels_of(data), expected, rtol=0, atol=tolerance + 1e-7)


def test_not_a_number_in_a_float_file_reads_as_black():
    values = np.full((4, 4), 0.5, np.float32)
    values[1, 2], values[2, 1] = np.nan, np.inf
    expected = np.where(np.isfinite(values), values, 0)
    np.testing.assert_allclose(pixels_of(tiff(values)), grey_rgb(expected), atol=1e-6)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_subtractive(format):
    # JPEG stores Adobe's CMYK inverted.
    options = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    data = saved(Image.new("CMYK", (8, 8), (255, 0, 0, 51)), format, **options)
    np.testing.assert_allclose(pixels_of(data)[3, 3], [0, 0.8, 0.8], atol=0.02)


def test_cmyk_goes_through_its_profile():
    cyan, dark = (255, 0, 0, 0), (0, 0, 0, 128)  # the profile heeds the key alone
    image = Image.new("CMYK", (2, 2), cyan)
    image.paste(dark, (0, 1, 2, 2))
    pixels = pixels_of(saved(image, "TIFF", icc_profile=cmyk_profile()))
    lightness = 100 * (1 - 128 / 255)
    expected = srgb_curve(((lightness + 16) / 116) ** 3)
    np.testing.assert_allclose(pixels[0, 0], 1, atol=1.5 * UNIT)
    np.testing.assert_allclose(pixels[1, 0], expected, atol=2 * UNIT)


@pytest.mark.parametrize("alpha", [None, GREY])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_wide_gamut_profile_becomes_srgb_and_keeps_alpha(alpha, format):
    layers = [RGB] if alpha is None else [RGB, np.maximum(alpha, 1)]
    image = Image.fromarray(np.dstack(layers))
    pixels = pixels_of(saved(image, format, icc_profile=LINEAR_P3))
    expected = srgb_curve(RGB / 255 @ P3.T @ np.linalg.inv(SRGB).T)
    np.testing.assert_allclose(pixels[..., :3], expected, atol=0.012)
    if alpha is not None:
        np.testing.assert_allclose(pixels[..., 3], np.maximum(alpha, 1) / 255, atol=1e-7)


@pytest.mark.parametrize(
    ("image", "values"),
    [
        (Image.fromarray(GREY), GREY / 255),
        (Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (9, 6), 99)]), GREY / 255),
        (Image.fromarray(DEEP), DEEP / 65535),
    ],
    ids=["L", "LA", "I;16"],
)
def test_grey_profile_is_applied(image, values):
    pixels = pixels_of(saved(image, icc_profile=LINEAR_GREY))
    bright = values > 0.02  # below, the curve is too steep for the 8 bits of the conversion
    expected = grey_rgb(srgb_curve(values))
    np.testing.assert_allclose(pixels[bright][:, :3], expected[bright], atol=4 * UNIT)


def test_grey_picture_with_a_colour_profile_goes_through_it():
    pixels = pixels_of(saved(Image.fromarray(GREY), icc_profile=LINEAR_P3))
    np.testing.assert_allclose(pixels, grey_rgb(srgb_curve(GREY / 255)), atol=0.012)


def test_lab_becomes_rgb():
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = Image.new("RGB", (4, 4), (180, 120, 60))
    image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    expected = np.array([180, 120, 60]) / 255
    np.testing.assert_allclose(pixels_of(saved(image, "TIFF"))[2, 2], expected, atol=0.02)


@pytest.mark.parametrize(
    "profile",
    [b"no profile", LINEAR_P3[:200], LINEAR_GREY, cmyk_profile()],
    ids=["junk", "cut", "grey", "cmyk"],
)
def test_broken_or_misfit_profile_is_ignored(profile):
    np.testing.assert_allclose(
        pixels_of(saved(Image.fromarray(RGB), icc_profile=profile)), RGB / 255, atol=1e-7
    )


UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    pixels = pixels_of(saved(Image.fromarray(RGB), format, exif=exif, **options))
    np.testing.assert_allclose(pixels, UPRIGHT[orientation](RGB) / 255, atol=1e-7)


def test_sixteen_bit_grey_is_turned_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = pixels_of(saved(Image.fromarray(DEEP), exif=exif))
    np.testing.assert_allclose(pixels, grey_rgb(np.rot90(DEEP, -1) / 65535), atol=1e-6)


@pytest.mark.parametrize("exif", [b"Exif\0\0junk", b"Exif\0\0MM\0*\0\0\0\x08\0\xff", b"Exif\0\0II"])
def test_broken_exif_is_ignored(exif):
    data = saved(Image.new("RGB", (8, 8), "white"), "JPEG", exif=exif)
    np.testing.assert_allclose(pixels_of(data), 1, atol=UNIT)


def seen(colours, alpha):
    """Expected RGBA of a picture: alpha kept, hidden colours replaced by the mean visible one."""
    colours, alpha = colours / 255, alpha / 255
    mean = (colours * alpha[..., None]).sum((0, 1)) / alpha.sum()
    return np.dstack([np.where(alpha[..., None] == 0, mean, colours), alpha])


ALPHA = np.where(GREY < 128, 0, GREY).astype(np.uint8)
PALETTE = Image.fromarray(GREY % 3)
PALETTE.putpalette([10, 20, 30, 200, 100, 50, 60, 70, 80])
COLOURS = np.array([[10, 20, 30], [200, 100, 50], [60, 70, 80]])[GREY % 3]


@pytest.mark.parametrize(
    ("data", "colours", "alpha"),
    [
        (saved(Image.fromarray(np.dstack([RGB, ALPHA]))), RGB, ALPHA),
        (
            saved(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])),
            grey_rgb(GREY),
            ALPHA,
        ),
        (saved(PALETTE, transparency=1), COLOURS, np.where(GREY % 3 == 1, 0, 255)),
        (saved(PALETTE, "GIF", transparency=1), COLOURS, np.where(GREY % 3 == 1, 0, 255)),
        (
            saved(PALETTE, transparency=bytes([255, 0, 90])),
            COLOURS,
            np.array([255, 0, 90])[GREY % 3],
        ),
        (
            saved(Image.fromarray(GREY), transparency=int(GREY[2, 3])),
            grey_rgb(GREY),
            np.where(GREY[2, 3] != GREY, 255, 0),
        ),
        (
            saved(Image.fromarray(RGB), transparency=tuple(int(v) for v in RGB[2, 3])),
            RGB,
            np.where((RGB[2, 3] != RGB).any(-1), 255, 0),
        ),
    ],
    ids=["RGBA", "LA", "P", "GIF", "P-bytes", "L-key", "RGB-key"],
)
def test_transparency_is_kept_and_hidden_colours_do_not_count(data, colours, alpha):
    np.testing.assert_allclose(pixels_of(data), seen(colours, alpha), atol=1e-5)


def test_premultiplied_colours_are_restored():
    colours, alpha = np.array([200, 100, 50]), 102
    premultiplied = np.tile(np.uint8([*(colours * alpha // 255), alpha]), (4, 4, 1))
    data = tiff(premultiplied, photometric="rgb", extrasamples=["assocalpha"])
    expected = [*(colours / 255), 0.4]
    np.testing.assert_allclose(pixels_of(data)[1, 1], expected, atol=2 * UNIT)


def test_alpha_that_is_full_everywhere_is_dropped():
    assert pixels_of(saved(Image.new("RGBA", (4, 4), (1, 2, 3, 255)))).shape == (4, 4, 3)


def test_wholly_transparent_picture_still_reads():
    pixels = pixels_of(saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0))))
    np.testing.assert_array_equal(pixels[0, 0], [1, 0, 0, 0])


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_several_is_read_and_said(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    pixels, note = decode(data, name="x")
    assert note == "first of 3 frames"
    np.testing.assert_allclose(pixels[..., :3], np.broadcast_to([1, 0, 0], (8, 8, 3)), atol=1e-6)


def test_the_preview_in_a_phone_photo_is_not_a_frame():
    photo, preview = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (4, 4), "red")
    assert decode(saved(photo, "MPO", save_all=True, append_images=[preview]), name="x")[1] == ""


PHOTO = Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "not an image"),
        (saved(PHOTO, "JPEG")[:2000], "damaged or cut short"),
        (saved(PHOTO)[:2000], "damaged or cut short"),
        (saved(PHOTO, "WEBP")[:1000], "cut short|not an image"),
        (saved(PHOTO, "TIFF")[:4000], "damaged or cut short"),
        (saved(Image.new("RGB", (1, 1))), "is 1x1 pixels"),
        (saved(Image.new("RGB", (9, 1))), "is 9x1 pixels"),
    ],
    ids=["empty", "text", "jpeg", "png", "webp", "tiff", "1x1", "9x1"],
)
def test_what_cannot_be_read_says_why_in_one_line(data, said, capfd):
    with pytest.raises(StylizeError, match=rf"^photo\.x .*({said}).*$") as caught:
        decode(data, name="photo.x")
    assert "\n" not in str(caught.value)
    assert ": " in str(caught.value)  # what is wrong: what to do
    assert capfd.readouterr() == ("", "")


def test_what_memory_will_not_hold_is_refused_from_the_header():
    """Nothing is decoded: a file of 100 bytes that claims 4 gigapixels."""
    bomb = saved(Image.new("RGB", (4, 4)))
    header = bomb[:16] + struct.pack(">II", 65000, 65000) + bomb[24:29]
    bomb = header + struct.pack(">I", zlib.crc32(header[12:])) + bomb[33:]
    with pytest.raises(StylizeError, match=r"photo\.png is too large: its 65000x65000 .* GB"):
        decode(bomb, name="photo.png", room=2**60)
    with pytest.raises(StylizeError, match=r"64x64 pixels take 0 MB to read"):
        decode(saved(PHOTO), name="photo.png", room=100_000)
    assert decode(saved(PHOTO), name="photo.png", room=200_000)


def test_pillow_s_own_limit_is_neither_asked_nor_moved(monkeypatch):
    """It is the process's, and counts pixels that need not be decoded."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert pixels_of(saved(PHOTO)).shape == (64, 64, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


# Formats that start programs.


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{ } loop\n%%EOF\n"


EPS_BINARY = struct.pack("<4sIIIIIIH", b"\xc5\xd0\xd3\xc6", 30, len(EPS), 0, 0, 0, 0, 0xFFFF) + EPS


def test_a_reader_is_loaded_when_a_file_wants_it(tmp_path):
    """In a process of its own, where nobody else has loaded any."""
    formats = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "DIB", "PPM")
    for format in formats:
        (tmp_path / format).write_bytes(saved(Image.new("RGB", (32, 32), (9, 99, 199)), format))
    code = (
        "import sys; from pathlib import Path; from stylize_cli.decoders import decode\n"
        "for name in sys.argv[1:]:\n"
        "    pixels, _ = decode(Path(name).read_bytes(), name=name)\n"
        "    assert abs(pixels[5, 5] * 255 - (9, 99, 199)).max() < 6, name\n"
        "    if name == 'PNG':\n"
        "        print('PIL.WebPImagePlugin' in sys.modules, 'PIL.PdfParser' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *formats], cwd=tmp_path, capture_output=True, text=True
    )
    assert (ran.stderr, ran.stdout) == ("", "False False\n")


@pytest.mark.parametrize("length", [1, 2, 3, 5, 40])
def test_a_text_is_no_image_however_short(length):
    with pytest.raises(StylizeError, match=r"^t is not an image of a known format"):
        decode((b"some words, " * 4)[:length], name="t")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("data", [EPS, EPS_BINARY], ids=["text", "binary"])
def test_postscript_is_never_run(data, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)  # what Ghostscript would be started by
    with pytest.raises(StylizeError, match="not an image of a known format"):
        decode(data, name="photo.jpg")


@pytest.mark.parametrize("format", sorted({"PCX", "TGA", "ICNS", "PDF", "PSD", "SGI", "ICO"}))
def test_other_formats_are_refused(format):
    Image.init()
    data = b"8BPS" + bytes(60) if format == "PSD" else saved(Image.new("RGB", (32, 32)), format)
    with pytest.raises(StylizeError, match="not an image of a known format"):
        decode(data, name="x")


# 16 bits.


LEVELS = np.arange(0, 65536, 16, dtype=np.uint16)  # 4,096 of them
RAMP = np.stack([LEVELS, LEVELS[::-1], LEVELS], 1).reshape(64, 64, 3)
GREY16 = RAMP[..., 0]
ALPHA16 = np.maximum(LEVELS, 1).reshape(64, 64, 1)


def png16(samples, *, interlaced=False, key=()):
    """A PNG of 16 bits by the specification: every row with another filter, or interlaced.

    Of grey and RGB ones a colour may be transparent, which is the key.
    """
    height, width, maps = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[maps]
    rows = samples.astype(">u2").view(np.uint8).reshape(height, width * maps * 2)
    if interlaced:  # Adam7 (PNG specification, 8.2), unfiltered
        passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2),
                  (0, 2, 1, 2), (1, 2, 0, 1)]  # fmt: skip
        parts = [samples[a::b, c::d].astype(">u2") for a, b, c, d in passes]
        body = b"".join(b"\0" + row.tobytes() for part in parts for row in part)
    else:
        body = b""
        for number, row in enumerate(rows):
            left = np.concatenate([np.zeros(2 * maps, np.uint8), row[: -2 * maps]])
            up = rows[number - 1] if number else np.zeros_like(row)
            kinds = (np.zeros_like(row), left, up, ((left.astype(int) + up) // 2).astype(np.uint8))
            filter = number % 4
            body += bytes([filter]) + (row - kinds[filter]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlaced)
    clear = [(b"tRNS", np.array(key, ">u2").tobytes())] if len(key) else []
    chunks = [(b"IHDR", header), *clear, (b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize("least", [None, 4])
@pytest.mark.parametrize("colours", [GREY[..., None], RGB], ids=["grey", "RGB"])
def test_one_colour_of_sixteen_bits_is_transparent_as_it_is_of_eight(colours, least):
    eight = np.kron(colours, np.ones((5, 5, 1), np.uint8))
    key = eight[12, 17]
    one = tuple(map(int, key)) if len(key) == 3 else int(key[0])
    shallow = saved(Image.fromarray(eight.squeeze()), transparency=one)
    deep = png16(eight.astype(np.uint16) * 257, key=key.astype(np.uint16) * 257)
    expected, _ = decode(shallow, name="x", least=least)
    assert expected.shape[2] == 4
    found, _ = decode(deep, name="x", least=least)
    np.testing.assert_allclose(found, expected, atol=3 * UNIT if least else 1e-6)


def repacked(data, body, compression):
    """A TIFF of one strip with another body: its entries are 12 bytes (TIFF 6.0, section 2)."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        tags = file.pages.first.tags
        values = {259: compression, 273: len(data), 279: len(body)}
        data = bytearray(data)
        for tag, value in values.items():
            size = "<H" if tags[tag].dtype == 3 else "<I"
            struct.pack_into(size, data, tags[tag].offset + 8, value)
    return bytes(data) + body


def lzw(samples):
    """A TIFF of 16 bits, packed by libtiff, to which they are twice as many of 8."""
    rows = samples.view(np.uint8).reshape(len(samples), -1)
    packed = saved(Image.fromarray(rows), "TIFF", compression="tiff_lzw", tiffinfo={278: len(rows)})
    with tifffile.TiffFile(BytesIO(packed)) as file:
        (offset,), (count,) = file.pages.first.dataoffsets, file.pages.first.databytecounts
    plain = tiff(samples, photometric="rgb", rowsperstrip=len(samples))
    return repacked(plain, packed[offset : offset + count], 5)


@pytest.mark.parametrize("maps", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["png", "interlaced", "tiff", "big", "planar", "deflate", "tiles"])
def test_sixteen_bits_are_all_read(kind, maps):
    colours = RAMP if maps > 2 else RAMP[..., :1]
    samples = colours if maps % 2 else np.concatenate([colours, ALPHA16], 2)
    if kind in ("png", "interlaced"):
        data = png16(samples, interlaced=kind == "interlaced")
    else:
        options = {
            "big": {"byteorder": ">"},
            "planar": {"planarconfig": "separate"},
            "deflate": {"compression": "zlib", "predictor": True},
            "tiles": {"tile": (32, 32)},
        }.get(kind, {})
        extra = {"extrasamples": ["unassalpha"]} if maps in (2, 4) else {}
        photometric = "rgb" if maps > 2 else "minisblack"
        array = samples.transpose(2, 0, 1) if kind == "planar" else samples
        if maps == 1:
            array, extra = samples[..., 0], {}
            options.pop("planarconfig", None)
        data = tiff(array, photometric=photometric, **extra, **options)
    expected = samples / 65535
    if maps < 3:
        expected = np.concatenate([*[expected[..., :1]] * 3, expected[..., 1:]], 2)
    np.testing.assert_allclose(pixels_of(data), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
def test_white_may_be_zero(dtype):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = (np.linspace(0, 1, 54).reshape(6, 9) * top).astype(dtype)
    expected = grey_rgb(1 - values.astype(np.float64) / top)
    np.testing.assert_allclose(
        pixels_of(tiff(values, photometric="miniswhite")), expected, atol=1e-6
    )


def test_integers_of_32_bits_are_not_negative():
    values = np.linspace(0, 2**32 - 1, 54).reshape(6, 9).astype(np.uint32)
    expected = grey_rgb(values / (2**32 - 1))
    np.testing.assert_allclose(pixels_of(tiff(values)), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_of_signed_integers_the_greatest_is_white(photometric, dtype):
    values = np.linspace(0, np.iinfo(dtype).max, 54).reshape(6, 9).astype(dtype)
    shown = values.astype(np.float64) / np.iinfo(dtype).max
    expected = grey_rgb(shown if photometric == "minisblack" else 1 - shown)
    found = pixels_of(tiff(values, photometric=photometric, compression="zlib"))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("extra", ["unspecified", "assocalpha", "unassalpha"])
def test_what_pillow_unpacks_keeps_sixteen_bits_whatever_its_fourth_channel_is(extra):
    alpha = np.maximum(ALPHA16, 6000)
    colours = (RAMP * (alpha / 65535)).round() if extra == "assocalpha" else RAMP
    samples = np.concatenate([colours.astype(np.uint16), alpha], 2)
    options = {"photometric": "rgb", "extrasamples": [extra], "compression": "lzma"}
    found = pixels_of(tiff(samples, **options))
    np.testing.assert_allclose(found[..., :3], RAMP / 65535, atol=2e-4)
    if extra == "unspecified":
        assert found.shape[2] == 3
        assert len(np.unique(found[..., 0])) == len(LEVELS)
    else:
        np.testing.assert_allclose(found[..., 3:], alpha / 65535, atol=1e-7)


def test_multiplied_colours_in_layers_are_divided():
    alpha = np.linspace(60, 255, 64 * 64).round().astype(np.uint8).reshape(64, 64, 1)
    colours = (RAMP / 257).astype(np.uint8)
    multiplied = (colours * (alpha / 255)).round().astype(np.uint8)
    layers = np.concatenate([multiplied, alpha], 2).transpose(2, 0, 1)
    options = {"photometric": "rgb", "extrasamples": ["assocalpha"], "planarconfig": "separate"}
    found = pixels_of(tiff(layers, **options))
    np.testing.assert_allclose(found[..., :3], colours / 255, atol=0.01)
    np.testing.assert_allclose(found[..., 3:], alpha / 255, atol=1e-6)


def test_sixteen_bits_of_lzw_are_all_read():
    np.testing.assert_allclose(pixels_of(lzw(RAMP)), RAMP / 65535, rtol=0, atol=1e-7)


def twelve(values, photometric, *, deflate):
    """A grey TIFF of 12 bits, two samples in three bytes (TIFF 6.0, section 4)."""
    first, second = values[:, ::2].astype(int), values[:, 1::2].astype(int)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
    body = packed.astype(np.uint8).tobytes()
    body = zlib.compress(body) if deflate else body
    height, width = values.shape
    shorts = {256: width, 257: height, 258: 12, 259: 8 if deflate else 1, 262: photometric}
    entries = {**shorts, 273: 8 + 2 + 12 * 9 + 4, 277: 1, 278: height, 279: len(body)}
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, value in entries.items():
        head += struct.pack("<HHII", tag, 4, 1, value)
    return head + bytes(4) + body


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
def test_twelve_bits_are_all_read(photometric, deflate):
    values = np.arange(4096).reshape(64, 64)
    expected = grey_rgb(values / 4095)
    found = pixels_of(twelve(values, photometric, deflate=deflate))
    np.testing.assert_allclose(found, expected if photometric else 1 - expected, atol=1e-6)


def test_a_kind_of_tiff_that_is_not_read_right_is_refused():
    with pytest.raises(StylizeError, match=r"of a kind that is not read .*LZW.*: save it without"):
        decode(repacked(tiff(GREY16, photometric="miniswhite"), b"x", 5), name="x")


def test_multiplied_colours_of_16_bits_are_divided():
    multiplied = (RAMP * (ALPHA16 / 65535)).round().astype(np.uint16)
    samples = np.concatenate([multiplied, ALPHA16], 2)
    found = pixels_of(tiff(samples, photometric="rgb", extrasamples=["assocalpha"]))
    clear = ALPHA16[..., 0] > 6000
    np.testing.assert_allclose(found[clear][:, :3], (RAMP / 65535)[clear], atol=1e-4)
    np.testing.assert_allclose(found[..., 3:], ALPHA16 / 65535, atol=1e-7)


def test_a_wide_gamut_of_16_bits_becomes_srgb_with_all_its_levels():
    pixels = pixels_of(tiff(RAMP, photometric="rgb", iccprofile=LINEAR_P3))
    expected = srgb_curve(RAMP / 65535 @ P3.T @ np.linalg.inv(SRGB).T)
    np.testing.assert_allclose(pixels, expected, atol=0.012)
    assert len(np.unique(pixels[..., 1])) > 3000  # but for what sRGB does not hold


def test_a_table_s_profile_of_16_bits_is_near_its_conversion_of_8():
    table = icc(b"scnr", b"RGB ", b"Lab ", {b"A2B0": inverting_table()})
    eight = pixels_of(saved(Image.fromarray((RAMP >> 8).astype(np.uint8)), icc_profile=table))
    sixteen = pixels_of(tiff((RAMP >> 8) * 257, photometric="rgb", iccprofile=table))
    np.testing.assert_allclose(sixteen, eight, atol=1e-6)
    assert np.corrcoef(eight[..., 1].ravel(), (RAMP[..., 1] >> 8).ravel())[0, 1] < -0.5


def inverting_table():
    """RGB -> Lab by 2×2×2 nodes in which green alone counts: L* = 100 (1 - G)."""
    ramp = bytes(range(256))
    nodes = bytes(v for i in range(8) for v in (0 if i & 2 else 255, 128, 128))
    matrix = b"".join(map(fixed, np.eye(3).ravel()))
    return b"mft1" + bytes(4) + bytes([3, 3, 2, 0]) + matrix + ramp * 3 + nodes + ramp * 3


def test_a_bomb_in_a_tiff_is_refused_before_it_unfolds():
    plain = tiff(np.zeros((64, 64, 3), np.uint16), photometric="rgb", rowsperstrip=64)
    bomb = repacked(plain, zlib.compress(bytes(100_000_000), 9), 8)
    tracemalloc.start()
    with pytest.raises(StylizeError, match="damaged"):
        decode(bomb, name="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_heic_is_read_where_its_package_is():
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    data = saved(Image.new("RGB", (64, 64), (200, 100, 50)), "HEIF", quality=95)
    expected = np.broadcast_to(np.array([200, 100, 50]) / 255, (64, 64, 3))
    np.testing.assert_allclose(pixels_of(data), expected, atol=4 * UNIT)


# Less than the whole.


CELLS = RANDOM.integers(0, 256, (12, 16, 3), np.uint8)
BIG = Image.fromarray(np.kron(CELLS, np.ones((64, 64, 1), np.uint8)))


@pytest.mark.parametrize("least", [40, 96, 300, 384, 1000])
@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
    ],
)
def test_no_more_is_decoded_than_is_wanted(format, mode, least):
    image = BIG.quantize(64, dither=0) if mode == "P" else BIG.convert(mode)
    data = saved(image, format, **({"quality": 95} if format == "JPEG" else {}))
    whole, _ = decode(data, name="x")
    found, _ = decode(data, name="x", least=least)
    height, width = found.shape[:2]
    assert min(least, 768) <= height <= 768
    assert abs(width / height - 1024 / 768) < 0.01
    if least <= 96:
        assert height <= 4 * least
    centres = [
        a[a.shape[0] // 24 :: a.shape[0] // 12][:, a.shape[1] // 32 :: a.shape[1] // 16]
        for a in (whole, found)
    ]
    np.testing.assert_allclose(*centres, atol=0.05)


def test_sixteen_bits_are_made_smaller_likewise():
    large = np.kron(RAMP, np.ones((16, 16, 1), np.uint16))
    found, _ = decode(png16(large), name="x", least=32)
    np.testing.assert_allclose(found, RAMP / 65535, atol=1e-6)


@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_hidden_does_not_shine_through_where_a_picture_is_made_smaller(depth):
    clear = np.zeros((64, 64, 4), np.uint8)
    clear[:, ::2] = (10, 200, 30, 255)
    clear[:, 1::2] = (255, 0, 255, 0)
    data = saved(Image.fromarray(clear)) if depth == 8 else png16(clear.astype(np.uint16) * 257)
    found, _ = decode(data, name="x", least=16)
    np.testing.assert_allclose(
        found[..., :3], np.broadcast_to(np.array([10, 200, 30]) / 255, (32, 32, 3)), atol=0.01
    )
    np.testing.assert_allclose(found[..., 3], 0.5, atol=0.01)


# A JPEG's end.


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 2}, {"quality": 20}]
)
def test_a_jpeg_without_its_end_mark_is_read_and_said(options):
    data = saved(PHOTO, "JPEG", **options)
    assert data.endswith(b"\xff\xd9")
    pixels, note = decode(data[:-2], name="x")
    assert note == "its end mark is missing"
    np.testing.assert_array_equal(pixels, pixels_of(data))
    for lost in (12, 40, 400):
        with pytest.raises(StylizeError, match="damaged or cut short"):
            decode(data[:-lost], name="x")

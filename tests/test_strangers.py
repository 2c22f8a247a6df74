"""Files of strangers, as hypothesis draws them: read right, or refused in one line."""

import io
import json
import tracemalloc
import warnings
from io import BytesIO

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from stylize_cli import checkpoints, decoders, encoders, models
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS

SIDES = st.integers(1, 40)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def samples(draw, depths=(8, 16), channels=(1, 2, 3, 4)):
    """(H, W, C) of 8 or 16 bits."""
    dtype = np.uint16 if draw(st.sampled_from(depths)) == 16 else np.uint8
    shape = (draw(SIDES), draw(SIDES), draw(st.sampled_from(channels)))
    return draw(arrays.arrays(dtype, shape, fill=st.integers(0, np.iinfo(dtype).max)))


def shown(values):
    """Expected pixels (H, W, C) in [0, 1]: grey is three channels, what is hidden the mean."""
    unit = values / np.iinfo(values.dtype).max
    if unit.shape[2] < 3:
        unit = np.concatenate([unit[..., :1]] * 3 + [unit[..., 1:]], 2)
    if unit.shape[2] == 3 or unit[..., 3].min() == 1:
        return unit[..., :3]
    rgb, alpha = unit[..., :3].copy(), unit[..., 3:]
    if alpha.max() > 0:
        rgb[alpha[..., 0] == 0] = (rgb * alpha).sum((0, 1)) / alpha.sum()
    return np.concatenate([rgb, alpha], 2)


def check_line(error, start=""):
    assert str(error).startswith(start)
    assert str(error).isprintable()


def read(data):
    """Pixels, or None where they are refused, by one line that names the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            return decoders.decode(data, name="photo.x")[0]
        except StylizeError as error:
            check_line(error, "photo.x ")
            return None


@QUICK
@given(samples(), st.sampled_from(["separate", "contig"]), st.sampled_from([None, "zlib"]))
def test_every_tiff_that_tifffile_writes_is_read_to_the_last_bit(values, planes, compression):
    maps = values.shape[2]
    colour = "rgb" if maps > 2 else "minisblack"
    array = values.transpose(2, 0, 1) if planes == "separate" else values
    extra = {"extrasamples": ["unassalpha"]} if maps in (2, 4) else {}
    if maps == 1:
        array, planes = values[..., 0], None
    buffer = BytesIO()
    tifffile.imwrite(
        buffer, array, photometric=colour, planarconfig=planes, compression=compression, **extra
    )
    found = read(buffer.getvalue())
    if min(values.shape[:2]) < 2:
        assert found is None
    else:
        np.testing.assert_allclose(found, shown(values), atol=2e-5)


@QUICK
@given(samples(depths=(8,)), st.sampled_from(["PNG", "TIFF", "WEBP"]))
def test_every_picture_that_pillow_writes_without_loss_is_read_as_it_is(values, format):
    if format == "WEBP" and values.shape[2] < 3:
        values = np.concatenate([values[..., :1]] * 3 + [values[..., 1:]], 2)
    mode = ("L", "LA", "RGB", "RGBA")[values.shape[2] - 1]
    image = Image.frombytes(mode, values.shape[1::-1], values.tobytes())
    buffer = BytesIO()
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    image.save(buffer, format, **options)
    found = read(buffer.getvalue())
    if min(values.shape[:2]) < 2:
        assert found is None
    else:
        np.testing.assert_allclose(found, shown(values), atol=1e-5)


@QUICK
@given(samples(channels=(3, 4)), st.sampled_from(["PNG", "TIFF"]))
def test_what_is_written_is_read_again_to_the_last_bit(values, format):
    depth = 8 * values.dtype.itemsize
    pixels = (values / np.iinfo(values.dtype).max).astype(np.float32)
    found = read(encoders.encode(pixels, format, depth=depth))
    if min(values.shape[:2]) < 2:
        assert found is None
    else:
        np.testing.assert_allclose(found, shown(values), atol=1e-5)


def whole_files():
    """One small file of every kind."""
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    files = []
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF"):
        buffer = BytesIO()
        photo.save(buffer, format)
        files.append(buffer.getvalue())
    for options in ({}, {"compression": "zlib"}, {"planarconfig": "separate"}):
        deep = np.asarray(photo).astype(np.uint16) * 257
        deep = deep.transpose(2, 0, 1) if options.get("planarconfig") else deep
        buffer = BytesIO()
        tifffile.imwrite(buffer, deep, photometric="rgb", **options)
        files.append(buffer.getvalue())
    files.append(encoders.encode(np.asarray(photo, np.float32) / 255, "PNG", depth=16))
    return files


WHOLE = whole_files()


@st.composite
def mutated(draw, wholes):
    """A file in which a few bytes are others, or missing, or too many."""
    data = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, 6))):
        # The header, where sizes and offsets are, as often as all the rest.
        at = draw(st.one_of(st.integers(0, min(120, len(data) - 1)), st.integers(0, len(data) - 1)))
        new = draw(st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"\xff" * 4])))
        data[at : at + draw(st.integers(0, 8))] = new
    return bytes(data)


@pytest.mark.timeout(300)
@settings(QUICK, max_examples=300)
@given(mutated(WHOLE))
def test_a_damaged_picture_is_read_or_refused_within_memory(data):
    tracemalloc.start()
    try:
        found = read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6 or found is not None
    if found is not None:
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1


def model_file():
    arguments = {"styles": 1, "width": 1}
    network = KINDS["conditional"].build(**arguments)
    made = Checkpoint("test", "conditional", arguments, network.state_dict(), ("a",), {"steps": 1})
    buffer = io.BytesIO()
    torch.save({"kind": checkpoints.MODEL, **checkpoints._plain(made)}, buffer)
    return buffer.getvalue()


MODEL = model_file()


@settings(QUICK, max_examples=150)
@given(data=mutated([MODEL]))
def test_a_damaged_model_is_read_or_refused(data, tmp_path):
    file = tmp_path / "model.pt"
    file.write_bytes(data)
    try:
        checkpoints.load(file).build()
    except StylizeError as error:
        check_line(error)


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)
FIELDS = ("kind", "format", "method", "generator", "arguments", "weights", "styles", "provenance")


@QUICK
@given(field=st.sampled_from(FIELDS), value=PLAIN)
def test_a_model_with_a_field_of_any_kind_is_read_or_refused(field, value, tmp_path):
    record = torch.load(io.BytesIO(MODEL), weights_only=True) | {field: value}
    torch.save(record, tmp_path / "model.pt")
    try:
        made = checkpoints.load(tmp_path / "model.pt")
    except StylizeError as error:
        check_line(error)
        return
    assert all(name.isprintable() for name in made.styles)
    try:
        made.build()
    except StylizeError as error:
        check_line(error)


ENTRY = {"name": "a", "method": "m", "styles": ["s"], "bytes": 9, "sha256": "0" * 64, "licence": ""}


@QUICK
@given(st.one_of(PLAIN, st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(ENTRY, PLAIN)))))
def test_an_index_of_any_kind_is_read_or_refused(value):
    entries = [ENTRY | entry if isinstance(entry, dict) else entry for entry in value] \
        if isinstance(value, list) else value  # fmt: skip
    try:
        found = models.parse(json.dumps(entries), where="available")
    except ValueError:
        return
    for model in found.values():
        assert models.NAME.fullmatch(model.name)
        assert all(text.isprintable() for text in (model.method, *model.styles, model.url))

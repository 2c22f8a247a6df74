"""`stylize texture`: what it writes where, what its options change, and what it refuses."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from stylize_cli.cli import texture as command
from stylize_cli.methods import texture as method

pytest_plugins = ["commandline", "nets"]
pytestmark = pytest.mark.usefixtures("conversions", "model")

QUICK = ["--precision", "float32", "--threads", 1]
RUN = ["texture", "brick.pt", "--size", "48x32", *QUICK]
KEYS = ["output", "width", "height", "seconds", "device", "precision", "engine"]


@pytest.fixture
def model(pyramid):
    """brick.pt in the current folder."""
    return pyramid()


def test_result_is_named_after_the_model_and_is_all_of_stdout(stylize, pixels):
    ran = stylize(*RUN)
    assert (ran.code, ran.out) == (0, b"brick-texture.png\n")
    assert re.fullmatch(r"device: cpu .*, float32, openvino\n", ran.err)
    assert pixels(ran.line).shape == (32, 48, 3)
    assert pixels(ran.line).std() > 10


def test_json_is_the_contract_s_object(stylize):
    ran = stylize(*RUN, "--json", "--quiet", "-o", "a.webp")
    assert (ran.code, ran.err, list(record := ran.record)) == (0, "", KEYS)
    assert 0 <= record.pop("seconds") < 60
    assert list(record.values()) == ["a.webp", 48, 32, "cpu", "float32", "openvino"]


@pytest.mark.parametrize(
    ("size", "shape"),
    [([], (512, 512)), (["--size", "64"], (64, 64)), (["--size", "40X20"], (20, 40))],
)
def test_size_is_both_sides_or_width_and_height(stylize, pixels, size, shape):
    assert stylize("texture", "brick.pt", *size, *QUICK).code == 0
    assert pixels("brick-texture.png").shape == (*shape, 3)


def test_many_are_numbered_and_each_is_the_same_however_many(stylize, tmp_path):
    ran = stylize(*RUN, "--count", 3, "--seed", 7, "-o", "out/")
    names = [f"brick-texture-{number:04d}.png" for number in (1, 2, 3)]
    assert ran.out.decode().split() == [f"out/{name}" for name in names]
    three = [(tmp_path / "out" / name).read_bytes() for name in names]
    assert len(set(three)) == 3
    stylize(*RUN, "--count", 2, "--seed", 7, "-o", "two.png")
    assert [(tmp_path / f"two-000{n}.png").read_bytes() for n in (1, 2)] == three[:2]
    stylize(*RUN, "--seed", 7, "-o", "one.png")
    assert (tmp_path / "one.png").read_bytes() == three[0]
    stylize(*RUN, "--seed", 8, "-o", "other.png")
    assert (tmp_path / "other.png").read_bytes() not in three


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_same_seed_same_bytes_on_stdout_too(stylize, tmp_path, engine):
    stylize(*RUN, "--engine", engine, "-o", "a.png")
    ran = stylize(*RUN, "--engine", engine, "-o", "-", "--json")
    assert ran.out == (tmp_path / "a.png").read_bytes()
    with Image.open(io.BytesIO(ran.out)) as image:
        assert (image.format, image.size) == ("PNG", (48, 32))


def test_sixteen_bits_are_kept(stylize, pixels, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    stylize(*RUN, "--depth", "16", "-o", "a.tif")
    stylize(*RUN, "-o", "a.png")
    deep = tifffile.imread(tmp_path / "a.tif")
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - pixels("a.png")).max() <= 0.51
    assert len(np.unique(deep)) > 1000


@pytest.mark.parametrize(("quiet", "said"), [([], True), (["--quiet"], False)])
def test_a_size_that_shows_a_seam_is_made_and_told_of(stylize, pixels, quiet, said):
    ran = stylize("texture", "brick.pt", "--size", "50x33", *QUICK, *quiet)
    note = "copies of 50x33 do not join without a seam; those of 48x32 and 52x36 do\n"
    assert (ran.code, note in ran.err) == (0, said)
    assert pixels("brick-texture.png").shape == (33, 50, 3)


def test_a_large_one_is_made_in_tiles(stylize, pixels, monkeypatch):
    stylize("texture", "brick.pt", "--size", "96", *QUICK)
    whole, runs = pixels("brick-texture.png"), []
    generate = method.generate

    def in_tiles(*args, **options):
        for now in generate(*args, **options, tile=64):
            runs.append(now)
            yield now

    monkeypatch.setattr(method, "generate", in_tiles)
    stylize("texture", "brick.pt", "--size", "96", *QUICK, "--overwrite")
    assert len(runs) == 9
    assert np.abs(pixels("brick-texture.png") - whole).max() <= 1


def test_textures_of_other_sizes_and_seeds_have_names_of_their_own(stylize, refused, tmp_path):
    def made(*options):
        return stylize("texture", "brick.pt", *QUICK, *options).out.decode().split()

    assert made("--size", 16) == ["brick-texture.png"]
    first = (tmp_path / "brick-texture.png").read_bytes()
    assert made("--size", "32x16") == ["brick-texture-32x16.png"]
    assert made("--size", "32x16", "--seed", 2) == ["brick-texture-32x16-seed2.png"]
    numbered = ["brick-texture-0001.png", "brick-texture-0002.png"]
    assert made("--size", 16, "--count", 2) == numbered
    assert made("--size", 16, "--count", 1) == ["brick-texture-16-0001.png"]
    said = refused("texture", "brick.pt", *QUICK, "--size", 16, "--count", 2)
    assert said.startswith("a numbered brick-texture-16.png is there already")
    assert (tmp_path / "brick-texture.png").read_bytes() == first
    said = refused("texture", "brick.pt", *QUICK, "--size", "32x16")
    assert said.startswith("brick-texture-32x16.png is there already: --overwrite replaces it")


def test_ctrl_c_keeps_those_that_are_done(stylize, tmp_path, monkeypatch):
    generate = method.generate

    def interrupted(engine, size, seed, index, **options):
        if index == 2:
            raise KeyboardInterrupt
        return generate(engine, size, seed, index, **options)

    monkeypatch.setattr(method, "generate", interrupted)
    ran = stylize(*RUN, "--count", 5, "-o", "a.png")
    assert (ran.code, ran.out.decode().split()) == (130, ["a-0001.png", "a-0002.png"])
    assert [f.name for f in sorted(tmp_path.glob("*.png"))] == ["a-0001.png", "a-0002.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--size 0", r"--size '0' is no size: write 1024, or 1920x1080"),
        ("--size 1", r"--size '1' is no size: .*"),
        ("--size 12x", r"--size '12x' is no size: .*"),
        ("--size 1920x1080x3", r"--size '1920x1080x3' is no size: .*"),
        ("--size -5", r"--size '-5' is no size: .*"),
        ("--size 9999999", r"--size '9999999' is no size: .*"),
        ("--size 900000", r"900000x900000 px needs about .* GB is free; use --size .*"),
        ("--memory 1MB", r"--memory 1 MB is less than the program itself takes: .*"),
        ("--memory lots", r"'lots' is not an amount of memory; .*"),
        ("--count 2 -o -", r"-o - is for one result: name a folder for several"),
        ("--count 0", r"--count takes 1 or more.*"),
        ("-o a.gif", r"cannot write a\.gif: its name must end in one of .*"),
        ("-o brick.pt", r"cannot write brick\.pt: its name must end in one of .*"),
        ("-o a.jpg --depth 16", r"JPEG holds 8 bits a channel: use --depth 8, .*"),
        ("-o a.webp --size 16x20000", r"WEBP holds at most 16383 pixels a side .*"),
        ("--engine openvino --device cuda", r"OpenVINO runs on the CPU, not on cuda: .*"),
    ],
)
def test_what_cannot_be_done_is_refused(refused, options, said):
    assert re.fullmatch(said, refused(*RUN, "--engine", "torch", *options.split()))


def test_a_model_that_works_on_photos_is_refused(refused, net):
    net(name="net.pt")
    said = refused("texture", "net.pt", *QUICK, "--engine", "torch")
    assert said == "the model works on photos: use stylize apply"


def test_apply_refuses_a_model_of_textures(refused, photo):
    said = refused("apply", "brick.pt", photo, *QUICK, "--engine", "torch")
    assert said == "brick.pt makes textures of noise: use stylize texture brick.pt"


def test_apply_paints_by_a_texture_style_model(stylize, pyramid, photo, pixels):
    pyramid(image=True, name="painted.pt")
    made = {}
    for name, options in {
        "one": [],
        "again": [],
        "seed": ["--seed", 1],
        "less": ["--noise-scale", 0.2],
    }.items():
        ran = stylize("apply", "painted.pt", photo, *QUICK, *options, "-o", f"{name}.png")
        assert ran.code == 0
        made[name] = pixels(ran.line)
        assert made[name].shape == (24, 32, 3)
    np.testing.assert_array_equal(made["one"], made["again"])
    assert min(np.abs(made["one"] - made[name]).mean() for name in ("seed", "less")) > 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", (1024, 1024)), ("1920x1080", (1080, 1920)), (" 8×16 ", (16, 8))],
)
def test_a_size_is_read_as_people_write_it(text, size):
    assert command.parse_size(text) == size

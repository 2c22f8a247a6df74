"""`stylize apply`: what it writes where, what its options change, and what it refuses."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_cli
from stylize_cli import paths
from stylize_cli.api import unseen
from stylize_cli.errors import StylizeError
from stylize_cli.methods import feedforward, quick_style
from stylize_cli.progress import Step

pytest_plugins = ["commandline", "nets", "releases"]
pytestmark = pytest.mark.usefixtures("conversions", "photo", "model")

QUICK = ["--precision", "float32", "--threads", 1]
RUN = ["apply", "net.pt", "photo.png", "--style", "munch", *QUICK]
KEYS = ["output", "width", "height", "seconds", "device", "precision", "engine", "style", "input"]


@pytest.fixture
def model(net):
    """net.pt in the current folder: of three styles."""
    return net(name="net.pt")


@pytest.fixture
def album(picture_file, tmp_path):
    """album/ with a.png, b.jpg, deep/c.webp, deep/d.bmp and a text file."""
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.jpg", "deep/c.webp")):
        picture_file(20, 24, seed=index, name=f"album/{name}")
    Image.new("RGB", (24, 20), "teal").save(folder / "deep" / "d.bmp")
    (folder / "notes.txt").write_text("not a picture")
    return folder


MADE = ["a-monet.png", "b-monet.jpg", "deep/c-monet.webp", "deep/d-monet.png"]


def files(folder):
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def test_result_is_named_after_photo_and_style_and_is_all_of_stdout(stylize, pixels):
    ran = stylize(*RUN)
    assert (ran.code, ran.out) == (0, b"photo-munch.png\n")
    assert re.fullmatch(r"device: cpu .*, float32, openvino\n", ran.err)
    assert pixels(ran.line).shape == (24, 32, 3)
    assert pixels(ran.line).std() > 1


def test_options_of_noise_are_said_to_change_nothing_where_there_is_none(stylize, pyramid):
    said = "{} changes nothing: it is of noise, and net.pt takes none\n"
    err = stylize(*RUN, "--noise-scale", 2, "--seed", 3, "-o", "a.png").err
    assert err.startswith(said.format("--noise-scale") + said.format("--seed"))
    assert "changes nothing" not in stylize(*RUN, "-o", "a.png").err
    noisy = ["apply", pyramid(image=True), "photo.png", *QUICK, "-o", "b.png"]
    assert "changes nothing" not in stylize(*noisy, "--noise-scale", 2, "--seed", 3).err


def test_json_is_the_contract_s_object(stylize):
    ran = stylize(*RUN, "--json", "--quiet", "-o", "a.webp")
    record = ran.record
    assert (ran.code, ran.err, list(record)) == (0, "", KEYS)
    assert 0 <= record.pop("seconds") < 60
    assert list(record.values()) == [
        "a.webp",
        32,
        24,
        "cpu",
        "float32",
        "openvino",
        "munch",
        "photo.png",
    ]


@pytest.mark.usefixtures("album")
def test_a_folder_keeps_its_structure(stylize, tmp_path):
    ran = stylize("apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "out")
    assert (ran.code, sorted(ran.out.decode().split())) == (0, [f"out/{name}" for name in MADE])
    assert files(tmp_path / "out") == MADE


@pytest.mark.usefixtures("album")
def test_files_folders_and_globs_together(stylize, picture_file, tmp_path):
    picture_file(9, 9, name="x.tif")
    arguments = ["photo.png", "album/", "*.tif", "photo.png"]
    ran = stylize("apply", "net.pt", *arguments, "--style", "monet", *QUICK, "-o", "out/")
    assert ran.code == 0
    assert files(tmp_path / "out") == sorted([*MADE, "photo-monet.png", "x-monet.tif"])


@pytest.mark.usefixtures("album")
def test_an_output_folder_inside_the_input_is_no_input(stylize):
    run = ["apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "album/out/"]
    run += ["--overwrite"]
    assert [stylize(*run).out.count(b"\n") for _ in range(2)] == [4, 4]


def test_one_bad_file_does_not_stop_a_batch(stylize, album, tmp_path):
    (album / "a.png").write_bytes(b"no picture")
    run = ["apply", "net.pt", "album", "missing.png", "--style", "monet", *QUICK]
    ran = stylize(*run, "-o", "out/", "--json", "-q")
    assert ran.code == 1
    assert files(tmp_path / "out") == MADE[1:]
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [bool(record.get("error")) for record in records] == [True, False, False, False, True]
    errors = ran.err.splitlines()
    assert len(errors) == 2
    assert re.match(r"error: album/a\.png is not an image", errors[0])
    assert re.match(r"error: there is no file missing\.png", errors[1])


@pytest.mark.usefixtures("album")
def test_existing_results_are_skipped(stylize, tmp_path):
    run = ["apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "out/"]
    stylize(*run)
    (tmp_path / "out" / "b-monet.jpg").unlink()
    (tmp_path / "out" / "a-monet.png").write_bytes(b"mine")
    ran = stylize(*run, "--skip-existing")
    assert (ran.code, ran.line) == (0, "out/b-monet.jpg")
    assert "skipped: 3" in ran.err
    assert (tmp_path / "out" / "a-monet.png").read_bytes() == b"mine"
    assert stylize(*run, "--skip-existing").out == b""


@pytest.mark.usefixtures("album")
def test_shards_share_the_inputs_out(stylize, tmp_path):
    run = ["apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "out/"]
    made = [stylize(*run, "--shard", f"{k}/3").out.decode().split() for k in (1, 2, 3)]
    assert [len(lines) for lines in made] == [2, 1, 1]
    assert files(tmp_path / "out") == MADE
    empty = stylize(*run, "--shard", "5/5")
    assert empty.out == b""
    assert empty.err == "this share is empty: 4 pictures for 5 shares\n"


@pytest.mark.usefixtures("album")
def test_a_shard_overwrites_no_input_of_another(stylize, net):
    net("johnson", name="one.pt")  # of one style: results keep the pictures' names
    run = ["apply", "one.pt", "album/a.png", "album/b.jpg", *QUICK]
    ran = stylize(*run, "-o", "album/", "--shard", "2/3")
    assert (ran.code, ran.out) == (2, b"")
    assert "album/a.png is an input" in ran.err


@pytest.mark.usefixtures("album")
def test_what_another_run_made_stays(stylize, refused, tmp_path):
    run = ["apply", "net.pt", "album", *QUICK, "-o", "out/"]
    stylize(*run, "--style", "monet")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in MADE}
    ran = stylize(*run, "--style", "munch", "--skip-existing")  # not one of them counts as done
    assert [name.replace("monet", "munch") for name in sorted(before)] == sorted(
        line.removeprefix("out/") for line in ran.out.decode().splitlines()
    )
    said = refused(*run, "--style", "monet", "--size", 12)
    assert said == (
        "out/a-monet.png and 3 more are there already: --skip-existing keeps what is there, "
        "--overwrite replaces it, -o names another place"
    )
    assert {name: (tmp_path / "out" / name).read_bytes() for name in MADE} == before
    ran = stylize(*run, "--style", "monet", "--size", 12, "--overwrite")
    assert ran.out.count(b"\n") == 4
    assert all((tmp_path / "out" / name).read_bytes() != before[name] for name in MADE)


def test_a_file_that_is_named_is_made_anew(stylize, pixels):
    stylize(*RUN, "-o", "a.png")
    before = pixels("a.png")
    assert (
        stylize("apply", "net.pt", "photo.png", "--style", "monet", *QUICK, "-o", "a.png").code == 0
    )
    assert abs(pixels("a.png") - before).mean() > 1


def test_styles_that_are_named_are_all_made(stylize, pixels):
    two = ["--style", "hokusai", "--style", "munch", "--style", "hokusai"]
    ran = stylize("apply", "net.pt", "photo.png", *two, *QUICK)
    assert ran.out.decode().splitlines() == ["photo-hokusai.png", "photo-munch.png"]
    stylize(*RUN, "-o", "alone.png")
    assert abs(pixels("alone.png") - pixels("photo-munch.png")).max() <= 1
    assert abs(pixels("photo-hokusai.png") - pixels("photo-munch.png")).mean() > 1


def test_image_bytes_pass_through_a_pipe(stylize, tmp_path):
    stylize(*RUN)
    data = (tmp_path / "photo.png").read_bytes()
    run = ["apply", "net.pt", "-", "--style", "munch", *QUICK]
    ran = stylize(*run, "-o", "-", stdin=data)
    assert (ran.code, ran.out) == (0, (tmp_path / "photo-munch.png").read_bytes())
    assert stylize(*run, stdin=data).line == "stdin-munch.png"


def test_a_file_may_be_called_as_stdin_is(stylize, picture_file, tmp_path):
    picture_file(20, 24, seed=3, name="given.png").rename(tmp_path / "stdin")
    data = (tmp_path / "photo.png").read_bytes()
    run = ["apply", "net.pt", "-", "stdin", "--style", "munch", *QUICK, "-o", "out/", "--json"]
    ran = stylize(*run, stdin=data)
    assert ran.code == 0, ran.err
    records = {record["output"]: record for record in map(json.loads, ran.out.splitlines())}
    assert sorted(records) == [f"out/{name}" for name in files(tmp_path / "out")]
    assert sorted((one["width"], one["height"]) for one in records.values()) == [(24, 20), (32, 24)]
    for path, record in records.items():
        with Image.open(tmp_path / path) as image:
            assert image.size == (record["width"], record["height"])


def test_strength_is_the_way_from_the_photo_to_the_result(stylize, pixels):
    made = {}
    for strength in (0, 0.5, 1):
        stylize(*RUN, "--strength", strength, "-o", "a.png")
        made[strength] = pixels("a.png")
    np.testing.assert_array_equal(made[0], pixels("photo.png"))
    assert abs(made[0.5] - (made[0] + made[1]) / 2).max() <= 1
    assert abs(made[1] - made[0]).mean() > 5


def test_preserved_colours_are_the_photo_s(stylize, pixels):
    away = []
    for options in ([], ["--preserve-color"]):
        stylize(*RUN, *options, "-o", "a.png")
        chroma = [np.diff(pixels(name), axis=2) for name in ("a.png", "photo.png")]
        away.append(abs(chroma[0] - chroma[1]).mean())
    assert away[1] < away[0] / 3


@pytest.mark.parametrize(("options", "mode"), [([], "PNG"), (["--depth", 16], "PNG")])
def test_size_and_depth(stylize, tmp_path, options, mode):
    ran = stylize(*RUN, "--size", 41, *options)
    with Image.open(tmp_path / ran.line) as image:
        assert (image.size, image.format) == ((41, 31), mode)
    assert (tmp_path / ran.line).read_bytes()[24] == (16 if options else 8)


@pytest.mark.usefixtures("album")
def test_16_bits_of_a_jpeg_are_a_png(stylize, tmp_path):
    stylize("apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "out", "--depth", 16)
    assert files(tmp_path / "out") == [
        "a-monet.png", "b-monet.png", "deep/c-monet.png", "deep/d-monet.png"
    ]  # fmt: skip


def test_a_net_of_one_style_needs_no_name(stylize, net):
    net("johnson", name="one.pt")
    assert stylize("apply", "one.pt", "photo.png", *QUICK).line == "photo-monet.png"


def test_super_resolution_enlarges(stylize, net, pixels):
    net("upscaler", name="x2.pt")
    ran = stylize("apply", "x2.pt", "photo.png", *QUICK, "--json")
    assert (ran.record["output"], ran.record["width"], ran.record["height"]) == (
        "photo-x2.png", 64, 48
    )  # fmt: skip
    assert "style" not in ran.record
    assert pixels("photo-x2.png").shape == (48, 64, 3)


def test_all_styles_are_a_file_each_and_a_sheet(stylize, pixels, tmp_path):
    run = ["apply", "net.pt", "photo.png", "--all-styles", *QUICK]
    ran = stylize(*run, "--json")
    records = [json.loads(line) for line in ran.out.splitlines()]
    names = [f"photo-{style}.png" for style in ("monet", "munch", "hokusai", "all-styles")]
    assert [record["output"] for record in records] == names
    assert [record.get("style") for record in records] == ["monet", "munch", "hokusai", None]
    for record in records:
        assert pixels(record["output"]).shape == (record["height"], record["width"], 3)
    height, width, _ = pixels("photo-all-styles.png").shape
    assert height > 2 * 256
    assert width > 2 * 256 * 32 / 24
    alone = stylize(*RUN, "-o", "alone.png")
    assert alone.code == 0
    assert abs(pixels("alone.png") - pixels("photo-munch.png")).max() <= 1
    (tmp_path / "photo-monet.png").unlink()
    (tmp_path / "photo-munch.png").write_bytes(b"mine")
    assert stylize(*run, "--skip-existing").out == b"photo-monet.png\n"
    assert (tmp_path / "photo-munch.png").read_bytes() == b"mine"


def test_a_style_s_name_cannot_lead_out_of_the_folder(stylize, net, tmp_path):
    net(styles=("../../evil name", "b"), name="bad.pt")
    stylize("apply", "bad.pt", "photo.png", "--all-styles", *QUICK, "-o", "out/")
    assert files(tmp_path / "out") == [
        "photo-..-..-evil-name.png", "photo-all-styles.png", "photo-b.png"
    ]  # fmt: skip


def test_torch_makes_the_same_picture(stylize, pixels):
    stylize(*RUN, "-o", "a.png")
    ran = stylize(*RUN, "--engine", "torch", "--device", "cpu", "-o", "b.png", "--json")
    assert ran.record["engine"] == "torch"
    assert abs(pixels("a.png") - pixels("b.png")).max() <= 1


def test_notes_are_for_stderr(stylize, frames):
    ran = stylize("apply", "net.pt", frames, "--style", "monet", *QUICK)
    assert ran.line == "frames-monet.png"
    assert "frames: first of 2 frames" in ran.err


LAUNCH = """
import sys
from stylize_cli.cli import app
sys.argv = ["stylize", *sys.argv[1:]]
try:
    app.main()
finally:
    assert not {"torch", "torchvision", "matplotlib", "requests"} & set(sys.modules)
"""


def test_a_cached_model_is_applied_without_torch(stylize, tmp_path):
    stylize(*RUN, "-o", "one.png")
    extra = ["--preserve-color", "--strength", "0.5", "--all-styles", "--size", "30"]
    for arguments in ([*RUN, "-o", "two.png"], ["apply", "net.pt", "photo.png", *QUICK, *extra]):
        subprocess.run(
            [sys.executable, "-c", LAUNCH, *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
            check=True,
            capture_output=True,
        )
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "photo-all-styles.png").exists()


@pytest.mark.usefixtures("loaded", "style")
def test_a_painting_in_the_cache_is_painted_after_without_torch(stylize, tmp_path, monkeypatch):
    monkeypatch.setattr(quick_style, "QUICK_STYLE", {"steps": 1, "batch_size": 1, "size": 32})
    run = ["apply", "net.pt", "photo.png", "--style", "style.png", *QUICK]
    assert stylize(*run, "-o", "one.png").code == 0
    subprocess.run(
        [sys.executable, "-c", LAUNCH, *map(str, run), "-o", "two.png"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        check=True,
    )
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_ctrl_c_exits_with_130_and_leaves_whole_files(stylize, album, monkeypatch, tmp_path):
    forward, calls = feedforward.forward, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return forward(*arguments)

    monkeypatch.setattr(feedforward, "forward", interrupted)
    Image.new("RGB", (7, 7)).save(album / "z.png")
    ran = stylize("apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "out/")
    assert ran.code == 130
    made = ran.out.decode().split()
    told = f"interrupted: {len(made)} of 5 results written; --skip-existing goes on"
    assert ran.err.splitlines()[-1] == told
    assert files(tmp_path / "out") == sorted(name.removeprefix("out/") for name in made) != []
    for name in made:
        with Image.open(tmp_path / name) as image:
            image.load()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("net.pt photo.png", r"choose a style with --style: monet, munch, hokusai"),
        (
            "net.pt photo.png --style munk",
            r"the model has no style 'munk': did you mean munch\?.*",
        ),
        ("net.pt photo.png --style monet --all-styles", r"--style names styles, .*"),
        ("net.pt - - --style monet", r"- \(stdin\) was given twice; .*"),
        ("net.pt phot.png --style monet", r"there is no file phot\.png: did you mean photo\.png\?"),
        ("net.pt *.webp --style monet", r"there are no pictures in \*\.webp: check the path"),
        ("net.pt photo.png net.pt -o a.png --style monet", r"-o a\.png is one file for several.*"),
        ("net.pt photo.png --all-styles -o a.png", r"-o a\.png is one file for several .*"),
        ("net.pt photo.png photo.gif -o - --style monet", r"-o - is for one result: .*"),
        ("net.pt photo.png -o photo.png --style monet", r"photo\.png is an input and would .*"),
        ("net.pt photo.png -o a.gif --style monet", r"cannot write a\.gif: its name must end in.*"),
        ("net.pt photo.png -o a.jpg --depth 16 --style monet", r"JPEG holds 8 bits a channel: .*"),
        ("photo.png photo.png", r"photo\.png is a picture, no model: .*"),
        ("net.pt photo.png --style monet --memory lots", r"'lots' is not an amount of memory; .*"),
        (
            "net.pt photo.png --style monet --engine openvino --device cuda",
            r"OpenVINO runs on the CPU, not on cuda: use --engine torch",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(refused, arguments, said):
    assert re.fullmatch(said, refused("apply", *arguments.split()))


def test_two_pictures_never_become_one(stylize, picture_file, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        picture_file(8, 8, name=f"{folder}/a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "a.gif")
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "A.PNG")
    run = ["apply", "net.pt", "one", "two/a.png", "--style", "monet", *QUICK, "-o", "out/"]
    ran = stylize(*run)
    assert ran.code == 0
    assert len(files(tmp_path / "out")) == 4
    assert {name.casefold() for name in files(tmp_path / "out")} == {
        "a-monet.png", "a-monet-2.png", "a-monet-gif.png", "a-monet-3.png"
    }  # fmt: skip
    assert stylize(*run, "--skip-existing").out == b""  # the same names again


def test_styles_of_one_model_never_overwrite_each_other(stylize, net, tmp_path):
    net(styles=("sea 1", "sea-1", "SEA_1", "all-styles"), name="sea.pt")
    ran = stylize("apply", "sea.pt", "photo.png", "--all-styles", *QUICK, "-o", "out/")
    assert ran.code == 0
    made = ran.out.decode().splitlines()
    assert len({name.casefold() for name in made}) == 5
    assert len(files(tmp_path / "out")) == 5


def test_one_name_that_is_too_long_fails_alone(stylize, picture_file, tmp_path):
    picture_file(8, 8, name="album/ok.png")
    picture_file(8, 8, name="album/" + "x" * 250 + ".png")
    ran = stylize("apply", "net.pt", "album", "--style", "monet", *QUICK)
    assert ran.code == 1
    assert ran.out == b"ok-monet.png\n"
    assert len(ran.err.splitlines()) == 2
    assert re.match(r"error: album/x+\.png: .*File name too long", ran.err)
    assert files(tmp_path / "album")


def test_a_folder_in_the_place_of_a_sheet_is_refused_at_once(stylize, tmp_path):
    (tmp_path / "photo-all-styles.png").mkdir()
    ran = stylize("apply", "net.pt", "photo.png", "photo.png", "--all-styles", *QUICK)
    assert (ran.code, ran.out) == (2, b"")


def test_a_sheet_is_made_of_what_could_be_written(stylize, monkeypatch, picture_file):
    from stylize_cli.cli.outlets import Outlet

    save, draw = Outlet.save, Outlet.save_sheet

    def failing(self, style, pixels):
        if style == "hokusai":
            raise StylizeError("cannot write it")
        save(self, style, pixels)

    monkeypatch.setattr(Outlet, "save", failing)
    picture_file(8, 8, name="b.png")
    run = ["apply", "net.pt", "photo.png", "b.png", "--all-styles", *QUICK]
    ran = stylize(*run)
    assert ran.code == 1
    assert ran.out.decode().splitlines() == [
        f"{name}-{style}.png" for name in ("photo", "b")
        for style in ("monet", "munch", "all-styles")
    ]  # fmt: skip

    def unwritable(self):
        draw(self)
        raise StylizeError("cannot write the sheet")

    monkeypatch.setattr(Outlet, "save_sheet", unwritable)
    ran = stylize(*run, "--overwrite")
    assert (ran.code, len(ran.out.splitlines()), len(ran.err.splitlines())) == (1, 4, 5)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("command", ["apply", "optimize"])
def test_metadata_are_kept_on_request_alone(stylize, tmp_path, command):
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "2024:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    Image.open("photo.png").convert("RGB").save("place.jpg", exif=exif)
    run = ["apply", "net.pt", "place.jpg", "--style", "munch", *QUICK, "-o", "out.jpg"]
    if command == "optimize":
        run = [
            "optimize",
            "place.jpg",
            "photo.png",
            "--size",
            32,
            "--iterations",
            1,
            "-o",
            "out.jpg",
        ]
    for options, date in (([], None), (["--keep-metadata"], "2024:01:02 03:04:05")):
        assert stylize(*run, *options).code == 0
        with Image.open(tmp_path / "out.jpg") as made:
            found = made.getexif()
            assert made.size == (24, 32)
        assert found.get(0x0132) == date
        assert (found.get_ifd(0x8825).get(1) == "N") is bool(options)
        assert 0x0112 not in found


def test_what_of_a_folder_is_left_out_is_said(stylize, album, monkeypatch):
    monkeypatch.setattr(paths, "reads_heif", lambda: False)
    (album / "x.heic").write_bytes(b"x")
    ran = stylize("apply", "net.pt", "album", "--style", "monet", *QUICK, "-o", "out/")
    assert ran.code == 0
    assert "album: 1 HEIC file is left out: pip install pillow-heif" in ran.err


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_not_utf8_are_written_byte_by_byte(tmp_path, photo, model):
    album = tmp_path / "album"
    album.mkdir()
    for name in (b"caf\xe9.png", "波.png".encode(), b"\x1b[31m.png"):
        (album / os.fsdecode(name)).write_bytes(photo.read_bytes())
    ran = subprocess.run(
        [sys.executable, "-m", "stylize_cli", "apply", model, "album", "--style", "monet",
         *map(str, QUICK), "-o", "out/"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1]), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.splitlines()) == {
        b"out/caf\xe9-monet.png", "out/波-monet.png".encode(), b"out/\x1b[31m-monet.png"
    }  # fmt: skip
    assert b"\x1b" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("redirect", "code", "lines"),
    [(">/dev/full", 2, 2), ("2>/dev/full", 0, 0), (">&-", 0, 1), ("2>&-", 0, 0), ("<&-", 0, 1)],
)
def test_streams_that_take_nothing_lose_no_work(tmp_path, redirect, code, lines):
    command = " ".join([sys.executable, "-m", "stylize_cli", *map(str, RUN), "-o", "out.png"])
    ran = subprocess.run(
        ["sh", "-c", f"{command} {redirect}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, len(ran.stderr.splitlines())) == (code, lines), ran.stderr
    with Image.open(tmp_path / "out.png") as image:
        image.load()


@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_other_signals_end_a_batch_as_ctrl_c_does(stylize, album, monkeypatch, tmp_path, number):
    forward, seen = feedforward.forward, []

    def spy(*arguments):
        seen.append(1)
        if len(seen) == 2:
            signal.raise_signal(number)
        return forward(*arguments)

    monkeypatch.setattr(feedforward, "forward", spy)
    before = signal.getsignal(number)
    Image.new("RGB", (40, 40)).save(album / "b.jpg")  # of another size: another batch
    ran = stylize("apply", "net.pt", album, "--style", "monet", *QUICK, "-o", "out/")
    assert ran.code == 130
    assert signal.getsignal(number) is before
    assert all(Image.open(tmp_path / "out" / name).load() for name in files(tmp_path / "out"))


def test_a_grey_photo_stays_grey(stylize, net, pixels, tmp_path):
    net("upscaler", name="sr.pt")
    Image.open(tmp_path / "photo.png").convert("L").save(tmp_path / "grey.png")
    for run in (
        ["apply", "sr.pt", "grey.png", *QUICK, "-o", "out.png"],
        ["apply", "net.pt", "grey.png", "--style", "munch", "--preserve-color", *QUICK,
         "-o", "out.png"],
    ):  # fmt: skip
        assert stylize(*run).code == 0
        made = pixels("out.png")
        assert np.ptp(made, axis=2).max() <= 1
        assert made.std() > 0


def test_a_model_that_makes_no_numbers_fails_in_one_line(stylize, net, tmp_path):
    import torch

    from stylize_cli import checkpoints

    made = checkpoints.load(net(name="huge.pt"))
    weights = {name: torch.full_like(value, 1e30) for name, value in made.weights.items()}
    checkpoints.save(tmp_path / "huge.pt", replace(made, weights=weights))
    ran = stylize("apply", "huge.pt", "photo.png", "--style", "munch", *QUICK)
    assert (ran.code, ran.out) == (2, b"")
    assert re.fullmatch(r"error: photo\.png: .*its values are no numbers.*\n", ran.err)


def test_memory_says_which_size_fits(refused, stylize):
    import psutil

    used = psutil.Process().memory_info().rss
    budget = ["--memory", f"{(used + 150_000_000) // 1_000_000}MB"]
    said = refused(*RUN, "--size", 8000, *budget)
    assert re.fullmatch(r"8000x6000 px needs about .* GB, 0\.\d GB is free; use --size \d+", said)
    assert stylize(*RUN, "--size", min(int(said.split()[-1]), 64), *budget).code == 0


def test_stdin_and_stdout_of_a_cut_short_picture(refused, tmp_path):
    data = (tmp_path / "photo.png").read_bytes()
    run = ["apply", "net.pt", "-", "--style", "monet", "-o", "-"]
    assert re.match(r"stdin is damaged or cut short", refused(*run, stdin=data[:100]))
    assert Image.open(io.BytesIO(data)).size == (32, 24)


@pytest.fixture
def taught(monkeypatch, net):
    """Lists the paintings that were learnt on the spot, as the style "kept" of another network."""
    calls = []

    def learn(_model, style, photos, _opening):
        calls.append((style.name, photos))
        yield Step("Learning the style", 1, 1)
        return net(styles=("kept",), name="kept.pt")

    monkeypatch.setattr(unseen, "learn", learn)
    return calls


def test_a_painting_is_not_overwritten_by_what_is_painted_like_it(
    stylize, refused, taught, picture_file, tmp_path
):
    mine = picture_file(40, 40, seed=6, name="mine.png")
    before = mine.read_bytes()
    (tmp_path / "other.png").hardlink_to(mine)
    stylize(*RUN)  # converts the network, which leaves a file in the cache
    for output in ("mine.png", "other.png"):
        run = ["apply", "net.pt", "photo.png", "--style", "./mine.png", *QUICK, "-o", output]
        assert refused(*run).startswith(f"{output} is an input and would be overwritten")
    assert (taught, mine.read_bytes()) == ([], before)


def test_what_is_there_is_said_before_a_painting_is_learnt(
    stylize, refused, taught, picture_file, tmp_path
):
    picture_file(40, 40, seed=6, name="mine.png")
    (tmp_path / "photo-mine.png").write_bytes(b"mine")
    stylize(*RUN)  # converts the network, which leaves a file in the cache
    run = ["apply", "net.pt", "photo.png", "--style", "mine.png", *QUICK]
    assert refused(*run).startswith("photo-mine.png is there already: --skip-existing keeps")
    ran = stylize(*run, "--skip-existing")
    assert (ran.code, ran.out, taught) == (0, b"", [])
    assert "by itself: give --style once" in refused(*run, "--style", "munch")
    # It is called after its file, whatever the network of an earlier run calls it.
    ran = stylize(*run, "--overwrite")
    assert (ran.code, ran.out) == (0, b"photo-mine.png\n")
    assert taught == [("mine", ["photo.png"])]
    assert (tmp_path / "photo-mine.png").read_bytes() != b"mine"


@pytest.mark.parametrize(
    "line", ["apply net.pt photo.png", "optimize photo.png", "optimize --texture",
             "evaluate photo.png", "train", "reconstruct --style relu1_1"],
)  # fmt: skip
def test_a_style_that_shows_nothing_is_refused_at_once(refused, tmp_path, monkeypatch, line):
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    monkeypatch.setattr(quick_style, "learn", None)
    option = ["--style"] if line.split()[0] in ("apply", "evaluate", "train") else []
    said = refused(*line.split(), *option, "clear.png")
    assert said == "clear is wholly transparent: a style must show something"


def test_a_file_under_several_spellings_is_one_and_a_link_another(stylize, tmp_path, album):
    (tmp_path / "aside").symlink_to(album)
    (album / "link.png").symlink_to(album / "a.png")
    names = ["album/a.png", "album/../album/a.png", album / "a.png", "aside/a.png", "./album/a.png"]
    run = ["apply", "net.pt", *names, "album/link.png", "--style", "monet", *QUICK, "-o", "out/"]
    assert stylize(*run).out.decode().split() == ["out/a-monet.png", "out/link-monet.png"]


@pytest.mark.usefixtures("bundled")
def test_a_name_with_a_dash_is_not_recommended_as_an_option(refused, tmp_path):
    (tmp_path / "photo.png").rename(tmp_path / "-dash.png")
    said = refused("optimize", "--", "-dash.png", "dots")
    assert said.endswith("stylize apply classics ./-dash.png --style dots")

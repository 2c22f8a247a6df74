"""`stylize blend`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_cli
from stylize_cli import encoders, engines, hardware, jpegs, sheets
from stylize_cli.config import CELL
from stylize_cli.methods import blend, painting

pytest_plugins = ["commandline", "nets"]
pytestmark = pytest.mark.usefixtures("conversions", "photo")

TORCH = ("--engine", "torch")  # which has nothing to compile

ASK = """
import sys
from stylize_cli.cli import app
try:
    app.main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


@pytest.fixture
def model(net):
    """conditional.pt, of monet, munch and hokusai, in the current folder."""
    net()
    return "conditional.pt"


@pytest.fixture
def clear(tmp_path):
    """clear.png, 30x22, half transparent to the right."""
    pixels = np.random.default_rng(0).random((22, 30, 4), np.float32)
    pixels[..., 3] = np.linspace(1, 0.5, 30)
    path = tmp_path / "clear.png"
    path.write_bytes(encoders.encode(pixels, "PNG"))
    return path


def test_the_photo_s_metadata_are_kept_on_request_alone(stylize, model, tmp_path):
    photo = Image.new("RGB", (24, 20), "teal")
    exif = photo.getexif()
    exif[0x0132] = "2024:01:02 03:04:05"
    photo.save(tmp_path / "photo.jpg", exif=exif)
    run = ["blend", model, "photo.jpg", "--style", "monet", "-o", "out.jpg", "--threads", 1]
    for options, date in (([], None), (["--keep-metadata"], "2024:01:02 03:04:05")):
        assert stylize(*run, *options).code == 0
        with Image.open(tmp_path / "out.jpg") as made:
            assert made.getexif().get(0x0132) == date


@pytest.mark.parametrize(
    ("styles", "options"),
    [
        ("munch", "--engine openvino"),
        ("munch:3", "--engine torch --size 20 --strength 0.5"),
        ("monet:0 munch:2 hokusai:0", "--engine openvino --preserve-color --depth 16"),
    ],
)
def test_a_weight_of_one_equals_apply(stylize, model, clear, tmp_path, styles, options):
    shared = [*options.split(), "--threads", 2]
    chosen = [part for name in styles.split() for part in ("--style", name)]
    blended = stylize("blend", model, clear, *chosen, "-o", "blended.png", *shared)
    applied = stylize("apply", model, clear, "--style", "munch", "-o", "applied.png", *shared)
    assert (blended.code, applied.code) == (0, 0), blended.err + applied.err
    one, two = ((tmp_path / f"{name}.png").read_bytes() for name in ("blended", "applied"))
    assert one == two


@pytest.mark.parametrize("options", [[], ["--steps", 2, "--style", "munch", "--cell", 16]])
def test_no_more_of_a_jpeg_is_decoded_than_apply_decodes(
    stylize, model, tmp_path, options, monkeypatch
):
    Image.effect_mandelbrot((640, 480), (-2, -1, 1, 1), 50).save(tmp_path / "large.jpg")
    decoded, loaded = [], jpegs.loaded

    def spy(image, *rest):
        decoded.append(image.size)
        return loaded(image, *rest)

    monkeypatch.setattr(jpegs, "loaded", spy)
    run = [model, "large.jpg", "--style", "munch", "--size", 16, *TORCH, "-o", "out.png"]
    piped = [model, "-", *run[2:]]
    data = (tmp_path / "large.jpg").read_bytes()
    for command in (["apply", *run], ["blend", *run, *options], ["blend", *piped, *options]):
        assert stylize(*command, stdin=data).code == 0
    assert decoded == [(80, 60)] * 3  # an eighth, the least that a JPEG can be decoded at


def test_what_comes_from_stdin_has_to_fit_as_a_file_has(stylize, model, tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "own_memory", lambda: 0)
    Image.new("RGB", (1000, 800)).save(tmp_path / "large.png")
    run = ["--style", "munch", *TORCH, "-o", "out.png", "--memory", "5MB"]
    data = (tmp_path / "large.png").read_bytes()
    file, piped = (stylize("blend", model, one, *run, stdin=data) for one in ("large.png", "-"))
    assert file.code == piped.code == 2
    assert "its 1000x800 pixels take" in piped.err
    assert piped.err == file.err.replace("large.png", "stdin")


def test_the_record_names_the_shares(stylize, model, pixels):
    ran = stylize("blend", model, "photo.png", "--style", "munch:3", "--style", "monet", "--json")
    record = ran.record
    assert record.pop("seconds") > 0
    assert record.pop("precision") in ("float32", "bfloat16")
    assert record == {
        "output": "photo-munch-0.75-monet-0.25.png",
        "width": 32,
        "height": 24,
        "device": "cpu",
        "engine": "openvino",
        "styles": {"munch": 0.75, "monet": 0.25},
    }
    assert pixels(record["output"]).shape == (24, 32, 3)


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        ("--style monet", "photo-monet.png", {"styles": {"monet": 1}}),
        (
            "--style monet --style munch --style monet",
            "photo-monet-0.333-munch-0.333-monet-0.333.png",
            {"styles": {"monet": 0.666666, "munch": 0.333333}},
        ),
        (
            "--style monet --style munch --steps 3 --cell 16",
            "photo-monet-munch.png",
            {"strip": ["monet", "munch"], "steps": 3},
        ),
        (
            "--grid monet,munch,munch,hokusai --steps 2 --cell 16",
            "photo-monet-munch-munch-hokusai.png",
            {"grid": ["monet", "munch", "munch", "hokusai"], "steps": 2},
        ),
        ("--style monet -o out/", "out/photo-monet.png", {"styles": {"monet": 1}}),
        ("--style monet -o out.webp", "out.webp", {"styles": {"monet": 1}}),
    ],
)
def test_outputs_are_named_after_what_is_in_them(stylize, model, tmp_path, options, name, said):
    record = stylize("blend", model, "photo.png", *options.split(), *TORCH, "--json").record
    assert record["output"] == name
    assert said.items() <= record.items()
    assert (tmp_path / name).exists()


def test_from_stdin_to_stdout(stylize, model, photo, tmp_path):
    arguments = ["--style", "monet:1", "--style", "munch:2", "--threads", 1]
    ran = stylize("blend", model, "-", *arguments, "-o", "-", "--json", stdin=photo.read_bytes())
    stylize("blend", model, photo, *arguments, "-o", "file.png")
    assert (ran.code, ran.out) == (0, (tmp_path / "file.png").read_bytes())


def test_a_mixture_is_neither_of_its_styles(stylize, model, pixels):
    for name, styles in {"a": ["monet"], "b": ["munch"], "ab": ["monet", "munch"]}.items():
        chosen = [part for style in styles for part in ("--style", style)]
        assert stylize("blend", model, "photo.png", *chosen, "-o", f"{name}.png").code == 0
    one, two, both = (pixels(f"{name}.png") for name in ("a", "b", "ab"))
    assert min(np.abs(both - one).mean(), np.abs(both - two).mean()) > 1
    assert np.abs(both - (one + two) / 2).mean() > 1  # the networks are mixed, not the pictures


def test_the_grid_s_corners_are_its_styles(stylize, model, clear, pixels):
    """Each on white, at the size of a cell."""
    names = ["monet", "munch", "hokusai", "munch"]
    options = ["--grid", ", ".join(names), "--steps", 3, "--cell", 20, "--precision", "float32"]
    assert stylize("blend", model, clear, *options, "-o", "grid.png").code == 0
    sheet, gap = pixels("grid.png"), blend.GAP
    left = (sheet.shape[1] - 3 * 20 - 2 * gap) // 2  # names may be wider than the table
    table = sheet[sheets.BAND : -sheets.BAND, left : left + 3 * 20 + 2 * gap]
    assert table.shape == (3 * 15 + 2 * gap, 3 * 20 + 2 * gap, 3)
    corners = [table[:15, :20], table[:15, -20:], table[-15:, :20], table[-15:, -20:]]
    for name, corner in zip(names, corners, strict=True):
        options = ["--size", 20, "--precision", "float32", "-o", "one.jpg", "--quality", 100]
        stylize("apply", model, clear, "--style", name, *options)
        assert np.abs(corner - pixels("one.jpg")).mean() < 2  # JPEG lays alpha on white too


def test_the_strip_goes_from_one_style_to_the_other(stylize, model, photo, pixels):
    options = ["--steps", 3, "--cell", 200, "--size", 16, *TORCH]
    chosen = ["--style", "monet", "--style", "hokusai"]
    assert stylize("blend", model, photo, *chosen, *options, "-o", "strip.png").code == 0
    strip, margin = pixels("strip.png"), sheets.MARGIN
    top = strip.shape[0] - margin - 150
    assert strip.shape[1] == 3 * 200 + 4 * margin
    assert (strip[margin:top].min(axis=(0, 2)) < 128).any()  # labels
    cells = [strip[top:-margin, margin + i * (200 + margin) :][:, :200] for i in range(3)]
    for name, cell in (("monet", cells[0]), ("hokusai", cells[2])):
        alone = ["--style", name, "--steps", 2, "--style", name, *options[2:]]
        stylize("blend", model, photo, *alone, "-o", "one.png")
        same = pixels("one.png")[-margin - 150 : -margin, margin : margin + 200]
        assert np.abs(cell - same).mean() < 0.1
    assert min(np.abs(cells[1] - cells[i]).mean() for i in (0, 2)) > 1


@pytest.mark.parametrize("size", [None, 24])
def test_cells_are_the_photo_at_their_size_unless_told(stylize, model, photo, monkeypatch, size):
    given = []
    fit = painting.fit
    monkeypatch.setattr(painting, "fit", lambda *args: given.append(fitted := fit(*args)) or fitted)
    options = TORCH if size is None else ["--size", size, *TORCH]
    assert stylize("blend", model, photo, "--grid", "monet,munch,munch,monet", *options).code == 0
    assert max(given[0].shape) == (size or CELL)


def test_animations_are_said_to_be(stylize, model, frames):
    assert "frames: first of 2 frames" in stylize("blend", model, frames, "--style", "monet").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "choose a style with --style: monet, munch, hokusai"),
        ("--style Monnet:2", "no style 'Monnet': did you mean monet?"),
        ("--style monet:x", "'x' in --style monet:x is no weight: write NAME:0.6"),
        ("--style monet:", "'' in --style monet: is no weight"),
        ("--style monet:-1", "weights of styles must be finite numbers from 0 up, not -1"),
        ("--style monet:0", "no style has a weight: give one of them more than 0"),
        ("--style monet --style munch:nan", "finite numbers from 0 up, not 1, nan"),
        ("--style monet:0 --style munch:0", "no style has a weight: give one of them more than 0"),
        ("--grid monet,munch", "--grid takes four styles, not 2: --grid a,b,c,d"),
        ("--grid monet,munch,monet,klee", "no style 'klee'"),
        ("--grid monet --style monet", "--grid names its styles itself: leave out --style"),
        ("--style monet --cell 99", "--cell is for --grid and --steps: use --size"),
        ("--style monet --steps 3", "--steps needs two --style without weights, or --grid"),
        ("--style monet:2 --style munch --steps 3", "--steps needs two --style without weights"),
        ("--style monet --steps 1", "--steps takes "),
        ("--style monet --steps 33", "--steps takes "),
        ("--style monet -o photo.png", "photo.png is an input and would be overwritten"),
        ("--style monet -o out.gif", "cannot write out.gif"),
        ("--style monet --memory 1MB", "--memory 1 MB is less than the program itself takes"),
    ],
)
def test_what_cannot_be_blended_is_refused(stylize, model, tmp_path, options, said):
    before = {file for file in tmp_path.iterdir() if file.is_file()}
    ran = stylize("blend", model, "photo.png", *options.split(), *TORCH, "--quiet")
    assert (ran.code, ran.out) == (2, b"")
    assert said in ran.err
    assert {file for file in tmp_path.iterdir() if file.is_file()} == before


@pytest.mark.parametrize("generator", ["johnson", "upscaler"])
def test_a_model_without_mixtures_is_refused(refused, net, generator):
    model = net(generator)
    said = refused("blend", model, "photo.png", "--style", "monet", *TORCH)
    assert said == f"{model} has no styles to mix: use stylize apply"


def test_a_figure_too_large_for_memory_is_refused(stylize, model, photo, monkeypatch):
    monkeypatch.setattr(engines, "room", lambda *_: 2 * 10**8)
    options = ["--grid", "monet,munch,munch,monet", "--steps", 32]
    ran = stylize("blend", model, photo, *options, "--quiet")
    assert ran.code == 2
    assert ran.err.startswith("error: the grid needs about 2.4 GB, 0.2 GB is free; use a smaller")


def test_a_photo_that_cannot_be_read_is_one_line(refused, model, tmp_path):
    """And nothing before it: what runs the model is told with the result."""
    (tmp_path / "note.txt").write_text("no photo")
    said = refused("blend", model, "note.txt", "--style", "monet", *TORCH)
    assert said.startswith("note.txt is not an image")


def test_a_folder_of_several_is_refused(refused, model, tmp_path, picture_file):
    (tmp_path / "many").mkdir()
    for name in "ab":
        picture_file(8, 8, name=f"many/{name}.png")
    said = refused("blend", model, "many", "--style", "monet", *TORCH)
    assert said.endswith("many is 2 pictures: name one of them")


@pytest.mark.parametrize(
    "options",
    [
        "--style monet:0.6 --style munch:0.4 --preserve-color",
        "--style monet --style munch --steps 3 --cell 32",
    ],
)
def test_a_model_that_is_converted_runs_without_torch(stylize, model, photo, options):
    assert stylize("blend", model, photo, "--style", "monet").code == 0
    arguments = ["blend", model, str(photo), *options.split(), "--json", "--quiet"]
    ran = subprocess.run(
        [sys.executable, "-c", ASK, *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "False\n")
    assert json.loads(ran.stdout)["engine"] == "openvino"

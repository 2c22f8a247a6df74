"""`stylize optimize`: what it writes, what its options change, and what it refuses."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from skimage.color import rgb2yiq

import stylize_cli
from stylize_cli import devices, files, hardware, images, limits
from stylize_cli.api import optimize as api
from stylize_cli.config import MOST
from stylize_cli.config.neighbours import NEIGHBOURS
from stylize_cli.config.optimize import PRESETS, TEXTURE
from stylize_cli.images import Planes
from stylize_cli.methods import neighbours
from stylize_cli.methods import optimize as method

pytest_plugins = ["commandline"]
pytestmark = pytest.mark.usefixtures("loaded", "photo", "style")

PAIR = ["optimize", "photo.png", "style.png"]
QUICK = ["--size", 32, "--iterations", 2, "--precision", "float32"]
SHALLOW = ["--content-layers", "relu2_2", "--style-layers", "relu1_1,relu2_1"]
COARSE = ["--size", 64, "--scales", 2, "--optimizer", "adam", *SHALLOW]  # 32x24, then 64x48
KEYS = ["output", "width", "height", "seconds", "device", "precision", "engine", "losses"]


@pytest.fixture
def runs(monkeypatch):
    """Lists what every optimisation is asked for."""
    calls, optimize = [], method.optimize

    def spy(describe, pictures, config, **options):
        calls.append({"pictures": pictures, "config": config, **options})
        return optimize(describe, pictures, config, **options)

    monkeypatch.setattr(method, "optimize", spy)
    return calls


@pytest.fixture
def painted(stylize, tmp_path):
    """painted(*arguments) -> the bytes of the file that `stylize optimize` writes."""

    def run(*arguments):
        ran = stylize(*arguments, "--overwrite")
        assert ran.code == 0
        return (tmp_path / ran.line).read_bytes()

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_result_is_named_after_its_inputs_and_its_path_is_all_of_stdout(stylize, tmp_path):
    ran = stylize(*PAIR, *QUICK)
    assert (ran.code, ran.out) == (0, b"photo-style.png\n")
    assert re.fullmatch(r"device: cpu .*, float32\n", ran.err)
    assert names(tmp_path) == ["photo-style.png", "photo.png", "style.png"]


def test_json_is_the_contract_s_object(stylize):
    ran = stylize(*PAIR, *QUICK, "--json", "-o", "a.webp", "--quiet", "--device", "cpu")
    record = ran.record
    assert (ran.code, ran.err, list(record)) == (0, "", KEYS)
    seconds, losses = record.pop("seconds"), record.pop("losses")
    assert 0 <= seconds < 60
    layers = [
        "layout",
        "content relu3_3",
        "content relu4_2",
        *(f"style relu{block}_1" for block in range(1, 6)),
    ]
    assert set(losses) - {"tv"} == {*layers, "total"}
    assert losses.pop("total") == pytest.approx(sum(losses.values()), rel=1e-4)
    assert list(record.values()) == ["a.webp", 32, 24, "cpu", "float32", "torch"]


@pytest.mark.parametrize(
    ("height", "width", "size"), [(37, 64, 48), (64, 37, 48), (31, 33, 49), (40, 20, 33)]
)
def test_size_is_the_long_side_exactly(stylize, picture_file, pixels, height, width, size):
    picture_file(height, width, name="odd.png")
    stylize("optimize", "odd.png", "style.png", *QUICK, "--size", size, "-o", "out.png")
    found = pixels("out.png").shape[:2]
    assert max(found) == size
    assert min(found) == pytest.approx(size * min(height, width) / max(height, width), abs=0.5)


@pytest.mark.parametrize("output", ["a.jpg", "new/a.tif", "folder/photo-style.png"])
def test_output_is_a_file_or_a_folder(stylize, tmp_path, output):
    (tmp_path / "folder").mkdir()
    ran = stylize(*PAIR, *QUICK, "-o", output.replace("photo-style.png", ""))
    assert ran.line == output
    with Image.open(tmp_path / output) as image:
        assert image.size == (32, 24)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_image_bytes_pass_through_a_pipe(stylize, tmp_path, painted, options):
    arguments = ["optimize", "-", "style.png", *QUICK, *options]
    data = (tmp_path / "photo.png").read_bytes()
    ran = stylize(*arguments, "-o", "-", stdin=data)
    assert ran.code == 0
    assert ran.out == painted(*PAIR, *QUICK)
    assert stylize("optimize", "-", "style.png", *QUICK, stdin=data).line == "stdin-style.png"


@pytest.mark.parametrize("place", [["-", "style.png"], ["photo.png", "-"]])
def test_what_comes_from_stdin_has_to_fit_as_a_file_has(stylize, tmp_path, monkeypatch, place):
    monkeypatch.setattr(hardware, "own_memory", lambda: 0)
    Image.new("RGB", (1000, 800)).save(tmp_path / "large.png")
    data = (tmp_path / "large.png").read_bytes()
    piped, file = (
        stylize("optimize", *named, *QUICK, "--memory", "5MB", stdin=data)
        for named in (place, [one.replace("-", "large.png") for one in place])
    )
    assert file.code == piped.code == 2
    assert "stdin is too large: its 1000x800 pixels take" in piped.err
    assert piped.err == file.err.replace("large.png", "stdin")


def test_transparency_stays(stylize, tmp_path, picture, pixels):
    alpha = torch.linspace(0, 1, 32).expand(1, 1, 24, 32)
    images.write(tmp_path / "photo.png", Planes(picture(24, 32), alpha))
    stylize(*PAIR, *QUICK)
    np.testing.assert_array_equal(pixels("photo-style.png")[..., 3], pixels("photo.png")[..., 3])


@pytest.mark.parametrize("options", [[], ["--preset", "neighbours"], ["--init", "style.png"]])
def test_a_seed_that_changes_nothing_is_said_and_names_nothing(stylize, options, tmp_path):
    first = stylize(*PAIR, *QUICK, *options)
    assert (first.line, "--seed" in first.err) == ("photo-style.png", False)
    ran = stylize(*PAIR, *QUICK, *options, "--seed", 3)
    assert (ran.code, ran.line) == (0, "photo-style-32.png")  # not of the seed, but of the size
    assert ran.err.startswith("--seed changes nothing: it is of --init noise, and ")
    one, other = ((tmp_path / made.line).read_bytes() for made in (first, ran))
    assert one == other


def test_the_seed_of_a_texture_names_it(stylize):
    stylize("optimize", "--texture", "style.png", *QUICK)
    ran = stylize("optimize", "--texture", "style.png", *QUICK, "--seed", 3)
    assert (ran.line, "--seed" in ran.err) == ("style-texture-32-seed3.png", False)


def test_of_two_that_write_one_picture_the_second_is_refused(refused, tmp_path):
    with files.held(tmp_path / "photo-style.png"):  # as the first does all the while
        said = refused(*PAIR, *QUICK)
    assert said.startswith("another process is writing photo-style.png: wait for its end, or name ")


def test_what_another_process_made_meanwhile_stays(stylize, tmp_path, monkeypatch):
    prepare, there = api.prepare, tmp_path / "photo-style.png"

    def late(*pictures, **options):
        there.write_bytes(b"of another")
        return prepare(*pictures, **options)

    monkeypatch.setattr(api, "prepare", late)
    assert stylize(*PAIR, *QUICK).line == "photo-style-32.png"
    assert there.read_bytes() == b"of another"


def test_what_an_earlier_run_made_stays(stylize, refused, tmp_path):
    run = [*PAIR, "--iterations", 2, "--precision", "float32"]
    assert stylize(*run, "--size", 32).line == "photo-style.png"
    first = (tmp_path / "photo-style.png").read_bytes()
    assert stylize(*run, "--size", 48).line == "photo-style-48.png"
    seeded = [*run, "--size", 48, "--seed", 3, "--save-every", 1, "--init", "noise"]
    assert stylize(*seeded).line == "photo-style-48-seed3.png"
    (tmp_path / "photo-style-48-seed3.png").unlink()
    there = (
        "a numbered photo-style-48-seed3.png is there already: --overwrite replaces it, "
        "-o names another place"
    )
    assert refused(*seeded) == there  # for its numbered files
    assert (tmp_path / "photo-style.png").read_bytes() == first
    assert stylize(*run, "--size", 48, "--overwrite").line == "photo-style.png"
    assert (tmp_path / "photo-style.png").read_bytes() != first


def test_quality_is_jpeg_s(stylize, tmp_path):
    sizes = []
    for quality in (5, 95):
        stylize(*PAIR, *QUICK, "--size", 96, "-o", "a.jpg", "--quality", quality)
        sizes.append((tmp_path / "a.jpg").stat().st_size)
    assert sizes[0] < sizes[1] / 2


def test_depth_is_the_file_s(painted):
    assert [painted(*PAIR, *QUICK, "--depth", depth)[24] for depth in (8, 16)] == [8, 16]  # IHDR


@pytest.mark.parametrize("pair", [PAIR, ["optimize", "--texture", "style.png"]])
def test_a_seed_is_one_picture(painted, pair):
    one, again, two = (
        painted(*pair, *QUICK, "--init", "noise", "--seed", seed) for seed in (1, 1, 2)
    )
    assert one == again != two


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ("", {}),
        ("--scales 1", {"scales": 1}),
        ("--balance 0.25", {"balance": 0.25}),
        ("--style-scale 2", {"style_scale": 2.0}),
        ("--pool avg", {"pool": "avg"}),
    ],
)
def test_neighbours_has_its_own_settings(stylize, monkeypatch, options, changed):
    configs, paint = [], neighbours.paint

    def spy(describe, pictures, config, **given):
        configs.append(config)
        return paint(describe, pictures, config, **given)

    monkeypatch.setattr(neighbours, "paint", spy)
    ran = stylize(*PAIR, *QUICK, "--preset", "neighbours", *options.split(), "--json")
    assert (ran.code, ran.record["width"], ran.record["height"]) == (0, 32, 24)
    assert set(ran.record["losses"]) == {"features", "colours", "total"}
    assert configs == [replace(NEIGHBOURS, size=32, iterations=2, **changed)]


@pytest.mark.parametrize(
    "option",
    [
        *("optimizer adam", "init noise", "content-weight 2", "style-weight 2", "tv-weight 1"),
        *("content-layers relu2_1", "style-layers relu2_1"),
    ],
)
def test_neighbours_refuses_what_is_gatys_alone(refused, option):
    said = refused(*PAIR, "--preset", "neighbours", *f"--{option}".split())
    assert said == f"--preset neighbours has no --{option.split()[0]}: leave it out"


def test_ctrl_c_keeps_what_the_neighbours_have_made(stylize, interrupt, pixels):
    interrupt(4)
    ran = stylize(*PAIR, "--preset", "neighbours", "--size", 64, "--iterations", 9)
    assert ran.code == 130
    assert pixels(ran.line).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ("", {}),
        ("--size 40", {"size": 40}),
        ("--iterations 3", {"iterations": 3}),
        ("--scales 1", {"scales": 1}),
        ("--scales auto", {"scales": "auto"}),
        ("--optimizer adam", {"optimizer": "adam"}),
        ("--init noise", {"init": "noise"}),
        ("--content-weight 0.25", {"content_weight": 0.25}),
        ("--style-weight 3", {"style_weight": 3.0}),
        ("--tv-weight 0", {"tv_weight": 0.0}),
        ("--style-scale 2", {"style_scale": 2.0}),
        ("--content-layers conv2_2,relu3_1", {"content_layers": ("relu2_2", "relu3_1")}),
        ("--style-layers pool1", {"style_layers": ("pool1",)}),
        ("--pool avg", {"pool": "avg"}),
    ],
)
@pytest.mark.parametrize("preset", PRESETS)
def test_an_option_changes_its_own_setting_of_the_preset(stylize, runs, preset, options, changed):
    stylize(*PAIR, *QUICK, "--preset", preset, *options.split())
    quick = {"size": 32, "iterations": 2}
    if "content_weight" in changed:  # a fixed one
        quick["balance"] = None
    assert runs[0]["config"] == replace(PRESETS[preset], **(quick | changed))


def test_a_balance_is_the_default_preset_s_alone(stylize, runs):
    assert stylize(*PAIR, *QUICK, "--balance", 0.8).code == 0
    assert runs[0]["config"].balance == 0.8
    for options in (["--preset", "paper"], ["--content-weight", 1]):
        ran = stylize(*PAIR, *QUICK, "--balance", 0.8, *options)
        assert ran.code == 2
        assert "error: --balance" in ran.err


def test_the_descriptor_is_the_config_s(stylize, loaded):
    for options in (
        ["--preset", "paper"],
        ["--descriptor", "vgg16-torchvision", "--weights", "w.pth", "--precision", "bfloat16"],
    ):
        assert stylize(*PAIR, *QUICK, *options).code == 0
    paper, other = loaded
    assert (paper["name"], paper["file"], paper["dtype"]) == ("vgg19", None, torch.float32)
    assert (paper["pool"], paper["edges"], paper["normalise"]) == ("avg", "clean", "always")
    assert (other["name"], other["file"]) == ("vgg16-torchvision", Path("w.pth"))
    assert (other["dtype"], other["normalise"]) == (torch.bfloat16, "known")


def test_the_first_picture_is_what_init_says(stylize, picture_file, pixels):
    picture_file(24, 32, seed=5, name="start.png")
    results = {}
    quick = [*QUICK, "--iterations", 1, "--balance", 0]  # and so in the photo's own colours
    for init in ("content", "start.png", "noise"):
        stylize(*PAIR, *quick, "--init", init, "-o", "out.png")
        results[init] = pixels("out.png")
    np.testing.assert_array_equal(results["content"], pixels("photo.png"))
    np.testing.assert_array_equal(results["start.png"], pixels("start.png"))
    assert results["noise"].std() == pytest.approx(255 / 12**0.5, rel=0.05)  # a uniform one


def test_shares_of_styles(painted, picture_file):
    picture_file(32, 32, seed=2, name="other.png")
    alone = painted(*PAIR, *QUICK)
    assert painted(*PAIR, "other.png", *QUICK, "--style-blend", "1,0") == alone
    even = painted(*PAIR, "other.png", *QUICK)
    assert even == painted(*PAIR, "other.png", *QUICK, "--style-blend", "2,2")
    assert even != alone


def test_several_styles_are_all_in_the_name(stylize, picture_file):
    picture_file(32, 32, seed=2, name="other.png")
    assert stylize(*PAIR, "other.png", *QUICK).line == "photo-style-other.png"


def test_coarse_pictures_come_first_and_every_nth_is_saved(stylize, pixels, tmp_path):
    ran = stylize(*PAIR, *COARSE, "--iterations", 4, "--save-every", 2, "-o", "out.png")
    assert ran.line == "out.png"
    saved = [f"out-000{number}.png" for number in (2, 4, 6, 8)]
    assert names(tmp_path) == [*saved, "out.png", "photo.png", "style.png"]
    sides = [pixels(name).shape[1] for name in (*saved, "out.png")]
    assert sides == [32, 32, 64, 64, 64]


@pytest.mark.parametrize("options", [[], ["--preserve-color"]])
def test_the_last_saved_picture_is_the_result(stylize, tmp_path, picture, options):
    images.write(tmp_path / "photo.png", Planes(picture(24, 32), torch.rand(1, 1, 24, 32)))
    stylize(*PAIR, *QUICK, "--optimizer", "adam", "--scales", 1, "--save-every", 2, *options)
    result, last = (tmp_path / f"photo-style{end}.png" for end in ("", "-0002"))
    assert last.read_bytes() == result.read_bytes()


def test_plot_is_beside_the_picture_and_not_on_stdout(stylize, tmp_path):
    ran = stylize(*PAIR, *QUICK, "--plot", "loss.svg")
    assert ran.line == "photo-style.png"
    for term in ("content relu4_2", "style relu1_1", "total"):
        assert f"<!-- {term} -->" in (tmp_path / "loss.svg").read_text()


@pytest.fixture
def tinted(photo, style, picture):
    """photo.png is smooth and blue, 48x32, style.png rough and red."""
    rough = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    blue, red = (torch.tensor(tint).view(1, 3, 1, 1) for tint in ((3, 5, 8), (8, 2, 2)))
    images.write(photo, Planes(0.1 + 0.08 * blue * picture(32, 48)))
    images.write(style, Planes(0.1 + 0.08 * red * rough))


@pytest.mark.usefixtures("tinted")
@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--preserve-color"], lambda rgb: rgb2yiq(rgb)[..., 1:]),  # but not the luminance
        (["--preserve-color", "--color-by", "covariance"], lambda rgb: rgb.mean((0, 1))),
    ],
)
def test_the_photo_s_colours_are_kept(stylize, pixels, options, kept):
    away = {}
    for name, chosen in {"plain.png": [], "kept.png": options}.items():
        stylize(*PAIR, "--size", 48, *chosen, "-o", name)
        change = kept(pixels(name) / 255) - kept(pixels("photo.png") / 255)
        away[name] = abs(change).mean()
        assert abs(pixels(name) - pixels("photo.png")).mean() > 0.5
    assert away["kept.png"] < away["plain.png"] / 4


def test_a_texture_can_take_over_the_histogram(stylize, pixels):
    ran = stylize("optimize", "--texture", "style.png", *QUICK, "--match-histogram")
    assert ran.code == 0
    at = np.linspace(0, 1, 9)
    made, wanted = (np.quantile(pixels(name), at, axis=(0, 1)) for name in (ran.line, "style.png"))
    np.testing.assert_allclose(made[1:-1], wanted[1:-1], atol=12)  # the source is resized before


def test_a_texture_needs_no_photo(stylize, runs, pixels):
    ran = stylize("optimize", "--texture", "style.png", *QUICK)
    assert (ran.code, ran.line) == (0, "style-texture.png")
    assert pixels(ran.line).shape == (32, 32, 3)
    (run,) = runs
    assert run["pictures"].content is None
    assert run["config"] == replace(TEXTURE, size=32, iterations=2)


@pytest.mark.parametrize("quiet", [False, True])
def test_notes_are_for_stderr(stylize, frames, quiet):
    ran = stylize("optimize", frames, "style.png", *QUICK, *["--quiet"] * quiet)
    assert ran.line == "frames-style.png"
    if quiet:
        assert ran.err == ""
    else:
        assert ran.err.startswith("frames: first of 2 frames\ndevice: cpu")


def test_ctrl_c_saves_what_as_many_iterations_would_have(stylize, interrupt, painted, tmp_path):
    run = [*PAIR, *QUICK, "--optimizer", "adam", "--scales", 1]
    expected = painted(*run, "--iterations", 3)
    interrupt(4)
    ran = stylize(*run, "--iterations", 9, "--json", "--plot", "loss.png")
    assert (ran.code, ran.record["output"]) == (130, "photo-style-32.png")
    assert ran.err.endswith("interrupted: keeping the best so far\n")
    assert (tmp_path / "photo-style-32.png").read_bytes() == expected
    assert (tmp_path / "loss.png").exists()


@pytest.mark.parametrize("nth", [2, 4, 7], ids=["coarse", "as the scale begins", "fine"])
def test_ctrl_c_at_any_scale_saves_the_full_size(stylize, interrupt, pixels, tmp_path, nth):
    interrupt(nth)
    ran = stylize(*PAIR, *COARSE, "--iterations", 3 if nth == 4 else 5)
    assert (ran.code, ran.line) == (130, "photo-style.png")
    assert pixels("photo-style.png").shape == (48, 64, 3)
    assert names(tmp_path) == ["photo-style.png", "photo.png", "style.png"]


def test_ctrl_c_before_there_is_a_picture_leaves_nothing(stylize, interrupt, tmp_path):
    interrupt(1)
    ran = stylize(*PAIR, *QUICK, "--json", "--quiet")
    assert (ran.code, ran.out, ran.err) == (130, b"", "")
    assert names(tmp_path) == ["photo.png", "style.png"]


@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_other_signals_keep_the_best_as_ctrl_c_does(stylize, monkeypatch, tmp_path, number):
    from stylize_cli.methods import optimize as method

    optimize = method.optimize

    def signalled(*arguments, **options):
        for count, now in enumerate(optimize(*arguments, **options)):
            yield now
            if count == 1:
                signal.raise_signal(number)

    monkeypatch.setattr(method, "optimize", signalled)
    ran = stylize(*PAIR, *QUICK, "--quiet")
    assert (ran.code, ran.line) == (130, "photo-style.png")
    with Image.open(tmp_path / "photo-style.png") as image:
        image.load()


def test_a_picture_in_the_making_that_cannot_be_saved_ends_nothing(stylize, tmp_path):
    (tmp_path / "out-0001.png").mkdir()
    ran = stylize(*PAIR, *QUICK, "--save-every", 1, "-o", "out.png")
    assert (ran.code, ran.line) == (0, "out.png")
    assert "out-0001.png" in ran.err


def test_a_size_beyond_all_memory_is_refused_before_anything_is_resized(refused):
    assert "GB is free; " in refused(*PAIR, "--size", MOST, "--memory", "8GB")


def test_a_size_beyond_all_bounds_is_refused(refused):
    assert f"--size takes {MOST} or less" in refused(*PAIR, "--size", 99999999999999999999)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: x")],
)
def test_exhausted_memory_is_one_line(refused, monkeypatch, error):
    from stylize_cli.methods import optimize as method

    def exhausted(*_arguments, **_options):
        raise error
        yield

    monkeypatch.setattr(method, "optimize", exhausted)
    assert "memory is exhausted: use a smaller --size" in refused(*PAIR, *QUICK, "--quiet")


def test_a_style_on_a_transparent_canvas_is_the_style_alone(stylize, tmp_path, pixels):
    alone = Image.open(tmp_path / "style.png").convert("RGBA")
    canvas = Image.new("RGBA", (64, 80), (0, 0, 0, 0))
    canvas.paste(alone, (11, 30))
    canvas.save(tmp_path / "canvas.png")
    for name in ("style", "canvas"):
        assert (
            stylize("optimize", "photo.png", f"{name}.png", *QUICK, "-o", f"{name}-out.png").code
            == 0
        )
    assert (pixels("style-out.png") == pixels("canvas-out.png")).all()


LAUNCH = """
import signal
from pathlib import Path
from stylize_cli.cli.app import run
from stylize_cli.methods import optimize as method

optimize = method.optimize

def told(*arguments, **options):
    for number, best in enumerate(optimize(*arguments, **options)):
        Path(f"{number}.told").touch()
        yield best

method.optimize = told
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it
run()
"""


@pytest.mark.vgg
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_sigint_in_a_pipe_lets_the_whole_picture_out(tmp_path):
    arguments = "optimize - style.png -o - --size 48 --iterations 1000000 --scales 1"
    with (tmp_path / "photo.png").open("rb") as photo:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *arguments.split(), "--threads", "1", "--quiet"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
            stdin=photo,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with process:
        deadline = time.monotonic() + 300
        while not (tmp_path / "2.told").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, b"")
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (48, 36))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", r"give a photo and at least one style, in this order"),
        ("photo.png", r"give a photo and at least one style, in this order"),
        ("photo.png style.png --save-every 2 -o -", r"--save-every writes files: give -o a file"),
        (
            "photo.png style.png --match-histogram",
            r"--match-histogram is for textures.*",
        ),
        (
            "photo.png style.png --texture style.png",
            r"--texture takes no photo: leave out CONTENT.*",
        ),
        (
            "--texture style.png --content-weight 3",
            r"--texture has no --content-weight: leave it out",
        ),
        (
            "--texture style.png --content-layers relu2_1",
            r"--texture has no --content-layers: leave it out",
        ),
        ("--texture style.png --keep-metadata", r"--keep-metadata is of a photo, and --texture .*"),
        ("--texture style.png --balance 0", r"--texture has no --balance: leave it out"),
        ("--texture style.png --preserve-color", r"--texture has no --preserve-color: leave .*"),
        (
            "--texture style.png --preset paper",
            r"--texture has its own settings: leave out --pre.*",
        ),
        (
            "--texture style.png --init content",
            r"--texture has no photo: --init takes noise, or .*",
        ),
        (
            "--texture style.png --style-weight 0",
            r"a texture is its style alone: give a --style-.*",
        ),
        ("- -", r"- \(stdin\) was given twice; it can be read only once, so name a file"),
        ("- style.png --init -", r"- \(stdin\) was given twice; .*"),
        ("- style.png", r"stdin is empty: .*"),
        (
            "photo.png style.png --style-blend 1,2",
            r"--style-blend has 2 shares for 1 style: give one for each",
        ),
        (
            "photo.png style.png --preset neighbours --content-weight 1.5",
            r"--preset neighbours has no --content-weight: leave it out",
        ),
        ("photo.png style.png --style-blend x", r"--style-blend 'x' is not a list like 0\.7,0\.3"),
        ("photo.png style.png --memory lots", r"'lots' is not an amount of memory; write it .*"),
        (
            "photo.png style.png --style-layers relu9_9",
            r"no layer 'relu9_9'; use one of: relu1_1,.*",
        ),
        (
            "photo.png style.png --content-layers relu3_4 --descriptor vgg16-torchvision",
            r"no layer 'relu3_4'; use one of: .*relu3_3, pool3.*",
        ),
        (
            "photo.png style.png --size 16",
            r"16x12 px is too small for .* need 16 px a side; use a larger --size or lower layers",
        ),
        (
            "photo.png style.png --scales 0",
            rf"--scales '0' is neither auto nor a number from 1 to {MOST}",
        ),
        ("photo.png style.png --style-layers ,", r"',' names no layer; write layers like relu.*"),
        (
            "photo.png style.png --plot a.gif",
            r"cannot plot to a\.gif: its name must end in .*\.svg.*",
        ),
        (
            "photo.png style.png --plot style.png",
            r"style\.png is an input and would be overwritten.*",
        ),
        (
            "photo.png style.png --plot a.png -o a.png",
            r"--plot a\.png is the picture's own file:.*",
        ),
    ],
)
def test_what_cannot_be_optimised_is_refused(refused, arguments, said):
    assert re.fullmatch(said, refused("optimize", *arguments.split()))


def test_an_input_is_not_overwritten_under_the_default_name_either(refused, picture_file, tmp_path):
    picture_file(24, 32, name="photo-style.png")
    (tmp_path / "link").symlink_to(tmp_path)
    for output in ([], ["-o", "."], ["-o", "link/"]):
        said = refused(*PAIR, "--init", "photo-style.png", *output)
        assert re.fullmatch(r".*photo-style\.png is an input .*: name another output", said)


def test_a_numbered_file_is_not_an_input_either(refused, picture_file, tmp_path):
    picture_file(24, 32, name="out-0002.png")
    (tmp_path / "link.png").symlink_to("out-0002.png")
    for start in ("out-0002.png", "link.png"):
        said = refused(*PAIR, "--init", start, "--save-every", 1, "-o", "out.png")
        assert re.fullmatch(r"out-0002\.png is an input .*: name another output", said)


def test_names_that_are_too_long_for_the_disk_are_refused(refused, picture_file):
    styles = [picture_file(8, 8, name=f"{digit * 60}.png") for digit in "12345"]
    assert re.fullmatch(
        r"cannot write photo-1.*5\.png \(.*\): name another output with -o",
        refused("optimize", "photo.png", *styles),
    )


def test_a_size_too_large_for_the_memory_names_the_largest_that_is_not(
    stylize, refused, monkeypatch
):
    monkeypatch.setattr(devices, "free_memory", lambda _device: 150_000_000)
    run = [*PAIR, "--iterations", 1, "--precision", "float32", "--size"]
    said = refused(*run, 4096)
    assert re.fullmatch(r"4096x3072 px needs .* GB, 0\.\d GB is free; use --size \d+", said)
    largest = int(said.split()[-1])
    refused(*run, largest + 16)
    assert stylize(*run, largest).code == 0


def test_memory_is_the_whole_program_s(refused):
    used = psutil.Process().memory_info().rss
    said = refused(*PAIR, "--size", 4096, "--memory", f"{(used + 300_000_000) // 1_000_000}MB")
    assert re.fullmatch(r"4096x3072 px needs .* 0\.\d GB is free; use --size \d+", said)


def test_what_does_not_fit_is_done_tile_by_tile_and_said(stylize, runs, monkeypatch):
    run = [*PAIR, *QUICK, *SHALLOW]
    whole = stylize(*run, "--json").record["losses"]
    monkeypatch.setattr(limits, "plan", lambda *_: limits.MemoryPlan(2, "bfloat16", 500, 500_000))
    ran = stylize(*run, "--json")
    assert "memory: tile by tile, with 2 pairs of L-BFGS history, in bfloat16" in ran.err
    assert (runs[-1]["config"].history, runs[-1]["config"].pairs) == (2, "bfloat16")
    assert ran.record["losses"] == pytest.approx(whole, rel=1e-3)

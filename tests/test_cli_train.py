"""`stylize train`: what it learns from which options, what it writes, and how it is stopped."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import stylize_cli
from stylize_cli import checkpoints, devices, images, jpegs, paths, perceptual, sheets
from stylize_cli.cli import learning
from stylize_cli.cli.console import Console
from stylize_cli.config.train import TRAIN_PRESETS, TrainConfig
from stylize_cli.engines import quantising
from stylize_cli.methods import add_style, previews
from stylize_cli.methods import train as method
from stylize_cli.methods.course import Course

pytest_plugins = ["commandline"]
pytestmark = pytest.mark.usefixtures("loaded", "dataset", "style")

SMALL = ["--dataset", "photos", "--width", 2, "--size", 32, "--batch-size", 1, "--threads", 1]
TINY = [*SMALL, "--steps", 3, "--precision", "float32"]
ONE = ["train", "--style", "style.png", *TINY]
PIXEL = ["train", "--upscale", 2, "--loss", "pixel", *TINY]
KEYS = """output method styles steps seconds device precision losses style_losses skipped"""


@pytest.fixture
def dataset(tmp_path, picture):
    """photos/ of three pictures: PNG, JPEG and WebP, one of them further down."""
    for seed, name in enumerate(("a.png", "deep/er/b.JPG", "c.webp")):
        images.write(tmp_path / "photos" / name, images.Planes(picture(40, 48, seed=seed + 10)))
    return tmp_path / "photos"


@pytest.fixture
def trained(stylize, tmp_path):
    """trained(*arguments) -> the Checkpoint that `stylize` writes."""

    def run(*arguments):
        ran = stylize(*arguments)
        assert ran.code == 0, ran.err
        return checkpoints.load(tmp_path / ran.line)

    return run


@pytest.fixture
def tasks(monkeypatch):
    """Lists what every training is asked for."""
    calls, begin = [], method.Training.__init__

    def spy(self, task, crops, describe, machine, **options):
        calls.append(SimpleNamespace(task=task, crops=crops, describe=describe, machine=machine))
        begin(self, task, crops, describe, machine, **options)

    monkeypatch.setattr(method.Training, "__init__", spy)
    return calls


@pytest.fixture
def during(monkeypatch):
    """during(step, what): calls what() in the middle of that step, from 1."""

    def at(step, what):
        losses = method.Training._losses

        def spy(self, number, *rest):
            found = losses(self, number, *rest)
            if number + 1 == step:
                what()
            return found

        monkeypatch.setattr(method.Training, "_losses", spy)

    return at


def assert_same(one, other, *, within=0.0):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=within, msg=name)


def test_what_of_the_dataset_is_left_out_is_said(stylize, dataset, monkeypatch):
    monkeypatch.setattr(paths, "reads_heif", lambda: False)
    (dataset / "x.heic").write_bytes(b"x")
    ran = stylize(*ONE)
    assert ran.code == 0
    assert "photos: 1 HEIC file is left out: pip install pillow-heif" in ran.err


@pytest.mark.parametrize(
    ("options", "name", "kind", "styles"),
    [
        ("--style style.png", "style.pt", "perceptual", ("style",)),
        ("--style paintings/style.png --style style.png", "styles.pt", "conditional", None),
        ("--style paintings", "paintings.pt", "conditional", ("other", "style")),
        ("--style style.png --method conditional", "style.pt", "conditional", ("style",)),
        ("--upscale 4", "sr4.pt", "super-resolution", ()),
        ("--upscale 8 --method super-resolution -o new/", "new/sr8.pt", "super-resolution", ()),
        ("--style style.png -o deep/x.pt", "deep/x.pt", "perceptual", ("style",)),
    ],
)
def test_a_model_is_named_after_what_it_learns(
    stylize, picture_file, tmp_path, options, name, kind, styles
):
    for painting in ("style.png", "other.png"):
        (tmp_path / "paintings").mkdir(exist_ok=True)
        picture_file(32, 32, seed=3, name=f"paintings/{painting}")
    ran = stylize("train", *options.split(), *TINY)
    assert (ran.code, ran.out.decode()) == (0, f"{name}\n")
    made = checkpoints.load(tmp_path / name)
    assert made.method == kind
    assert made.styles == (("style", "style-2") if styles is None else styles)
    assert made.provenance["steps"] == 3
    assert checkpoints.load_state((tmp_path / name).with_suffix(".state.pt")).step == 3


def test_json_is_one_object_and_quiet_is_quiet(stylize):
    ran = stylize(*ONE, "--json", "--quiet", "--device", "cpu")
    assert (ran.code, ran.err) == (0, "")
    record = ran.record
    assert list(record) == [key.replace("style_", "style ") for key in KEYS.split()]
    assert record["output"] == "style.pt"
    assert (record["method"], record["styles"], record["steps"]) == ("perceptual", ["style"], 3)
    assert (record["device"], record["precision"], record["skipped"]) == ("cpu", "float32", [])
    losses = record["losses"]
    assert losses.pop("total") == pytest.approx(sum(losses.values()), rel=1e-4)
    assert set(losses) == {"content", "style", "layout", "range"}


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ("--style style.png --dataset photos", "stylize apply 'my model.pt' PHOTO"),
        ("--style style.png --style other.png --dataset photos",
         "stylize apply 'my model.pt' PHOTO --style other"),
        ("--style style.png --levels 2", "stylize texture 'my model.pt'"),
        ("--upscale 2 --loss pixel --dataset photos", "stylize apply 'my model.pt' PHOTO"),
    ],
)  # fmt: skip
def test_at_its_end_the_command_that_runs_the_model_is_told_and_runs(
    stylize, picture_file, photo, options, command
):
    picture_file(32, 32, seed=5, name="other.png")
    ran = stylize("train", *options.split(), *TINY[2:], "-o", "my model.pt")
    assert ran.err.splitlines()[-1] == f"to run it: {command}"
    words = [photo if word == "PHOTO" else word for word in shlex.split(command)[1:]]
    assert stylize(*words, "-o", "out.png", "--size", 32).line == "out.png"


def test_its_styles_are_looked_for_once(stylize, tmp_path, picture_file, monkeypatch):
    (tmp_path / "paintings").mkdir()
    picture_file(32, 32, seed=3, name="paintings/a.png")
    listed, listing = [], paths.Listing

    def spy(folder, *rest):
        listed.append(folder.name)
        return listing(folder, *rest)

    monkeypatch.setattr(paths, "Listing", spy)
    assert stylize("train", "--style", "paintings", *TINY).line == "a.pt"
    assert listed.count("paintings") == 1


def test_without_a_terminal_every_save_is_a_line(stylize):
    ran = stylize(*PIXEL, "--save-every", 2, "--steps", 4)
    device, photos, *lines = ran.err.splitlines()
    assert device.startswith("device: cpu")
    assert photos == "3 photos, 4 steps of 1 crop of 32 px"
    assert lines.pop() == "to run it: stylize apply sr2.pt PHOTO"
    assert [line.split(",")[0] for line in lines] == ["step 2/4", "step 4/4"]
    assert re.fullmatch(r"step 4/4, \S+ images/s, loss \S+, 0:00:00 left", lines[1])


def test_a_long_training_is_told_of_by_its_first_steps(stylize, monkeypatch, capfdbinary):
    assert "this takes about" not in stylize(*PIXEL, "--steps", 5).err
    monkeypatch.setattr(Course, "seconds_left", 7500.0)
    assert "this takes about 2 h 5 min" in stylize(*PIXEL, "--steps", 5, "-o", "long.pt").err
    config = SimpleNamespace(steps=5004)
    training = SimpleNamespace(step=4, task=SimpleNamespace(config=config))
    learning._forecast(SimpleNamespace(seconds_left=7500.0, training=training), Console())
    assert capfdbinary.readouterr().err.decode() == (
        "this takes about 2 h 5 min at the speed of the first steps; --steps 404 would take about "
        "10 minutes\n"
    )


def test_by_the_clock_it_takes_the_steps_that_there_is_time_for(stylize, tmp_path):
    began = time.monotonic()
    ran = stylize(*PIXEL[:-4], "--minutes", 0.02, "--precision", "float32")
    assert (ran.code, ran.line) == (0, "sr2.pt")
    assert "3 photos, 0.02 minutes of 1 crop of 32 px" in ran.err
    assert time.monotonic() - began < 30
    steps = checkpoints.load(tmp_path / "sr2.pt").provenance["steps"]
    assert steps > 3
    state = checkpoints.load_state(tmp_path / "sr2.state.pt")
    (group,) = state.optimizer["param_groups"]
    assert group["lr"] < 0.5 * TRAIN_PRESETS["super-resolution", "default"].lr
    # By steps it goes on from there.
    more = stylize(*PIXEL[:-4], "--resume", "--steps", steps + 2, "--precision", "float32")
    assert more.code == 0, more.err
    assert checkpoints.load(tmp_path / "sr2.pt").provenance["steps"] == steps + 2


def test_without_photos_it_says_that_it_learns_a_texture(stylize):
    said = "without --dataset this learns a texture, for stylize texture"
    run = ["train", "--style", "style.png", "--steps", 1, "--size", 32, "--levels", 2]
    assert said in stylize(*run).err
    assert said not in stylize(*run, "--method", "texture", "-o", "b.pt").err


def test_it_starts_from_the_network_that_is_named(stylize, tasks, picture_file, tmp_path):
    """With its kernels, and its row of a style of the same name."""
    picture_file(32, 32, seed=3, name="other.png")
    assert stylize(*ONE, "--style", "other.png", "-o", "pair.pt", "--from", "none").code == 0
    assert stylize(*ONE, "--from", "pair.pt", "-o", "more.pt").code == 0
    first, second = (call.task for call in tasks)
    assert first.start is None
    start = checkpoints.load(tmp_path / "pair.pt")
    row = start.styles.index("style")
    for key, value in second.network().state_dict().items():
        is_row = key.endswith(add_style.ROWS)
        assert torch.equal(value, start.weights[key][[row]] if is_row else start.weights[key])


def test_several_styles_are_reported_each(stylize, picture_file):
    picture_file(32, 32, seed=3, name="other.png")
    ran = stylize(*ONE, "--style", "other.png", "--steps", 4, "--json")
    losses = ran.record["style losses"]
    assert set(losses) == {"style", "other"}
    for name, loss in losses.items():
        assert f"{name} {loss:.3g}" in ran.err


def test_what_cannot_be_read_is_skipped_counted_and_named(stylize, dataset):
    (dataset / "bad.jpg").write_text("no picture")
    (dataset / "notes.txt").write_text("not a photo at all")
    for photo in ("c.webp", "deep/er/b.JPG"):
        (dataset / photo).unlink()
    ran = stylize(*PIXEL, "--json", "--seed", 1)
    assert (ran.code, ran.record["skipped"]) == (0, ["photos/bad.jpg"])
    assert "skipped 1 of 2 files, unreadable: photos/bad.jpg\n" in ran.err


def test_its_own_pictures_are_no_photos(stylize, tasks, tmp_path):
    arguments = [*PIXEL, "--dataset", ".", "--preview", "style.png", "--plot", "loss.png"]
    assert stylize(*arguments).code == 0
    assert {"sr2-preview.jpg", "loss.png"} <= {path.name for path in tmp_path.iterdir()}
    assert stylize(*arguments, "--resume", "--steps", 4).code == 0
    first, second = ({file.name for file in call.crops.files} for call in tasks)
    assert first == second == {"a.png", "b.JPG", "c.webp", "style.png"}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ("", {}),
        ("--steps 2", {"steps": 2}),
        ("--batch-size 2", {"batch_size": 2}),
        ("--size 48", {"size": 48}),
        ("--width 3", {"width": 3}),
        ("--lr 0.1", {"lr": 0.1}),
        ("--content-weight 0.5", {"content_weight": 0.5}),
        ("--style-weight 3", {"style_weight": 3.0}),
        ("--tv-weight 0.1", {"tv_weight": 0.1}),
        ("--content-layer conv2_2", {"content_layer": "relu2_2"}),
        ("--style-layers relu1_1,relu2_1", {"style_layers": ("relu1_1", "relu2_1")}),
        ("--pool avg", {"pool": "avg"}),
        ("--style-size 64", {"style_size": 64}),
    ],
)
def test_an_option_changes_its_own_setting(stylize, tasks, loaded, options, changed):
    assert stylize(*ONE, *options.split()).code == 0
    tiny = {"width": 2, "size": 32, "batch_size": 1, "steps": 3} | changed
    config = replace(TRAIN_PRESETS["perceptual", "default"], **tiny)
    (call,) = tasks
    assert call.task.config == config
    assert (call.crops.size, call.crops.zoom) == (config.size, config.zoom)
    asked = {key: loaded[0][key] for key in ("layers", "pool", "edges")}
    assert asked == {"layers": config.layers, "pool": config.pool, "edges": config.edges}


@pytest.mark.parametrize(
    ("role", "options"),
    [
        ("perceptual", "--style style.png"),
        ("conditional", "--style style.png --method conditional"),
        ("super-resolution", "--upscale 2"),
    ],
)
def test_the_paper_s_preset_is_the_paper_s(stylize, tasks, role, options):
    arguments = [*SMALL, "--size", 48, "--steps", 1, "--preset", "paper", *options.split()]
    assert stylize("train", *arguments).code == 0
    config = TRAIN_PRESETS[role, "paper"]
    assert tasks[0].task.config == replace(config, width=2, size=48, batch_size=1, steps=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "vgg19, original, bundled"),
        (["--descriptor", "vgg16-torchvision"], "vgg16-torchvision, downloaded"),
        (["--weights", "w.pth"], "vgg19, from w.pth, 53959fa102f31e51"),
    ],
)
def test_the_model_says_what_judged_it(trained, options, said):
    Path("w.pth").write_bytes(b"other weights")
    assert trained(*ONE, *options).provenance["descriptor"] == said


def test_pixels_are_judged_by_no_network(trained, loaded):
    assert trained(*PIXEL).provenance["descriptor"] is None
    assert loaded == []


def test_more_steps_of_the_same_are_a_longer_training(trained, stylize):
    stylize(*ONE, "--preset", "paper", "--size", 48, "--seed", 5)
    arguments = [*ONE, "--preset", "paper", "--size", 48, "--seed", 5, "--steps", 6]
    resumed = trained(*arguments, "--resume")
    whole = trained(*arguments, "-o", "whole.pt")  # its step size is constant
    assert_same(resumed.weights, whole.weights)
    assert resumed.provenance == whole.provenance


def test_a_training_that_is_done_stays_so(stylize, trained):
    before = trained(*PIXEL)
    ran = stylize(*PIXEL, "--resume", "--json")
    assert ran.code == 0
    assert "all 3 steps are done: give --steps for more" in ran.err
    assert (ran.record["steps"], ran.record["losses"]) == (3, {})
    assert_same(checkpoints.load(Path("sr2.pt")).weights, before.weights)


LAUNCH = "from stylize_cli.cli.app import run; run()"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_and_resumed_it_ends_as_if_never_stopped(trained, tmp_path):
    arguments = [*map(str, PIXEL), "--steps", "80", "--save-every", "3"]
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])},
        stderr=subprocess.PIPE,
    ) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "sr2.state.pt").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(0.02)
        process.kill()
    assert 0 < checkpoints.load_state(tmp_path / "sr2.state.pt").step < 80
    resumed = trained(*arguments, "--resume")
    whole = trained(*arguments, "-o", "whole.pt")
    assert_same(resumed.weights, whole.weights, within=1e-6)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)]
)
def test_a_signal_ends_the_step_saves_and_the_rest_can_follow(stylize, trained, during, number):
    whole = trained(*ONE, "-o", "whole.pt")
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    during(2, lambda: signal.raise_signal(number))
    ran = stylize(*ONE, "--json")
    assert (ran.code, ran.record["steps"]) == (130, 2)
    assert ran.err.endswith("interrupted: step 2 is saved, --resume goes on\n")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert checkpoints.load(Path("style.pt")).provenance["steps"] == 2
    assert_same(trained(*ONE, "--resume").weights, whole.weights)


def test_a_second_ctrl_c_leaves_at_once(stylize, during, tmp_path):
    during(2, lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)])
    before = sorted(tmp_path.rglob("*"))
    ran = stylize(*PIXEL)
    assert (ran.code, ran.out) == (130, b"")
    assert ran.err.endswith("interrupted before anything was made: nothing is written\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_second_ctrl_c_says_which_step_is_saved(stylize, during):
    during(3, lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)])
    ran = stylize(*PIXEL, "--save-every", 1)
    assert (ran.code, ran.out) == (130, b"")
    assert ran.err.endswith("interrupted: step 1 is saved, --resume goes on\n")
    assert checkpoints.load(Path("sr2.pt")).provenance["steps"] == 1


def test_a_second_ctrl_c_while_it_saves_waits_for_the_files(stylize, during, monkeypatch):
    save = checkpoints.save_state

    def interrupted(path, state):
        signal.raise_signal(signal.SIGINT)
        save(path, state)

    monkeypatch.setattr(checkpoints, "save_state", interrupted)
    during(1, lambda: signal.raise_signal(signal.SIGINT))
    ran = stylize(*PIXEL)
    assert (ran.code, ran.line) == (130, "sr2.pt")
    assert checkpoints.load_state(Path("sr2.state.pt")).step == 1
    assert checkpoints.load(Path("sr2.pt")).provenance["steps"] == 1


@pytest.mark.parametrize(
    ("step", "kept"),
    [(1, "nothing was saved before"), (2, "nothing was saved before"), (4, "sr2.pt holds step 2")],
)
def test_a_loss_that_is_no_number_stops_with_the_last_good_model(stylize, monkeypatch, step, kept):
    losses, left = perceptual.pixel_losses, [step]

    def spy(output, target):
        left[0] -= 1
        return {"pixel": losses(output, target)["pixel"] * (1 if left[0] else torch.nan)}

    monkeypatch.setattr(perceptual, "pixel_losses", spy)
    ran = stylize(*PIXEL, "--save-every", 1, "--steps", 9)
    assert (ran.code, ran.out) == (2, b"")
    error = ran.err.splitlines()[-1]
    assert re.fullmatch(rf"error: the loss became nan at step {step}: .*; {kept}", error)
    assert Path("sr2.pt").exists() == (step == 4)
    if step == 4:  # the weights that step 3 left had no good loss yet
        assert checkpoints.load(Path("sr2.pt")).provenance["steps"] == 2


def test_a_step_size_out_of_all_measure_is_stopped(stylize):
    ran = stylize(*PIXEL, "--lr", 1e6, "--save-every", 1, "--steps", 9)
    assert ran.code == 2
    assert re.search(
        r"^error: .* at step \d: use a smaller --lr.*; (nothing|sr2\.pt) ", ran.err, re.M
    )


@pytest.fixture
def drawn(monkeypatch):
    """Lists the rows of labels and pictures of every contact sheet."""
    found, draw = [], sheets.contact_sheet

    def spy(rows, **options):
        found.append(rows)
        return draw(rows, **options)

    monkeypatch.setattr(sheets, "contact_sheet", spy)
    return found


def labels(rows):
    return [[label for label, _ in row] for row in rows]


def test_a_preview_shows_the_model_as_it_learns_and_changes_nothing(
    trained, drawn, photo, tmp_path
):
    arguments = [*ONE, "--preset", "paper", "--size", 48]  # of batch normalisation
    plain = trained(*arguments, "-o", "plain.pt")
    made = trained(*arguments, "--preview", photo, "--preview-every", 2)
    assert_same(made.weights, plain.weights)
    assert [labels(rows) for rows in drawn] == [[["step 2"]], [["step 2", "step 3"]]]
    seen = images.resize(images.read(photo).rgb, (384, 512))
    torch.testing.assert_close(drawn[-1][0][-1][1], made.build()(seen).clamp(0, 1))
    with Image.open(tmp_path / "style-preview.jpg") as sheet:
        assert sheet.width > 2 * 512


def test_no_more_of_a_preview_is_decoded_than_is_drawn(stylize, drawn, tmp_path, monkeypatch):
    Image.new("RGB", (4800, 4400), "teal").save(tmp_path / "large.jpg")
    decoded, loaded = [], jpegs.loaded

    def spy(image, *rest):
        decoded.append(image.size)
        return loaded(image, *rest)

    monkeypatch.setattr(jpegs, "loaded", spy)
    assert stylize(*PIXEL, "--steps", 1, "--preview", "large.jpg").code == 0
    assert (1200, 1100) in decoded  # a quarter, which still has twice 512 px
    assert (4800, 4400) not in decoded
    assert drawn


@pytest.mark.usefixtures("photo")
def test_a_preview_has_a_row_of_styles_a_step(stylize, drawn, picture_file):
    names = [picture_file(32, 32, seed=seed, name=f"{seed}.png").name for seed in range(5)]
    paintings = [part for name in names for part in ("--style", name)]
    stylize("train", *paintings, *TINY, "--preview", "photo.png", "--preview-every", 3)
    assert labels(drawn[-1]) == [[f"step 3, {name}" for name in "0123"]]


@pytest.mark.usefixtures("photo")
def test_a_preview_that_goes_on_keeps_what_was_drawn(stylize, tmp_path):
    run = [*ONE, "--preview", "photo.png", "--preview-every", 1]
    stylize(*run, "--steps", 2)
    before = images.read(tmp_path / "style-preview.jpg").rgb
    stylize(*run, "--steps", 3, "--resume")
    after = images.read(tmp_path / "style-preview.jpg").rgb
    height, width = before.shape[2:]
    assert after.shape[2] > height
    assert (after[:, :, :height, :width] - before).abs().mean() < 0.02
    assert after[:, :, height:].std() > 0.05  # step 3, below


def test_a_preview_of_super_resolution_is_guessed_from_less(stylize, drawn, picture_file):
    picture_file(512, 406, name="tall.png")
    stylize(*PIXEL, "--steps", 1, "--upscale", 4, "--preview", "tall.png")
    ((label, image),) = drawn[-1][0]
    assert (label, image.shape) == ("step 1", (1, 3, 512, 404))
    # Untrained, the network is bicubic interpolation.
    tall = images.read(Path("tall.png")).rgb
    np.testing.assert_allclose(image.mean((2, 3)), tall.mean((2, 3)), atol=0.01)


@pytest.mark.parametrize("most", [3, 4, 12])
def test_a_sheet_is_thinned_out_evenly(most):
    rows = {}
    for step in range(1, 100):
        rows[step] = []
        previews._thin_out(rows, most)
        assert len(rows) == min(step, most)
        assert (next(iter(rows)), next(reversed(rows))) == (1, step)
    gaps = np.diff(list(rows))
    assert gaps.max() <= 4 * 99 / (most - 1)


def test_plot_goes_on_where_it_stopped(stylize, monkeypatch):
    from stylize_cli import plots

    calls, draw = [], plots.loss_plot

    def spy(history, **options):
        calls.append((len(history), options["first"]))
        return draw(history, **options)

    monkeypatch.setattr(plots, "loss_plot", spy)
    stylize(*ONE, "--preset", "paper", "--size", 48, "--plot", "loss.svg")
    text = Path("loss.svg").read_text()
    assert all(f"<!-- {term} -->" in text for term in ("content", "style", "tv", "total"))
    arguments = [*PIXEL, "--plot", "loss.png"]
    stylize(*arguments)
    stylize(*arguments, "--resume", "--steps", 5)
    assert calls == [(3, 0), (3, 0), (2, 3)]


class Board:
    """Stands in for TensorBoard's SummaryWriter."""

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.rows, self.is_closed = folder, purge_step, [], False
        Board.last = self

    def add_scalar(self, tag, value, step):
        self.rows.append((tag, step))
        assert isinstance(value, float)

    def add_image(self, tag, image, step):
        assert image.ndim == 3
        self.rows.append((tag, step))

    def close(self):
        self.is_closed = True


@pytest.mark.usefixtures("photo")
def test_tensorboard_gets_losses_speed_and_previews(stylize, monkeypatch):
    module = SimpleNamespace(SummaryWriter=Board)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    preview = ["--preview", "photo.png", "--preview-every", 3]
    assert stylize(*PIXEL, "--tensorboard", "logs", *preview).code == 0
    board = Board.last
    assert (board.folder, board.purge_step, board.is_closed) == ("logs", 1, True)
    wanted = {(tag, step) for tag in ("loss/pixel", "loss/total") for step in (1, 2, 3)}
    assert wanted | {("images a second", 3), ("preview", 3)} <= set(board.rows)


def test_without_tensorboard_its_option_says_how_to_have_it(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = refused(*PIXEL, "--tensorboard", "logs")
    assert "pip install 'stylize-cli[tensorboard]'" in said


@pytest.fixture
def pair(dataset, style, trained, picture_file):  # noqa: ARG001 - to be there first
    """pair.pt of the styles style and other; new.png is a third one."""
    picture_file(32, 32, seed=3, name="other.png")
    picture_file(32, 32, seed=4, name="new.png")
    return trained(*ONE, "--style", "other.png", "-o", "pair.pt")


ADD = ["train", "--add-style", "new.png", "--to", "pair.pt", "--dataset", "photos", "--size", 32]
ADD += ["--batch-size", 1, "--steps", 4, "--precision", "float32", "--threads", 1]


def test_a_style_is_added_and_the_others_stay_bit_by_bit(trained, pair, picture):
    file = Path("pair.pt").read_bytes()
    made = trained(*ADD)
    assert Path("pair-new.pt").exists()
    assert Path("pair.pt").read_bytes() == file
    assert made.styles == ("style", "other", "new")
    start = add_style.joined(pair, add_style.alone(pair, "new"))
    for name, value in made.weights.items():
        old = pair.weights[name]
        if name.endswith((".gamma", ".beta")):
            assert torch.equal(value[:2], old)
            assert len(value) == 3
            assert not torch.equal(value[2], start.weights[name][2])
        else:
            assert torch.equal(value, old)
    for style in range(2):
        images_of = [
            model.build()(picture(32, 32), torch.eye(len(model.styles))[[style]])
            for model in (pair, made)
        ]
        torch.testing.assert_close(*images_of)
    assert made.provenance["seed"] == pair.provenance["seed"]
    assert made.provenance["added"]["new"]["steps"] == 4


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("vgg16-torchvision, downloaded", True),
        ("vgg19, original, bundled", False),
        ("of another package", False),
        (None, False),
    ],
)
def test_adding_with_another_descriptor_than_the_models_is_said(stylize, pair, known, told):
    noted = replace(pair, provenance={**pair.provenance, "descriptor": known})
    checkpoints.save(Path("pair.pt"), noted)
    result = stylize(*ADD)
    assert result.code == 0
    note = "the model's other styles were trained with --descriptor vgg16-torchvision"
    assert (note in result.err) is told


@pytest.mark.parametrize(
    ("options", "content_weight", "weighting"),
    [("", 0.7, "norm"), ("--content-weight 0.1", 0.1, "norm"), ("--preset paper", 1.0, "mean")],
)
@pytest.mark.usefixtures("photo")
def test_an_added_style_is_compared_as_the_others_were(
    trained, picture_file, options, content_weight, weighting
):
    for seed, name in enumerate(("other.png", "new.png")):
        picture_file(32, 32, seed=seed, name=name)
    own = ["--content-weight", 0.7, "--style-layers", "relu1_1", "-o", "pair.pt"]
    trained(*ONE, "--style", "other.png", *own)
    config = trained(*ADD, *options.split()).provenance["added"]["new"]["config"]
    assert (config["content_weight"], config["weighting"]) == (content_weight, weighting)
    assert (tuple(config["style_layers"]) == ("relu1_1",)) is (weighting == "norm")


@pytest.mark.parametrize("noted", [{}, {"grain": 0.03}])
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_an_added_style_sees_photos_as_the_others_and_has_their_network(pair, noted, preset):
    base = replace(pair, arguments={**pair.arguments, "blocks": 7}, provenance={"config": noted})
    config = add_style.settings(base, preset)
    assert (config.grain, config.blocks) == (noted.get("grain", 0.0), 7)


def test_what_was_seen_of_the_others_activations_is_not_noted_of_an_added_style(pair):
    seen = {quantising.NOTED: [[0.0, 1.0]]}
    base = replace(pair, provenance={**pair.provenance, **seen})
    joined = add_style.joined(base, add_style.alone(base, "new"))
    assert quantising.NOTED not in joined.provenance
    assert pair.provenance.items() <= joined.provenance.items()


def test_an_added_style_is_told_all_that_is_weighed():
    weights = {field.name for field in fields(TrainConfig) if field.name.endswith("_weight")}
    assert weights < set(add_style.LOSSES)


@pytest.mark.parametrize("noted", [None, "?", [1]])
def test_an_added_style_passes_over_what_a_model_does_not_say(pair, noted):
    config = TRAIN_PRESETS["conditional", "default"]
    assert add_style.with_losses_of(replace(pair, provenance={}), config) == config
    assert add_style.with_losses_of(replace(pair, provenance={"config": noted}), config) == config


def test_what_an_older_model_did_not_note_it_did_not_weigh(pair):
    told = replace(pair, provenance={"config": {"content_weight": 0.3, "style_weight": "?"}})
    config = TRAIN_PRESETS["conditional", "default"]
    found = add_style.with_losses_of(told, config)
    assert (found.content_weight, found.range_weight) == (0.3, 0.0)
    assert found.style_weight == config.style_weight  # nonsense is passed over


@pytest.mark.parametrize(
    ("name", "noted"),
    [
        ("statistic", "?"),
        ("weighting", "?"),
        ("pool", "?"),
        ("content_layer", "relu9_9"),
        ("style_layers", ["relu1_1", 5]),
        ("style_layers", []),
        ("block_weights", [1.0]),
        ("block_weights", [0.0] * 5),
        ("content_weight", float("nan")),
        ("style_weight", -1.0),
    ],
)
def test_what_no_training_can_have_is_passed_over(pair, name, noted):
    told = replace(pair, provenance={"config": {name: noted, "tv_weight": 0.25}})
    config = TRAIN_PRESETS["conditional", "default"]
    found = add_style.with_losses_of(told, config)
    assert (getattr(found, name), found.tv_weight) == (getattr(config, name), 0.25)


@pytest.mark.parametrize(("method", "preset"), TRAIN_PRESETS)
def test_the_losses_of_every_preset_are_added_by(pair, method, preset):
    config, other = TRAIN_PRESETS[method, preset], TRAIN_PRESETS["conditional", "default"]
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(config).items()}
    found = add_style.with_losses_of(replace(pair, provenance={"config": plain}), other)
    own = [name for name in add_style.LOSSES if getattr(config, name) != ()]
    assert [getattr(found, name) for name in own] == [getattr(config, name) for name in own]


@pytest.mark.usefixtures("pair")
def test_an_added_style_can_be_stopped_and_go_on(stylize, trained, during):
    whole = trained(*ADD, "-o", "whole.pt")
    during(2, lambda: signal.raise_signal(signal.SIGTERM))
    ran = stylize(*ADD)
    assert ran.code == 130
    assert_same(trained(*ADD, "--resume").weights, whole.weights)


NOT_ADDED = {
    "--to pair.pt --add-style style.png": r"the model has a style 'style' already: rename .*",
    "--to pair.pt": r"--add-style IMAGE and --to MODEL\.pt go together: give both",
    "--to pair.pt --add-style new.png --width 4": r"--add-style trains one row of a model: .*",
    "--to pair.pt --add-style new.png --from none": r"--add-style trains one row .* --from, .*",
    "--to pair.pt --add-style new.png --levels 3": r"--add-style trains one row .* --levels",
    "--to pair.pt --add-style new.png -o pair.pt": r"pair\.pt is an input and would be .*",
    "--to photo.png --add-style new.png": r"photo\.png is a picture, no model: .*",
    "--to none.pt --add-style new.png": r"there is no model file none\.pt.*",
    "--to pair.state.pt --add-style new.png -o x.pt": r"pair\.state\.pt is a file of .*",
}


@pytest.mark.usefixtures("pair", "photo")
def test_what_cannot_be_added_is_refused(refused):
    for options, said in NOT_ADDED.items():
        assert re.fullmatch(said, refused("train", *options.split(), "--dataset", "photos"))


def test_only_a_network_of_rows_takes_a_style(stylize, refused, picture_file):
    picture_file(32, 32, seed=4, name="new.png")
    stylize(*PIXEL)
    said = refused(*[{"pair.pt": "sr2.pt"}.get(part, part) for part in ADD])
    assert re.fullmatch(r"a model of method 'super-resolution' .* takes no further style: .*", said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", r"nothing to learn: give --style IMAGE, or --upscale 4 to enlarge photos"),
        ("--style style.png --upscale 4", r"--upscale has no style: leave out one of .*"),
        ("--upscale 4 --method perceptual", r"--method perceptual needs one --style; or leave .*"),
        (
            "--style style.png --method super-resolution",
            r"--method super-resolution needs --upscale, and no --style; or .*",
        ),
        (
            "--style style.png --style style.png --method perceptual",
            r"--method perceptual needs one --style; .*",
        ),
        (
            "--style style.png --method perceptual",
            r"there are no photos to train on: give --dataset FOLDER",
        ),
        (
            "--style style.png --style photo.png",
            r"there are no photos to train on: give --dataset FOLDER",
        ),
        ("--style style.png --dataset none", r"there is no folder none: give --dataset .*"),
        ("--style style.png --dataset empty", r"there are no photos in empty: give --dataset .*"),
        ("--style stile.png", r"there is no file stile\.png: did you mean style\.png\?"),
        ("--style empty", r"there are no pictures in empty: check the path"),
        ("--style - --style -", r"- \(stdin\) was given twice; .*"),
        (
            "--style style.png --dataset photos --preview-every 5",
            r"--preview-every says when --preview PHOTO is drawn: give both",
        ),
        ("--style style.png --levels 3", r"--method perceptual has no --levels: leave it out"),
        ("--upscale 4 --levels 3", r"--method super-resolution has no --levels: leave it out"),
        (
            "--upscale 4 --style-layers relu1_1",
            r"--method super-resolution has no --style-layers: .*",
        ),
        ("--upscale 4 --style-weight 2", r"--method super-resolution has no --style-weight: .*"),
        ("--upscale 4 --style-size 64", r"--method super-resolution has no --style-size: .*"),
        ("--style style.png --loss pixel", r"--loss pixel is for --upscale: leave it out"),
        ("--style style.png --style-layers relu9_9", r"no layer 'relu9_9'; use one of: .*"),
        ("--style style.png --content-layer relu1_1,relu2_1", r"--content-layer is one layer: .*"),
        ("--style style.png --size 90", r"--size 90 does not suit .*: use --size 92"),
        (
            "--style style.png --method texture-style --levels 6 --size 32",
            r"--size 32 .*: use --size 64",
        ),
        ("--upscale 8 --size 36", r"--size 36 does not suit .*: use --size 40"),
        ("--style style.png --preset paper --size 32", r"--size 32 does not suit .* --size 44"),
        ("--style style.png --content-layer pool5 --size 32 --method conditional --pool max", None),
        ("--style style.png --content-weight 0 --style-weight 0", r"both weights are 0: give .*"),
        ("--style style.png -o style.png", r"cannot write a model to style\.png: .* end in \.pt"),
        ("--style style.png -o -", r"cannot write a model to -: its name must end in \.pt"),
        ("--style style.png --plot a.gif", r"cannot plot to a\.gif: .*"),
        ("--style style.png --plot style.png", r"style\.png is an input and would be .*"),
        ("--style style.png --preview style-preview.jpg", r"style-preview\.jpg is an input and .*"),
        (
            "--style style.png --minutes 1 --steps 9",
            r"--minutes takes as many .*: leave out --steps",
        ),
        ("--style style.png --minutes 1 --resume", r"--minutes is for a whole .* give --steps"),
        ("--style style.png --minutes 0", r"--minutes 0.0 will not do: it must be from 0.01 to.*"),
        ("--style style.png --resume", r"there is no style\.state\.pt to go on from: leave out .*"),
    ],
)
def test_what_cannot_be_trained_is_refused(refused, stylize, picture_file, tmp_path, options, said):
    (tmp_path / "empty").mkdir()
    picture_file(24, 32, name="style-preview.jpg")
    photos = [] if said is None or "there are no photos to" in said else ["--dataset", "photos"]
    arguments = ["train", *photos, *options.split()]
    if said is None:  # the least size that these layers take
        ran = stylize(*arguments, *TINY)
        assert ran.code == 0, ran.err
    else:
        assert re.fullmatch(said, refused(*arguments))


@pytest.mark.parametrize("option", ["content-weight 1", "content-layer relu2_1", "preview a.png"])
def test_a_texture_has_no_photo(refused, option):
    said = refused("train", "--style", "style.png", *f"--{option}".split())
    assert said == f"--method texture has no --{option.split()[0]}: leave it out"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("style.pt", r"style\.pt exists: give another -o, or delete it"),
        ("style.state.pt", r"style\.state\.pt exists: give --resume to go on with it, or .* -o"),
    ],
)
def test_an_earlier_training_is_not_overwritten(refused, stylize, left, said):
    stylize(*ONE)
    for file in {"style.pt", "style.state.pt"} - {left}:
        Path(file).unlink()
    assert re.fullmatch(said, refused(*ONE))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--lr 0.5", r"the training to resume had lr 0\.01, not 0\.5; give the same options, .*"),
        ("--seed 9", r"the training to resume had seed 0, not 9; .*"),
        ("--batch-size 2", r"the training to resume had batch size 1, not 2; .*"),
        ("--width 3", r"the training to resume had other styles or another network; .*"),
        ("--style other.png -o style.pt", r"the training to resume had other styles or .*"),
    ],
)
def test_another_training_is_not_resumed(stylize, picture_file, options, said):
    picture_file(32, 32, seed=3, name="other.png")
    stylize(*ONE)
    before = Path("style.pt").read_bytes(), Path("style.state.pt").read_bytes()
    ran = stylize(*ONE, "--steps", 9, *options.split(), "--resume", "--quiet")
    assert ran.code == 2
    assert re.fullmatch("error: " + said, ran.err.strip())
    assert before == (Path("style.pt").read_bytes(), Path("style.state.pt").read_bytes())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("style", "other styles, or changed ones"),
        ("dataset", "another dataset, or a changed one"),
        ("descriptor", "another descriptor (vgg19, original, bundled, not vgg19-torchvision, "),
    ],
)
def test_other_inputs_than_at_first_are_refused(stylize, picture_file, dataset, change, said):
    """Of the same names: what was learnt of the first would be taken for the second's."""
    stylize(*ONE)
    before = Path("style.pt").read_bytes(), Path("style.state.pt").read_bytes()
    options = []
    if change == "style":
        picture_file(32, 32, seed=8, name="style.png")
    elif change == "dataset":
        (dataset / "c.webp").unlink()
    else:
        options = ["--descriptor", "vgg19-torchvision"]
    ran = stylize(*ONE, "--steps", 9, *options, "--resume", "--quiet")
    assert (ran.code, ran.out) == (2, b"")
    assert f"the training to resume had {said}" in ran.err
    assert before == (Path("style.pt").read_bytes(), Path("style.state.pt").read_bytes())


def test_moments_of_another_network_are_refused(stylize):
    stylize(*ONE)
    state = checkpoints.load_state(Path("style.state.pt"))
    broken = {**state.optimizer, "state": {0: {"exp_avg": torch.ones(3)}}}
    checkpoints.save_state(Path("style.state.pt"), replace(state, optimizer=broken))
    ran = stylize(*ONE, "--steps", 9, "--resume", "--quiet")
    assert ran.code == 2
    assert "its moments are not of its network" in ran.err


def test_two_trainings_into_one_model_do_not_meet(stylize):
    """The second is refused as soon as it would begin, and the first goes on."""
    from stylize_cli import files

    with files.held(Path("style.pt")):
        ran = stylize(*ONE)
    assert ran.code == 2
    assert "another process is writing style.pt" in ran.err
    assert not Path("style.pt").exists()
    assert stylize(*ONE).code == 0
    assert not list(Path().glob(".stylize-*"))


def test_a_mac_s_screenshot_can_be_learnt_and_used(picture_file, trained):
    name = "Screenshot 10.00\u202fAM"
    picture_file(32, 32, name=f"{name}.png")
    made = trained("train", "--style", f"{name}.png", *TINY, "-o", "shot.pt")
    assert made.styles == ("Screenshot 10.00 AM",)
    again = ["--steps", 4, "-o", "shot.pt", "--resume"]
    assert trained("train", "--style", f"{name}.png", *TINY, *again).provenance["steps"] == 4


def test_what_is_printed_is_json_or_a_path_alone(stylize):
    assert json.loads(stylize(*PIXEL, "--json").out)["output"] == "sr2.pt"


@pytest.mark.usefixtures("style")
def test_a_style_without_photos_is_a_texture(stylize):
    run = ["train", "--style", "style.png", "--levels", "2", "--size", "32", "--steps", "2"]
    ran = stylize(*run, "--batch-size", "1", "--json")
    assert (ran.code, ran.record["method"], ran.record["output"]) == (0, "texture", "style.pt")
    assert "noise, 2 steps of 1 sample of" in ran.err
    assert "the best on fixed noise" in ran.err
    made = checkpoints.load(Path("style.pt"))
    own = {"levels": 2, "norm": "instance", "image": False, "width": 8, "trunk": 32}
    assert made.arguments == own


def test_a_training_that_memory_will_not_do_for_is_not_started(refused, tmp_path):
    said = refused(*ONE, "--batch-size", 4096, "--memory", "4MB")
    assert re.search(r"a step of 4096 samples of 32 px needs about .* --memory more", said)
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("options", ["--style style.png --dataset photos", "--style style.png"])
def test_the_batch_that_is_told_to_fit_is_accepted(stylize, refused, monkeypatch, preset, options):
    monkeypatch.setattr(devices, "free_memory", lambda _device: 3_000_000_000)
    command = ["train", *options.split(), "--size", 2048, "--batch-size", 9, "--preset", preset]
    found = re.search(r"use (--batch-size \d+ --size \d+)$", refused(*command))
    monkeypatch.setattr(method.Training, "run", lambda _self: iter(()))
    command = ["train", *options.split(), "--preset", preset, *found[1].split()]
    assert stylize(*command).code == 0


def test_what_is_resumed_keeps_its_batch(stylize, refused, monkeypatch):
    assert stylize(*ONE).code == 0
    monkeypatch.setattr(devices, "free_memory", lambda _device: 1_000_000)
    assert refused(*ONE, "--resume", "--steps", 9).strip().endswith("free some memory")
    assert stylize(*ONE, "--resume").code == 0  # all is done: nothing is taken

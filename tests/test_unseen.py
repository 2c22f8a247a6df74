import atexit

import numpy as np
import pytest
import torch

import stylize_cli as stylize
from stylize_cli import checkpoints, descriptors, hardware, training_limits
from stylize_cli.api import unseen
from stylize_cli.api.opening import Opening
from stylize_cli.api.picture import Picture
from stylize_cli.cli import styles
from stylize_cli.cli.console import Console
from stylize_cli.config.train import TrainConfig
from stylize_cli.decoders import decode_lean
from stylize_cli.devices import Machine
from stylize_cli.methods import quick_style
from stylize_cli.methods.add_style import ROWS
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training
from stylize_cli.progress import Step, ignore, run

pytest_plugins = ["commandline"]

EXACT = ["--precision", "float32", "--threads", 1]
CONFIG = TrainConfig(
    generator="conditional",
    width=2,
    steps=1,
    size=32,
    style_size=32,
    content_layer="relu2_1",
    style_layers=("relu1_1", "relu2_1"),
)


CPU = Machine(torch.device("cpu"), torch.float32)


@pytest.fixture
def model(tmp_path, picture):
    styles = tuple((name, picture(32, 32, seed=k)) for k, name in enumerate(("one", "two")))
    made = Training(Task("conditional", CONFIG, styles), None, None, CPU).checkpoint()
    checkpoints.save(tmp_path / "two.pt", made)
    return tmp_path / "two.pt"


@pytest.fixture
def loaded(monkeypatch, make_narrow):
    """How often a descriptor was loaded."""
    calls = []

    def load(*_, **options):
        calls.append(options)
        return make_narrow()

    monkeypatch.setattr(descriptors, "load", load)
    monkeypatch.setattr(quick_style, "QUICK_STYLE", {"steps": 3, "batch_size": 1, "size": 32})
    return calls


def test_a_painting_is_learnt_once_and_kept(model, loaded, home, picture_file):
    photo, style = picture_file(40, 48, seed=5), picture_file(40, 40, seed=6, name="new.png")
    net = stylize.load(model, engine="torch", precision="float32")
    first = net(photo, style=str(style))
    again = net(photo, style=Picture(style))
    np.testing.assert_array_equal(first.samples(), again.samples())
    assert len(loaded) == 1
    (kept,) = (home / "cache" / "styles").glob("*.pt")
    assert checkpoints.load(kept).styles == ("new",)


@pytest.mark.parametrize(
    ("left", "options", "said"),
    [
        (-1, {}, "is less than the program itself takes"),
        (training_limits.HEAP, {}, "a step of 1 samples of 32 px needs about .*give `memory` more"),
        (None, {"strength": 5}, "`strength` 5 will not do"),
        (None, {"size": 1}, "`size` 1 will not do"),
    ],
)
def test_what_cannot_be_painted_is_not_learnt(
    model, loaded, home, picture_file, left, options, said
):
    photo, style = picture_file(40, 48, seed=5), picture_file(40, 40, seed=6)
    memory = None if left is None else hardware.own_memory() + left
    net = stylize.load(model, engine="torch", precision="float32", memory=memory)
    with pytest.raises(stylize.StylizeError, match=said):
        net(photo, style=style, **options)
    assert not loaded
    assert not list(home.rglob("*.pt"))


@pytest.mark.usefixtures("loaded")
def test_a_cache_that_takes_nothing_costs_the_next_run_a_minute_and_not_this_one(
    model, stylize, pixels, picture_file, tmp_path, monkeypatch
):
    picture_file(40, 48, seed=5, name="photo.png")
    picture_file(40, 40, seed=6, name="new.png")
    run = ["apply", model, "photo.png", "--style", "new.png", "--engine", "torch", *EXACT, "-o"]
    kept = stylize(*run, "kept.png")
    assert (kept.code, "not writable" in kept.err) == (0, False)
    ends = []
    monkeypatch.setattr(atexit, "register", lambda *call, **options: ends.append((call, options)))
    monkeypatch.setenv("STYLIZE_HOME", str(tmp_path / "photo.png" / "home"))
    passing = stylize(*run, "passing.png")
    assert (passing.code, passing.out) == (0, b"passing.png\n")
    place = tmp_path / "photo.png" / "home" / "cache" / "styles"
    assert f"{place} is not writable: a painting is learnt anew every time\n" in passing.err
    np.testing.assert_array_equal(pixels("passing.png"), pixels("kept.png"))
    (((remove, folder), options),) = ends
    assert [file.suffix for file in folder.iterdir()] == [".pt"]
    remove(folder, **options)
    assert not folder.exists()


@pytest.mark.usefixtures("loaded")
def test_a_painting_is_decoded_once(model, stylize, picture_file, monkeypatch):
    picture_file(40, 48, seed=5, name="photo.png")
    painting = picture_file(40, 40, seed=6, name="new.png").read_bytes()
    decoded = []

    def told(data, **options):
        decoded.append(data)
        return decode_lean(data, **options)

    monkeypatch.setattr("stylize_cli.decoders.decode_lean", told)
    run = ["apply", model, "photo.png", "--style", "new.png", "--engine", "torch", *EXACT]
    ran = stylize(*run)
    assert (ran.code, ran.out) == (0, b"photo-new.png\n"), ran.err
    assert decoded.count(painting) == 1


@pytest.mark.usefixtures("loaded")
def test_its_convolutions_are_the_networks_own_and_its_rows_are_not(model, home, picture):
    base = checkpoints.load(model)
    photos = [of(picture(40, 48, seed=5))]
    painting = Picture(of(picture(40, 40, seed=6)))
    file = run(unseen.learn(model, painting, photos, Opening()), ignore)
    learnt = checkpoints.load(file)
    assert home in file.parents
    for name, value in learnt.weights.items():
        if name.endswith(ROWS):
            assert not torch.equal(value, base.weights[name].mean(0, keepdim=True))
        else:
            assert torch.equal(value, base.weights[name])


def test_other_pictures_and_models_are_other_files(model, picture, tmp_path):
    one, two = (Picture(of(picture(20, 20, seed=seed))) for seed in (1, 2))
    other = tmp_path / "other.pt"
    other.write_bytes(model.read_bytes() + b" ")
    places = {unseen.cached(model, one), unseen.cached(model, two), unseen.cached(other, one)}
    assert len(places) == 3


def test_its_mask_and_its_shape_are_in_a_painting_s_key(model, picture):
    pixels = of(picture(20, 20, seed=1))
    masks = np.ones((2, 20, 20, 1), np.float32)
    masks[0, 5:12, 4:9], masks[1, 3:9, 4:9] = 0, 0
    holed = [np.concatenate([pixels, mask], 2) for mask in masks]
    places = {
        unseen.cached(model, Picture(one)) for one in (*holed, pixels.reshape(10, 40, 3), pixels)
    }
    assert len(places) == 4


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, []), (3, ["at the speed of the first steps this takes 3 minutes"])]
)
def test_learning_that_takes_more_than_was_promised_says_so_once(monkeypatch, seconds, said):
    now, told, seen = [0], [], []
    monkeypatch.setattr(styles.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Console, "say", lambda _self, text: told.append(text))
    pace = styles.Pace(seen.append, Console())
    for done in range(1, 57):
        now[0] += seconds
        pace(Step("Learning the style", done, 56))
    assert (told, len(seen)) == (said, 56)


def test_a_name_wins_over_a_file_of_that_name(model, tmp_path, monkeypatch, picture_file):
    picture_file(20, 20, name="one.png").rename(tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    net = stylize.load(model, engine="torch", precision="float32")
    assert not net.is_unseen("one")
    assert net.is_unseen("./one")
    assert not net.is_unseen("three")


def of(image):
    return image[0].permute(1, 2, 0).numpy()

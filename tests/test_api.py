"""The package as a library: one door, no side effects, the command line's defaults and errors."""

import inspect
import os
import re
import subprocess
import sys
import threading
import warnings
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

import stylize_cli
import stylize_cli as stylize
from stylize_cli import checkpoints, decoders, devices, engines, hardware, images
from stylize_cli.api import mixtures, network, places, reconstruct
from stylize_cli.api import optimize as optimize_module
from stylize_cli.api import train as train_module
from stylize_cli.api import video as video_module
from stylize_cli.api.lesson import TrainOptions
from stylize_cli.api.network import Network, load
from stylize_cli.api.optimization import OptimizeOptions
from stylize_cli.api.picture import Picture
from stylize_cli.cli import optimize as optimize_command
from stylize_cli.cli import train as train_command
from stylize_cli.methods.apply import Photo
from stylize_cli.methods.figures import Mixture
from stylize_cli.methods.look import Look

pytest_plugins = ["commandline", "nets"]

QUICK = {"size": 32, "iterations": 2, "precision": "float32"}
HEAVY = {"torch", "numpy", "PIL", "matplotlib", "openvino", "requests", "rich", "typer"}


def python(code, *arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(stylize_cli.__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_package_loads_nothing_heavy():
    out = python("import sys, stylize_cli; dir(stylize_cli); print(*sys.modules)")
    assert not HEAVY & set(out.split())
    assert set(stylize.__all__) <= set(dir(stylize))
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        stylize.paint  # noqa: B018


def test_every_name_is_there():
    for name in stylize.__all__:
        assert getattr(stylize, name) is not None


@pytest.mark.usefixtures("loaded")
def test_optimize_is_the_command(stylize, photo, style):
    assert stylize("optimize", photo, style, "--size", 32, "--iterations", 2,
                   "--precision", "float32", "-o", "cli.png").code == 0  # fmt: skip
    picture = stylize_cli.optimize(photo, style, **QUICK)
    with Image.open("cli.png") as image:
        np.testing.assert_array_equal(picture.samples(), np.asarray(image))


@pytest.mark.usefixtures("loaded")
def test_any_picture_will_do_and_transparency_stays(photo, style):
    expected = stylize.optimize(photo, style, **QUICK)
    with Image.open(photo) as image:
        clear = np.dstack([np.asarray(image), np.full((24, 32), 128, np.uint8)])
    found = stylize.optimize(clear, [Image.open(style)], **QUICK)
    assert found.pixels.shape == (24, 32, 4)
    np.testing.assert_array_equal(found.samples()[..., 3], 128)
    np.testing.assert_allclose(found.floats[..., :3], expected.floats, atol=1e-6)


@pytest.mark.usefixtures("loaded")
def test_one_layer_is_named_alone_or_in_a_list(dataset, photo, style, tmp_path):
    names = {"content_layers": "relu2_2", "style_layers": "relu1_1"}
    listed = {option: [name] for option, name in names.items()}
    one, same = (stylize.optimize(photo, style, **QUICK, **given) for given in (names, listed))
    np.testing.assert_array_equal(one.samples(), same.samples())
    with pytest.raises(stylize.StylizeError, match="no layer 'relu9'"):
        stylize.optimize(photo, style, **QUICK, style_layers="relu9")
    steps = stylize.train(
        style, dataset, tmp_path / "a.pt", steps=1, style_layers="relu1_1", **TINY
    )
    assert next(steps).losses["style"] > 0
    (shown,) = reconstruct.prepare(photo, content="relu2_2").series.values()
    assert shown.content_layers == ("relu2_2",)


@pytest.mark.usefixtures("loaded")
def test_iterate_shows_what_optimize_returns(photo, style):
    options = QUICK | {"size": 64, "scales": 2, "style_layers": ["relu1_1"]}
    options["content_layers"] = ["relu2_2"]
    course = list(stylize.iterate(photo, style, **options))
    shares = [now.done for now in course]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert {now.picture.width for now in course} == {32, 64}
    assert set(course[-1].losses) == {"total", "style relu1_1", "content relu2_2", "tv", "layout"}
    last = course[-1].picture.samples()
    np.testing.assert_array_equal(last, stylize.optimize(photo, style, **options).samples())


@pytest.mark.usefixtures("loaded", "style")
@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((), {}, "give a photo and at least one style"),
        (("photo.png",), {}, "give a photo and at least one style"),
        (("photo.png", "none.png"), {}, "there is no file none.png"),
        (("photo.png", "style.png"), {"texture": "style.png"}, "`texture` takes no photo"),
        (("photo.png", "style.png"), {"shares": [1, 2]}, "has 2 shares for 1 style"),
        (("photo.png", ["style.png"] * 2), {"shares": [-1, 2]}, "'-1,2' must be positive"),
        (("photo.png", "style.png"), {"style_layers": ["relu9"]}, "no layer 'relu9'"),
        (("photo.png", "style.png"), {"device": "cuda:9"}, "device 'cuda:9' is not here"),
        (("photo.png", "style.png"), {"memory": 10**6}, "less than the program itself takes"),
        (("photo.png", "style.png"), {"size": 15}, "`size` 15 will not do: it must be from 16 to"),
        (("photo.png", "style.png"), {"iterations": 10**20}, "it must be from 1 to 10000000"),
        (
            ("photo.png", "style.png"),
            {"threads": 10**5},
            "`threads` 100000 will not do: it must be",
        ),
        (("photo.png", "style.png"), {"style_scale": 5}, "it must be from 0.1 to 4"),
        *(
            (("photo.png", "style.png"), {name: value}, f"`{name}` {value!r} will not do: {wanted}")
            for name, value, wanted in (
                ("preset", "x", "use one of: default, paper, notebook, neighbours"),
                ("descriptor", "vgg11", "use one of: vgg19, vgg19-torchvision, vgg16-torchvision"),
                ("optimizer", "sgd", "use one of: lbfgs, adam"),
                ("pool", "median", "use one of: max, avg"),
                ("precision", "fp16", "use one of: auto, float32, bfloat16"),
                ("color_by", "hue", "use one of: luminance, covariance"),
                ("scales", "few", "use one of: auto, a number"),
                ("scales", -3, "it must be from 1 to 10000000"),
                ("style_weight", float("inf"), "it must be at least 0, and finite"),
            )
        ),
        (
            ("photo.png", "style.png"),
            {"content_weight": 0, "style_weight": 0},
            "both weights are 0",
        ),
    ],
)
def test_errors_are_the_command_lines(photo, monkeypatch, arguments, options, said):
    monkeypatch.chdir(photo.parent)
    with pytest.raises(stylize.StylizeError, match=re.escape(said)):
        stylize.iterate(*arguments, **options)


@pytest.mark.usefixtures("loaded")
def test_none_is_the_default_everywhere(photo, style):
    options = dict.fromkeys(OptimizeOptions.__annotations__)
    found = stylize.optimize(photo, style, **options | QUICK)
    expected = stylize.optimize(photo, style, **QUICK)
    np.testing.assert_array_equal(found.pixels, expected.pixels)


def test_an_option_that_is_none_is_a_type_error(photo, style):
    with pytest.raises(TypeError, match="no option contrast, sise"):
        stylize.optimize(photo, style, sise=3, contrast=1)


def test_options_have_the_names_of_the_command():
    command = set(inspect.signature(optimize_command.optimize).parameters)
    ours = {"shares": "style_blend", "compile": "compile_"}
    named = {ours.get(name, name) for name in OptimizeOptions.__annotations__}
    output = {"output", "quality", "depth", "save_every", "plot", "quiet", "json", "pictures"}
    output |= {"keep_metadata", "overwrite", "show", "try_"}
    assert named == command - output


@pytest.fixture
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("loaded", "_threads")
def test_nothing_of_the_process_changes(photo, style, net):
    torch.set_num_threads(2)
    filters, modules = warnings.filters[:], sys.modules.get("openvino_telemetry", "absent")
    counts = set()
    for _ in stylize.iterate(photo, style, threads=1, **QUICK):
        counts.add(torch.get_num_threads())
    for engine in ("torch", "openvino"):
        loaded = stylize.load(net(), engine=engine, device="cpu", threads=1)
        loaded(photo, "monet")
        counts.add(torch.get_num_threads())
    assert counts == {2}
    assert warnings.filters == filters
    assert sys.modules.get("openvino_telemetry", "absent") == modules


def test_threads_hold_inside_and_not_after(monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(torch, "set_num_threads", calls.append)
    with devices.threads(None):
        pass
    assert calls == []
    with devices.threads(3):
        assert calls == [3]
    assert calls == [3, 7]
    with pytest.raises(KeyError), devices.threads(3):
        raise KeyError
    assert calls == [3, 7, 3, 7]


def test_work_on_threads_is_closed_with_its_results():
    ended = []

    def work():
        try:
            yield 1
            yield 2
        finally:
            ended.append(True)

    results = devices.on_threads(work(), 1)
    assert next(results) == 1
    results.close()
    assert ended == [True]
    assert list(devices.on_threads(work(), None)) == [1, 2]


@pytest.mark.usefixtures("conversions")
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_one_net_serves_several_threads(net, picture_file, engine):
    loaded = stylize.load(net(), engine=engine, device="cpu", precision="float32", threads=1)
    photos = [picture_file(24 + 8 * k, 32, seed=k) for k in range(4)]
    expected = [loaded(photo, "munch").samples().tobytes() for photo in photos]
    assert len(set(expected)) == 4
    found, start = {}, threading.Barrier(4)

    def call(k):
        start.wait()
        found[k] = [loaded(photos[k], "munch").samples().tobytes() for _ in range(3)]

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: [expected[k]] * 3 for k in range(4)}


@pytest.mark.usefixtures("conversions")
def test_a_net_is_the_command(stylize, net, photo, pixels):
    model, shared = net(), ["--engine", "torch", "--precision", "float32", "--device", "cpu"]
    loaded = stylize_cli.load(model, engine="torch", precision="float32", device="cpu")
    assert loaded.styles == ("monet", "munch", "hokusai")
    one = {"strength": 0.8, "preserve_color": True, "size": 24}
    options = ["--strength", 0.8, "--preserve-color", "--size", 24, "-o", "a.png"]
    assert stylize("apply", model, photo, "--style", "munch", *options, *shared).code == 0
    np.testing.assert_array_equal(loaded(photo, "munch", **one).samples(), pixels("a.png"))
    whole = loaded(photo, "munch").pixels  # in the order of its pixels, and holds no batch
    assert whole.flags.c_contiguous
    assert (whole if whole.base is None else whole.base).nbytes == whole.nbytes
    mixed = ["--style", "munch:3", "--style", "monet:1", "-o", "b.png"]
    assert stylize("blend", model, photo, *mixed, *shared).code == 0
    blended = loaded.blend(photo, {"munch": 3, "monet": 1})
    np.testing.assert_array_equal(blended.samples(), pixels("b.png"))
    with pytest.raises(stylize_cli.StylizeError, match="choose a style with `style`: monet"):
        loaded(photo)
    with pytest.raises(stylize_cli.StylizeError, match="works on photos"):
        loaded.texture(64)


@pytest.fixture
def large(tmp_path, picture):
    """A JPEG that is read at a part of its size where little of it is wanted."""
    shown = Image.fromarray((255 * picture(96, 128)[0].permute(1, 2, 0).numpy()).astype(np.uint8))
    shown.resize((1024, 768)).save(tmp_path / "large.jpg", quality=95)
    return tmp_path / "large.jpg"


def test_a_net_reads_no_more_of_a_photo_than_a_batch_does(net, large, monkeypatch):
    loaded = stylize.load(net(), engine="torch", device="cpu", precision="float32", threads=1)
    found = []

    def save(_style, pixels):
        found.append(Picture(pixels.clip(0, 1)))

    list(loaded.apply([Photo("large", large.read_bytes, save)], Look(["monet"], size=64)))
    read = []
    decode = decoders.decode_lean

    def noted(*arguments, **options):
        read.append(decode(*arguments, **options))
        return read[-1]

    monkeypatch.setattr(decoders, "decode_lean", noted)
    painted = loaded(large, "monet", size=64)
    np.testing.assert_array_equal(painted.samples(), found[0].samples())
    blended = loaded.blend(large, {"monet": 1}, size=64)
    np.testing.assert_array_equal(blended.samples(), found[0].samples())
    mixtures.paint(loaded, large, Mixture("strip", ["monet", "munch"], [(1, 0), (0, 1)]), cell=64)
    assert {pixels.shape for pixels, _ in read} == {(192, 256, 3)}
    assert len(read) == 3


def test_a_net_reads_a_photo_in_its_memory(net, large, monkeypatch):
    monkeypatch.setattr(hardware, "own_memory", lambda: 0)
    for call in ("__call__", "blend"):
        loaded = stylize.load(net(), engine="torch", device="cpu", threads=1, memory=5_000_000)
        style = "monet" if call == "__call__" else {"monet": 1}
        with pytest.raises(stylize.StylizeError, match="its 1024x768 pixels take"):
            getattr(loaded, call)(large, style)


def test_what_a_reconstruction_or_a_start_is_read_from_is_not_kept_whole(
    large, photo, style, monkeypatch
):
    job = reconstruct.prepare(large, size=64)
    assert (job.original.shape, job.style.shape) == ((1, 3, 48, 64), (1, 3, 48, 64))
    monkeypatch.setattr(hardware, "own_memory", lambda: 0)
    options = {"size": 1024, "memory": 5_000_000}
    with pytest.raises(stylize.StylizeError, match="its 1024x768 pixels take"):
        reconstruct.prepare(large, **options)
    with pytest.raises(stylize.StylizeError, match="its 1024x768 pixels take"):
        stylize.iterate(photo, style, init=large, **options)


@pytest.mark.parametrize("option", [{"engine": "foo"}, {"precision": "fp16"}, {"depth": 12}])
def test_a_net_is_opened_in_known_ways(net, option):
    ((name, value),) = option.items()
    with pytest.raises(stylize.StylizeError, match=f"`{name}` {value!r} will not do: use one of: "):
        stylize.load(net(), **option)


@pytest.mark.parametrize("option", [{"descriptor": "vgg11"}, {"precision": "fp16"}])
def test_a_reconstruction_is_asked_for_in_known_words(photo, option):
    ((name, value),) = option.items()
    with pytest.raises(stylize.StylizeError, match=f"`{name}` {value!r} will not do: use one of: "):
        reconstruct.prepare(photo, **option)


@pytest.mark.usefixtures("conversions")
def test_textures_are_the_commands(stylize, pyramid, pixels, photo):
    model = pyramid()
    assert stylize("texture", model, "--size", "48x32", "--seed", 3, "-o", "a.png").code == 0
    loaded = stylize_cli.load(model)
    picture = loaded.texture((48, 32), seed=3)
    assert (picture.width, picture.height) == (48, 32)
    np.testing.assert_array_equal(picture.samples(), pixels("a.png"))
    assert loaded.texture(np.int64(32)).pixels.shape == (32, 32, 3)
    for given, said in (
        ({"size": 0}, "`size` 0 will not do: it must be from 2 to 10000000"),
        ({"size": (4, 0)}, "`size` 0 will not do"),
        ({"size": -5}, "`size` -5 will not do"),
        ({"size": 32, "seed": -1}, "`seed` -1 will not do: it must be from 0 to 4294967295"),
        ({"size": 32, "depth": 12}, "`depth` 12 will not do: use one of: 8, 16"),
    ):
        with pytest.raises(stylize_cli.StylizeError, match=re.escape(said)):
            loaded.texture(**given)
    with pytest.raises(stylize_cli.StylizeError, match="makes textures of noise"):
        loaded(photo)
    with pytest.raises(stylize_cli.StylizeError, match="makes textures of noise"):
        loaded.blend(photo, {"a": 1})


def test_a_cached_model_needs_no_torch(net, conversions, photo):  # noqa: ARG001
    model = net()
    stylize.load(model, engine="openvino")
    code = "import sys, stylize_cli as s; p = s.load(sys.argv[1], engine='openvino')"
    code += "(sys.argv[2], 'monet'); p.save(sys.argv[3]); print(p.width, 'torch' in sys.modules)"
    assert python(code, model, photo, photo.with_name("o.png")).split() == ["32", "False"]
    assert images.read(photo.with_name("o.png")).rgb.shape == (1, 3, 24, 32)
    assert checkpoints.load(model).styles == engines.open_model(model).about.styles


def test_times_of_a_clip_are_any_numbers(net, tmp_path):
    frames = [Image.new("RGB", (16, 16), (60 * k, 0, 0)) for k in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    loaded = stylize.load(net(), engine="torch", device="cpu", threads=1)
    clip = partial(stylize.video, loaded, tmp_path / "a.gif", style="monet", smooth=0)
    for start in (0.1, np.float64(0.1), np.float32(0.1), Fraction(1, 10)):
        assert clip(tmp_path / "out", start=start).frames == 3
    assert clip(tmp_path / "out", start=np.int64(0), end=np.float64(0.3)).frames == 3
    for given, said in (
        ({"start": float("inf")}, "`start` inf will not do: it must be at least 0, and finite"),
        ({"end": float("nan")}, "`end` nan will not do"),
        ({"codec": "av1"}, "`codec` 'av1' will not do: use one of: h264, hevc, vp9"),
    ):
        with pytest.raises(stylize.StylizeError, match=said):
            clip(tmp_path / "new", **given)
    assert not (tmp_path / "new").exists()


def test_frames_into_their_own_folder_are_refused_and_into_a_loop_of_links_too(net, dataset):
    loaded = stylize.load(net(), engine="torch", device="cpu", threads=1)
    link, loop = (dataset.with_name(name) for name in ("link", "loop"))
    link.symlink_to(dataset)
    loop.symlink_to(loop)
    for out, said in ((link, "is an input and would be overwritten"), (loop, "cannot write")):
        with pytest.raises(stylize.StylizeError, match=said):
            stylize.video(loaded, dataset, out, style="monet", smooth=0)


@pytest.fixture
def dataset(tmp_path, picture):
    for seed in range(3):
        images.write(tmp_path / "photos" / f"{seed}.png", images.Planes(picture(40, 48, seed=seed)))
    return tmp_path / "photos"


TINY = {"width": 2, "size": 32, "batch_size": 1, "precision": "float32", "threads": 1}
WRITE = ["--width", 2, "--size", 32, "--batch-size", 1, "--precision", "float32", "--threads", 1]


def weights(path):
    return {name: value.numpy() for name, value in checkpoints.load(path).weights.items()}


@pytest.mark.usefixtures("loaded")
def test_train_is_the_command(stylize, dataset, style, tmp_path):
    command = ["train", "--style", "style.png", "--dataset", "photos", "--steps", 4]
    assert stylize(*command, *WRITE, "-o", "cli.pt").code == 0
    updates = list(stylize_cli.train(style, dataset, tmp_path / "a.pt", steps=4, **TINY))
    assert [update.step for update in updates] == [1, 2, 3, 4]
    assert {"content", "style", "total"} <= set(updates[0].losses)
    np.testing.assert_equal(weights(tmp_path / "a.pt"), weights(tmp_path / "cli.pt"))
    made = checkpoints.load(tmp_path / "a.pt")
    assert (made.styles, made.provenance["steps"]) == (("style",), 4)


@pytest.mark.usefixtures("loaded")
def test_a_loop_that_is_left_saves_and_goes_on(dataset, style, tmp_path):
    out, options = tmp_path / "a.pt", TINY | {"steps": 4}
    for update in stylize.train([style], dataset, out, **options):
        if update.step == 2:
            break
    assert checkpoints.load_state(out.with_suffix(".state.pt")).step == 2
    assert checkpoints.load(out).provenance["steps"] == 2
    rest = [update.step for update in stylize.train(style, dataset, out, resume=True, **options)]
    assert rest == [3, 4]
    list(stylize.train(style, dataset, tmp_path / "b.pt", **options))
    np.testing.assert_equal(weights(out), weights(tmp_path / "b.pt"))


@pytest.mark.usefixtures("loaded")
def test_styles_and_preview_are_any_pictures_and_styles_have_their_names(dataset, style, tmp_path):
    array = images.read(style).rgb[0].permute(1, 2, 0).numpy()
    given = {"night": style, "day": array[::-1].copy()}
    list(stylize.train(given, dataset, tmp_path / "a.pt", steps=1, preview=array, **TINY))
    assert (tmp_path / "a-preview.jpg").exists()
    assert checkpoints.load(tmp_path / "a.pt").styles == ("night", "day")
    list(stylize.train([array, array], dataset, tmp_path / "b.pt", steps=1, **TINY))
    assert checkpoints.load(tmp_path / "b.pt").styles == ("style", "style-2")


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((), {}, "nothing to learn"),
        (("style.png", "photos", "a.png"), {}, "its name must end in .pt"),
        (("style.png", "none", "a.pt"), {}, "there is no folder none"),
        (("style.png", "photos", "a.pt"), {"resume": True}, "to go on from"),
        (("style.png", "photos", "a.pt"), {"to": "b.pt"}, "go together"),
        (("style.png", "photos", "a.pt"), {"upscale": 2}, "`upscale` has no style"),
        (("style.png", "photos", "a.pt"), {"steps": 0}, "`steps` 0 will not do"),
        *(
            (("style.png", "photos", "a.pt"), {name: value}, f"`{name}` {value!r} will not do")
            for name, value in (
                *(("lr", 1e9), ("lr", float("nan")), ("threads", 100_000), ("levels", 64)),
                *(("width", 10**20), ("batch_size", 10**20)),
                *(("method", "foo"), ("loss", "l1"), ("preset", "slow")),
            )
        ),
        (((), "photos", "a.pt"), {"upscale": 3}, "`upscale` 3 will not do: use 2, 4 or 8"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(
    dataset, style, monkeypatch, arguments, options, said
):
    monkeypatch.chdir(dataset.parent)
    before = sorted(dataset.parent.rglob("*"))
    with pytest.raises(stylize.StylizeError, match=re.escape(said)):
        stylize.train(*arguments, **options)
    assert sorted(dataset.parent.rglob("*")) == before
    assert style in before


def test_what_a_training_leaves_is_no_photo_also_through_links(dataset):
    sheet, loop = dataset.parent / "sheet.png", dataset / "loop.png"
    sheet.symlink_to(dataset / "0.png")
    loop.symlink_to(loop)
    found = places.photos(dataset, {sheet, loop})
    assert [file.name for file in found.files] == ["1.png", "2.png"]


def test_options_of_train_have_the_names_of_the_command():
    command = set(inspect.signature(train_command.train).parameters)
    positional = {"style", "dataset", "output"}
    assert command - positional - {"quiet", "json"} == set(TrainOptions.__annotations__) - {"name"}


NET_TYPES = {  # calls with a value of a wrong type, and what the error says
    "net('photo.png', style='monet', strength='x')": "`strength` takes a number, not 'x'",
    "net('photo.png', style='monet', size=64.5)": "`size` takes a whole number, not 64.5",
    "net.blend('photo.png', ['monet'])": "`styles` takes weights by name",
    "net.blend('photo.png', {'monet': 1, 'munch': 'a'})": "`styles` takes weights by name",
    "net.with_strokes('2')": "`stroke_size` takes a number, not '2'",
    "net.texture(seed='1')": "`seed` takes a whole number",
    "net.texture('x')": r"`size` takes px, or \(width, height\), not 'x'",
    "net.texture((1, 2, 3))": r"`size` takes px, or \(width, height\)",
    "stylize.load('conditional.pt', memory='4GB')": "`memory` takes a number, not '4GB'",
    "stylize.load('conditional.pt', threads='2')": "`threads` takes a whole number, not '2'",
    "stylize.optimize('photo.png', 'style.png', size='64')": "`size` takes a whole number",
    "stylize.optimize('photo.png', 'style.png', iterations=2.5)": "`iterations` takes a whole numb",
    "stylize.optimize('photo.png', 'style.png', balance='x')": "`balance` takes a number, not 'x'",
    "stylize.optimize('photo.png', 'style.png', memory='4GB')": "`memory` takes a number",
    "stylize.optimize('photo.png', ['style.png'] * 2, shares='ab')": "`shares` takes numbers, one",
    "stylize.evaluate('photo.png', style='style.png', memory='x')": "`memory` takes a number",
    "stylize.video(net, 'a.mp4', 'b.mp4', start='1')": "`start` takes a number, not '1'",
    "stylize.video('conditional.pt', 'a.mp4', 'b.mp4')": "network takes what stylize.load returns",
    "next(stylize.train('style.png', steps='4'))": "`steps` takes a whole number, not '4'",
}


@pytest.mark.usefixtures("photo", "style")
@pytest.mark.parametrize("call", NET_TYPES)
def test_a_value_of_a_wrong_type_is_told_by_its_parameter(net, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    names = {"stylize": stylize, "net": stylize.load(net(), engine="torch")}
    with pytest.raises(TypeError, match=NET_TYPES[call]):
        eval(call, names)


def test_what_is_no_name_is_told_as_one(net):
    made = stylize.load(net(), engine="torch")
    with pytest.raises(stylize.StylizeError, match="no style '3'"):
        made.blend(np.zeros((16, 16, 3), np.uint8), {3: 1})
    with pytest.raises(stylize.StylizeError, match="use one of: PNG, JPEG, WEBP, TIFF"):
        Picture(np.zeros((16, 16, 3), np.uint8)).encoded(3)


def test_numbers_of_numpy_and_a_scale_by_name_will_do(photo, style, net):
    made = stylize.load(net(), engine="torch")(
        photo, style="monet", strength=np.float32(1), size=np.int64(16)
    )
    assert made.width == 16
    job = optimize_module.prepare(
        photo, style, **(QUICK | {"scales": "auto", "size": np.int64(32)})
    )
    assert job.size == (24, 32)


@pytest.mark.parametrize(
    ("ranges", "hints"),
    [
        (optimize_module.RANGES, OptimizeOptions.__annotations__),
        (train_module.RANGES, TrainOptions.__annotations__),
        (network.RANGES, Network.__call__.__annotations__ | load.__annotations__),
        (video_module.RANGES, video_module.video.__annotations__),
        (mixtures.RANGES, mixtures.paint.__annotations__),
    ],
)
def test_whole_numbers_are_wanted_where_types_say_so(ranges, hints):
    for name in ranges.keys() & hints.keys() - {"memory"}:  # of which 4e9 will do
        kinds = get_args(hints[name]) or (hints[name],)
        assert all(isinstance(bound, int) for bound in ranges[name]) == (int in kinds), name

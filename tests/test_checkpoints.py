import math
import os
import pickle
import re
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylize_cli import checkpoints
from stylize_cli.checkpoints import FORMAT, MODEL, STATE, Checkpoint, TrainingState
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS
from stylize_cli.names import style_names

ARGUMENTS = {
    "conditional": {"styles": 2, "width": 2},
    "halved": {"styles": 2, "width": 2},
    "johnson": {"width": 1},
    "johnson-upscaler": {"factor": 2, "width": 2},
    "upscaler": {"factor": 2, "width": 2},
}


def checkpoint_of(generator="conditional"):
    network = KINDS[generator].build(**ARGUMENTS[generator])
    styles = ("starry night", "波") if KINDS[generator].takes_mix else ()
    return Checkpoint(
        "conditional",
        generator,
        ARGUMENTS[generator],
        {name: values.clone() for name, values in network.state_dict().items()},
        styles,
        {
            "steps": 12,
            "config": {"layers": ("relu1_1",), "tv": None},
            "licence": "CC0",
            "style losses": {"starry night": 0.5},
        },
    )


def state_of(checkpoint):
    return TrainingState(checkpoint, {"state": {0: torch.ones(3)}}, 12, {"steps": 20})


def assert_same(a, b):
    assert set(a.weights) == set(b.weights)
    assert all(torch.equal(values, b.weights[name]) for name, values in a.weights.items())
    assert replace(a, weights={}) == replace(b, weights={})


@pytest.fixture
def model(tmp_path):
    """A model file."""
    checkpoints.save(tmp_path / "model.pt", checkpoint_of())
    return tmp_path / "model.pt"


@pytest.fixture
def changed(model):
    """changed(**entries) -> the model file with other entries; None takes one out."""

    def write(**entries):
        record = {**torch.load(model, weights_only=True), **entries}
        torch.save({name: value for name, value in record.items() if value is not None}, model)
        return model

    return write


@pytest.mark.parametrize("generator", ARGUMENTS)
def test_a_model_comes_back_as_it_was_and_computes_the_same(generator, tmp_path):
    made = checkpoint_of(generator)
    checkpoints.save(tmp_path / "new" / "folder" / "model.pt", made)
    read = checkpoints.load(tmp_path / "new" / "folder" / "model.pt")
    assert_same(read, made)
    network = KINDS[generator].build(**ARGUMENTS[generator]).eval()
    network.load_state_dict(made.weights)
    mix = (torch.tensor([[0.3, 0.7]]),) if KINDS[generator].takes_mix else ()
    image = torch.linspace(0, 1, 3 * 44 * 44).view(1, 3, 44, 44)
    built = read.build()
    assert not built.training
    assert not any(values.requires_grad for values in built.parameters())
    with torch.no_grad():
        assert torch.equal(built(image, *mix), network(image, *mix))


def test_a_training_comes_back_as_it_was(tmp_path):
    made = state_of(checkpoint_of())
    checkpoints.save_state(tmp_path / "state.pt", made)
    read = checkpoints.load_state(tmp_path / "state.pt")
    assert_same(read.checkpoint, made.checkpoint)
    assert torch.equal(read.optimizer["state"][0], torch.ones(3))
    assert (read.step, read.config) == (12, {"steps": 20})


def test_building_draws_no_numbers_and_leaves_the_checkpoint_its_weights():
    made = checkpoint_of()
    before = torch.get_rng_state(), {name: v.clone() for name, v in made.weights.items()}
    network = made.build()
    with torch.no_grad():
        for values in network.parameters():
            values.add_(1)
    assert torch.equal(before[0], torch.get_rng_state())
    assert all(torch.equal(values, before[1][name]) for name, values in made.weights.items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_are_built_in_float32(dtype, tmp_path):
    made = checkpoint_of("johnson")
    weights = {k: v.to(dtype) if v.is_floating_point() else v for k, v in made.weights.items()}
    checkpoints.save(tmp_path / "model.pt", replace(made, weights=weights))
    built = checkpoints.load(tmp_path / "model.pt").build().state_dict()
    kinds = {name: values.dtype for name, values in made.weights.items()}
    assert {name: values.dtype for name, values in built.items()} == kinds
    for name, values in made.weights.items():
        torch.testing.assert_close(built[name], values, rtol=0.01, atol=1e-3)


# Files of others.


class Harm:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def save_pickle(value, path):
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize(
    ("write", "run"),
    [
        (torch.save, lambda path: torch.load(path, weights_only=False)),
        (save_pickle, lambda path: pickle.loads(path.read_bytes())),
    ],
    ids=["torch", "pickle"],
)
@pytest.mark.parametrize("read", [checkpoints.load, checkpoints.load_state])
def test_code_in_a_file_is_refused_and_not_run(read, write, run, tmp_path):
    path, marker = tmp_path / "model.pt", tmp_path / "harmed"
    write({"kind": MODEL, "format": FORMAT, "method": Harm(marker)}, path)
    with pytest.raises(StylizeError, match="not a file of stylize"):
        read(path)
    assert not marker.exists()
    run(path)
    assert marker.exists()  # it would have been


@pytest.mark.parametrize(
    "contents",
    [b"", b"no model", b"\x80\x02.", b"PK\x03\x04", b"PK\x05\x06" + 18 * b"\0"],
    ids=["empty", "text", "pickle", "zip", "empty zip"],
)
def test_a_file_of_something_else_is_refused_by_name(contents, tmp_path):
    (tmp_path / "model.pt").write_bytes(contents)
    with pytest.raises(StylizeError, match=r"model\.pt is not a file of stylize, or damaged: "):
        checkpoints.load(tmp_path / "model.pt")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(share, model):
    data = model.read_bytes()
    model.write_bytes(data[: int(share * len(data))])
    with pytest.raises(StylizeError, match="damaged"):
        checkpoints.load(model)


FOREIGN = (torch.ones(3), [1, 2], {"state_dict": {}}, 5, None, "kind")
WITHOUT_FORMAT = tuple({"kind": MODEL, "format": value} for value in (math.inf, "one", None))


@pytest.mark.parametrize("foreign", [*FOREIGN, *WITHOUT_FORMAT])
def test_another_programs_torch_file_is_refused(foreign, tmp_path):
    torch.save(foreign, tmp_path / "model.pt")
    with pytest.raises(StylizeError, match="not a file of stylize"):
        checkpoints.load(tmp_path / "model.pt")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(StylizeError, match="there is no file"):
        checkpoints.load(tmp_path / "model.pt")
    with pytest.raises(StylizeError, match="is a folder"):
        checkpoints.load(tmp_path)


def test_a_training_is_no_model_and_a_model_no_training(model, tmp_path):
    checkpoints.save_state(tmp_path / "a.state.pt", state_of(checkpoint_of()))
    beside = re.escape(str(tmp_path / "a.pt"))
    with pytest.raises(StylizeError, match=f"'{STATE}': give one of '{MODEL}', {beside}$"):
        checkpoints.load(tmp_path / "a.state.pt")
    with pytest.raises(StylizeError, match=f"'{MODEL}': give one of '{STATE}'"):
        checkpoints.load_state(model)


def test_a_newer_format_asks_for_a_newer_version(changed):
    with pytest.raises(StylizeError, match="newer version: pip install -U stylize-cli"):
        checkpoints.load(changed(format=FORMAT + 1))


@pytest.mark.parametrize("name", ["generator", "arguments", "weights", "styles", "provenance"])
def test_a_model_with_parts_missing_is_refused(name, changed):
    with pytest.raises(StylizeError, match="parts missing"):
        checkpoints.load(changed(**{name: None}))


@pytest.mark.parametrize("name", ["optimizer", "step", "config", "weights"])
def test_a_training_with_parts_missing_is_refused(name, tmp_path):
    path = tmp_path / "state.pt"
    checkpoints.save_state(path, state_of(checkpoint_of()))
    record = torch.load(path, weights_only=True)
    del record[name]
    torch.save(record, path)
    with pytest.raises(StylizeError, match="parts missing"):
        checkpoints.load_state(path)


# Networks that cannot be built.


@pytest.mark.timeout(20)
@pytest.mark.parametrize("width", [256, 10**6, 10**12])
def test_an_enormous_width_is_refused_without_its_memory(width, changed):
    process = psutil.Process()
    before = process.memory_info().rss
    with pytest.raises(StylizeError, match=r"weights do not fit|parts missing") as caught:
        checkpoints.load(changed(arguments={"styles": 2, "width": width})).build()
    assert caught.traceback  # whose frames still hold the network
    assert process.memory_info().rss - before < 100e6  # 256: 430 MB


@pytest.mark.parametrize(
    "entries",
    [
        {"generator": "other"},
        {"generator": ["conditional"]},
        {"generator": "upscaler"},
        {"arguments": {"styles": 3, "width": 2}},
        {"arguments": {"styles": 2, "width": -1}},
        {"arguments": {"styles": 2, "width": "wide"}},
        {"arguments": {"styles": 2}},
        {"arguments": {"styles": 2, "width": 2, "depth": 3}},
        {"arguments": [2, 2]},
        {"weights": {}},
        {"weights": [1, 2]},
        {"weights": {"head.norm.gamma": "many"}},
    ],
)
def test_weights_that_do_not_fit_their_network_are_refused(entries, changed):
    with pytest.raises(StylizeError, match=r"weights do not fit|parts missing"):
        checkpoints.load(changed(**entries)).build()


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("head.conv.weight"),
        lambda weights: weights.update({"more": torch.ones(1)}),
        lambda weights: weights.update({"head.conv.weight": torch.ones(3, 2, 9, 8)}),
        lambda weights: weights.update({"head.conv.weight": torch.ones(3, 2, 9, 9, dtype=int)}),
    ],
    ids=["missing", "left over", "another shape", "integers"],
)
def test_weights_with_one_wrong_are_refused(change):
    made = checkpoint_of()
    change(made.weights)
    with pytest.raises(StylizeError, match="weights do not fit"):
        made.build()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(value):
    made = checkpoint_of()
    made.weights["head.conv.weight"][0, 0, 0, 0] = value
    with pytest.raises(StylizeError, match="not all numbers"):
        made.build()


# Files that ask for more than they hold.


def peak_of(call):
    """Bytes by which the process grew at most while a call was refused."""
    process = psutil.Process()
    before, most = process.memory_info().rss, [0]
    done = threading.Event()

    def watch():
        while not done.wait(0.002):
            most[0] = max(most[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(StylizeError) as caught:
            call()
    finally:
        done.set()
        watcher.join()
    assert "\n" not in str(caught.value)
    return most[0]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("width", [1024, 4096])
def test_views_of_one_value_in_the_shape_of_gigabytes_are_refused(width, changed):
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in KINDS["johnson"].build(width=width).state_dict().items()}
    weights = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    file = changed(generator="johnson", arguments={"width": width}, weights=weights, styles=[])
    assert file.stat().st_size < 50_000
    assert peak_of(lambda: checkpoints.load(file).build()) < 50e6


@pytest.mark.parametrize("entry", ["provenance", "arguments", "optimizer", "weights"])
def test_views_are_refused_wherever_they_are(entry, changed):
    file = changed(**{entry: {"a": torch.zeros(1).expand(50_000, 50_000)}})
    assert peak_of(lambda: checkpoints.load(file)) < 50e6


def test_one_storage_shown_a_thousand_times_is_refused(changed):
    values = torch.zeros(1000, 1000)
    weights = {str(number): values for number in range(5000)}
    file = changed(weights=weights)
    assert peak_of(lambda: checkpoints.load(file).build()) < 50e6


def test_a_model_whose_own_tensors_share_their_values_is_refused_before_it_is_copied():
    made = checkpoint_of("johnson")
    weights = {**made.weights, "body.0.weight": torch.zeros(1).expand(100_000, 100_000)}
    assert peak_of(replace(made, weights=weights).build) < 50e6


def repacked(path, compression, change=lambda _, data: data):
    with zipfile.ZipFile(path) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts:
            archive.writestr(name, change(name, data))


def test_a_file_that_unfolds_is_refused_unread(model):
    repacked(model, zipfile.ZIP_DEFLATED, lambda _, data: data.ljust(20_000_000, b"\0"))
    assert model.stat().st_size < 2e6
    assert peak_of(lambda: checkpoints.load(model)) < 20e6


def test_lists_of_lists_of_lists_are_refused_before_they_are_shown(changed):
    nested = ["x" * 1000]
    for _ in range(30):
        nested = [nested] * 10
    with pytest.raises(StylizeError, match=r"damaged|parts missing"):
        checkpoints.load(changed(provenance={"a": nested}))


def test_a_list_that_holds_itself_is_refused(changed):
    nested = []
    nested.append(nested)
    with pytest.raises(StylizeError, match=r"damaged|parts missing"):
        checkpoints.load(changed(provenance={"a": nested}))


@pytest.mark.parametrize("name", ["torch Tensor", "builtins bytearray", "collections Counter"])
def test_a_pickle_that_names_what_allocates_is_refused(name, model):
    """All of these torch's own reader would call."""
    call = b"c" + name.replace(" ", "\n").encode() + b"\nJ\xff\xff\xff\x7f\x85R0"
    repacked(
        model,
        zipfile.ZIP_STORED,
        lambda part, data: data[:2] + call + data[2:] if part.endswith("data.pkl") else data,
    )
    assert peak_of(lambda: checkpoints.load(model)) < 20e6


@pytest.mark.parametrize("levels", [13, 40, 64])
def test_a_pyramid_of_more_levels_than_a_texture_has_pixels_is_refused(levels, changed):
    arguments = {"levels": levels, "width": 1}
    with pytest.raises(StylizeError, match="parts missing"):
        checkpoints.load(changed(generator="pyramid", arguments=arguments, styles=["a"]))


@pytest.mark.parametrize(
    "entries",
    [
        {"method": 5},
        {"generator": ["conditional"]},
        {"arguments": {"styles": 2, "width": torch.tensor(4)}},
        {"arguments": {"styles": 2, 3: 2}},
        {"provenance": {"config": []}},
        {"provenance": {"config": {"grain": "much"}}},
        {"provenance": {"config": {"grain": -1.0}}},
        {"provenance": {"added": 3}},
        {"provenance": {"steps": 10**30}},
        {"provenance": {"a": torch.ones(3)}},
        {"styles": "ab"},
        {"styles": ["a", 2]},
    ],
)
def test_fields_of_another_kind_are_refused_when_the_file_is_read(entries, changed):
    with pytest.raises(StylizeError, match=r"damaged|parts missing"):
        checkpoints.load(changed(**entries))


@pytest.mark.parametrize(
    "entries",
    [
        {"step": "12"},
        {"step": -1},
        {"step": None},
        {"config": [1]},
        {"config": {"a": torch.ones(2)}},
        {"optimizer": [1]},
        {"best": [1]},
        {"best": "model"},
        {"provenance": {}},
        {"provenance": {"style losses": {"a": "b"}}},
    ],
)
def test_a_malformed_training_is_refused(entries, tmp_path):
    path = tmp_path / "state.pt"
    checkpoints.save_state(path, state_of(checkpoint_of()))
    torch.save({**torch.load(path, weights_only=True), **entries}, path)
    with pytest.raises(StylizeError, match=r"damaged|parts missing"):
        checkpoints.load_state(path)


# Styles' names.


def test_a_mac_s_screenshot_becomes_a_style_that_can_be_typed():
    name = "Screenshot 2024-01-02 at 10.00.00\u202fAM"
    assert style_names([name]) == ("Screenshot 2024-01-02 at 10.00.00 AM",)


def test_names_that_look_alike_are_told_apart():
    names = ["sea", "sea", "cafe\u0301", "caf\u00e9", "", "\t", "x" * 500, "x" * 600]
    found = style_names(names)
    assert found[:6] == ("sea", "sea-2", "caf\u00e9", "caf\u00e9-2", "style", "style-2")
    assert [len(name) for name in found[6:]] == [200, 200]


TEXTS = st.text(st.characters(codec=None), max_size=30)


@settings(suppress_health_check=[HealthCheck.too_slow])  # beside other work
@given(st.lists(st.one_of(TEXTS, st.sampled_from(["a", "a-2", "A", " a", "x" * 300])), max_size=8))
def test_names_are_printable_unique_and_stay_as_they_are(texts):
    names = style_names(texts)
    assert len(set(names)) == len(texts)
    assert all(name.isprintable() and 0 < len(name) <= 200 for name in names)
    assert style_names(names) == names


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(names=st.lists(TEXTS, min_size=2, max_size=2))
def test_what_is_written_can_be_read_whatever_the_styles_are_called(names, tmp_path):
    made = replace(checkpoint_of(), styles=tuple(names))
    checkpoints.save(tmp_path / "model.pt", made)
    assert checkpoints.load(tmp_path / "model.pt").styles == style_names(names)
    checkpoints.save_state(tmp_path / "state.pt", state_of(made))
    assert checkpoints.load_state(tmp_path / "state.pt").checkpoint.build()


# Writing.


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(owner, name, model, monkeypatch):
    old = model.read_bytes()

    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(StylizeError, match="No space left"):
            checkpoints.save(model, checkpoint_of("upscaler"))
    assert model.read_bytes() == old
    assert list(model.parent.iterdir()) == [model]


def test_building_imports_nothing_for_numbers_that_are_never_drawn():
    """On tensors without memory, torch's initialisation alone imports 900 modules in 1.7 s."""
    code = (
        "import sys; from stylize_cli.checkpoints import Checkpoint;"
        "from stylize_cli.generators import KINDS; arguments = {'styles': 1, 'width': 2};"
        "weights = KINDS['conditional'].build(**arguments).state_dict(); before = len(sys.modules);"
        "Checkpoint('', 'conditional', arguments, weights).build();"
        "print(len(sys.modules) - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 50

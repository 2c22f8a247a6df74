"""The engines: one against the other, what is cached, and what happens where one is missing."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import stylize_cli
from stylize_cli import checkpoints, devices, engines, hardware, paths
from stylize_cli.checkpoints import Checkpoint
from stylize_cli.engines import cache, graphs, openvino, pytorch, toolkit
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS

pytest_plugins = ["nets"]
pytestmark = pytest.mark.usefixtures("conversions")

GENERATORS = ["conditional", "halved", "johnson", "upscaler", "johnson-upscaler"]
SIDES = (48, 64)


def psnr(one, two):
    return -10 * np.log10(np.square(one - two).mean() + 1e-20)


def inputs(about, batch=1, size=SIDES, seed=0):
    """Arrays that a model of any kind takes."""
    images = np.random.default_rng(seed).random((batch, 3, *size), np.float32)
    if not about.takes_mix:
        return (images,)
    return images, np.eye(len(about.styles), dtype=np.float32)[np.arange(batch)]


def opened(path, engine, **options):
    return engines.open_model(path, engine=engine, **{"precision": "float32", **options})


def cached(kind="graph"):
    return set(paths.cache_dir().rglob(f"*.{kind}"))


@pytest.mark.parametrize("use", ["pieces", "measured"])
def test_a_file_that_became_another_model_is_not_taken_for_the_one_opened(net, use, conversions):  # noqa: ARG001
    path = net()
    engine, other = opened(path, "openvino"), net("conditional", grain=0.5, name="other.pt")
    path.write_bytes(other.read_bytes())
    photo, mix = np.zeros((1, 3, 64, 64), np.float32), np.eye(3, dtype=np.float32)[:1]
    with pytest.raises(StylizeError, match="changed meanwhile"):
        engine.pieces() if use == "pieces" else engine.measured(photo, mix)


@pytest.fixture
def cold(home, conversions):  # noqa: ARG001 - comes first
    """Takes away what earlier tests converted."""
    shutil.rmtree(home)


@pytest.mark.parametrize("generator", GENERATORS)
def test_both_engines_are_the_network(net, generator):
    path = net(generator)
    network = checkpoints.load(path).build()
    one, two = opened(path, "openvino", threads=1), opened(path, "torch", device="cpu")
    assert one.about == two.about
    given = inputs(one.about, batch=3)
    with torch.no_grad():
        expected = network(*map(torch.from_numpy, given)).numpy()
    assert expected.std() > 1e-3
    for engine in (one, two):
        found = engine.run(*given)
        assert (found.dtype, found.shape) == (np.float32, expected.shape)
        assert psnr(found, expected) > 80


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("size", [(48, 64), (64, 48), (56, 56)])
def test_a_batch_is_its_pictures_one_by_one(net, engine, size):
    runner = opened(net(), engine, threads=2 if engine == "openvino" else 1, device="cpu")
    given = inputs(runner.about, batch=3, size=size)
    together = runner.run(*given)
    np.testing.assert_array_equal(together, runner.run(*given))
    for index in range(3):
        alone = runner.run(*(array[index : index + 1] for array in given))
        assert psnr(alone, together[index : index + 1]) > 90
    assert psnr(together[0], together[1]) < 40


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_bfloat16_is_close_and_is_what_it_says(net, engine):
    if engine == "openvino" and not hardware.fast_bfloat16():
        pytest.skip("no bfloat16 here")
    path = net()
    rough, exact = (
        opened(path, engine, precision=p, device="cpu") for p in ("bfloat16", "float32")
    )
    given = inputs(rough.about)
    assert (rough.precision, exact.precision) == ("bfloat16", "float32")
    assert 20 < psnr(rough.run(*given), exact.run(*given)) < 70


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_in_bfloat16_what_is_enlarged_keeps_the_precision_of_the_photo(engine, tmp_path):
    if engine == "openvino" and not hardware.fast_bfloat16():
        pytest.skip("no bfloat16 here")
    arguments = {"factor": 2, "width": 4}
    untrained = KINDS["upscaler"].build(**arguments)  # which adds nothing yet
    made = Checkpoint("super-resolution", "upscaler", arguments, untrained.state_dict())
    checkpoints.save(tmp_path / "a.pt", made)
    runner = opened(tmp_path / "a.pt", engine, precision="bfloat16", device="cpu")
    (image,) = inputs(runner.about)
    smooth = F.interpolate(torch.from_numpy(image), scale_factor=2, mode="bicubic")
    np.testing.assert_allclose(runner.run(image), smooth.numpy(), atol=1e-5)


@pytest.mark.usefixtures("cold")
def test_a_model_is_converted_once_and_without_telemetry(net, monkeypatch):
    path = net()
    first = opened(path, "openvino")
    files = cached()
    assert (first.note, len(files)) == ("", 1)
    assert "openvino_telemetry" not in sys.modules
    assert "stub" in sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__
    monkeypatch.setattr(openvino, "_convert", None)
    again = opened(path, "openvino")
    given = inputs(first.about)
    np.testing.assert_array_equal(first.run(*given), again.run(*given))
    assert again.about == first.about
    assert files == cached()


def test_another_model_under_the_same_name_is_another(net):
    counts = [
        len(opened(net(styles=styles), "openvino").about.styles)
        for styles in (("monet", "munch", "hokusai"), ("monet", "munch"))
    ]
    assert counts == [3, 2]


@pytest.mark.usefixtures("cold")
def test_a_damaged_cache_is_made_anew(net, monkeypatch):
    path = net("upscaler")
    expected = opened(path, "openvino")
    (file,) = cached()
    whole = file.read_bytes()
    monkeypatch.setattr(openvino, "_convert", lambda *_: graphs.unpack(whole[cache.DIGEST :]))
    for damaged in (whole[:-100], b"", whole + b"x", whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(damaged)
        given = inputs(expected.about)
        np.testing.assert_array_equal(opened(path, "openvino").run(*given), expected.run(*given))
        assert file.read_bytes() == whole


@pytest.mark.usefixtures("cold")
def test_a_shape_is_compiled_once_even_by_two_processes(net):
    first, second, third = (opened(net("upscaler"), "openvino") for _ in range(3))
    given = inputs(first.about)
    expected = first.run(*given)
    (file,) = cached("compiled")
    second.graph = SimpleNamespace(ranges=first.graph.ranges)  # without what compiling starts from
    np.testing.assert_array_equal(second.run(*given), expected)
    for damaged in (b"", file.read_bytes()[:-1]):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(third.run(*given), expected)
    cache.write(file.name, b"of another build")
    np.testing.assert_array_equal(opened(net("upscaler"), "openvino").run(*given), expected)
    assert first.run(*(array[..., :16, :] for array in given)).shape[2] == 32
    assert len(cached("compiled")) == 2


COMING_AND_GOING = """
import signal, sys
from pathlib import Path
import numpy as np
from stylize_cli import engines
opened = [engines.open_model(Path(sys.argv[1]), engine="openvino") for _ in range(3)]
for engine in opened:
    engine.run(np.zeros((1, 3, 32, 32), np.float32))
del engine
while opened:
    opened.pop(0)
signal.signal(signal.SIGTERM, lambda *_: print("told"))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_is_told_when_networks_have_come_and_gone(net):
    command = [sys.executable, "-c", COMING_AND_GOING, net("upscaler")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "told\n")


@pytest.mark.usefixtures("cold")
def test_a_cache_that_cannot_be_written_costs_a_note(net, home):
    path = net("upscaler")
    home.write_text("not a folder")
    runner = opened(path, "openvino")
    assert "not writable" in runner.note
    assert runner.run(*inputs(runner.about)).shape == (1, 3, 96, 128)


RUN_CACHED = """
import sys, json
from pathlib import Path
import numpy as np
from stylize_cli import engines
runner = engines.open_model(Path(sys.argv[1]), engine="openvino", precision="float32")
image, mix = np.full((1, 3, 16, 16), 0.5, np.float32), np.eye(3, dtype=np.float32)[:1]
shape = runner.run(image, mix).shape
loaded = [n for n in ("torch", "openvino.tools.ovc") if n in sys.modules]
print(json.dumps([shape, loaded, "openvino_telemetry" in sys.modules]))
"""


def test_a_cached_model_needs_no_torch_no_converter_and_no_telemetry(net):
    path = net()
    opened(path, "openvino")
    source = str(Path(stylize_cli.__file__).parents[1])
    out = subprocess.run(
        [sys.executable, "-c", RUN_CACHED, path],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        check=True,
    ).stdout
    assert json.loads(out) == [[1, 3, 16, 16], [], False]


@pytest.mark.parametrize("hidden", ["openvino", "openvino.tools.ovc"])
@pytest.mark.usefixtures("cold")
def test_without_openvino_torch_runs_and_says_so(net, monkeypatch, hidden):
    path = net()

    def missing(name):
        if name == hidden:
            raise ImportError(f"no {name}")
        return sys.modules[name]

    toolkit.load()
    monkeypatch.setattr(toolkit.importlib, "import_module", missing)
    runner = opened(path, "auto", device="cpu")
    assert (runner.name, runner.device) == ("torch", "cpu")
    assert f"no {hidden}" in runner.note
    with pytest.raises(StylizeError, match="use `engine` torch"):
        opened(path, "openvino")


@pytest.mark.parametrize("driver", [False, True])
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_openvino_is_for_cpus_with_a_driver_or_without(net, monkeypatch, driver, device):
    monkeypatch.setattr(hardware, "cuda_driver", lambda: driver)
    monkeypatch.setattr(engines.sys, "platform", "linux")
    assert opened(net(), "auto", device=device).name == "openvino"


def test_a_device_that_torch_finds_is_torchs(net, monkeypatch):
    monkeypatch.setattr(hardware, "cuda_driver", lambda: True)
    monkeypatch.setattr(devices, "available", lambda: ["cuda:0", "cpu"])
    asked = []
    monkeypatch.setattr(pytorch, "open_model", lambda _, **options: asked.append(options))
    opened(net(), "auto")
    assert asked[0]["device"] == "auto"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "openvino", "device": "cuda"}, "OpenVINO runs on the CPU, not on cuda: use .*"),
        ({"engine": "auto", "device": "tpu"}, "device 'tpu' is not here; .*"),
    ],
)
def test_what_is_not_here_is_refused(net, options, said):
    with pytest.raises(StylizeError, match=said):
        opened(net(), **options)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "a.pt").write_text("hello")
    with pytest.raises(StylizeError, match="or damaged: copy it again"):
        opened(tmp_path / "a.pt", "auto")


def test_compiled_forms_do_not_pile_up(net, monkeypatch):
    runner = opened(net(), "openvino", threads=1)
    monkeypatch.setattr(openvino, "HELD", 2 * runner.bytes_needed((64, 64)))
    for side in range(32, 65, 4):
        runner.run(*inputs(runner.about, size=(side, side)))
    assert 1 <= len(runner._held) <= 2


def test_the_last_pictures_of_a_batch_compile_nothing_anew(net, monkeypatch):
    runner = opened(net(), "openvino", threads=3)
    given = inputs(runner.about, batch=3)
    whole = runner.run(*given)
    monkeypatch.setattr(runner, "_compiled", None)
    for count in (1, 2):
        some = runner.run(*(array[:count] for array in given))
        assert psnr(some, whole[:count]) > 90
    assert len(runner._held) == 1


@pytest.mark.parametrize(("asked", "given", "want"), [("3", None, 3), ("3", 2, 2), (None, None, 5)])
def test_threads_are_those_asked_for_or_the_cores_there_are(net, monkeypatch, asked, given, want):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(hardware, "cores", lambda: 5)
    assert [opened(net(), name, threads=given).threads for name in ("openvino", "torch")] == [
        want
    ] * 2


PINNED = """
import os, sys, threading
import numpy as np
from stylize_cli import engines

def look():
    while not done.is_set():
        for one in os.listdir("/proc/self/task"):
            try:
                seen.add(tuple(os.sched_getaffinity(int(one))))
            except OSError:
                pass

engine = engines.open_model(sys.argv[1], engine="openvino", threads=1)
mix = np.eye(len(engine.about.styles), dtype=np.float32)[:1]
given = np.zeros((1, 3, 256, 256), np.float32), mix
engine.run(*given)  # what compiles looks at every core
done, seen = threading.Event(), set()
looking = threading.Thread(target=look)
looking.start()
for _ in range(5):
    engine.run(*given)
done.set()
looking.join()
print(seen == {tuple(os.sched_getaffinity(0))})
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no list of threads")
@pytest.mark.skipif(hardware.cores() < 2, reason="one core")
def test_no_thread_is_pinned_to_a_core_that_another_program_may_have(net):
    ran = subprocess.run(
        [sys.executable, "-c", PINNED, net()], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "True"


def test_two_threads_share_one_core(monkeypatch):
    made = []

    def slow():
        made.append(object())
        time.sleep(0.2)
        return made[-1]

    monkeypatch.setattr(toolkit, "_core", lru_cache(maxsize=1)(toolkit._core.__wrapped__))
    runtime = type("Runtime", (), {"Core": staticmethod(slow)})
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(toolkit.core, [runtime] * 2)
    assert one is two is made[0]

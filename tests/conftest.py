"""What every test gets: a home and no network of its own, small pictures, a small descriptor."""

import importlib.util
import ipaddress
import os
import signal
import socket
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from stylize_cli import descriptors, images
from stylize_cli.descriptors import Descriptor
from stylize_cli.images import Planes
from stylize_cli.vgg import SOURCES, conv_names

SHARED = Path(__file__).parents[2] / "shared"
NARROW = (4, 5, 6, 7, 8)  # maps per convolution in blocks 1 to 5

# Of `pytest &` and nohup the signals are inherited as ignored, which stylize respects.
for name in ("SIGINT", "SIGHUP"):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)

torch.set_num_threads(1)  # small tensors: more threads only cost
os.environ["OMP_NUM_THREADS"] = "1"  # so do commands, however many cores are free just now


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The STYLIZE_HOME of this test: a folder that does not exist yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("STYLIZE_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _loopback_only(tmp_path, monkeypatch):  # noqa: ARG001 - what is patched ends before its folder
    """Fails what connects to another machine, by an error that nobody takes for a bad network."""

    def guarded(connect):
        def guard(self, address):
            if self.family != getattr(socket, "AF_UNIX", None) and not _is_loopback(address[0]):
                raise AssertionError(f"a test connects to {address}")
            return connect(self, address)

        return guard

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def shared():
    """The folder of shared pictures: photos, styles, textures, reference."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no ../shared/data")
    return SHARED / "data"


@pytest.fixture
def judge(shared):
    """../shared/tools/judge.py, the yardstick written apart from this project."""
    spec = importlib.util.spec_from_file_location("judge", shared.parent / "tools" / "judge.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _picture(height, width, *, seed=0):
    """(1, 3, height, width) in [0, 1]: octaves of noise that halve in strength, as photos do."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, height, width)
    for octave in range(1, 7):
        cells = [min(side, 2**octave + 1) for side in (height, width)]
        grey, colour = (torch.randn((1, maps, *cells), generator=generator) for maps in (1, 3))
        noise = (grey + 0.5 * colour) / 2**octave
        total += F.interpolate(noise, (height, width), mode="bilinear", align_corners=True)
    total += 0.5 * torch.randn((1, 3, 1, 1), generator=generator)
    return (0.5 + 0.3 * total).clamp(0, 1)


@pytest.fixture
def picture():
    """picture(height, width, seed=0) -> (1, 3, height, width), smooth seeded noise in [0, 1]."""
    return _picture


@pytest.fixture
def picture_file(tmp_path):
    """picture_file(height, width, seed=0, name=None) -> path of such a picture, as PNG."""

    def write(height, width, *, seed=0, name=None):
        path = tmp_path / (name or f"picture-{height}-{width}-{seed}.png")
        images.write(path, Planes(_picture(height, width, seed=seed)))
        return path

    return write


def _narrow_convolutions(source):
    """Seeded float64 weights, each filter's output of deviation 1 and mean 0.5 before the ReLU."""
    generator = torch.Generator().manual_seed(0)
    mean, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in (source.mean, source.scale))
    x = (torch.cat([_picture(64, 64, seed=seed) for seed in range(90, 96)]) - mean) * scale
    x = x.double()
    for name in conv_names(source):
        block, conv = (int(number) for number in name.split("_"))
        if block > 1 and conv == 1:
            x = F.max_pool2d(x, 2)
        weight = torch.randn((NARROW[block - 1], x.shape[1], 3, 3), generator=generator).double()
        x = F.conv2d(x, weight, padding=1)
        deviation, centre = x.std((0, 2, 3)), x.mean((0, 2, 3))
        weight, bias = weight / deviation.view(-1, 1, 1, 1), 0.5 - centre / deviation
        x = F.relu(x / deviation.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1))
        yield name, weight, bias


@pytest.fixture
def make_narrow():
    """make_narrow(name="vgg19", **options of Descriptor) -> one with 4 to 8 maps in every layer."""

    def make(name="vgg19", **options):
        source = SOURCES[name]
        return Descriptor(source, _narrow_convolutions(source), **options)

    return make


@pytest.fixture
def narrow(make_narrow):
    """A descriptor shaped like VGG-19 with 4 to 8 maps in every layer: max pooling, kind edges."""
    return make_narrow(edges="clean")


@pytest.fixture(scope="session")
def vgg():
    """The bundled VGG-19 in float32, as trained. Mark the tests that use it vgg."""
    return descriptors.load("vgg19")

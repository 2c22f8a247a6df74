"""Fixtures of the tests of the command line: `stylize` in this process, on the narrow VGG."""

import io
import json
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from torch import nn

from stylize_cli import descriptors
from stylize_cli.cli import app


@dataclass(frozen=True)
class Ran:
    """How a run of `stylize` ended, and what it wrote."""

    code: int
    out: bytes
    err: str

    @property
    def line(self):
        """The only one on stdout."""
        (line,) = self.out.decode().splitlines()
        return line

    @property
    def record(self):
        """The only one that --json wrote."""
        return json.loads(self.line)


@pytest.fixture
def stylize(tmp_path, monkeypatch, capfdbinary):
    """stylize(*arguments, stdin=b"") -> Ran; the current folder is tmp_path."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["stylize", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        out, err = capfdbinary.readouterr()
        return Ran(ended.value.code or 0, out, err.decode())

    return run


@pytest.fixture
def refused(stylize, tmp_path):
    """refused(*arguments, stdin=b"") -> what the one error line says; nothing else is written."""

    def run(*arguments, stdin=b""):
        before = sorted(tmp_path.rglob("*"))
        ran = stylize(*arguments, stdin=stdin)
        assert (ran.code, ran.out) == (2, b"")
        (line,) = ran.err.splitlines()
        assert line.startswith("error: ")
        assert sorted(tmp_path.rglob("*")) == before
        return line.removeprefix("error: ")

    return run


@pytest.fixture
def photo(picture_file):
    """photo.png, 32x24, in the current folder."""
    return picture_file(24, 32, name="photo.png")


@pytest.fixture
def style(picture_file):
    """style.png, 32x32, likewise."""
    return picture_file(32, 32, seed=1, name="style.png")


@pytest.fixture
def frames(tmp_path):
    """frames.gif, 48x40, of two frames, likewise."""
    first, second = (Image.new("RGB", (48, 40), colour) for colour in ("red", "blue"))
    path = tmp_path / "frames.gif"
    first.save(path, save_all=True, append_images=[second])
    return path


@pytest.fixture
def pixels(tmp_path):
    """pixels(name) -> (H, W, C) in 0-255 of a file in the current folder."""

    def read(name):
        with Image.open(tmp_path / name) as image:
            return np.asarray(image).astype(float)

    return read


@pytest.fixture
def loaded(monkeypatch, make_narrow):
    """Puts the narrow VGG in the place of every other; lists what each was asked for."""
    calls = []

    def load(name="vgg19", **options):
        calls.append({"name": name, **options})
        kept = ("layers", "dtype", "pool", "edges")
        return make_narrow(name, **{key: options[key] for key in kept if key in options})

    monkeypatch.setattr(descriptors, "load", load)
    return calls


class Interrupted(nn.Module):
    """A descriptor during whose nth look at the picture that is optimised Ctrl-C is pressed."""

    def __init__(self, describe, nth):
        super().__init__()
        self.describe, self.left = describe, nth

    def forward(self, image, layers, *use):
        self.left -= image.requires_grad
        if not self.left:
            raise KeyboardInterrupt
        return self.describe(image, layers, *use)


@pytest.fixture
def interrupt(monkeypatch):
    """interrupt(nth): Ctrl-C will be pressed during the nth evaluation of the loss."""

    def at(nth):
        load = descriptors.load
        monkeypatch.setattr(
            descriptors, "load", lambda *args, **options: Interrupted(load(*args, **options), nth)
        )

    return at

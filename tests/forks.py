"""`stylize` in forks of a process that imports once: many runs in the time of a few.

For programs of their own, which pytest starts: a fork of pytest itself would have its threads.
"""

import hashlib
import os
import shutil
import sys
from functools import cache
from pathlib import Path

import torch
from conftest import _narrow_convolutions

from stylize_cli import descriptors
from stylize_cli.api import network, optimize, reconstruct, train  # noqa: F401 - once for all
from stylize_cli.cli import app
from stylize_cli.engines import toolkit
from stylize_cli.methods import apply  # noqa: F401
from stylize_cli.vgg import SOURCES


@cache
def _convolutions(name):
    return list(_narrow_convolutions(SOURCES[name]))


def narrow(name="vgg19", **options):
    """In place of `descriptors.load`, which takes longer than all that is tested here."""
    kept = {key: options[key] for key in ("layers", "dtype", "pool", "edges") if key in options}
    return descriptors.Descriptor(SOURCES[name], _convolutions(name), **kept)


def prepare():
    """What every run needs, before any is forked."""
    torch.set_num_threads(1)
    descriptors.load = narrow
    narrow()
    toolkit.load()


def copied(folder, name):
    """A copy of a folder beside it."""
    copy = folder.with_name(f"{folder.name}-{name}")
    shutil.copytree(folder, copy)
    return copy


def warmed(folder, copy):
    """Lets all later copies of a folder have what a run in this one converted and cached."""
    if (copy / "home" / "cache").is_dir():
        shutil.copytree(copy / "home" / "cache", folder / "home" / "cache", dirs_exist_ok=True)


def started(folder, command, inside=lambda: None):
    """Runs a command line in a folder; its exit code, negative where a signal ended it.

    What it says is beside the folder, in FOLDER.out and FOLDER.err. `inside` is called in the fork
    before the command.
    """
    if (child := os.fork()) == 0:
        os.chdir(folder)
        os.environ["STYLIZE_HOME"] = str(folder / "home")
        for number, suffix in ((1, ".out"), (2, ".err")):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            os.dup2(os.open(folder.with_suffix(suffix), flags), number)
        inside()
        sys.argv = ["stylize", *command]
        app.run()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def said(folder):
    """What was said on stdout and stderr."""
    return [Path(folder).with_suffix(suffix).read_text() for suffix in (".out", ".err")]


def files(folder):
    """{path: digest} of the files below a folder."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in found
    }

"""Run a command as a user would and measure the whole process; say on which machine."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from stylize_cli import hardware

MEGABYTE = 1e6
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in a unit of ru_maxrss


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds and peak resident memory in MB of a finished process, and its output."""

    seconds: float
    megabytes: float
    output: str


def machine(*packages: str) -> str:
    """One line on what the figures below it were measured with.

    Args:
        packages: peers, whose versions are told too.
    """
    features = " ".join(hardware.cpu_features()) or "no features known"
    told = [f"{hardware.cpu_name()} ({features}), {hardware.cores()} cores", *cards()]
    for name in ("torch", "openvino", *packages):
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"without {name}")
    return ", ".join(told) + "\n"


def cards() -> list[str]:
    """Names of NVIDIA's cards; asked without torch, whose memory `measure` would count in all."""
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    if shutil.which(asked[0]) is None:
        return []
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Args:
        command: to run.
        environment: beside that of this process.

    Raises:
        subprocess.CalledProcessError: it failed.
        SystemExit: there is no such program.
    """
    if shutil.which(command[0]) is None:
        sys.exit(f"error: there is no {command[0]}: install it into this environment")
    env = {**os.environ, **(environment or {})}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measured(seconds, usage.ru_maxrss * RSS_UNIT / MEGABYTE, output)

"""Run a command as a user would and measure the whole process."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

MEGABYTE = 1e6
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in a unit of ru_maxrss


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds and peak resident memory in MB of a finished process, and its output."""

    seconds: float
    megabytes: float
    output: str


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measured(seconds, usage.ru_maxrss * RSS_UNIT / MEGABYTE, output)

"""A batch of many small pictures of which some are broken: what it ends with, and its memory.

``python benchmarks/batch.py`` makes 2,000 pictures of 32 to 64 px in eight formats, 5 % of them
empty, cut or of another kind, runs `stylize apply --json` over them, and prints the exit code, the
lines, the pictures a second and the resident memory of the second tenth and of the last. It ends
with 1 where the code is another than it should be, a line is missing, or the last tenth takes over
5 % more.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from processes import machine

SUFFIXES = ("png", "jpg", "webp", "tif", "gif", "bmp", "ppm", "jpeg")
BROKEN = 20  # one of so many
MORE = 1.05  # that the last tenth may take


def make(folder: Path, count: int) -> int:
    """Writes the pictures; returns how many are broken."""
    draw = random.Random(0)
    noise = np.random.default_rng(0)
    broken = 0
    for number in range(count):
        height, width = (draw.randrange(32, 65, 8) for _ in range(2))
        path = folder / f"{number // 100:03}" / f"{number:05}.{draw.choice(SUFFIXES)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = noise.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(small).resize((width, height)).save(path)
        if number % BROKEN == BROKEN // 2:
            broken += 1
            data = path.read_bytes()
            kinds = (b"", data[: len(data) // 3], b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a" + data)
            path.write_bytes(kinds[broken % len(kinds)])
    return broken


def run(model: str, folder: Path, out: Path) -> tuple[int, list[dict], list[int], float]:
    """Exit code, records, resident bytes at each record, and seconds."""
    command = [sys.executable, "-m", "stylize_cli", "apply", model, str(folder), "-o", f"{out}/"]
    command += ["--json", "--quiet", "--threads", "1"]
    if model == "classics":
        command += ["--style", "vangogh-starry-night"]
    began, records, resident = time.perf_counter(), [], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        process = psutil.Process(child.pid)
        for line in child.stdout:
            records.append(json.loads(line))
            resident.append(process.memory_info().rss if process.is_running() else 0)
    return child.returncode, records, resident, time.perf_counter() - began


def main() -> None:
    """Parses the command line, makes, runs, and judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--model", default="classics")
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        broken = make(folder, given.count)
        code, records, resident, seconds = run(given.model, folder, Path(name) / "out")
        made = sum(file.is_file() for file in (Path(name) / "out").rglob("*"))
    failed = sum("error" in record for record in records)
    tenth = max(1, given.count // 10)
    second, last = max(resident[tenth : 2 * tenth]), max(resident[-tenth:-1])
    print(f"exit code {code}; {len(records)} lines of {given.count}, {failed} errors of {broken}")
    print(f"{made} pictures, {given.count / seconds:.1f} a second")
    print(f"resident: second tenth {second / 1e6:.0f} MB, last tenth {last / 1e6:.0f} MB")
    held = code == (1 if broken else 0) and len(records) == given.count and failed == broken
    held = held and made == given.count - broken and last <= MORE * second
    sys.exit(not held)


if __name__ == "__main__":
    main()

"""What a few minutes with a GPU are for: the tests marked cuda, a few figures, and trainings.

    python scripts/pack_photos.py DATA -o build/photos.zip
    python scripts/gpu_session.py build/photos.zip -o OUT [--do check measure train] [--minutes 8]

The figures need the commands `stylize` and `pastiche`. The trainings are those of
gpu_trainings.txt: one network alone leaves a large card idle, so they run at the same time. Each
leaves its model in OUT, the state that `stylize train --resume` goes on with, and a log. Nothing
depends on this; `--do train --device cpu --minutes 0.1` tries it anywhere.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAININGS = Path(__file__).with_name("gpu_trainings.txt")
TESTS = ("tests/test_cuda.py", "tests/test_card.py")
PAIR = ("examples/red-panda.jpg", "examples/cafe-terrace-at-night.jpg")
FIGURES = (
    ("optimize.py", *PAIR, "--sizes", "512"),
    ("train.py", "{data}", "--batch", "16", "--steps", "20", "--rounds", "1"),
)
STAGES = ("check", "measure", "train")
SOURCES = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, SOURCES))}


def ran(command: Sequence[object], **options: object) -> bool:
    """Whether a Python program of this project succeeded, its environment ours."""
    words = [sys.executable, *(str(word) for word in command)]
    return subprocess.run(words, check=False, env=ENVIRONMENT, **options).returncode == 0  # type: ignore[call-overload]


def check() -> bool:
    """Whether the tests that need an accelerator pass."""
    return ran(["-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS], cwd=ROOT)


def measure(data: Path) -> bool:
    """Prints the figures; whether all could be taken."""
    commands = [[word.format(data=data) for word in command] for command in FIGURES]
    return all([ran([ROOT / "benchmarks" / name, *rest], cwd=ROOT) for name, *rest in commands])


def lanes(only: Sequence[str]) -> list[list[list[str]]]:
    """Words of the trainings' command lines: those of a lane follow each other.

    Args:
        only: names of the models wanted; none for all.
    """
    found = []
    for paragraph in TRAININGS.read_text(encoding="utf-8").split("\n\n"):
        lines = [shlex.split(line, comments=True) for line in paragraph.splitlines()]
        found.append([words for words in lines if words and (not only or words[0] in only)])
    return [lane for lane in found if lane]


def train(lane: Sequence[Sequence[str]], data: Path, out: Path, args: argparse.Namespace) -> bool:
    """Trains the models of one lane; whether all succeeded."""
    done = []
    for name, *options in lane:
        model = out / f"{name}.pt"
        command = ["-m", "stylize_cli", "train", *options, "--device", args.device, "-o", model]
        if not {"--steps", "--minutes"} & set(options):
            command += ["--minutes", args.minutes]
        with (out / f"{name}.log").open("w") as log:
            done.append(ran(command, cwd=data, stdout=log, stderr=subprocess.STDOUT))
        print(f"{name}: {'done' if done[-1] else 'FAILED'}", flush=True)
    return all(done)


def main() -> None:
    """Parses the command line; what comes later is done also where something fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="the archive")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--do", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of the trainings")
    parser.add_argument("--minutes", type=float, default=8.0, help="of a training without steps")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    out = args.output.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        with zipfile.ZipFile(args.photos) as archive:
            archive.extractall(data)
        done = []
        if "check" in args.do:
            done.append(check())
        if "measure" in args.do:
            done.append(measure(data))
        if "train" in args.do:
            chosen = lanes(args.only) or parser.error(f"no training is named {args.only}")
            with ThreadPoolExecutor(len(chosen)) as pool:
                done += pool.map(lambda lane: train(lane, data, out, args), chosen)
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()

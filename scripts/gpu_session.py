"""What a few minutes with a GPU are for: the tests marked cuda, then a training of `classics`.

    python scripts/gpu_session.py build/photos.zip -o OUT [--minutes 8]

The archive is that of scripts/pack_photos.py. OUT gets classics.pt, its state classics.state.pt,
which `stylize train --resume --steps N` goes on with, and a preview. Nothing depends on this; with
`--device cpu --minutes 0.1` it can be tried anywhere.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "examples" / "red-panda.jpg"


def check() -> bool:
    """Whether the tests that need an accelerator pass."""
    tests = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "tests"]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode == 0


def train(pictures: Path, out: Path, args: argparse.Namespace) -> bool:
    """Trains `classics` from the bundled one; whether that succeeded."""
    command = [
        *(sys.executable, "-m", "stylize_cli", "train"),
        *("--style", pictures / "styles", "--dataset", pictures / "photos"),
        *("--minutes", args.minutes, "--batch-size", args.batch_size, "--size", args.size),
        *("--width", args.width, "--from", args.start, "--device", args.device),
        *("--preview", PHOTO, "-o", out / "classics.pt"),
    ]
    return subprocess.run([str(word) for word in command], check=False).returncode == 0


def main() -> None:
    """Parses the command line; the tests first, and the training even where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="the archive")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--from", dest="start", default="classics")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    passed = check()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(args.photos) as archive:
            archive.extractall(folder)
        trained = train(Path(folder), args.output, args)
    sys.exit(0 if passed and trained else 1)


if __name__ == "__main__":
    main()

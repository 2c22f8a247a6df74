"""`stylize optimize` on an idle machine and beside one busy process, by how its threads wait.

    python benchmarks/contention.py PHOTO STYLE [--size 256] [--iterations 15] [--rounds 3]

Every round runs every way once idle and once beside a process that never sleeps, so that what else
the machine does meets them all. Whole processes; medians of ratios within a round. Aimed at: the
default loses 3 % at most to threads that spin while the machine is idle, and takes 2.2 times its
own idle time at most beside the busy process. Run it where nothing else runs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from processes import machine, measure

from stylize_cli import hardware

SPINNING = "all cores, spinning (OpenMP's own default)"
ALL = ["--threads", str(hardware.cores())]
# By name: options, and environment. GOMP_SPINCOUNT is how often a thread looks before it sleeps.
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "default: free cores, soon asleep": ([], {}),
    "all cores, asleep": (ALL, {"OMP_WAIT_POLICY": "PASSIVE"}),
    "all cores, 1,000 looks": (ALL, {"GOMP_SPINCOUNT": "1000"}),
    "all cores, 10,000 looks": (ALL, {"GOMP_SPINCOUNT": "10000"}),
    SPINNING: (ALL, {"GOMP_SPINCOUNT": "300000"}),
    "all cores, always spinning": (ALL, {"OMP_WAIT_POLICY": "ACTIVE"}),
    "one thread": (["--threads", "1"], {}),
}
# Never sleeps, and ends with whoever started it, however that ends.
BUSY = (
    "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n for _ in range(10**6): pass"
)
USERS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that never sleep."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def turn(args: argparse.Namespace, out: Path, beside: int) -> dict[str, float]:
    """Seconds of every way, once."""
    sizes = ["--size", str(args.size), "--iterations", str(args.iterations)]
    command = ["optimize", str(args.photo), str(args.style), *sizes, "-o", str(out), "--quiet"]
    with busy(beside):
        return {
            name: measure(
                [sys.executable, "-m", "stylize_cli", *command, *options], environment
            ).seconds
            for name, (options, environment) in WAYS.items()
            if name in args.ways
        }


def main() -> None:
    """Parses the command line, runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=1, help="processes beside it")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    args = parser.parse_args()
    for name in USERS:  # of whoever runs this: each way has its own
        os.environ.pop(name, None)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.png"
        turn(args, out, 0)  # reads all files once
        rounds = [(turn(args, out, 0), turn(args, out, args.busy)) for _ in range(args.rounds)]
    print(f"| way | idle, s | of {SPINNING} | beside {args.busy} busy, s | of its own idle |")
    print("|---|---|---|---|---|")
    for name in args.ways:
        idle, beside = (median(turn[index][name] for turn in rounds) for index in (0, 1))
        loss = median(calm[name] / calm.get(SPINNING, calm[name]) for calm, _ in rounds)
        slower = median(loaded[name] / calm[name] for calm, loaded in rounds)
        print(f"| {name} | {idle:.2f} | {loss:.3f} | {beside:.2f} | {slower:.2f} |")


if __name__ == "__main__":
    main()

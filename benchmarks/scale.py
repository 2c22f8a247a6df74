"""`stylize apply` beyond one process: speed by workers, where the time goes, what a million cost.

    pip install '.[ray]'
    python benchmarks/scale.py MODEL PHOTOS [--style NAME] [--count 256] [--workers 1 2]

One process has one core; a Ray cluster on this machine, with all that belongs to it, as many cores
as workers: so what handing out costs is the overhead. Speeds are those between a few pictures and
all, without what a process takes to begin. The parts are timed one picture at a time, in one
thread. The H100 is arithmetic: operations counted by torch, over its peak times a share that is
assumed, not measured.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from apply import first_style, prepare
from PIL import Image
from processes import machine, measure
from torch.utils.flop_counter import FlopCounterMode

from stylize_cli import checkpoints, decoders, encoders, engines, files, images, models
from stylize_cli.generators import KINDS
from stylize_cli.methods import feedforward

MILLION = 1_000_000
HOUR = 3600  # seconds
H100 = 989e12  # operations a second of its tensor cores, bfloat16, dense (NVIDIA's data sheet)
PARTS = ("storage", "decode", "network", "encode")
STORE = 200 * 1024**2  # bytes of memory that a machine of the cluster shares with the others


def as_jpeg(photos: Path, folder: Path, *, count: int, size: int) -> list[Path]:
    """Writes that many photos as JPEG, their long side `size`, cropped to 4:3."""
    made = []
    for file in prepare(photos, folder, count=count, size=size):
        made.append(file.with_suffix(".jpg"))
        with Image.open(file) as image:
            image.save(made[-1], quality=95)
        file.unlink()
    return made


def parts(model: str, style: str | None, photos: Sequence[Path], folder: Path) -> dict[str, float]:
    """Seconds a picture of everything that is done with it, in one thread."""
    engine = engines.open_model(models.find(model), threads=1)
    mix = feedforward.one_style(engine.about, style)
    spent = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        spent[part] += time.perf_counter() - began

    for number, photo in enumerate([photos[0], *photos]):
        if number == 1:  # the first compiled the model for this size
            spent.update(dict.fromkeys(PARTS, 0.0))
        with timed("storage"):
            data = files.contents(photo)
        with timed("decode"):
            pixels, _ = decoders.decode(data, name="a photo")
        with timed("network"):
            (output,) = feedforward.forward(engine, [pixels], [mix])
            made = feedforward.finish(
                output, pixels, engine.about, strength=1.0, preserve_color=False
            )
        with timed("encode"):
            written = encoders.encode(made, images.format_of(photo))
        with timed("storage"):
            files.write(folder / photo.name, written)
    return {part: seconds / len(photos) for part, seconds in spent.items()}


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Whatever is started while it is entered has so many of the cores (Linux)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The address of a Ray cluster with so many machines of one core, all of them this one."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    for _ in range(workers - 1):
        made.add_node(**node)
    try:
        yield made.address
    finally:
        made.shutdown()


def speed(command: Sequence[str], few: Path, many: Path, out: Path) -> tuple[float, float]:
    """Pictures a second between a few and many, and the seconds that a process takes to begin."""
    seconds, counts = [], []
    for folder in (few, few, many):  # at first all is read from the disk, and the model converted
        ran = measure(
            [*command, str(folder), "-o", str(out / folder.name), "--json", "--overwrite"]
        )
        seconds.append(ran.seconds)
        counts.append(len(ran.output.splitlines()))
    rate = (counts[2] - counts[1]) / (seconds[2] - seconds[1])
    return rate, seconds[1] - counts[1] / rate


def speeds(args: argparse.Namespace, few: Path, many: Path, out: Path) -> dict[str, float]:
    """Prints pictures a second by how many work, and gives them."""
    command = [sys.executable, "-m", "stylize_cli", "apply", args.model]
    command += ["--style", args.style] * bool(args.style)
    one = [*command, "--threads", "1"]
    rates, begins = {}, {}
    with on_cores(1):
        rates["one process"], begins["one process"] = speed(one, few, many, out / "local")
    alone, overheads = rates["one process"], {"one process": ""}
    for workers in args.workers:
        name = f"Ray, {workers} worker{'s' * (workers > 1)}"
        with on_cores(workers), cluster(workers) as address:
            ray = [*one, "--engine", "ray", "--address", address]
            rates[name], begins[name] = speed(ray, few, many, out / f"ray{workers}")
        overheads[name] = f"{1 - rates[name] / (workers * alone):.0%}"
    print("| a core each | pictures a second | of one process | overhead | begins after, s |")
    print("|---|---|---|---|---|")
    for name, rate in rates.items():
        told = f"{rate:.2f} | {rate / alone:.2f} | {overheads[name]} | {begins[name]:.1f}"
        print(f"| {name} | {told} |")
    return rates


def operations(model: str, size: tuple[int, int]) -> int:
    """Operations of one pass over a picture of (height, width): two for a product that is added."""
    checkpoint = checkpoints.load(models.find(model))
    inputs = [torch.zeros(1, 3, *size)]
    if checkpoint.styles and KINDS[checkpoint.generator].takes_mix:
        inputs.append(torch.eye(len(checkpoint.styles))[:1])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        checkpoint.build()(*inputs)
    return counter.get_total_flops()


def cost(
    split: Mapping[str, float], rates: Mapping[str, float], flops: int, share: float, bytes_: float
) -> None:
    """Prints what a million pictures cost."""
    core = sum(split.values())
    print("\n| part | ms a picture | share | core hours a million |\n|---|---|---|---|")
    for part, seconds in split.items():
        hours = seconds * MILLION / HOUR
        print(f"| {part} | {1e3 * seconds:.1f} | {seconds / core:.0%} | {hours:.1f} |")
    print(f"| all | {1e3 * core:.1f} | 100% | {core * MILLION / HOUR:.1f} |")
    print("\n| a million pictures | hours |\n|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {MILLION / rate / HOUR:.1f} |")
    fast = H100 * share / flops  # pictures a second, of the network alone
    beside = core - split["network"]
    print(
        f"| one H100 at {share:.0%} of its peak, the network alone | {MILLION / fast / HOUR:.2f} |"
    )
    print(
        f"\n{flops / 1e9:.1f} GFLOP a picture, so {share:.0%} of {H100 / 1e12:.0f} TFLOP/s / "
        f"{flops / 1e9:.1f} GFLOP = {fast:.0f} pictures a second: to feed such an H100 "
        f"and to write what it makes takes {fast * beside:.0f} cores like this one and "
        f"{fast * bytes_ / 1e6:.0f} MB/s of storage; {bytes_ / 1e3:.0f} kB a picture, in and out."
    )


def main() -> None:
    """Parses the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--style", help="default: the first of the model")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--share", type=float, default=0.3, help="of an H100's peak, assumed")
    args = parser.parse_args()
    args.style = args.style or first_style(args.model)
    print(machine("ray"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = as_jpeg(args.photos, folder / "few", count=max(2, args.count // 8), size=args.size)
        many = as_jpeg(args.photos, folder / "many", count=args.count, size=args.size)
        split = parts(args.model, args.style, few, folder)
        sizes = [file.stat().st_size + (folder / file.name).stat().st_size for file in few]
        rates = speeds(args, few[0].parent, many[0].parent, folder / "out")
        flops = operations(args.model, (args.size * 3 // 4, args.size))
        cost(split, rates, flops, args.share, sum(sizes) / len(sizes))
        print(json.dumps({"parts": split, "rates": rates, "flops": flops}), file=sys.stderr)


if __name__ == "__main__":
    main()

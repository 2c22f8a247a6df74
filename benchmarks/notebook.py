"""When does `stylize optimize --preset notebook` reach what pastiche reaches in 200 steps?

    pip install . pastiche
    python benchmarks/notebook.py DATA --peer notebook.json [--size 384] [--pairs 8] [--keep FOLDER]

DATA holds photos/ and styles/, of which the i-th of so many, evenly spread, are pairs; none of them
was looked at when the preset was made. Both programs minimise the same objective, that of Gatys'
notebook, and here one function judges both: `metrics.judge` of the saved 8-bit picture. Times are
of whole processes. The peer, which takes minutes a pair, runs once: its picture's objective and its
time are kept in the file of --peer, with the machine they were measured on. So a later run's ratios
hold on the same machine, as idle; --again measures the peer anew. --keep leaves the pictures there.

Aimed at: for each pair, the peer's objective within a twelfth of its time.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from inputs import presized, spread
from processes import machine, measure

AIM = 1 / 12
HEADER = (
    "| photo | style | pastiche, s | its objective | stylize, s | of the time | of the objective "
    "| reached |\n|---|---|---|---|---|---|---|---|"
)


def objective(result: Path, photo: Path, style: Path) -> float:
    """Of the notebook, of a saved picture."""
    pictures = [str(result), "--content", str(photo), "--style", str(style), "--json"]
    told = measure([sys.executable, "-m", "stylize_cli", "evaluate", *pictures]).output
    return float(json.loads(told)["notebook"])


def peer(photo: Path, style: Path, out: Path, args: argparse.Namespace) -> dict[str, float]:
    """Pastiche's time and objective."""
    command = ["pastiche", "-c", photo, "-s", style, "-o", out, "--size", args.size]
    steps = ["--num-steps", args.steps, "--no-verbose"]
    seconds = measure([str(word) for word in (*command, *steps)]).seconds
    return {"seconds": seconds, "objective": objective(out, photo, style)}


def ours(photo: Path, style: Path, out: Path, args: argparse.Namespace) -> dict[str, float]:
    """The preset's, by its own rule when to stop, or with the options given here."""
    command = ["optimize", str(photo), str(style), "--preset", "notebook", "-o", str(out)]
    options = ["--size", str(args.size), "--quiet", "--overwrite", *args.options.split()]
    seconds = measure([sys.executable, "-m", "stylize_cli", *command, *options]).seconds
    return {"seconds": seconds, "objective": objective(out, photo, style)}


def main() -> None:
    """Parses the command line, runs the pairs and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peer", type=Path, required=True, help="file of the peer's figures")
    parser.add_argument("--again", action="store_true", help="measure the peer anew")
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200, help="of pastiche")
    parser.add_argument("--options", default="", help='of stylize, as "--iterations 40"')
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for the pictures")
    args = parser.parse_args()
    print(machine("pastiche"))
    known = json.loads(args.peer.read_text()) if args.peer.exists() and not args.again else {}
    folders = (args.data / "photos", args.data / "styles")
    pairs = list(zip(*(spread(folder, args.pairs) for folder in folders), strict=True))
    reached = 0
    print(HEADER)
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for source, style in pairs:
            pair = f"{source.stem}--{style.stem}"
            photo = presized(source, folder, long_side=args.size, name=pair)
            key = f"{source.stem} {style.stem} {args.size} {args.steps}"
            if key not in known:
                known[key] = {
                    **peer(photo, style, folder / f"{pair}--pastiche.png", args),
                    "on": machine(),
                }
                args.peer.write_text(json.dumps(known, indent=1))
            theirs, mine = known[key], ours(photo, style, folder / f"{pair}--stylize.png", args)
            time = mine["seconds"] / theirs["seconds"]
            share = mine["objective"] / theirs["objective"]
            reached += (is_reached := time <= AIM and share <= 1)
            print(
                f"| {source.stem} | {style.stem} | {theirs['seconds']:.1f} "
                f"| {theirs['objective']:.3g} | {mine['seconds']:.1f} | {time:.3f} | {share:.2f} "
                f"| {'yes' if is_reached else 'no'} |",
                flush=True,
            )
    print(f"\nreached on {reached} of {len(pairs)}")


if __name__ == "__main__":
    main()

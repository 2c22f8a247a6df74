"""Kills `stylize` at every moment at which it touches a file, and starts it again.

Given one JSON object, `folder`, `run` and `again` (two command lines), it writes another: the files
that a whole run makes, and for every run that was killed how it ended, the files there are then,
the exit code of the one that follows, and the files there are after that.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

import forks

MOST = 10  # moments; of more, so many are drawn
TOUCHES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


def touches(event, arguments):
    """Whether a file is about to be made, renamed or removed."""
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in TOUCHES


def armed(folder, moment):
    """Counts the moments below a folder in FOLDER.log, and dies by SIGKILL at one of them."""
    log, count = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 0

    def hook(event, arguments):
        nonlocal count
        if touches(event, arguments) and str(arguments[0]).startswith(str(folder)):
            count += 1
            os.write(log, b".")
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def started(folder, command, moment=0):
    """How a run ended that is killed at that moment, from 1; and how many there were."""
    code = forks.started(folder, command, lambda: armed(folder, moment))
    return code, folder.with_suffix(".log").stat().st_size


def main():
    """Reads what is asked for from the only argument."""
    asked = json.loads(sys.argv[1])
    forks.prepare()
    prepared = Path(asked["folder"]).resolve()
    for name in ("first", "whole"):  # the first one's conversions are there for all others
        folder = forks.copied(prepared, name)
        code, moments = started(folder, asked["run"])
        assert code == 0, forks.said(folder)
        forks.warmed(prepared, folder)
    chosen = range(1, moments + 1)
    if moments > MOST:
        chosen = sorted(random.Random(0).sample(chosen, MOST))
    report = {"whole": forks.files(folder), "killed": []}
    for moment in chosen:
        folder = forks.copied(prepared, moment)
        ended, _ = started(folder, asked["run"], moment)
        then = forks.files(folder)
        code, _ = started(folder, asked["again"])
        report["killed"].append(
            {"moment": moment, "ended": ended, "then": then, "code": code}
            | {"said": forks.said(folder), "after": forks.files(folder)}
        )
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()

"""Runs command lines of `stylize` whose standard streams are full or closed.

Given one JSON object, `folder`, `commands` (command lines by name) and `streams` (by name what each
stream is: {"1": "full", "2": "closed"}), it writes another: by name of both the exit code, what was
said on stdout and stderr, and the digests of the files that were made.
"""

import json
import os
import sys
from pathlib import Path

import forks


def opened(number, mode):
    """A stream as the interpreter opens it, None where it is closed."""
    try:
        os.fstat(number)
    except OSError:
        return None
    return open(number, mode, closefd=False)


def become(streams):
    """Gives this process such streams."""
    for number, kind in streams.items():
        if kind == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), int(number))
        else:
            os.close(int(number))
    sys.stdin, sys.stdout, sys.stderr = (opened(n, mode) for n, mode in enumerate("rww"))


def main():
    """Reads what is asked for from the only argument."""
    asked = json.loads(sys.argv[1])
    forks.prepare()
    prepared, report = Path(asked["folder"]).resolve(), {}
    for name, command in asked["commands"].items():
        for kind, streams in {"usual": {}, **asked["streams"]}.items():
            folder = forks.copied(prepared, f"{name}-{kind}".replace(" ", "-"))
            code = forks.started(folder, command, lambda streams=streams: become(streams))
            before = forks.files(prepared)
            made = {name: of for name, of in forks.files(folder).items() if name not in before}
            out, err = forks.said(folder)
            report[f"{name}, {kind}"] = {"code": code, "out": out, "err": err, "made": made}
            forks.warmed(prepared, folder)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()

"""`stylize`, and `python -m stylize_cli`."""

import os
import signal

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # what says how threads wait
LOOKS = "1000"  # that a thread takes whether it is its turn, before it sleeps


def wait_asleep() -> None:
    """Lets OpenMP's threads soon sleep while they wait for each other, unless the user says else.

    By default they spin for long. Beside another busy program they spin for a thread that is not
    running, and everything takes several times as long. Those that sleep at once are woken too
    often on an idle machine (docs/benchmarks.md, "Beside other work"). It counts where torch has
    not been imported yet.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["GOMP_SPINCOUNT"] = LOOKS


def run() -> None:
    """Runs the command line; Ctrl-C while it is imported ends it as it does later."""
    wait_asleep()
    try:
        from stylize_cli.cli import app  # noqa: PLC0415 - what takes the time

        app.run()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()

"""How OpenMP's threads, which are torch's, wait for each other: here and on a cluster."""

import os

SAID = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # what says it
LOOKS = "1000"  # that a thread takes whether it is its turn, before it sleeps


def asleep() -> None:
    """Lets threads soon sleep while they wait for each other, unless the user says else.

    By default they spin for long. Beside another busy program they spin for a thread that is not
    running, and everything takes several times as long. Those that sleep at once are woken too
    often on an idle machine (docs/benchmarks.md, "Beside other work"). It counts where torch has
    not been imported yet.
    """
    if not said():
        os.environ["GOMP_SPINCOUNT"] = LOOKS


def said() -> dict[str, str]:
    """What the environment says of it, for other processes to do alike."""
    return {name: os.environ[name] for name in SAID if name in os.environ}

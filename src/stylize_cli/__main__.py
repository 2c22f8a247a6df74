"""`stylize`, and `python -m stylize_cli`."""

import contextlib
import gc
import os
import signal
from types import ModuleType

from stylize_cli import waiting

ENDED = b"interrupted before anything was made: nothing is written\n"  # as the command line says it


def run() -> None:
    """Runs the command line; Ctrl-C while it is imported ends it as it does later."""
    waiting.asleep()
    gc.disable()
    app = _app()
    # What is imported stays. As rubbish that may be, it would be looked through again and
    # again, a twentieth of a small picture's time.
    gc.freeze()
    gc.enable()
    try:
        app.run()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


def _app() -> ModuleType:
    try:
        from stylize_cli.cli import app  # noqa: PLC0415 - what takes the time
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            os.write(2, ENDED)
        os._exit(128 + signal.SIGINT)
    return app


if __name__ == "__main__":
    run()

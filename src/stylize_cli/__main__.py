"""`stylize`, and `python -m stylize_cli`."""

import gc
import os
import signal

from stylize_cli import waiting


def run() -> None:
    """Runs the command line; Ctrl-C while it is imported ends it as it does later."""
    waiting.asleep()
    gc.disable()
    try:
        from stylize_cli.cli import app  # noqa: PLC0415 - what takes the time

        # What is imported stays. As rubbish that may be, it would be looked through again and
        # again, a twentieth of a small picture's time.
        gc.freeze()
        gc.enable()
        app.run()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()

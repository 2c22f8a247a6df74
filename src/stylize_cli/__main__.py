"""`stylize`, and `python -m stylize_cli`."""

import gc
import os
import signal

from stylize_cli import waiting

# New objects after which rubbish is looked for. What is imported stays, 100,000 of them: by
# Python's own 700 they are looked through again and again, a twentieth of a small picture's time.
RUBBISH = 50_000


def run() -> None:
    """Runs the command line; Ctrl-C while it is imported ends it as it does later."""
    waiting.asleep()
    gc.set_threshold(RUBBISH)
    try:
        from stylize_cli.cli import app  # noqa: PLC0415 - what takes the time

        app.run()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()

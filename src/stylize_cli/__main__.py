"""`stylize`, and `python -m stylize_cli`."""

import os
import signal

from stylize_cli import waiting


def run() -> None:
    """Runs the command line; Ctrl-C while it is imported ends it as it does later."""
    waiting.asleep()
    try:
        from stylize_cli.cli import app  # noqa: PLC0415 - what takes the time

        app.run()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()

"""`stylize page`: all of it in the browser, on this machine only."""

import importlib.util
import os
import socket
import sys
import threading
import webbrowser
from typing import Annotated

import typer

from stylize_cli import hardware
from stylize_cli.cli.console import INTERRUPTED, Console, write_line
from stylize_cli.errors import StylizeError

HERE = "127.0.0.1"


def page(
    *,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="0: any that is free."),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open nothing.")
    ] = False,
) -> None:
    """Play with all of it in the browser; nothing leaves this machine. Ctrl-C ends it."""
    console = Console()
    missing = [name for name in ("starlette", "uvicorn") if not importlib.util.find_spec(name)]
    if missing:
        raise StylizeError(
            f"the page needs {' and '.join(missing)}: pip install 'stylize-cli[page]'"
        )
    listener = _listener(port)
    # Torch, which is not imported yet, knows the affinity but not a container's quota.
    os.environ.setdefault("OMP_NUM_THREADS", str(hardware.cores()))

    import uvicorn

    from stylize_cli.page import server
    from stylize_cli.page.gate import Gate
    from stylize_cli.page.studio import Studio

    gate = Gate(server.app(Studio()))
    settings = uvicorn.Config(gate, log_config=None, log_level="critical", lifespan="off")
    serving = threading.Thread(
        target=uvicorn.Server(settings).run, args=([listener],), daemon=True, name="page"
    )
    serving.start()
    address = f"http://{HERE}:{listener.getsockname()[1]}/?token="
    write_line(address + gate.token)
    if not no_browser and _has_screen():
        webbrowser.open(address + gate.ticket())
    console.say("the page is open on this machine only; Ctrl-C ends it")
    try:
        while serving.is_alive():
            serving.join(1)  # not for ever: on Windows nothing would interrupt it
    except KeyboardInterrupt:  # the way to end it
        raise typer.Exit(INTERRUPTED) from None


def _listener(port: int) -> socket.socket:
    """A socket that only this machine reaches.

    Raises:
        StylizeError: the port cannot be had.
    """
    listener = socket.socket()
    try:
        if os.name != "nt":  # where it would let two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HERE, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise StylizeError(
            f"port {port} cannot be had ({error.strerror}): give another --port, or none"
        ) from error
    return listener


def _has_screen() -> bool:
    """Whether a browser would open beside the terminal, not in it."""
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

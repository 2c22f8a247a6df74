"""`stylize`, whose workers on a cluster end at one picture, as by a crash in a decoder.

Run as `python deadly.py apply …`; the workers find this module on their path too.
"""

import os
from pathlib import Path

from stylize_cli import decoders
from stylize_cli.methods import farm
from stylize_cli.methods.painter import Painter

DEADLY = b"deadly"  # a file with these bytes: its worker is gone
BROKEN = b"broken"  # at these a library raises what nobody foresaw


class Mortal(Painter):
    """A worker that notes in LIVES, a file, how often it met the deadly picture."""

    def __init__(self, *given):
        super().__init__(*given)
        size_of = decoders.size_of

        def reading(data):
            if data == DEADLY:
                with Path(os.environ["LIVES"]).open("a") as lives:
                    lives.write("x")
                os._exit(1)
            if data == BROKEN:
                raise ZeroDivisionError("a pixel too few")
            return size_of(data)

        decoders.size_of = reading


if __name__ == "__main__":
    import deadly  # as the workers know it, not as "__main__"

    farm.Painter = deadly.Mortal
    from stylize_cli.__main__ import run

    run()

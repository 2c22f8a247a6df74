"""Feeds readers with what a coverage-guided fuzzer makes of a few small files, for some seconds.

``pip install -e '.[fuzz]' && python tests/fuzz/fuzz.py pictures --seconds 60``. Anything but a
result or a `StylizeError` ends it, with the input in a file ``crash-…``; so does an input that
takes over 2 GB or a minute. What is found belongs into ``corpus/``, and as a test beside the
reader's others.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stylize_cli", "tifffile", "PIL", "zipfile"]):
    from stylize_cli import checkpoints, decoders, models
    from stylize_cli.errors import StylizeError

HERE = Path(__file__).parent
FOLDER = tempfile.TemporaryDirectory()
FILE = Path(FOLDER.name) / "file.pt"


def picture(data: bytes) -> None:
    """Decodes it, whole and small."""
    for least in (None, 8):
        decoders.decode(data, name="x", least=least, room=10**9)


def model(data: bytes) -> None:
    """Reads and builds it as a model."""
    FILE.write_bytes(data)
    checkpoints.load(FILE).build()


def state(data: bytes) -> None:
    """Reads it as a training's state."""
    FILE.write_bytes(data)
    checkpoints.load_state(FILE).checkpoint.build()


def index(data: bytes) -> None:
    """Reads it as an index of models."""
    try:
        models.parse(data, where="available")
    except ValueError as error:  # which whoever asks for it turns into one
        raise StylizeError(str(error)) from error


READERS: dict[str, Callable[[bytes], None]] = {
    "pictures": picture,
    "models": model,
    "states": state,
    "indexes": index,
}


def _check(line: str) -> None:
    assert line.isprintable(), repr(line)


def main() -> None:
    """Parses the command line, and fuzzes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    read = READERS[given.kind]

    def once(data: bytes) -> None:
        try:
            read(data)
        except StylizeError as error:
            _check(str(error))

    with tempfile.TemporaryDirectory() as found:
        limits = [f"-max_total_time={given.seconds}", "-rss_limit_mb=2048", "-timeout=60"]
        corpus = [found, str(HERE / "corpus" / given.kind)]  # what is new goes into the first
        atheris.Setup([sys.argv[0], *limits, "-max_len=40000", *corpus], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Feeds readers with what a coverage-guided fuzzer makes of a few small files, for some seconds.

``pip install -e '.[fuzz]' && python tests/fuzz/fuzz.py pictures --seconds 60``. Anything but a
result or a `StylizeError` ends it, with the input in a file ``crash-…``; so does an input that
takes over 2 GB or a minute. What is found belongs into ``corpus/``, and as a test beside the
reader's others. `test_fuzz.py` reads the corpus without it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stylize_cli", "tifffile", "PIL", "zipfile"]):
    import readers


def main() -> None:
    """Parses the command line, and fuzzes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=readers.READERS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--found", type=Path, help="folder for what reached new code")
    given = parser.parse_args()

    def once(data: bytes) -> None:
        readers.read(given.kind, data)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        return readers.mutated(data, seed, lambda part: atheris.Mutate(part, most))[:most]

    with tempfile.TemporaryDirectory() as folder:
        found = given.found or Path(folder)
        found.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_total_time={given.seconds}", "-rss_limit_mb=2048", "-timeout=60"]
        corpus = [str(found), str(readers.CORPUS / given.kind)]  # what is new goes into the first
        arguments = [sys.argv[0], *limits, "-max_len=40000", *corpus]
        if given.kind in ("models", "states"):
            atheris.Setup(arguments, once, custom_mutator=mutated)
        else:
            atheris.Setup(arguments, once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""A page that a script writes: what its command line does."""

import argparse
import sys
from pathlib import Path


def write_or_check(page: Path, text: str, about: str | None) -> None:
    """Writes the page; with --check, exits with 1 where it is not what it would write.

    Args:
        page: the file.
        text: what it is to hold.
        about: the script, for --help.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args().check:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        sys.exit(f"{page} is out of date: run python scripts/{Path(sys.argv[0]).name}")

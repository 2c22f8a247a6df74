"""What is checked of every option that a caller gives by name."""

from collections.abc import Iterable, Mapping
from typing import Any

from stylize_cli.config import MOST
from stylize_cli.errors import StylizeError

Ranges = Mapping[str, tuple[float, float]]  # least and most, both allowed, by option

ANY = float("inf")
SEED = (0, 2**32 - 1)
PAINTED: Ranges = {"strength": (0, 1), "size": (2, MOST)}  # of whatever a network paints


def check(function: str, options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raises `TypeError` for an option that a function does not have, as Python itself does."""
    unknown = options.keys() - known.keys()
    if unknown:
        raise TypeError(f"{function} has no option {', '.join(sorted(unknown))}")


def check_ranges(options: Mapping[str, Any], ranges: Ranges) -> None:
    """Refuses numbers beyond their range; None is not given.

    Raises:
        StylizeError: one is too small or too large.
    """
    for name, (least, most) in ranges.items():
        value = options.get(name)
        if value is not None and not least <= value <= most:
            wanted = f"at least {least:g}" if most == ANY else f"from {least:g} to {most:.10g}"
            raise StylizeError(f"{name} {value} will not do: it must be {wanted}")


def check_unused(options: Mapping[str, Any], names: Iterable[str], owner: str) -> None:
    """Refuses options that would be ignored.

    Args:
        options: by name; None and False are not given.
        names: of those that count for nothing here.
        owner: what has none of them, such as "--texture".

    Raises:
        StylizeError: one of them is given.
    """
    for name in names:
        value = options.get(name)
        if value is not None and value is not False:
            raise StylizeError(f"{owner} has no --{name.replace('_', '-')}: leave it out")

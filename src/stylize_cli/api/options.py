"""What is checked of every option that a caller gives by name."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from stylize_cli import choices
from stylize_cli.config import MOST
from stylize_cli.errors import StylizeError

Ranges = Mapping[str, tuple[float, float]]  # least and most, both allowed, by option

ANY = float("inf")
Options = TypeVar("Options", bound=Mapping[str, Any])
SEED = (0, 2**32 - 1)
PAINTED: Ranges = {"strength": (0, 1), "size": (2, MOST)}  # of whatever a network paints


def check(function: str, options: Options, hints: Mapping[str, Any], ranges: Ranges) -> Options:
    """Checks all options of a function.

    Args:
        function: what to call it.
        options: by name.
        hints: the types of those that it has.
        ranges: of those that are numbers.

    Returns:
        Those that are given: None is the default everywhere.

    Raises:
        StylizeError: a value will not do.
        TypeError: the function has no such option, as Python itself says.
    """
    unknown = options.keys() - hints.keys()
    if unknown:
        raise TypeError(f"{function} has no option {', '.join(sorted(unknown))}")
    choices.check(options, hints)
    check_ranges(options, ranges)
    return cast(Options, {name: one for name, one in options.items() if one is not None})


def check_ranges(options: Mapping[str, Any], ranges: Ranges) -> None:
    """Refuses numbers beyond their range; None is not given, and a word is for `choices.check`.

    Raises:
        StylizeError: one is too small or too large, or not finite.
    """
    for name, (least, most) in ranges.items():
        value = options.get(name)
        if value is None or isinstance(value, str):
            continue
        if not least <= value <= most or value == ANY:
            wanted = f"from {least:g} to {most:.10g}"
            if most == ANY:
                wanted = f"at least {least:g}, and finite"
            raise StylizeError(f"`{name}` {value} will not do: it must be {wanted}")


def check_unused(options: Mapping[str, Any], names: Iterable[str], owner: str) -> None:
    """Refuses options that would be ignored.

    Args:
        options: by name; None and False are not given.
        names: of those that count for nothing here.
        owner: what has none of them, such as "`texture`".

    Raises:
        StylizeError: one of them is given.
    """
    for name in names:
        value = options.get(name)
        if value is not None and value is not False:
            raise StylizeError(f"{owner} has no `{name}`: leave it out")

"""What is checked of every option that a caller gives by name."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar, cast

from stylize_cli import choices, hardware
from stylize_cli.config import MOST
from stylize_cli.errors import StylizeError

# Least and most, both allowed, by option. Between two that are whole, numbers are whole.
Ranges = Mapping[str, tuple[float, float]]

ANY = float("inf")
Options = TypeVar("Options", bound=Mapping[str, Any])
SEED = (0, 2**32 - 1)
MEMORY: Ranges = {"memory": (0, ANY)}  # bytes
THREADS: Ranges = {"threads": (1, hardware.MOST_THREADS)}
PAINTED: Ranges = {"strength": (0.0, 1.0), "size": (2, MOST)}  # of whatever a network paints


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
        TypeError: the function has no such option, as Python itself says; or see `check_ranges`.
    """
    unknown = options.keys() - hints.keys()
    if unknown:
        raise TypeError(f"{function} has no option {', '.join(sorted(unknown))}")
    choices.check(options, hints)
    words = {name for name, one in options.items() if one in choices.named(hints[name])}
    check_ranges({name: one for name, one in options.items() if name not in words}, ranges)
    return cast(Options, {name: one for name, one in options.items() if one is not None})


def check_ranges(options: Mapping[str, Any], ranges: Ranges) -> None:
    """Refuses what is no number, and numbers beyond their range; None is not given.

    Raises:
        StylizeError: one is too small or too large, or not finite.
        TypeError: one is no number, or not a whole one.
    """
    for name, (least, most) in ranges.items():
        value = options.get(name)
        if value is None:
            continue
        is_whole = isinstance(least, int) and isinstance(most, int)
        is_number = isinstance(value, Integral if is_whole else Real)
        if not is_number:
            wanted = "a whole number" if is_whole else "a number"
            raise TypeError(f"`{name}` takes {wanted}, not {value!r}")
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

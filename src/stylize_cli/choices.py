"""Options that have one of a few values, which their types name."""

from collections.abc import Mapping
from numbers import Integral
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from stylize_cli.errors import StylizeError


def check(options: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Refuses a value that its type does not name; None is not given.

    Args:
        options: by name.
        hints: their types, as a function or a `TypedDict` has them in its `__annotations__`. Of
            one with a `Literal` the values in it will do, and whole numbers where it is an `int`
            too. Other types are not looked at.

    Raises:
        StylizeError: a value is another.
    """
    for name, value in options.items():
        hint = hints.get(name)
        known, takes_numbers = named(hint), int in _kinds(hint)
        is_number = takes_numbers and isinstance(value, Integral)
        if known and value is not None and value not in known and not is_number:
            listed = ", ".join(map(str, [*known, *(["a number"] if takes_numbers else [])]))
            raise StylizeError(f"`{name}` {value!r} will not do: use one of: {listed}")


def named(hint: object) -> list[object]:
    """The values that a type names, in a `Literal` that it is or that is a part of it."""
    return [one for kind in _kinds(hint) if get_origin(kind) is Literal for one in get_args(kind)]


def _kinds(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)

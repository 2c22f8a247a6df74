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
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        named = [one for kind in kinds if get_origin(kind) is Literal for one in get_args(kind)]
        is_number = int in kinds and isinstance(value, Integral)
        if named and value is not None and value not in named and not is_number:
            known = ", ".join(map(str, [*named, *(["a number"] if int in kinds else [])]))
            raise StylizeError(f"`{name}` {value!r} will not do: use one of: {known}")

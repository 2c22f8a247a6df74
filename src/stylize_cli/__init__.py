"""Neural style transfer: Gatys, texture networks, Johnson, Dumoulin.

What there is to call (docs/python.md) is found when it is first asked for: importing this package
loads neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylize_cli.api.evaluate import evaluate
    from stylize_cli.api.network import Network, load
    from stylize_cli.api.optimization import Iterate
    from stylize_cli.api.optimize import iterate, optimize
    from stylize_cli.api.picture import Picture
    from stylize_cli.api.train import train
    from stylize_cli.api.video import Video, video
    from stylize_cli.errors import StylizeError

__version__ = "0.1.0"
__all__ = [
    "Iterate",
    "Network",
    "Picture",
    "StylizeError",
    "Video",
    "__version__",
    "evaluate",
    "iterate",
    "load",
    "optimize",
    "train",
    "video",
]

_HOMES = {
    "Iterate": "api.optimization",
    "Network": "api.network",
    "Picture": "api.picture",
    "StylizeError": "errors",
    "Video": "api.video",
    "evaluate": "api.evaluate",
    "iterate": "api.optimize",
    "load": "api.network",
    "optimize": "api.optimize",
    "train": "api.train",
    "video": "api.video",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each name has a type of its own, above
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Settings of every method, and what all of them share. Each constant names its paper's section."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Precision = Literal["auto", "float32", "bfloat16"]
StatisticName = Literal["gram", "gaussian"]
PairType = Literal["float32", "bfloat16"]
BlockWeights = tuple[float, float, float, float, float]

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # Gatys et al. 2016, sec. 2
CONTENT_LAYERS = ("relu4_2",)
MOST = 10_000_000  # of any count, and px of a side: of more there is no end, and no picture
LEAST_SIDE = 16  # px, long side of a picture that is optimised, and of a figure's
CELL = 256  # px, long side of a figure's pictures where nothing is said
EVEN: BlockWeights = (1.0, 1.0, 1.0, 1.0, 1.0)
LUMINANCE = (0.299, 0.587, 0.114)  # of RGB: Y of YIQ (Gatys et al. 2016, "Preserving Color", 3.2)

Config = TypeVar("Config", bound="DataclassInstance")


def override(config: Config, **given: Any) -> Config:  # noqa: ANN401 - any field
    """The config with what was given in its place; None is not given."""
    return replace(config, **{name: value for name, value in given.items() if value is not None})

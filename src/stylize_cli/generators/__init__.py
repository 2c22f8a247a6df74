"""The trained networks: a row for each, of all that others need to know. It imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Kind:
    """One kind of generator.

    Attributes:
        home: its module and its class, below this package.
        alive: values alive at once at the peak of a pass, per pixel of its output, as multiples of
            its width; chosen so that no measured peak was above the estimate.
        takes_mix: whether its second input is a mixture of styles.
        takes_noise: whether it takes noise at several scales, each half as coarse as the last.
        shortest: side of a photo that it can be trained on, px.
        width: of its maps, where a file does not say.
        halo: px around its own place that a pixel of the output looks at, statistics apart; of one
            that takes noise, `noise_field.halo` says it.
        block_halo: px more for each residual block, of one that takes a number of these.
        is_cut: whether it normalises by the picture at hand, and says where (`pieces`).
    """

    home: str
    alive: float
    takes_mix: bool = False
    takes_noise: bool = False
    shortest: int = 1
    width: int = 32
    halo: int = 0
    block_halo: int = 0
    is_cut: bool = False

    @property
    def takes_blocks(self) -> bool:
        """Whether it is built with a number of residual blocks."""
        return self.block_halo > 0

    def build(self, **arguments: Any) -> "nn.Module":  # noqa: ANN401 - each has its own
        """The network, untrained; its class says what the arguments are."""
        module, _, name = self.home.partition(".")
        network: nn.Module = getattr(import_module(f"{__name__}.{module}"), name)(**arguments)
        return network

    def multiple(self, levels: int) -> int:
        """What sides of a training's pictures must be multiples of.

        Args:
            levels: scales of noise, where it takes any.
        """
        return int(2 ** (levels - 1)) if self.takes_noise else 4

    def least(self, levels: int) -> int:
        """The shortest side of a training's pictures, px.

        Args:
            levels: scales of noise, where it takes any: at the coarsest too there must be a
                deviation to divide by.
        """
        return 2 * self.multiple(levels) if self.takes_noise else self.shortest


USUAL_BLOCKS = 4  # residual, where a file does not say how many


def blocks_of(arguments: Mapping[str, Any]) -> int:
    """How many residual blocks a network of such arguments has, of a kind that takes a number."""
    return int(arguments.get("blocks", USUAL_BLOCKS))


def width_of(generator: str, arguments: Mapping[str, Any]) -> int:
    """The width of a network of such arguments, which its maps are multiples of."""
    return int(arguments.get("width", KINDS[generator].width))


KINDS: Mapping[str, Kind] = {
    "conditional": Kind(
        "conditional.ConditionalTransform", alive=5.0, takes_mix=True, halo=60, is_cut=True
    ),
    "halved": Kind(
        "halved.HalvedTransform", alive=2.5, takes_mix=True, halo=16, block_halo=8, is_cut=True
    ),
    # It mirrors 40 px around its input.
    "johnson": Kind("johnson.JohnsonTransform", alive=2.5, shortest=41, halo=64),
    "johnson-upscaler": Kind("superres.JohnsonUpscaler", alive=1.5, width=64, halo=16),
    # Alive is its trunk, at full resolution.
    "pyramid": Kind("pyramid.Pyramid", alive=7.0, takes_noise=True, width=8),
    "upscaler": Kind("superres.Upscaler", alive=1.5, width=64, halo=5, block_halo=2),
}

"""The trained networks, and the table that names them in a model file."""

from collections.abc import Callable, Mapping

from torch import nn

from stylize_cli.generators.conditional import ConditionalTransform
from stylize_cli.generators.johnson import JohnsonTransform
from stylize_cli.generators.pyramid import Pyramid
from stylize_cli.generators.superres import JohnsonUpscaler, Upscaler

BUILDERS: Mapping[str, Callable[..., nn.Module]] = {
    "conditional": ConditionalTransform,
    "johnson": JohnsonTransform,
    "johnson-upscaler": JohnsonUpscaler,
    "pyramid": Pyramid,
    "upscaler": Upscaler,
}

"""Which pictures a work is given, and what goes with them: seen without torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stylize_cli.api.options import check_unused
from stylize_cli.api.picture import Source
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.optimization import OptimizeOptions

OF_PHOTOS = ("preserve_color", "balance", "content_weight", "content_layers")


def check_roles(
    photos: Sequence[Source], styles: Sequence[Source], options: "OptimizeOptions"
) -> None:
    """Refuses too few pictures, and options that photos alone take, or textures.

    Args:
        photos: one, or none for a texture.
        styles: that it is to be painted in; none for a texture.
        options: all else.

    Raises:
        StylizeError: they do not go together.
    """
    if options.get("texture") is None:
        if not photos or not styles:
            raise StylizeError(
                "give a photo and at least one style: stylize optimize PHOTO STYLE..."
            )
        if options.get("match_histogram"):
            raise StylizeError("--match-histogram is for textures: give --texture IMAGE")
    elif photos or styles:
        raise StylizeError("--texture takes no photo: leave out CONTENT and STYLE")
    elif options.get("preset", "default") != "default":
        raise StylizeError("--texture has its own settings: leave out --preset")
    elif options.get("init") == "content":
        raise StylizeError("--texture has no photo: --init takes noise, or a picture's file")
    else:
        check_unused(options, OF_PHOTOS, "--texture")


def check_compared(style: Source | None, content: Source | None) -> None:
    """Raises `StylizeError` where there is nothing that a result could be compared with."""
    if content is None and style is None:
        raise StylizeError("nothing to compare with: give --style IMAGE, --content PHOTO or both")

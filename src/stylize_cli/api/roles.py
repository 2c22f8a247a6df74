"""Which pictures a work is given, and what goes with them: seen without torch."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli import paths
from stylize_cli.api.options import check_unused
from stylize_cli.api.picture import Source
from stylize_cli.config.train import Method
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.lesson import TrainOptions
    from stylize_cli.api.optimization import OptimizeOptions

OF_PHOTOS = ("preserve_color", "balance", "content_weight", "content_layers")
FACTORS = (2, 4, 8)  # of super-resolution
WHOLE = ("upscale", "start", "width", "levels")  # options of a network that is trained as a whole
NEEDS: Mapping[str, str] = {
    "perceptual": "one `styles`",
    "conditional": "`styles` once or more",
    "texture": "one `styles`, and no `photos`",
    "texture-style": "one `styles`",
    "super-resolution": "`upscale`, and no `styles`",
}
# What a method may be called for beside what is found by itself.
ALSO: Mapping[Method, tuple[Method, ...]] = {
    "perceptual": ("conditional", "texture-style"),
}
UNUSED: Mapping[Method, tuple[str, ...]] = {  # options that have no part in a training
    "perceptual": ("levels",),
    "conditional": ("levels",),
    "texture": ("content_weight", "content_layer", "preview", "preview_every"),
    "super-resolution": ("levels", "style_weight", "style_layers", "style_size"),
}


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
            raise StylizeError("give a photo and at least one style, in this order")
        if options.get("match_histogram"):
            raise StylizeError("`match_histogram` is for textures: give `texture` IMAGE")
    elif photos or styles:
        raise StylizeError("`texture` takes no photo: leave out CONTENT and STYLE")
    elif options.get("preset", "default") != "default":
        raise StylizeError("`texture` has its own settings: leave out `preset`")
    elif options.get("init") == "content":
        raise StylizeError("`texture` has no photo: `init` takes noise, or a picture's file")
    else:
        check_unused(options, OF_PHOTOS, "`texture`")


def check_compared(style: Source | None, content: Source | None) -> None:
    """Raises `StylizeError` where there is nothing that a result could be compared with."""
    if content is None and style is None:
        raise StylizeError("nothing to compare with: give `style` IMAGE, `content` PHOTO or both")


def check_training(
    styles: int, photos: "str | PathLike[str] | None", options: "TrainOptions"
) -> Method:
    """What is to be trained: so many styles, one more of a model, or super-resolution.

    Args:
        styles: how many a network of its own is to learn; none where one is added to a model.
        photos: folder of them, or None.
        options: all else.

    Raises:
        StylizeError: that does not fit together, or there is no such folder.
    """
    _check_minutes(options)
    _check_added(styles, options)
    method = _method(styles, options, photos=photos is not None)
    check_unused(options, UNUSED.get(method, ()), f"`method` {method}")
    if options.get("preview_every") is not None and options.get("preview") is None:
        raise StylizeError("`preview_every` says when `preview` PHOTO is drawn: give both")
    if method != "texture":
        if photos is None:
            raise StylizeError("there are no photos to train on: give `photos` FOLDER")
        paths.check_photos(Path(photos))
    return method


def _check_minutes(options: "TrainOptions") -> None:
    """Refuses a time where steps are what counts."""
    if options.get("minutes") is None:
        return
    if options.get("steps") is not None:
        raise StylizeError("`minutes` takes as many steps as there is time for: leave out `steps`")
    if options.get("resume"):
        raise StylizeError("`minutes` is for a whole training: with `resume` give `steps`")


def _check_added(styles: int, options: "TrainOptions") -> None:
    """Refuses what does not go with a style that is added to a model."""
    added, to = options.get("add_style"), options.get("to")
    if (added is None) != (to is None):
        raise StylizeError("`add_style` IMAGE and `to` MODEL.pt go together: give both")
    if to is not None and (
        styles
        or any(options.get(name) is not None for name in WHOLE)
        or options.get("method", "auto") not in ("auto", "conditional")
    ):
        raise StylizeError(
            "`add_style` trains one row of a model: leave out `styles`, `method`, `upscale`, "
            "`start`, `width`, `levels`"
        )


def _method(styles: int, options: "TrainOptions", *, photos: bool) -> Method:
    """What is to be trained; see `check_training`.

    Raises:
        StylizeError: there is nothing, or it does not fit the method that is asked for.
    """
    if options.get("to") is not None:
        return "conditional"
    wanted, factor = options.get("method", "auto"), options.get("upscale")
    if factor not in (None, *FACTORS):
        raise StylizeError(f"`upscale` {factor} will not do: use 2, 4 or 8")
    if factor is None and not styles:
        raise StylizeError(
            "nothing to learn: give `styles` IMAGE, or `upscale` 4 to enlarge photos"
        )
    if factor is not None and styles:
        raise StylizeError("`upscale` has no style: leave out one of `styles` and `upscale`")
    found: Method = "perceptual" if styles == 1 else "conditional"
    if factor is not None:
        found = "super-resolution"
    elif styles == 1 and not photos and wanted in ("auto", "texture"):
        found = "texture"
    if wanted in ("auto", found) or wanted in ALSO.get(found, ()):
        return found if wanted == "auto" else wanted
    raise StylizeError(f"`method` {wanted} needs {NEEDS[wanted]}; or leave out `method`")

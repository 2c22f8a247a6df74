"""Settings of an optimised picture: the presets, a texture's and a reconstruction's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from stylize_cli.config import (
    CONTENT_LAYERS,
    EVEN,
    STYLE_LAYERS,
    BlockWeights,
    PairType,
    StatisticName,
)
from stylize_cli.vgg import Edges, Pool

Optimizer = Literal["lbfgs", "adam"]
Init = Literal["content", "noise"]
Weighting = Literal["relative", "mean", "paper"]
Normalise = Literal["never", "known", "always"]
GatysPreset = Literal["default", "paper", "notebook"]
PresetName = Literal["default", "paper", "notebook", "neighbours"]


@dataclass(frozen=True)
class OptimizeConfig:
    """What `stylize optimize` minimises, and how.

    Attributes:
        size: long side of the result, px.
        iterations: evaluations of the loss at each scale.
        scales: sizes optimised one after the other, each half of the next; "auto" starts from about
            128 px.
        optimizer: bounded L-BFGS, or Adam.
        init: what the first scale starts from. Noise is white; without a photo it is faint, in
            the style's mean colour.
        weighting: what the weights multiply. "relative": each term over its own scale, so that one
            setting serves every pair (docs/optimize.md); "mean": mean squares, each style layer
            over N² (Gatys' notebook); "paper": mean squares, each style layer by w_l = 1/L, as the
            course notes write Gatys et al. 2016, eq. 1 to 5 (docs/methods.md).
        balance: from 0, all photo, to 1, all painter: how much of the photo's features may be lost,
            which the content weight is steered to from round to round; None leaves it alone. No one
            weight does for every pair.
        recolour: whether the photo has the painting's palette before it is painted, as far as the
            balance wants (`palette_share`): what is matched then asks for no colours that the
            painter has not, and strokes need not fight for them.
        details: whether a scale starts with the photo's details in the enlarged result of the one
            below, which is blurred and would have to find them anew.
        content_weight: of the content layers together; where it is steered, at the start.
        style_weight: of the style layers together.
        layout_weight: of light and dark where the photo has them (`losses.tonal_layout`): what
            keeps a painting's moon or railing out of the photo's sky.
        tv_weight: of the total variation per value.
        content_layers: layers whose features are matched.
        style_layers: layers whose statistics are matched.
        statistic: of the style's features: their Gram matrix, or their mean and covariance, as
            Gaussians by their Wasserstein-2 distance (`statistics`).
        block_weights: of the style layers, by the VGG block they are in. Shallow layers hold the
            palette and the grain of the brush; a picture can match them nearly exactly, and does
            only where they weigh more.
        style_scale: side of the style image relative to one of the result's area.
        pool: max as trained, or average.
        edges: how the descriptor treats the image's border.
        normalise: whether to scale VGG's weights so that every filter's mean activation is 1;
            "known": if its means are known, as those of the bundled network are.
        history: pairs L-BFGS keeps.
        pairs: the type that it keeps them in.
        spectrum: how much longer its steps are in coarse forms than in fine ones, before its
            history tells: the exponent of `minimizers.coarse_first`, 0 for alike.
        settled: share of the loss that the last iterations must have lowered it by for a scale to
            go on; 0 ends it by their number alone.
    """

    size: int = 512
    iterations: int = 54
    scales: int | Literal["auto"] = "auto"
    optimizer: Optimizer = "lbfgs"
    init: Init = "content"
    weighting: Weighting = "relative"
    balance: float | None = 0.5
    recolour: bool = True
    details: bool = True
    content_weight: float = 0.6
    style_weight: float = 1.0
    layout_weight: float = 0.2
    tv_weight: float = 1.5
    content_layers: tuple[str, ...] = ("relu3_3", "relu4_2")
    style_layers: tuple[str, ...] = STYLE_LAYERS
    statistic: StatisticName = "gram"
    block_weights: BlockWeights = (8.0, 4.0, 4.0, 4.0, 2.0)
    style_scale: float = 1.4
    pool: Pool = "avg"
    edges: Edges = "clean"
    normalise: Normalise = "known"
    history: int = 6
    pairs: PairType = "float32"
    spectrum: float = 0.0
    settled: float = 0.0

    @property
    def layers(self) -> set[str]:
        """All layers looked at."""
        return {*self.content_layers, *self.style_layers}

    @property
    def palette_share(self) -> float:
        """How far the photo's colours go towards the painting's, before it is painted: [0, 1]."""
        return palette_share(self.balance) if self.recolour else 0.0


def palette_share(balance: float | None) -> float:
    """How far a balance wants the photo's colours to go towards the painting's: [0, 1]."""
    return 1.0 if balance is None else min(1.0, 2 * balance)


# What the literature has, as far as it is one: the deepest content layer, plain weights.
_LITERATURE = OptimizeConfig(
    balance=None,
    recolour=False,
    details=False,
    layout_weight=0.0,
    tv_weight=0.0,
    content_layers=CONTENT_LAYERS,
    block_weights=EVEN,
    style_scale=1.0,
)

PRESETS: Mapping[GatysPreset, OptimizeConfig] = {
    "default": OptimizeConfig(),
    # Gatys et al. 2016, sec. 2, as the course notes have it: normalised VGG-19, average pooling,
    # w_l = 1/5, one scale, from the photo; of the ratios 1e-3 to 10, alpha/beta = 0.1 shows both.
    "paper": replace(
        _LITERATURE,
        iterations=200,
        scales=1,
        weighting="paper",
        content_weight=0.1,
        normalise="always",
        history=20,
    ),
    # Gatys' own later notebook (PytorchNeuralStyleTransfer): its objective, not its optimiser.
    "notebook": replace(
        _LITERATURE,
        iterations=56,
        weighting="mean",
        content_weight=1.0,
        style_weight=1e3,
        pool="max",
        edges="trained",
        normalise="never",
        history=20,
        spectrum=1.0,
        settled=0.05,
    ),
}

# Gatys et al. 2015 in spirit: style only, from noise. Of their average pooling and layers against
# those of the style loss, with several block weights, these looked and measured best.
TEXTURE = replace(
    _LITERATURE,
    iterations=100,
    init="noise",
    content_layers=(),
    block_weights=(16.0, 4.0, 2.0, 1.0, 1.0),
)

# What one layer or a set of them keeps (Gatys et al. 2016, fig. 1): from noise, one term only.
RECONSTRUCT_CONTENT = replace(
    _LITERATURE,
    size=256,
    iterations=100,
    init="noise",
    content_weight=1.0,
    tv_weight=2.0,
    style_layers=(),
    pool="max",
    normalise="never",
)
RECONSTRUCT_STYLE = replace(TEXTURE, size=256)
FIGURE_CONTENT = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")  # ibid., fig. 1 a-e


def starts_from_noise(preset: PresetName, init: object, *, is_texture: bool) -> bool:
    """Whether noise is drawn, which is all that is random in an optimisation.

    Args:
        preset: the settings.
        init: what to start from in place of theirs, or None.
        is_texture: whether a texture is made, which has settings of its own.
    """
    if preset == "neighbours":
        return False
    return (init or (TEXTURE if is_texture else PRESETS[preset]).init) == "noise"

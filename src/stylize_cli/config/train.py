"""Settings of a training: the presets of every method."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from stylize_cli.config import EVEN, STYLE_LAYERS, BlockWeights, StatisticName
from stylize_cli.vgg import Edges, Pool

Method = Literal["perceptual", "conditional", "texture", "texture-style", "super-resolution"]
TrainPreset = Literal["default", "paper"]
Loss = Literal["feature", "pixel"]

LEAST_SIZE = 32  # px, side of a sample and of a style
SAVE_EVERY = 100  # steps


@dataclass(frozen=True)
class TrainConfig:
    """What `stylize train` trains, on what, and how.

    Attributes:
        generator: the network, a key of `generators.KINDS`.
        width: maps of its first convolution; of every branch of a pyramid.
        blocks: residual, of an upscaler or a network of styles without maps of full size.
        steps: updates of the weights.
        batch_size: pictures a step.
        size: side of the crops, px; of a super-resolution net's results.
        zoom: how much larger than the crop a photo's short side may be before it is cropped, least
            and most; None crops every photo as it is.
        flip: mirror every other crop.
        turn: crops by quarters, at random.
        grain: how much of `grain.drawn` is laid over what the network sees of a photo, in training
            and ever after.
        optimizer: "adam", or "muon" (`muon.Muon`).
        lr: its step size at the start.
        decay: "cosine" to nothing at the end, "constant", or in "steps": by 0.7 after 1000 updates
            and after every 200 from there on.
        loss: of features, or of pixels (super-resolution's baseline).
        weighting: what the weights multiply. "relative": each term over the target's own scale, so
            that one setting serves every style; "norm": likewise, each style layer by the norm and
            not by its square, so that no layer drowns the others while they are far away; "mean":
            mean squares on 0-255; "volume": the same with Gram matrices over C·H·W (Johnson's and
            Ulyanov's code).
        content_weight: of the content layer.
        recolour: whether the photo whose content is matched has the style's palette: mean and
            covariance of its colours.
        style_weight: of the style layers together where relative; of each where not.
        photo_first: updates in which the style's weight rises from nothing, as the fourth power of
            their number. A network of random weights that meets the style at its full weight
            paints the same texture over every photo, and is slow to find the photo again.
        halved_weight: how much as many as those the style layers count once more, of result and
            style at half their size: strokes and planes twice as large.
        tv_weight: of the total variation per value.
        layout_weight: of light and dark where the photo has them (`losses.tonal_layout`): what
            keeps halos, glows and vignettes away.
        range_weight: of values beyond the style's own, which a sigmoid's gradient dies in
            (`losses.out_of_range`).
        grid_weight: of what alternates from pixel to pixel otherwise than in the photo
            (`losses.alternation`): VGG's first pooling rewards any such pattern.
        shifted: whether result and photo are shown moved by a pixel, at random every step
            (`perceptual.shifted`).
        content_layer: whose features are matched with the photo's.
        style_layers: whose statistics are matched with the style's; none for super-resolution.
        block_weights: of the style layers where they are relative, by the VGG block they are in;
            their shares count. Shallow layers are met by any fine hatching, deep ones by the
            painter's strokes and planes alone.
        statistic: as in `OptimizeConfig`.
        style_size: side of the square whose area the style image gets, px.
        pool: VGG's, max as trained or average.
        edges: how VGG treats the border of a crop.
        gradients: of the style layers: "plain", or each "normalised" to the same strength
            (`losses.normalised_gradient`).
        levels: K of a pyramid, its scales.
        trunk: maps of a pyramid's trunk at least (`generators.pyramid.Pyramid`).
        norm: of a pyramid.
        small: share of the work, the first, in which a texture's samples have half the side: four
            of them take the time of one.
        frozen: share of the work, the last, in which a pyramid's normalisations use the means that
            they have collected, as generation will.
    """

    generator: str
    width: int
    steps: int
    batch_size: int = 4
    size: int = 192
    zoom: tuple[float, float] | None = (1.0, 2.0)
    flip: bool = True
    turn: bool = False
    grain: float = 0.0
    optimizer: Literal["adam", "muon"] = "adam"
    lr: float = 2e-3
    decay: Literal["cosine", "constant", "steps"] = "cosine"
    loss: Loss = "feature"
    weighting: Literal["relative", "norm", "mean", "volume"] = "relative"
    content_weight: float = 0.2
    recolour: bool = False
    style_weight: float = 1.0
    photo_first: int = 0
    halved_weight: float = 0.0
    tv_weight: float = 0.0
    layout_weight: float = 0.0
    range_weight: float = 0.0
    grid_weight: float = 0.0
    shifted: bool = False
    content_layer: str = "relu3_3"
    style_layers: tuple[str, ...] = STYLE_LAYERS[:4]
    block_weights: BlockWeights = EVEN
    statistic: StatisticName = "gram"
    style_size: int = 448
    pool: Pool = "max"
    edges: Edges = "trained"
    gradients: Literal["plain", "normalised"] = "plain"
    levels: int = 5
    trunk: int = 0
    norm: Literal["batch", "instance"] = "instance"
    blocks: int = 4
    small: float = 0.0
    frozen: float = 0.0

    @property
    def layers(self) -> set[str]:
        """All layers looked at; none where pixels alone count."""
        if self.loss == "pixel":
            return set()
        return {*self.style_layers, *([self.content_layer] if self.content_weight else [])}

    def at(self, step: int) -> "TrainConfig":
        """What holds for the update of that number (from 0)."""
        if step >= self.photo_first:
            return self
        share = ((step + 1) / self.photo_first) ** 4
        return replace(self, style_weight=share * self.style_weight)


_JOHNSON_STYLE = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")  # Johnson et al. 2016, sec. 4.1
_PERCEPTUAL = TrainConfig(
    generator="halved",
    width=24,
    steps=2000,
    zoom=(1.0, 2.3),
    grain=0.05,
    optimizer="muon",
    lr=1e-2,
    weighting="norm",
    content_weight=0.22,
    recolour=True,
    halved_weight=0.7,
    layout_weight=0.3,
    range_weight=1.0,
    style_size=640,  # strokes as large as in a reproduction of 640 px a side
    block_weights=(1.0, 1.0, 1.5, 1.5, 1.0),
    edges="clean",
)
_UPSCALER = TrainConfig(
    generator="upscaler",
    width=64,
    steps=4000,
    batch_size=8,
    blocks=16,
    zoom=None,
    turn=True,
    lr=5e-4,
    content_weight=1.0,
    style_weight=0.0,
    grid_weight=0.25,  # less leaves a weave of fine waves on fur
    shifted=True,
    content_layer="relu2_2",
    style_layers=(),
)

_TEXTURE = TrainConfig(
    generator="pyramid",
    width=8,
    steps=1500,
    batch_size=1,
    size=256,
    optimizer="muon",
    lr=1e-2,
    weighting="norm",
    content_weight=0.0,
    tv_weight=4.0,  # or else flat parts are hatched pixel by pixel
    style_layers=STYLE_LAYERS,
    style_size=256,
    frozen=0.5,
)

# A painting given where a style's name is expected: what two cores do in less than a minute.
QUICK_STYLE: Mapping[str, Any] = {"steps": 56, "batch_size": 2, "lr": 3e-2}

START = "classics"  # the bundled network that one of styles starts from, but by the papers' presets

# Johnson et al. 2016, sec. 4.1: 256 px, batch 4, Adam 1e-3, 40,000 steps; weights of its released
# code, that of the total variation per value here: 1e-6 · 256² · 3 · 255² · batch. The style's is 5
# there, on the features of VGG-16; on VGG-19's that leaves nothing of the photo for long.
_PAPER = TrainConfig(
    generator="johnson",
    width=32,
    steps=40_000,
    size=256,
    zoom=(1.0, 1.0),
    flip=False,
    lr=1e-3,
    decay="constant",
    weighting="volume",
    content_weight=1.0,
    style_weight=2.0,
    photo_first=200,
    tv_weight=5.1e4,
    content_layer="relu2_2",
    style_layers=_JOHNSON_STYLE,
    style_size=256,
)

# Ulyanov et al. 2016, sec. 4, and its released code: batch 16, Adam 0.1, ×0.7 at 1000 and then
# every 200, 2000 iterations; every layer's gradient normalised.
_ULYANOV = replace(
    _TEXTURE,
    optimizer="adam",
    lr=0.1,
    decay="steps",
    weighting="volume",
    tv_weight=0.0,
    gradients="normalised",
    norm="batch",
    frozen=0.0,
)

TRAIN_PRESETS: Mapping[tuple[Method, TrainPreset], TrainConfig] = {
    ("perceptual", "default"): _PERCEPTUAL,
    ("conditional", "default"): replace(_PERCEPTUAL, steps=8000),
    ("super-resolution", "default"): _UPSCALER,
    ("texture", "default"): replace(_TEXTURE, steps=3000, lr=1.5e-2, trunk=32, small=0.4),
    ("texture-style", "default"): replace(
        _TEXTURE,
        steps=2000,
        content_weight=0.35,
        range_weight=1.0,
        content_layer="relu4_2",
        levels=6,
        frozen=0.0,
    ),
    ("perceptual", "paper"): _PAPER,
    # Dumoulin et al. 2017, sec. 3 and appendix: batch 16; Magenta's weights, no total variation.
    ("conditional", "paper"): replace(
        _PAPER,
        generator="conditional",
        batch_size=16,
        weighting="mean",
        style_weight=1e-4,
        photo_first=0,
        tv_weight=0.0,
        content_layer="relu3_3",
        pool="avg",
    ),
    # Johnson et al. 2016, sec. 4.2: 288 px patches, 200,000 steps.
    ("super-resolution", "paper"): replace(
        _UPSCALER,
        generator="johnson-upscaler",
        steps=200_000,
        batch_size=4,
        size=288,
        flip=False,
        lr=1e-3,
        decay="constant",
        weighting="mean",
        blocks=4,
        turn=False,
        grid_weight=0.0,
        shifted=False,
    ),
    ("texture", "paper"): replace(_ULYANOV, steps=2000, batch_size=16),
    # Likewise; batch 4 and content 0.6 beside style 1e3 as in the released code.
    ("texture-style", "paper"): replace(
        _ULYANOV,
        steps=3000,
        batch_size=4,
        zoom=(1.0, 1.0),
        flip=False,
        content_weight=0.6,
        style_weight=1e3,
        content_layer="relu4_2",
        levels=6,
    ),
}

"""Every method's settings and each paper's constants, with their sections."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

Optimizer = Literal["lbfgs", "adam"]
Init = Literal["content", "noise"]
Weighting = Literal["relative", "mean", "paper"]
StatisticName = Literal["gram", "gaussian"]
Normalise = Literal["never", "known", "always"]
BlockWeights = tuple[float, float, float, float, float]
GatysPreset = Literal["default", "paper", "notebook"]
PresetName = Literal["default", "paper", "notebook", "neighbours"]
Method = Literal["perceptual", "conditional", "texture", "texture-style", "super-resolution"]
TrainPreset = Literal["default", "paper"]
Loss = Literal["feature", "pixel"]

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # Gatys et al. 2016, sec. 2
EVEN: BlockWeights = (1.0, 1.0, 1.0, 1.0, 1.0)
CONTENT_LAYERS = ("relu4_2",)
LUMINANCE = (0.299, 0.587, 0.114)  # of RGB: Y of YIQ (Gatys et al. 2016, "Preserving Color", 3.2)


def block_of(layer: str) -> int:
    """The VGG block, 1 to 5, of a layer's name: 3 of relu3_1 and of pool3 alike."""
    return int(layer[4])


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
    pool: Literal["max", "avg"] = "avg"
    edges: Literal["trained", "clean"] = "clean"
    normalise: Normalise = "known"
    history: int = 6
    spectrum: float = 0.0
    settled: float = 0.0

    @property
    def layers(self) -> set[str]:
        """All layers looked at."""
        return {*self.content_layers, *self.style_layers}

    @property
    def palette_share(self) -> float:
        """How far the photo's colours go towards the painting's, before it is painted: [0, 1]."""
        return _palette_share(self.balance) if self.recolour else 0.0


def _palette_share(balance: float | None) -> float:
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


@dataclass(frozen=True)
class NeighboursConfig:
    """What `stylize optimize --preset neighbours` matches, and how (Kolkin et al. 2022).

    Attributes:
        size: long side of the result, px.
        iterations: evaluations of the loss at each scale.
        scales: as in `OptimizeConfig`.
        balance: from 0, all photo, to 1, all painter (`photo_share`).
        colour_weight: of the mean square between a cell's colour and that of the painting's cell.
        layers: of a hypercolumn: the authors' VGG-16 up to relu4_3, by the same names.
        style_scale: as in `OptimizeConfig`, and so are the rest.
        pool: see there.
        edges: see there.
        history: see there.
    """

    size: int = 512
    iterations: int = 30
    scales: int | Literal["auto"] = "auto"
    balance: float = 0.5
    colour_weight: float = 2.0
    layers: tuple[str, ...] = (
        *("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3"),
        *("relu4_1", "relu4_2", "relu4_3"),
    )
    style_scale: float = 1.0
    pool: Literal["max", "avg"] = "max"
    edges: Literal["clean"] = "clean"
    history: int = 6

    @property
    def photo_share(self) -> float:
        """In what is matched with the painting; the rest is what has been painted by then.

        Alpha (ibid., sec. 3.2), there 0.75; 0.65 in the middle of the balance.
        """
        return float(1 - self.balance**1.5)

    @property
    def palette_share(self) -> float:
        """As in `OptimizeConfig`."""
        return _palette_share(self.balance)


NEIGHBOURS = NeighboursConfig()


@dataclass(frozen=True)
class TrainConfig:
    """What `stylize train` trains, on what, and how.

    Attributes:
        generator: the network, a key of `generators.BUILDERS`.
        width: maps of its first convolution; of every branch of a pyramid.
        steps: updates of the weights.
        batch_size: pictures a step.
        size: side of the crops, px; of a super-resolution net's results.
        zoom: how much larger than the crop a photo's short side may be before it is cropped, least
            and most; None crops every photo as it is.
        flip: mirror every other crop.
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
        halved_weight: how much as many as those the style layers count once more, of result and
            style at half their size: strokes and planes twice as large.
        tv_weight: of the total variation per value.
        layout_weight: of light and dark where the photo has them (`losses.tonal_layout`): what
            keeps halos, glows and vignettes away.
        range_weight: of values beyond the style's own, which a sigmoid's gradient dies in
            (`losses.out_of_range`).
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
        norm: of a pyramid.
        frozen: share of the steps, the last, in which a pyramid's normalisations use the means that
            they have collected, as generation will.
    """

    generator: str
    width: int
    steps: int
    batch_size: int = 4
    size: int = 192
    zoom: tuple[float, float] | None = (1.0, 2.0)
    flip: bool = True
    optimizer: Literal["adam", "muon"] = "adam"
    lr: float = 2e-3
    decay: Literal["cosine", "constant", "steps"] = "cosine"
    loss: Loss = "feature"
    weighting: Literal["relative", "norm", "mean", "volume"] = "relative"
    content_weight: float = 0.2
    recolour: bool = False
    style_weight: float = 1.0
    halved_weight: float = 0.0
    tv_weight: float = 0.0
    layout_weight: float = 0.0
    range_weight: float = 0.0
    content_layer: str = "relu3_3"
    style_layers: tuple[str, ...] = STYLE_LAYERS[:4]
    block_weights: BlockWeights = EVEN
    statistic: StatisticName = "gram"
    style_size: int = 448
    pool: Literal["max", "avg"] = "max"
    edges: Literal["trained", "clean"] = "trained"
    gradients: Literal["plain", "normalised"] = "plain"
    levels: int = 5
    norm: Literal["batch", "instance"] = "instance"
    frozen: float = 0.0

    @property
    def layers(self) -> set[str]:
        """All layers looked at; none where pixels alone count."""
        if self.loss == "pixel":
            return set()
        return {*self.style_layers, *([self.content_layer] if self.content_weight else [])}


_JOHNSON_STYLE = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")  # Johnson et al. 2016, sec. 4.1
_PERCEPTUAL = TrainConfig(
    generator="conditional",
    width=24,
    steps=2000,
    zoom=(1.0, 2.3),
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
    zoom=None,
    lr=5e-4,
    content_weight=1.0,
    style_weight=0.0,
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
# code, that of the total variation per value here: 1e-6 · 256² · 3 · 255² · batch.
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
    style_weight=5.0,
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
    ("texture", "default"): _TEXTURE,
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

Config = TypeVar("Config", OptimizeConfig, NeighboursConfig, TrainConfig)


def override(config: Config, **given: Any) -> Config:  # noqa: ANN401 - any field
    """The config with what was given in its place; None is not given."""
    return replace(config, **{name: value for name, value in given.items() if value is not None})

"""Settings of a picture painted by neural neighbours."""

from dataclasses import dataclass
from typing import Literal

from stylize_cli.config import PairType
from stylize_cli.config.optimize import palette_share
from stylize_cli.vgg import Pool


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
        pairs: see there.
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
    pool: Pool = "max"
    edges: Literal["clean"] = "clean"
    history: int = 6
    pairs: PairType = "float32"

    @property
    def photo_share(self) -> float:
        """In what is matched with the painting; the rest is what has been painted by then.

        Alpha (ibid., sec. 3.2), there 0.75; 0.65 in the middle of the balance.
        """
        return float(1 - self.balance**1.5)

    @property
    def palette_share(self) -> float:
        """How far the photo's colours go towards the painting's, before it is painted: [0, 1]."""
        return palette_share(self.balance)


NEIGHBOURS = NeighboursConfig()

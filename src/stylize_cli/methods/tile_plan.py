"""How a photo is cut into tiles that fit into memory."""

from dataclasses import dataclass
from itertools import product

from stylize_cli import hardware, images, tiles
from stylize_cli.encoders import Depth
from stylize_cli.engines import Engine
from stylize_cli.generators import width_of
from stylize_cli.methods import feedforward
from stylize_cli.tiles import Tile

SIDES = (1024, 768, 640, 512, 384, 256)  # px of a tile with its halo, the largest that fits
HELD = 2_500_000_000  # bytes of maps kept at most, whatever memory there is: of 80 megapixels
# Copies of the largest maps in float32 beside what the network takes: handed from piece to piece,
# and held by those that are compiled. Chosen so that no measured peak was above the estimate.
HANDED = 5
LEAST_SHARE = 0.05  # of a picture, whose statistics may stand for all of it
ENCODED = 8  # bytes a pixel of the result, at most, while it is encoded


@dataclass(frozen=True)
class TilePlan:
    """How a picture is painted within memory.

    Attributes:
        side: px of a tile with its halo.
        held: bytes of maps that may be kept, of a network that comes in pieces.
        share: of the tiles, whose statistics stand for all; 1 is exact.
        reduced: long side of the picture whose statistics stand for it; 0 where none does.
    """

    side: int
    held: int = 0
    share: float = 1.0
    reduced: int = 0

    @property
    def note(self) -> str:
        """What the user should be told, or ""."""
        if self.reduced:
            return f"memory: statistics of a picture of {self.reduced} px stand for the whole's"
        if self.share < 1:
            return f"memory: statistics of {self.share:.0%} of the picture stand for the whole's"
        return ""


def plan(engine: Engine, size: tuple[int, int], room: int, *, depth: Depth = 8) -> TilePlan | None:
    """How a photo of (height, width) is painted within so many bytes; None where it is not."""
    about = engine.about
    pixels = size[0] * size[1] * about.factor**2
    own = 4 * size[0] * size[1] * depth // 8 + 4 * pixels * depth // 8  # photo and result
    own += 3 * pixels * 2 if feedforward.is_matched(about) else 0
    if room < own + ENCODED * pixels:
        return None
    plans = (_planned(engine, size, side, room - own) for side in SIDES)
    fitting = [one for one in plans if one is not None]
    return max(fitting, key=lambda one: one.share, default=None)  # of equals the first


def _planned(engine: Engine, size: tuple[int, int], side: int, room: int) -> TilePlan | None:
    """The plan with tiles of one size, if there is one."""
    about, left = engine.about, room - _tile_bytes(engine, side)
    if left < 0 or side - 2 * about.halo < about.multiple:
        return None
    if about.is_measured:
        long = _reduced_side(engine, size, left)
        return TilePlan(side, reduced=long) if long else None
    if not about.is_cut:
        return TilePlan(side)
    held = min(left, HELD)
    share = min(1.0, held / _kept_bytes(engine, size, side))
    return TilePlan(side, held, share) if share >= LEAST_SHARE else None


def _tile_bytes(engine: Engine, side: int) -> int:
    """Bytes that one tile takes while it is computed."""
    handed = HANDED * 4 * _width(engine) * side**2 if engine.about.is_cut else 0
    return engine.bytes_needed((side, side)) + handed


def _kept_bytes(engine: Engine, size: tuple[int, int], side: int) -> int:
    """Bytes of all tiles' maps that are kept."""
    positions = sum(map(area, cut(engine, size, side, wraps=False)))
    return int(positions * most_kept(engine)) * (2 if is_half(engine) else 4)


def _width(engine: Engine) -> int:
    return width_of(engine.about.generator, engine.about.arguments)


def most_kept(engine: Engine) -> float:
    """Values a pixel of the maps that are kept; what has more is computed anew."""
    return _width(engine) / 2


def is_half(engine: Engine) -> bool:
    """Whether maps are kept in two bytes a value, as they are computed."""
    rest = engine.precision == "int8" and hardware.fast_bfloat16()  # of its layers
    return rest or engine.precision == "bfloat16"


def _reduced_side(engine: Engine, size: tuple[int, int], room: int) -> int:
    return images.longest(
        lambda long: 2 * engine.bytes_needed(images.fitted(size, long)) <= min(room, HELD),
        max(size),
    )


def cut(engine: Engine, size: tuple[int, int], side: int, *, wraps: bool) -> list[Tile]:
    """The tiles of a photo of (height, width), of so many px a side with their halos at most."""
    about = engine.about
    rows, columns = (
        tiles.windows(
            feedforward.filled(length, about),
            most=side,
            halo=about.halo,
            unit=about.multiple,
            wraps=wraps or bool(about.noise_levels),  # whose padding is circular
        )
        for length in size
    )
    return list(product(rows, columns))


def area(tile: Tile) -> int:
    """Px of a tile with its halo."""
    return tile[0].width * tile[1].width

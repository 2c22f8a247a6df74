"""How a balance of photo and painter steers the weight of the content, from round to round.

No one weight keeps as much of every photo under every style. So it is set anew after each round, by
what of the photo's features was lost in it.
"""

from collections.abc import Mapping
from itertools import pairwise

from stylize_cli.config.optimize import OptimizeConfig

MOST_LOST = 0.8  # of the content's relative mean square, where all is the painter's
LEAST_LOST = 0.02  # where all is the photo's
MIDDLE = 0.5  # of the balance, its default
STEERED = (0.9, 2.5)  # least and greatest share of `usual` that the factor is steered to
ROUNDS = 3  # at each scale
LEAST_ROUND = 12  # iterations, of which there is one round more


def rounds(config: OptimizeConfig) -> list[tuple[int, int]]:
    """The iterations of a scale in rounds: those done before each, and after it."""
    count = 1 if config.balance is None else min(ROUNDS, 1 + config.iterations // LEAST_ROUND)
    ends = [config.iterations * turn // count for turn in range(count + 1)]
    return list(pairwise(ends))


def usual(config: OptimizeConfig) -> float:
    """The factor of the content weight that the first round has: 1 in the middle of the balance."""
    if config.balance is None:
        return 1.0
    # Large forms give way to strokes late: beyond the middle the same step takes away more.
    steepness = 2 if config.balance <= MIDDLE else 4
    return (MOST_LOST * MIDDLE / _wanted(config.balance)) ** steepness


def details(config: OptimizeConfig) -> float:
    """The share of the photo's details that a scale starts with: all up to the balance's middle.

    From there on it falls to none, where all is the painter's: what lies in the start stays.
    """
    return 1.0 if config.balance is None else min(1.0, (1 - config.balance) / (1 - MIDDLE))


def steered(factor: float, parts: Mapping[str, float], config: OptimizeConfig) -> float:
    """The factor of the content weight for the next round: more where more of the photo is lost.

    It is held within `STEERED` of what the balance asks for by itself, so that a picture which a
    style leaves alone is not painted over for that, and one that cannot be kept is not fought for.

    Args:
        factor: of the round that is over.
        parts: weighted losses by name at its end.
        config: the balance, and the content weight that the factor multiplies.
    """
    content = [value for name, value in parts.items() if name.startswith("content ")]
    if config.balance is None or not content or not config.content_weight:
        return factor
    lost = sum(content) / (factor * config.content_weight)
    least, most = (usual(config) * share for share in STEERED)
    return min(max(factor * lost / _wanted(config.balance), least), most)


def _wanted(balance: float) -> float:
    """The relative mean square of the content that may be lost."""
    return max(LEAST_LOST, MOST_LOST * balance)

"""Neural neighbours: what a painting has in place of a picture's features (Kolkin et al. 2022).

Each of a photo's hypercolumns is replaced by that of the painting which points most nearly the
same way (sec. 3.2); the picture wanted is the one that has those (sec. 3.3).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize_cli import hypercolumns
from stylize_cli.hypercolumns import ALL, LEAST, Columns

DIRECTIONS = 256  # of the painting's vectors, that are compared: there are ten times as many maps
SAMPLE = 4096  # vectors, by which those directions are found
TURNS = 4  # by 90°: a painter's strokes in other directions follow more of the photo's forms
MOST_KEYS = 2**15  # vectors of a view of a painting, evenly spread, that are candidates
BLOCK = 2**24  # similarities in memory at once: 64 MB
SPARE = 200_000_000  # bytes: of these, and of what directions are found by
ROUNDS = 20  # in which several styles' handicaps are found


@dataclass(frozen=True)
class Matches:
    """What a painting has in place of each of N cells. The columns themselves would be N, too.

    Attributes:
        views: of the painting.
        view: (N,) which of them it is in.
        key: (N,) which of that view's columns.
    """

    views: tuple[Columns, ...]
    view: Tensor
    key: Tensor

    @property
    def colours(self) -> Tensor:
        """(N, 3) RGB in [0, 1]."""
        return self._gathered([view.colours for view in self.views], ALL)

    @property
    def widths(self) -> tuple[int, ...]:
        """Maps of each layer."""
        return self.views[0].widths

    def at(self, cells: Tensor | slice) -> Columns:
        """The columns of the cells with these numbers."""
        features = self._gathered([view.features for view in self.views], cells)
        colours = self._gathered([view.colours for view in self.views], cells)
        return Columns(features, colours, self.widths)

    def where(self, chosen: Tensor, other: "Matches") -> "Matches":
        """These where `chosen` (N,) is true, and the other's elsewhere."""
        view = torch.where(chosen, self.view, other.view + len(self.views))
        return Matches(self.views + other.views, view, torch.where(chosen, self.key, other.key))

    def _gathered(self, tables: Sequence[Tensor], cells: Tensor | slice) -> Tensor:
        view, key = self.view[cells], self.key[cells]
        found = tables[0].new_empty(len(key), tables[0].shape[1])
        for number, table in enumerate(tables):
            chosen = view == number
            found[chosen] = table[key[chosen]]
        return found


class Candidates:
    """A view of a painting, whose vectors are made ready to be compared with others.

    Compared are the components along the directions in which they vary most: a tenth of the work;
    another may be found nearest where several are about as near.

    Args:
        view: whose features are the M keys.
    """

    @torch.no_grad()
    def __init__(self, view: Columns) -> None:
        self.view, keys = view, view.features
        self.centre = keys.mean(0, dtype=torch.float32)
        sample = keys[hypercolumns.spread(len(keys), SAMPLE, keys.device)]
        self.basis = _principal(sample.float() - self.centre)
        self.known = _projected(keys, self.centre, self.basis, unit=True)

    def nearest(self, query: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        """The key at the least angle to each vector, both seen from their own mean.

        Args:
            query: (N, C).
            centre: (C,) mean of all vectors of which these are some.

        Returns:
            Similarities (N,), the cosines but for a factor that a vector has with all keys alike,
            and the numbers (N,) of the keys.
        """
        wanted = _projected(query, centre, self.basis, unit=False)
        blocks = torch.split(wanted, max(1, BLOCK // len(self.known)))
        found = [(block @ self.known.T).max(1) for block in blocks]
        return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])


def _principal(vectors: Tensor) -> Tensor:
    """(C, K) orthonormal, about the directions in which vectors (M, C) vary most.

    By subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4).
    """
    count = min(DIRECTIONS, *vectors.shape)
    random = torch.Generator().manual_seed(0)
    basis = torch.randn((vectors.shape[1], count), generator=random).to(vectors)
    for _ in range(3):
        basis = torch.linalg.qr(vectors.T @ (vectors @ basis)).Q
    return basis


def _projected(vectors: Tensor, centre: Tensor, basis: Tensor, *, unit: bool) -> Tensor:
    """(N, K) float32: vectors less the centre along the basis, over their norm before where `unit`.

    In blocks: all of them in float32 would be as much again as everything else.
    """
    done = []
    for block in torch.split(vectors, SAMPLE):
        centred = block.float() - centre
        found = centred @ basis
        done.append(found / centred.norm(dim=1, keepdim=True).clamp(min=LEAST) if unit else found)
    return torch.cat(done)


@torch.no_grad()
def matched(
    query: Callable[[], Iterable[tuple[Tensor, Tensor]]], views: Sequence[Candidates]
) -> tuple[Matches, Tensor]:
    """Every cell's nearest among those of several views of a painting.

    Args:
        query: gives numbers of cells (n,) and their vectors (n, C), part by part, in all every cell
            once; called twice.
        views: at least one.

    Returns:
        What stands in place of the N cells, and how near each is, (N,); see `Candidates.nearest`.
    """
    total, count = None, 0
    for _, vectors in query():
        here = vectors.sum(0, dtype=torch.float32)
        total, count = (here if total is None else total + here), count + len(vectors)
    assert total is not None
    near = torch.full((count,), -math.inf, device=total.device)
    view, key = torch.zeros_like(near, dtype=torch.int16), torch.zeros_like(near, dtype=torch.int32)
    for cells, vectors in query():
        for number, one in enumerate(views):
            similarity, index = one.nearest(vectors, total / count)
            closer = similarity > near[cells]
            changed = cells[closer]
            near[changed], view[changed] = similarity[closer], number
            key[changed] = index[closer].int()
    return Matches(tuple(one.view for one in views), view, key), near


def divided(similarities: Tensor, shares: Sequence[float]) -> Tensor:
    """Which of several styles each cell is painted in: the nearest, so that each has its share.

    A style that is near in too many cells gets a handicap: that at which it has its share, the
    others' handicaps given, found in turns.

    Args:
        similarities: (S, N), of each style.
        shares: of the cells that each style is to have, positive; they sum to 1.

    Returns:
        (N,) numbers of the styles.
    """
    handicaps = similarities.new_zeros(len(shares), 1)
    for turn in range(ROUNDS * len(shares)):
        style = turn % len(shares)
        others = similarities - handicaps
        others[style] = -math.inf
        lead = similarities[style] - others.amax(0)
        handicaps[style] = torch.quantile(lead, 1 - shares[style])
    return (similarities - handicaps).argmax(0)

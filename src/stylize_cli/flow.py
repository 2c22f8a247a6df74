"""Where every pixel of a frame was in the frame before (DIS, Kroeger et al. 2016)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylize_cli.arrays import Bytes, Size, size_of
from stylize_cli.errors import StylizeError

# px: of the frames that are compared, at most and at least. 384 took twice as long, and less of the
# flow was trusted, so that there was more flicker.
LONG_SIDE, SHORT_SIDE = 256, 32
# Flow there and back may differ by this share of both, and this many px² (Sundaram et al. 2010).
SHARE, SLACK = 0.01, 0.5
LIGHT = 0.06  # difference of brightness at which a pixel is believed to e^-1 to be the same
ALIKE, REGION = 2, 31  # levels of 255; px of a region that is judged as one
# A flow is sought a patch at a time: what moves takes as many px of its surroundings along. And px
# of the patch by which its edge is found.
REACH, SHARP = 8, 3
BETTER = 1  # level of 255 by which a flow of the neighbourhood must be
LEAST_SEEN = 0.35  # share of a frame that was there before; less is a cut

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Flow:
    """How a frame follows from the one before.

    Attributes:
        back: (H, W, 2) px to the right and down, from a pixel to where it was.
        trust: (H, W) in [0, 1]: 0 where that pixel was not to be seen; all 0 after a cut.
    """

    back: Map
    trust: Map

    @property
    def is_cut(self) -> bool:
        """Whether the frame has nothing to do with the one before."""
        return not self.trust.any()


def is_there() -> bool:
    """Whether the package that finds it is installed."""
    from importlib.util import find_spec  # noqa: PLC0415 - asked once

    return find_spec("cv2") is not None


def between(before: Bytes, now: Bytes) -> Flow:
    """Finds the flow between two frames.

    It is sought at reduced size, in both directions: a pixel that does not come back to where it
    started is hidden in one of them (Ruder et al. 2016, sec. 4).

    Args:
        before: (H, W, 3), 0 to 255.
        now: the frame after it, of the same shape.

    Raises:
        StylizeError: the extra is not installed.
    """
    cv2 = _opencv()
    size = size_of(now)
    small = _reduced(size)
    one, two = (_grey(cv2, frame, small) for frame in (before, now))
    seeker = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    seeker.setFinestScale(1)  # half of that size, so that small things have a flow of their own
    seeker.setGradientDescentIterations(12)
    back = _sharp(cv2, one, two, seeker.calc(two, one, None))
    forth = _sharp(cv2, two, one, seeker.calc(one, two, None))
    back *= 1 - _still(cv2, one, two, back)
    trust = _believed(cv2, one, two, back, forth)
    if trust.mean() < LEAST_SEEN:
        trust[:] = 0
    back *= np.array([size[1] / small[1], size[0] / small[0]], np.float32)
    return Flow(_at(back, size), _at(trust, size))


def _believed(cv2: Any, one: Bytes, two: Bytes, back: Map, forth: Map) -> Map:  # noqa: ANN401
    """How far each pixel of `two` is what lies in `one` where the flow says, in [0, 1]."""
    returned = back + _looked_up(cv2, forth, back)
    seen = _squared(returned) < SHARE * (_squared(back) + _squared(forth)) + SLACK
    change = _looked_up(cv2, one, back).astype(np.float32) - two
    change = cv2.GaussianBlur(change, (0, 0), 1.5) / np.float32(255 * LIGHT)
    trust: Map = np.exp(-(change**2)) * seen
    return trust


def _squared(vectors: Map) -> Map:
    """Lengths (H, W), squared; over a last axis of two `sum` takes several times as long."""
    squared: Map = vectors[..., 0] ** 2 + vectors[..., 1] ** 2
    return squared


def _sharp(cv2: Any, one: Bytes, two: Bytes, back: Map) -> Map:  # noqa: ANN401 - OpenCV's
    """The flow from `two` back to `one`, with its edges where the pictures have them.

    Every pixel takes the flow of its neighbourhood, or none at all, that explains it best.
    """
    beside = [np.roll(back, step, axis) for axis in (0, 1) for step in (-REACH, REACH)]
    sharp, least = back.copy(), _unlike(cv2, one, two, back) - BETTER
    for other in (np.zeros_like(back), *beside):
        unlike = _unlike(cv2, one, two, other)
        cv2.copyTo(other, (unlike < least).astype(np.uint8), sharp)
        np.minimum(least, unlike, out=least)
    return sharp


def _unlike(cv2: Any, one: Bytes, two: Bytes, back: Map) -> Map:  # noqa: ANN401 - OpenCV's
    """How little a flow explains every pixel, levels of 255."""
    apart = cv2.absdiff(_looked_up(cv2, one, back), two)
    unlike: Map = cv2.blur(apart.astype(np.float32), (SHARP, SHARP))
    return unlike


def _still(cv2: Any, one: Bytes, two: Bytes, back: Map) -> Any:  # noqa: ANN401 - OpenCV's
    """Where nothing moves, (H, W, 1) in [0, 1]: standing still explains a region as well as flow.

    Of noise alone the flow is a tenth of a pixel, by which what is carried would creep.
    """
    stays, moves = (
        np.abs(cv2.GaussianBlur(before.astype(np.float32) - two, (0, 0), 1.5))
        for before in (one, _looked_up(cv2, one, back))
    )
    alike = (stays <= moves + ALIKE).astype(np.float32)
    share = cv2.blur(alike, (REGION, REGION))
    return np.clip((share - 0.85) / 0.1, 0, 1)[..., None]


def carried(picture: Map, flow: Flow) -> Map:
    """A picture (f·H, f·W, 3) of the frame before, moved to where its pixels are now."""
    cv2 = _opencv()
    size = size_of(picture)
    back = _at(flow.back, size) * np.float32(size[0] / flow.back.shape[0])
    # Cubic: a linear filter blurs a little with every frame, and the picture is carried for many.
    moved: Map = _looked_up(cv2, np.ascontiguousarray(picture), back, cubic=True)
    return np.clip(moved, 0, 1, out=moved)


def trusted(flow: Flow, size: Size) -> Map:
    """`flow.trust` at another size, (H, W, 1)."""
    return _at(flow.trust, size)[..., None]


def _at(field: Map, size: Size) -> Map:
    if field.shape[:2] == size:
        return field
    cv2 = _opencv()
    resized: Map = cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR)
    return resized


def _reduced(size: Size) -> Size:
    scale = min(1, LONG_SIDE / max(size))
    height, width = (max(SHORT_SIDE, round(side * scale)) for side in size)
    return height, width


def _grey(cv2: Any, frame: Bytes, size: Size) -> Bytes:  # noqa: ANN401 - a module
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    reduced: Bytes = cv2.resize(grey, size[::-1], interpolation=cv2.INTER_AREA)
    return reduced


def _looked_up(cv2: Any, image: Any, back: Map, *, cubic: bool = False) -> Any:  # noqa: ANN401
    """What lies where every pixel was; of what lay outside, the nearest."""
    kind = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    where = _places(back.shape[:2]) + back
    return cv2.remap(image, where, None, kind, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=2)
def _places(size: Size) -> Map:
    """Every pixel's own (column, row), (H, W, 2)."""
    rows, columns = np.indices(size, np.float32)
    return np.stack([columns, rows], 2)


def _opencv() -> Any:  # noqa: ANN401 - a module
    try:
        import cv2  # noqa: PLC0415 - an extra
    except ImportError:
        raise StylizeError(
            "`smooth` needs OpenCV: pip install 'stylize-cli[video]', or use `smooth` 0"
        ) from None
    return cv2

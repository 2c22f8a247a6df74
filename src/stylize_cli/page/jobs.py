"""A picture in the making, and one that is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stylize_cli.page.making import Now
from stylize_cli.page.wishes import Wish

CURVE = 120  # points of a curve of losses, about


@dataclass
class Job:
    """A wish in the queue, at work, or failed.

    Attributes:
        id: what the page calls it.
        wish: what is wanted.
        title: of it, for a person.
        command: the command line that makes the same.
        filename: of the result, without suffix.
        like: what its pace is that of.
        work: how much it is, by which its time is estimated.
        state: where it is.
        began: when the work on it began, by the clock `time.monotonic`.
        now: how far it is.
        shown: how many pictures of it there have been.
        losses: by kind, after every iteration.
        error: why it failed, or "".
        stopped: the best so far is enough.
    """

    id: str
    wish: Wish
    title: str
    command: str
    filename: str
    like: str
    work: float
    state: Literal["waiting", "running", "failed"] = "waiting"
    began: float = 0
    now: Now = field(default_factory=lambda: Now(0, "Waiting"))
    shown: int = 0
    losses: list[Mapping[str, float]] = field(default_factory=list)
    error: str = ""
    stopped: bool = False

    def take(self, now: Now) -> None:
        """Notes how far it is."""
        picture = now.picture or self.now.picture
        self.now = Now(now.share, now.task, picture, now.losses)
        self.shown += now.picture is not None
        self.losses += [now.losses] if now.losses else []

    def described(self) -> dict[str, Any]:
        """What the page shows of it, for JSON."""
        return {
            "id": self.id,
            "kind": self.wish.kind,
            "photo": self.wish.photo,
            "title": self.title,
            "command": self.command,
            "state": self.state,
            "shown": self.shown,
            "error": self.error,
            "stopped": self.stopped,
            "task": self.now.task,
            "share": self.now.share,
            "losses": self._curves(),
            "iterations": len(self.losses),
        }

    def _curves(self) -> dict[str, list[float]]:
        """The losses by kind, a few of them, of which the last is the newest."""
        few = self.losses[:: -max(1, len(self.losses) // CURVE)][::-1]
        kinds = few[-1] if few else ()
        return {kind: [float(f"{at.get(kind, 0):.4g}") for at in few] for kind in kinds}


@dataclass(frozen=True)
class Made:
    """A picture that was made in this sitting, as PNG."""

    id: str
    title: str
    command: str
    filename: str
    photo: str
    seconds: float
    width: int
    height: int
    data: bytes
    thumbnail: bytes  # a small JPEG

    def described(self) -> dict[str, Any]:
        """What the page shows of it, for JSON."""
        return {
            name: value for name, value in vars(self).items() if name not in ("data", "thumbnail")
        }

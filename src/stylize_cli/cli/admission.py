"""Which of the planned pictures are made: looked at block by block, before their turn comes."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stylize_cli.cli.batches import STDOUT, Item
from stylize_cli.cli.console import Console
from stylize_cli.errors import StylizeError, counted

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth

BLOCK = 4096  # pictures that are looked at together
KEEP = "--skip-existing keeps what is there, "
KEPT = ", or keep it with --skip-existing"


@dataclass(frozen=True)
class Inputs:
    """What is read, none of which may be overwritten.

    Attributes:
        files: those of which `identities` tells.
        folders: that are inputs as a whole, with all that is in them; resolved.
    """

    files: frozenset[tuple[int, int]] = frozenset()
    folders: tuple[Path, ...] = ()

    def hold(self, path: Path, identity: tuple[int, int]) -> bool:
        """Whether a file that is there is one of them, under whatever name."""
        return identity in self.files or any(one in path.resolve().parents for one in self.folders)


NOTHING = Inputs()


@dataclass(frozen=True)
class Choice:
    """Which pictures are wanted.

    Attributes:
        depth: bits a channel of their results.
        first: number of the first one, from 0.
        step: from one to the next.
        skips: whether results that are there are kept.
        overwrites: whether they are replaced; neither refuses them.
        inputs: what is read beside the pictures at hand: those of other blocks, a painting.
    """

    depth: "Depth"
    first: int = 0
    step: int = 1
    skips: bool = False
    overwrites: bool = False
    inputs: Inputs = NOTHING


class Queue:
    """The pictures to make, in order. Of a few thousand all are looked at before any work.

    Of more, what cannot be made is found when its block comes, and fails alone.

    Args:
        planned: pictures, of all shares: none may overwrite another's input.
        choice: which of them are wanted.
        console: told of what is left out.

    Attributes:
        total: how many there are, None where that is not known yet.
        is_named: whether -o names the file of the only one.
        first: the source of the first of all shares; "" where there is none.
        several: whether there are more.
        failed: whether any could not be made so far.

    Raises:
        StylizeError: an output is an input or there already, or none can be written.
    """

    def __init__(self, planned: Iterator[Item], choice: Choice, console: Console) -> None:
        self._planned, self._choice, self._console = planned, choice, console
        self._looked_at, self.failed = 0, False
        block = self._block()
        self.is_named = all(item.is_named for item in block)
        self.first, self.several = block[0].source if block else "", len(block) > 1
        photos = self._photos(block)
        refused = check(photos, depth=choice.depth, inputs=choice.inputs, keep=KEPT)
        wanted = [item for item in self._wanted(block) if item.source not in refused]
        if self._refuses_old:
            check_new(wanted, keep=KEEP)
        if 0 < len(block) <= choice.first and len(block) < BLOCK:
            pictures = counted(len(block), "picture")
            console.say(f"this share is empty: {pictures} for {choice.step} shares")
        self._ready = deque(self._admitted(block, refused))
        self.total = len(self._ready) if len(block) < BLOCK else None

    def __iter__(self) -> Iterator[Item]:
        """Gives each once."""
        while self._ready:
            yield self._ready.popleft()
            if not self._ready and (block := self._block()):
                self._ready += self._admitted(block, self._refusals(block))

    @property
    def _refuses_old(self) -> bool:
        """Whether what an earlier run made is neither kept nor replaced."""
        return not (self._choice.skips or self._choice.overwrites)

    def _block(self) -> list[Item]:
        return list(islice(self._planned, BLOCK))

    def _photos(self, block: Sequence[Item]) -> list[Item]:
        """All but the results of others, where these are kept: -o may be the photos' own folder."""
        if not self._choice.skips:
            return list(block)
        pairs = [(item, Path(item.source).absolute()) for item in block]
        results = {
            path
            for item, source in pairs
            for path in map(Path.absolute, item.outputs.values())
            if path != source
        }
        return [item for item, source in pairs if source not in results]

    def _wanted(self, block: Sequence[Item]) -> list[Item]:
        """Those of this share."""
        first, step = self._choice.first, self._choice.step
        own = {id(item) for k, item in enumerate(block, self._looked_at) if k % step == first}
        return [item for item in self._photos(block) if id(item) in own]

    def _refusals(self, block: Sequence[Item]) -> dict[str, str]:
        """Those that cannot be made, and why not, where others have been made already."""
        photos = self._photos(block)
        found = faults(photos, depth=self._choice.depth, inputs=self._choice.inputs, keep=KEPT)
        refused = {item.source: reason for item, reason, _ in found}
        if self._refuses_old:
            old = {item.source: _is_there(item.made, KEEP) for item in block if item.made}
            refused = old | refused
        return refused

    def _admitted(self, block: Sequence[Item], refused: Mapping[str, str]) -> list[Item]:
        """Those that are to be made; of the others it is said why not."""
        wanted = self._wanted(block)
        self._looked_at += len(block)
        for item in wanted:
            if item.source in refused:
                output = str(next(iter(item.outputs.values())))
                self._console.failure(item.source, refused[item.source], output)
                self.failed = True
        allowed = [item for item in wanted if item.source not in refused]
        left = [item for item in allowed if not (self._choice.skips and item.is_done)]
        if len(left) < len(allowed):
            self._console.say(f"skipped: {len(allowed) - len(left)} that are there already")
        return left


def check(
    items: Sequence[Item], *, depth: "Depth", inputs: Inputs = NOTHING, keep: str = ""
) -> dict[str, str]:
    """Looks, before any work, for outputs that could not be written or would destroy something.

    Args:
        items: the pictures.
        depth: bits a channel.
        inputs: what is read beside them.
        keep: what else than -o helps where an output is an input.

    Returns:
        Of several pictures those that can have no result, and why not.

    Raises:
        StylizeError: an output is an input, or none of them can be written.
    """
    failed: dict[str, str] = {}
    for item, reason, destroys in faults(items, depth=depth, inputs=inputs, keep=keep):
        failed[item.source] = reason
        if destroys or len(failed) == len(items):
            raise StylizeError(reason)
    return failed


def faults(
    items: Sequence[Item], *, depth: "Depth", inputs: Inputs, keep: str = ""
) -> Iterator[tuple[Item, str, bool]]:
    """Why pictures can have no result, and whether an input would be destroyed; see `check`."""
    from stylize_cli import images

    own = identities(Path(item.source) for item in items)
    for item in items:
        for path in (path for path in item.outputs.values() if path != STDOUT):
            try:
                images.check_writable(path, (), depth=depth)
            except StylizeError as error:  # a name that is too long, say
                yield item, str(error), False
            found = _identity(path)
            if found is not None and (found in own or inputs.hold(path, found)):
                reason = f"{path} is an input and would be overwritten: name another output with -o"
                yield item, reason if item.is_named else reason + keep, True


def check_new(items: Sequence[Item], *, keep: str = "") -> None:
    """Raises `StylizeError` where an earlier run made one of the outputs; -o may name a file anew.

    Args:
        items: what is to be made.
        keep: what else than --overwrite and -o there is.
    """
    made = sorted(path for item in items if not item.is_named for path in item.made)
    if made:
        raise StylizeError(_is_there(made, keep))


def _is_there(made: Collection[Path], keep: str) -> str:
    several = f" and {len(made) - 1} more are" if len(made) > 1 else " is"
    return (
        f"{min(made)}{several} there already: {keep}--overwrite replaces it, -o names another place"
    )


def identities(files: Iterable[Path]) -> frozenset[tuple[int, int]]:
    """What files are, under whatever names; of those that are there."""
    return frozenset(found for found in map(_identity, files) if found is not None)


def _identity(path: Path) -> tuple[int, int] | None:
    """What a file is, under whatever name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

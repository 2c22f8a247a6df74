"""TensorBoard, which is an extra: what is used of it, and how it is opened."""

import importlib
from pathlib import Path
from typing import Protocol

from torch import Tensor

from stylize_cli.errors import StylizeError


class Board(Protocol):
    """What is used of TensorBoard's SummaryWriter."""

    def add_scalar(self, tag: str, value: float, step: int) -> object:
        """Logs a number."""

    def add_image(self, tag: str, image: Tensor, step: int) -> object:
        """Logs a picture, (3, H, W) in [0, 1]."""

    def close(self) -> None:
        """Writes out what is left."""


def open_board(folder: Path, *, first: int) -> Board:
    """TensorBoard's writer into a folder; what is there of steps behind `first` is superseded.

    Raises:
        StylizeError: it is not installed, or cannot write there.
    """
    try:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError as error:
        raise StylizeError(
            "TensorBoard is not installed: pip install 'stylize-cli[tensorboard]', or leave out "
            "`tensorboard`"
        ) from error
    try:
        board: Board = writer(str(folder), purge_step=first + 1)
    except OSError as error:
        raise StylizeError(
            f"cannot write logs into {folder} ({error.strerror}): give `tensorboard` another folder"
        ) from error
    return board

"""What a photo looks like as a network learns, on one contact sheet."""

from pathlib import Path

from torch import Tensor

from stylize_cli import images, sheets
from stylize_cli.boards import Board
from stylize_cli.errors import StylizeError
from stylize_cli.methods.train import Training
from stylize_cli.sheets import Cell

CELLS = 12  # most pictures on a contact sheet
COLUMNS = 4  # of it, and most styles


def sheet_file(model: Path) -> Path:
    """Where the contact sheet of a model's training is: a.pt -> a-preview.jpg."""
    return model.with_name(f"{model.stem}-preview.jpg")


class Sheet:
    """The contact sheet of what a photo looks like as the network learns.

    Args:
        photo: (1, 3, H, W) RGB in [0, 1].
        model: its file, beside which the sheet lies.
        board: where the pictures are logged too.
        training: of the network.
    """

    def __init__(self, photo: Tensor, model: Path, board: Board | None, training: Training) -> None:
        self.photo, self.model, self.board, self.training = photo, model, board, training
        self.rows: dict[int, list[Cell]] = {}
        self.before = _earlier(model) if training.step else None

    def draw(self, step: int) -> None:
        """Adds the network as it is, and writes the sheet."""
        if step in self.rows:
            return
        shown = self.training.preview(self.photo, most=COLUMNS)
        several = len(shown) > 1
        self.rows[step] = [
            (f"step {step}, {name}" if several else f"step {step}", image)
            for name, image in shown.items()
        ]
        _thin_out(self.rows, CELLS // len(shown))
        rows = list(self.rows.values())
        if not several:
            cells = [cell for row in rows for cell in row]
            rows = [cells[first : first + COLUMNS] for first in range(0, len(cells), COLUMNS)]
        height = rows[0][0][1].shape[2]
        picture = sheets.contact_sheet(rows, height=height)
        if self.before is not None:
            picture = sheets.stacked(self.before, picture)
        images.write(sheet_file(self.model), images.Planes(picture))
        if self.board:
            for name, image in shown.items():
                self.board.add_image(f"preview {name}".strip(), image[0], step)


def _earlier(model: Path) -> Tensor | None:
    """The sheet that the training left before it went on: (1, 3, H, W), or None."""
    try:
        return images.read(sheet_file(model)).rgb
    except StylizeError:
        return None


def _thin_out(rows: dict[int, list[Cell]], most: int) -> None:
    """Takes steps away until so many are left, as evenly spaced as may be, with first and last."""
    while len(rows) > most:
        steps = list(rows)
        gaps = zip(steps, steps[1:], steps[2:], strict=False)
        del rows[min(gaps, key=lambda three: three[2] - three[0])[1]]

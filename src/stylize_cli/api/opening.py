"""How model files are opened: by which engine, where, how exactly, and within what memory."""

from dataclasses import dataclass
from pathlib import Path

from stylize_cli import engines
from stylize_cli.config import Precision
from stylize_cli.encoders import Depth
from stylize_cli.engines import Engine, EngineName


@dataclass(frozen=True)
class Opening:
    """How a network is opened, and all that is opened beside it.

    Attributes:
        engine: what runs it; auto is OpenVINO on a CPU, PyTorch on other devices.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of activations; auto is bfloat16 where the hardware multiplies it.
        threads: of the CPU; None is all of them for an engine, and torch's own number where a
            style is learnt.
        memory: most bytes that the whole program may take; None is what is free.
        depth: bits a channel of results that come tile by tile.
    """

    engine: EngineName = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    memory: int | None = None
    depth: Depth = 8

    def engine_of(self, file: Path) -> Engine:
        """A model file, ready to run.

        Raises:
            StylizeError: there is no such engine, device or precision, or it is no model.
        """
        return engines.open_model(
            file,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
        )

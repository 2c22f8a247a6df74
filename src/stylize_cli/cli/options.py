"""Options that several commands share, and what they mean."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    import torch

STDIO = "-"

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File, folder, or - for stdout. [default: current folder, named after the inputs]",
        show_default=False,
    ),
]
DeviceName = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
]
PrecisionName = Annotated[
    Literal["auto", "float32", "bfloat16"],
    typer.Option("--precision", help="auto takes bfloat16 where the hardware has it."),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads. [default: all]", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", help="Of all that is random.")]
Quality = Annotated[int, typer.Option("--quality", min=1, max=100, help="Of JPEG and WebP.")]
Depth = Annotated[
    Literal["8", "16"], typer.Option("--depth", help="Bits per channel; 16 for PNG and TIFF.")
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="Most that may be used, such as 4GB. [default: what is free]",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON objects, one a line.")]
DescriptorName = Annotated[
    Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"],
    typer.Option("--descriptor", help="vgg19 is bundled, the others are downloaded once."),
]
WeightsFile = Annotated[
    Path | None,
    typer.Option("--weights", help="File of the descriptor's weights, in place of its own."),
]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_bytes(text: str) -> int:
    """"4GB" -> 4,000,000,000; KiB, MiB, … are powers of 1024.

    Raises:
        StylizeError: not an amount of memory.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if not match:
        raise StylizeError(f"--memory '{text}' is not an amount; write it like 4GB or 800MB")
    number, unit, binary = match.groups()
    factor = UNITS[unit.upper()]
    if binary:
        factor = 1024 ** list(UNITS).index(unit.upper())
    return int(float(number) * factor)


def parse_layers(text: str) -> tuple[str, ...]:
    """"relu1_1, conv2_1" -> ("relu1_1", "relu2_1"); the papers write conv for the same layers."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    return tuple(re.sub(r"^conv", "relu", name) for name in names)


def output_path(output: str | None, name: str) -> Path | None:
    """Where a result goes: None is stdout; `name` is used in a folder or where nothing is given.

    Raises:
        StylizeError: image bytes would go to a terminal.
    """
    if output == STDIO:
        if sys.stdout.isatty():
            raise StylizeError("-o - writes image bytes; send stdout to a file or a pipe")
        return None
    if output is None:
        return Path(name)
    path = Path(output)
    is_folder = path.is_dir() or output.endswith(("/", "\\"))
    return path / name if is_folder else path


def hardware_for(
    device: str, precision: Literal["auto", "float32", "bfloat16"], threads: int | None
) -> "tuple[torch.device, torch.dtype]":
    """The device and the precision that the options name; sets the number of threads."""
    import torch

    from stylize_cli import devices

    if threads:
        torch.set_num_threads(threads)
    chosen = devices.choose(device)
    return chosen, devices.choose_precision(precision, chosen)

"""Options that several commands share, and how their text is read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli import hardware
from stylize_cli.cli import completion
from stylize_cli.config import LEAST_SIDE, MOST, Precision
from stylize_cli.errors import StylizeError
from stylize_cli.vgg import Name

if TYPE_CHECKING:
    from stylize_cli.encoders import Depth


def of_free_cores(threads: int | None) -> int:
    """As many threads as were asked for, or as there are cores that nobody else is busy on."""
    return threads or hardware.asked_threads() or hardware.free_cores()


def number(
    name: str,
    text: str,
    *,
    metavar: str = "N",
    least: float | None = 1,
    most: float | None = MOST,
) -> object:
    """What Typer is to know of an option that takes a count; a bound of None is none."""
    return typer.Option(name, metavar=metavar, min=least, max=most, help=text)


def pixels(name: str, text: str, *, least: int = LEAST_SIDE) -> object:
    """What Typer is to know of an option that takes the side of a picture, px."""
    return number(name, text, metavar="PX", least=least)


def factor(name: str, text: str, *, least: float | None = 0, most: float | None = None) -> object:
    """What Typer is to know of an option that takes a weight, a share or a scale."""
    return number(name, text, metavar="X", least=least, most=most)


def text(
    name: str, metavar: str, text: str, complete: Callable[..., list[str]] | None = None
) -> object:
    """What Typer is to know of an option that takes a text, and what completes it."""
    return typer.Option(name, metavar=metavar, help=text, autocompletion=complete)


def layers(name: str, text: str) -> object:
    """What Typer is to know of an option that takes names of layers."""
    return typer.Option(name, metavar="LAYER,...", help=text, autocompletion=completion.of_layers)


def _threads(text: str, callback: Callable[[int | None], int] | None = None) -> object:
    most = hardware.MOST_THREADS
    return typer.Option("--threads", metavar="N", min=1, max=most, help=text, callback=callback)


OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="File, folder (a name without suffix is one), or - for stdout. "
        "[default: current folder, named after the inputs]",
        show_default=False,
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace what an earlier run made under the same name."),
]
DeviceOption = Annotated[str, text("--device", "DEVICE", "auto, cpu, cuda, cuda:N or mps.")]
PrecisionOption = Annotated[
    Precision, typer.Option("--precision", help="auto: bfloat16 where the hardware has it.")
]
ThreadsOption = Annotated[
    int | None, _threads("CPU threads. [default: as many as cores are free]", of_free_cores)
]
WorkersThreadsOption = Annotated[
    int | None,
    _threads(
        "CPU threads; with --engine ray of each worker. "
        "[default: as many as cores are free; of a worker 4 or fewer]"
    ),
]
# Whoever is busy on the cores as it begins will not be so for the hours that it takes.
TrainingThreadsOption = Annotated[
    int | None, _threads("CPU threads. [default: as many as cores may be used]", hardware.threads)
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model file, or a name from stylize models.",
        autocompletion=completion.of_models,
    ),
]
EngineOption = Annotated[
    Literal["auto", "openvino", "torch"],
    typer.Option("--engine", help="auto: OpenVINO on a CPU, PyTorch on other devices."),
]
StrengthOption = Annotated[
    float, factor("--strength", "Share of the result; the rest is photo.", most=1)
]
PreserveColorOption = Annotated[
    bool, typer.Option("--preserve-color", help="Keep the photo's colours.")
]
SeedOption = Annotated[int, number("--seed", "Of all that is random.", least=0, most=2**32 - 1)]
ShowOption = Annotated[
    bool,
    typer.Option("--show", help="Show pictures in the terminal (kitty, iTerm2 and their like)."),
]
KeepMetadataOption = Annotated[
    bool,
    typer.Option("--keep-metadata", help="Write the photo's EXIF: date, camera, also the place."),
]
QualityOption = Annotated[int, number("--quality", "Of JPEG and WebP.", most=100)]
DepthOption = Annotated[
    Literal["8", "16"], typer.Option("--depth", help="Bits a channel; 16 for PNG and TIFF.")
]
MemoryOption = Annotated[
    str | None,
    text(
        "--memory",
        "AMOUNT",
        "Most memory the whole program may take, such as 4GB. [default: what is free]",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Results as JSON objects, one a line.")]
DescriptorOption = Annotated[
    Name,
    typer.Option("--descriptor", help="vgg19 is bundled; the others are downloaded once."),
]
WeightsOption = Annotated[
    Path | None, text("--weights", "FILE", "Weights of the descriptor, from a file.")
]

# No number here has more digits: of thousands, Python makes none.
AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMGT]?)(I?)B?", re.IGNORECASE)
SHARD = re.compile(r"(\d{1,15})/(\d{1,15})")
SCALES = re.compile(r"\d{1,15}")
LEAST_BARE = 1_000_000  # bytes: who writes fewer without a unit forgot it
PREFIXES = ("", "K", "M", "G", "T")


def parse_bytes(text: str | None) -> int | None:
    """Reads "4GB" as 4,000,000,000 and "4GiB" as 4 · 1024³.

    Raises:
        StylizeError: not an amount of memory.
    """
    if text is None:
        return None
    match = AMOUNT.fullmatch(text.strip())
    if not match:
        raise StylizeError(f"'{text}' is not an amount of memory; write it like 4GB or 800MB")
    number, prefix, binary = match.groups()
    if text.strip() == number and float(number) < LEAST_BARE:
        raise StylizeError(f"--memory {number} has no unit: write {number}GB")
    return int(float(number) * (1024 if binary else 1000) ** PREFIXES.index(prefix.upper()))


def only(given: list[str] | None, option: str, fix: str) -> str | None:
    """The value of an option that others take more than once.

    Raises:
        StylizeError: there are several, the last of which would win without a word.
    """
    if given and len(given) > 1:
        raise StylizeError(f"{option} is given {len(given)} times, and counts once: {fix}")
    return given[0] if given else None


def bits(depth: str) -> "Depth":
    """What --depth says, as a number."""
    return 16 if depth == "16" else 8


def parse_shard(text: str | None) -> tuple[int, int]:
    """Reads "3/16" as (2, 16): where the third of 16 shares starts, and its stride.

    Raises:
        StylizeError: not such a pair.
    """
    if text is None:
        return 0, 1
    match = SHARD.fullmatch(text.strip())
    share, shares = (int(number) for number in match.groups()) if match else (0, 0)
    if not 1 <= share <= shares:
        raise StylizeError(f"--shard '{text}' is no share: write 3/16 for the third of 16")
    return share - 1, shares


def parse_layers(text: str | None) -> tuple[str, ...] | None:
    """Reads "relu1_1, conv2_1" as relu1_1 and relu2_1: the papers write conv for the same maps.

    Raises:
        StylizeError: it names none.
    """
    if text is None:
        return None
    names = text.lower().replace(",", " ").split()
    if not names:
        raise StylizeError(f"'{text}' names no layer; write layers like relu3_1,relu4_1")
    return tuple(re.sub(r"^conv", "relu", name) for name in names)


def parse_scales(text: str | None) -> int | Literal["auto"] | None:
    """Reads "auto" or a number of scales.

    Raises:
        StylizeError: neither.
    """
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not SCALES.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise StylizeError(f"--scales '{text}' is neither auto nor a number from 1 to {MOST}")
    return int(text)


def parse_shares(text: str | None) -> list[float] | None:
    """Reads "0.7,0.3" as numbers; None stays so.

    Raises:
        StylizeError: not numbers.
    """
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise StylizeError(f"--style-blend '{text}' is not a list like 0.7,0.3") from None

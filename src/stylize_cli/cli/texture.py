"""`stylize texture`: textures of any size from a trained pyramid."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stylize_cli.cli import options, outputs, reports
from stylize_cli.cli.console import Console
from stylize_cli.cli.inputs import STDIO
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.arrays import Size
    from stylize_cli.engines import About

SIZE = "512"
SIZES = re.compile(r"(\d{1,6})(?:[x×](\d{1,6}))?", re.IGNORECASE)
LEAST = 2  # px a side


def texture(
    model: options.ModelArgument,
    *,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    size: Annotated[str, options.text("--size", "PX", "Both sides, or such as 1920x1080.")] = SIZE,
    count: Annotated[
        int | None, options.number("--count", "Make so many, in numbered files.")
    ] = None,
    seed: options.SeedOption = 0,
    engine: options.EngineOption = "auto",
    memory: options.MemoryOption = None,
    quality: options.QualityOption = 95,
    depth: options.DepthOption = "8",
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.ThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Make textures of any size from noise, whose copies join without a seam."""
    console = Console(quiet=quiet, json=json)
    wanted = parse_size(size)
    budget = options.parse_bytes(memory)
    if output == STDIO and count is not None:
        raise StylizeError("-o - is for one result: name a folder for several")

    from stylize_cli import models
    from stylize_cli.api import network

    file, bits = models.find(model), options.bits(depth)
    name = f"{Path(model).stem}-texture.png"

    def is_taken(out: outputs.Output) -> bool:
        numbered = (out.numbered(number) for number in range(1, (count or 0) + 1))
        return any(map(outputs.is_there, numbered if count else [out]))

    out = outputs.choose(
        output,
        name,
        [str(file)],
        marks=outputs.marks_of(None if size == SIZE else size, seed),
        taken=is_taken,
        overwrite=overwrite,
        quality=quality,
        depth=bits,
    )
    with console.progress(f"Loading {model}"):
        net = network.load(
            file,
            engine=engine,
            device=device,
            precision=precision,
            threads=threads,
            memory=budget,
            depth=bits,
        )
    _make(net, wanted, out, console, seed=seed, count=count)


def _make(
    net: "Network",
    size: "Size",
    out: outputs.Output,
    console: Console,
    *,
    seed: int,
    count: int | None,
) -> None:
    """Makes textures, and tells of them: one, or a number of them in numbered files."""
    from stylize_cli.api import textures

    with console.progress("Making a texture") as on_step:
        made = textures.make(
            net,
            size,
            seed=seed,
            count=count or 1,
            depth=out.depth,
            format=out.format,
            on_step=on_step,
        )
        reports.announce(net.engine, console)
        if note := _seam(size, net.engine.about):
            console.say(note)
        began = time.perf_counter()
        for number, picture in enumerate(made, 1):
            one = out.numbered(number) if count else out
            one.write(picture)
            seconds = time.perf_counter() - began
            console.result(reports.of_engine(one, size, seconds, net.engine, None))
            began = time.perf_counter()


def parse_size(text: str) -> "Size":
    """Reads "1024" or "1920x1080" as (height, width).

    Raises:
        StylizeError: neither, or less than 2 px a side.
    """
    match = SIZES.fullmatch(text.strip())
    width, height = (int(side or match[1]) for side in match.groups()) if match else (0, 0)
    if min(width, height) < LEAST:
        raise StylizeError(f"--size '{text}' is no size: write 1024, or 1920x1080")
    return height, width


def _seam(size: "Size", about: "About") -> str:
    """Says of a size that does not tile which ones do."""
    from stylize_cli.methods import texture as method

    near = method.tileable(size, about)
    if size in near:
        return ""
    given, *others = (f"{width}x{height}" for height, width in dict.fromkeys((size, *near)))
    return f"copies of {given} do not join without a seam; those of {' and '.join(others)} do"

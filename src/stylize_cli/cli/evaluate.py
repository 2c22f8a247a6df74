"""`stylize evaluate`: how close results are to a style and to a photo."""

from typing import TYPE_CHECKING, Annotated

import typer

from stylize_cli.cli import inputs, options
from stylize_cli.cli.console import PARTLY_FAILED, Console, write_line
from stylize_cli.errors import StylizeError
from stylize_cli.progress import Step

if TYPE_CHECKING:
    from torch import Tensor


def evaluate(
    results: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE", help="Pictures to measure, folders of them, or globs."),
    ],
    *,
    content: Annotated[
        str | None, typer.Option("--content", metavar="PHOTO", help="The photo they were made of.")
    ] = None,
    style: Annotated[
        str | None, typer.Option("--style", metavar="IMAGE", help="The style they should have.")
    ] = None,
    weights: options.WeightsOption = None,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Measure style and content error under the original VGG-19; 0 is a perfect match."""
    if content is None and style is None:
        raise StylizeError("nothing to compare with: give --style IMAGE, --content PHOTO or both")
    console = Console(quiet=quiet, json=json)
    batch = inputs.expand(results, console)
    sources = [source for source in (*batch, content, style) if source is not None]
    inputs.check_one_stdin(sources)
    # In float32 always: the figures are to compare with others'.
    from stylize_cli import descriptors, devices, metrics, transparency

    machine = devices.machine(device, "float32")

    def read(source: str) -> "Tensor":
        return inputs.read_picture(source, console).rgb.to(machine.device)

    painting = None
    if style is not None:
        painting = transparency.style_of(inputs.read_picture(style, console)).to(machine.device)
    photo = None if content is None else read(content)
    describe = descriptors.load("vgg19", file=weights).to(machine.device)

    def measure(name: str, source: str) -> bool:
        """Whether that was possible."""
        try:
            picture = read(source)
            with devices.threads(threads):
                report = metrics.judge(describe, picture, painting, photo)
        except StylizeError as error:
            if len(batch) == 1:
                raise
            console.failure(name, str(error), name)
            return False
        if json:
            height, width = picture.shape[2:]
            console.result({"output": name, "width": width, "height": height, **report})
        else:
            figures = "  ".join(f"{figure} {value:.4g}" for figure, value in report.items())
            write_line(f"{name}  {figures}")
        return True

    failed = False
    with console.progress("Measuring") as on_step:
        for done, source in enumerate(batch):
            name = "stdin" if source == inputs.STDIO else source
            on_step(Step(f"Measuring {name}", done, len(batch)))
            failed |= not measure(name, source)
    if failed:
        raise typer.Exit(PARTLY_FAILED)

"""`stylize apply`: one feed-forward pass, over one picture or folders of them."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli.cli import (
    applying,
    completion,
    farming,
    inputs,
    mistakes,
    options,
    showing,
    styles,
)
from stylize_cli.cli.batches import Batch
from stylize_cli.cli.console import PARTLY_FAILED, Console
from stylize_cli.errors import StylizeError

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.methods.feedforward import Noise


def apply(
    model: options.ModelArgument,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Pictures, folders of them, globs, or - for stdin."),
    ],
    *,
    output: options.OutputOption = None,
    overwrite: options.OverwriteOption = False,
    style: Annotated[
        list[str] | None,
        options.text(
            "--style",
            "NAME|FILE",
            "Which of the model's styles; again for more. A picture is learnt at once.",
            completion.of_styles,
        ),
    ] = None,
    all_styles: Annotated[
        bool, typer.Option("--all-styles", help="Each of them, and a sheet that shows them all.")
    ] = False,
    strength: options.StrengthOption = 1.0,
    preserve_color: options.PreserveColorOption = False,
    size: Annotated[
        int | None,
        options.pixels(
            "--size",
            "Long side of what the model is given. [default: as it is]",
            least=2,
        ),
    ] = None,
    stroke_size: Annotated[
        float,
        options.factor(
            "--stroke-size",
            "Strokes so many times as large, from 0.25 to 4; the result's size stays.",
            least=None,
        ),
    ] = 1.0,
    noise_scale: Annotated[
        float,
        options.factor(
            "--noise-scale",
            "Of texture-style models: the less noise, the more of the photo.",
        ),
    ] = 1.0,
    seed: options.SeedOption = 0,
    tileable: Annotated[
        bool,
        typer.Option(
            "--tileable",
            help="Super-resolution of a pattern whose borders fit each other: they still do.",
        ),
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Make only the results that are not there yet; ray always does."
        ),
    ] = False,
    shard: Annotated[
        str | None,
        options.text("--shard", "K/N", "Only the K-th of N shares of the inputs, K from 1."),
    ] = None,
    engine: Annotated[
        Literal["auto", "openvino", "torch", "ray"],
        typer.Option(
            "--engine", help="auto: OpenVINO on a CPU, PyTorch elsewhere; ray: auto, on a cluster."
        ),
    ] = "auto",
    address: Annotated[
        str | None,
        options.text(
            "--address",
            "HOST:PORT",
            "Of the Ray cluster. [default: RAY_ADDRESS, else this machine]",
        ),
    ] = None,
    memory: options.MemoryOption = None,
    keep_metadata: options.KeepMetadataOption = False,
    quality: options.QualityOption = 95,
    depth: options.DepthOption = "8",
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.WorkersThreadsOption = None,
    show: options.ShowOption = False,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Run a trained model over pictures: its style, or super-resolution."""
    inputs.check_one_stdin(sources)
    if style and all_styles:
        raise StylizeError("--style names styles, --all-styles takes all: leave out one of them")
    if skip_existing and overwrite:
        raise StylizeError("--skip-existing keeps what --overwrite replaces: leave out one of them")
    console = Console(quiet, json, _screen(output, quiet=quiet) if show else None)
    budget, bits = options.parse_bytes(memory), options.bits(depth)
    batch = Batch(
        sources=sources,
        output=output,
        share=options.parse_shard(shard),
        strokes=stroke_size,
        skips=skip_existing,
        overwrites=overwrite,
        has_sheet=all_styles,
        quality=quality,
        depth=bits,
        keeps_metadata=keep_metadata,
    )
    if address and engine != "ray":
        raise StylizeError("--address is that of a Ray cluster: give --engine ray with it")
    cluster = None
    if engine == "ray":
        cluster = farming.cluster(address, device, threads, budget, batch)
        if show and cluster.is_table:
            raise StylizeError("--show draws pictures, -o is a table of them: leave out one")

    from stylize_cli.api import network
    from stylize_cli.methods.feedforward import Noise
    from stylize_cli.methods.look import Look

    with console.progress(f"Loading {model}"):
        net = network.load(
            model,
            engine="auto" if engine == "ray" else engine,
            device="auto" if engine == "ray" else device,  # what the workers have is theirs
            precision=precision,
            threads=options.of_free_cores(threads),
            memory=budget,
            depth=bits,
        )
    net.check_takes_photos()
    mistakes.check_pictures(sources)
    if tileable:
        net.check_wraps()
    chosen = styles.choose(net, style or [], takes_all=all_styles)
    noise = Noise(seed, noise_scale)
    _tell_of_noise(net, noise, console)
    look = Look(
        chosen.names,
        strength=strength,
        preserve_color=preserve_color,
        size=size,
        noise=noise,
        tileable=tileable,
        depth=bits,
    )
    if cluster:
        failed = farming.run(cluster, net, look, chosen, batch, console)
    else:
        failed = applying.run(net, look, chosen, batch, console)
    if failed:
        raise typer.Exit(PARTLY_FAILED)


def _tell_of_noise(net: "Network", noise: "Noise", console: Console) -> None:
    """Says of options of noise that they change nothing where the network takes none."""
    if net.engine.about.noise_levels:
        return
    for option in ["--noise-scale"] * (noise.scale != 1) + ["--seed"] * (noise.seed != 0):
        console.say(f"{option} changes nothing: it is of noise, and {net.name} takes none")


def _screen(output: str | None, *, quiet: bool) -> "showing.Screen":
    """Where results are shown, read from their files.

    Raises:
        StylizeError: there are none, or the terminal shows no pictures.
    """
    if output == inputs.STDIO:
        raise StylizeError("--show draws what is in files: leave it out, or give -o a file")
    return showing.opened(quiet=quiet)

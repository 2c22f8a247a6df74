"""`stylize video`: a trained model over clips."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stylize_cli import files, paths
from stylize_cli.cli import admission, completion, inputs, options, reports
from stylize_cli.cli.batches import Item
from stylize_cli.cli.console import INTERRUPTED, PARTLY_FAILED, Console
from stylize_cli.cli.inputs import STDIO
from stylize_cli.errors import StylizeError, counted

if TYPE_CHECKING:
    from stylize_cli.api.network import Network
    from stylize_cli.api.video import Video
    from stylize_cli.frames import Section

# fmt: off
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".webp", ".apng")  # that are written
# fmt: on


def video(
    model: options.ModelArgument,
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIP", help="Clips; animated GIF, WebP or APNG; or folders of frames."
        ),
    ],
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A clip, an animation, a folder (a name without suffix is one), or frames such "
            "as out/%04d.png.",
        ),
    ],
    overwrite: options.OverwriteOption = False,
    style: Annotated[
        list[str] | None,
        options.text("--style", "NAME", "Which of the model's styles.", completion.of_styles),
    ] = None,
    to: Annotated[
        str | None,
        options.text(
            "--to", "NAME", "The style at the end; --style is the first.", completion.of_styles
        ),
    ] = None,
    smooth: Annotated[
        float | None,
        options.factor(
            "--smooth",
            "How much of the frame before is carried along; 0 is frame by frame. [default: 0.8]",
            most=1,
        ),
    ] = None,
    strength: options.StrengthOption = 1.0,
    preserve_color: options.PreserveColorOption = False,
    size: Annotated[
        int | None,
        options.pixels("--size", "Long side of the frames. [default: as they are]"),
    ] = None,
    start: Annotated[str | None, options.text("--start", "TIME", "Seconds, or 1:02:03.5.")] = None,
    end: Annotated[
        str | None, options.text("--end", "TIME", "Likewise, from the clip's start.")
    ] = None,
    codec: Annotated[
        Literal["h264", "hevc", "vp9"] | None,
        typer.Option("--codec", help="[default: h264, of WebM vp9]"),
    ] = None,
    crf: Annotated[
        int | None,
        options.number(
            "--crf",
            "Quality of the codec, less is better. [default: 18, hevc 22, vp9 30]",
            least=0,
            most=63,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an interrupted run left.")
    ] = False,
    engine: options.EngineOption = "auto",
    memory: options.MemoryOption = None,
    device: options.DeviceOption = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.ThreadsOption = None,
    quiet: options.QuietOption = False,
    json: options.JsonOption = False,
) -> None:
    """Run a trained model over moving pictures, without flicker; sound is copied."""
    console = Console(quiet=quiet, json=json)
    budget = options.parse_bytes(memory)
    first, last = _seconds(start, "--start"), _seconds(end, "--end")
    one = options.only(style, "--style", "--style a --to b goes from one to the other")
    if resume and overwrite:
        raise StylizeError("--resume goes on with what --overwrite replaces: leave out one of them")
    clips = _found(clips)
    jobs = list(zip(clips, _outputs(clips, output), strict=True))
    if not (resume or overwrite):
        from stylize_cli.frames import Section

        _check_new(jobs, Path(output), Section.between(first or 0, last))

    from stylize_cli.api import network
    from stylize_cli.api import video as api
    from stylize_cli.methods import feedforward

    with console.progress(f"Loading {model}"):
        net = network.load(
            model, engine=engine, device=device, precision=precision, threads=threads, memory=budget
        )
    net.check_takes_photos()
    one = feedforward.choose_style(net.engine.about, one)
    paint = partial(
        api.video, net, style=one, to=to, strength=strength, preserve_color=preserve_color,
        size=size, start=first or 0, end=last, smooth=smooth, codec=codec, crf=crf, resume=resume,
    )  # fmt: skip
    if _run(paint, jobs, net, one, console):
        raise typer.Exit(PARTLY_FAILED)


def _run(
    paint: "Callable[..., Video]",
    jobs: list[tuple[str, Path]],
    net: "Network",
    style: str | None,
    console: Console,
) -> bool:
    """Paints clips, each into its place, and tells of them; whether any failed.

    Raises:
        StylizeError: the only one failed.
    """
    from stylize_cli.api import video as api

    told = failed = False
    for clip, place in jobs:
        try:
            with console.progress("Reading the clip") as on_step:
                made = paint(clip, place, on_step=on_step)
        except api.Interrupted as end:
            _tell(end.made, net, style, console)
            goes_on = "; --resume goes on" if _resumes(place) else ""
            console.say(f"interrupted: {place} holds what was painted{goes_on}")
            raise typer.Exit(INTERRUPTED) from None
        except StylizeError as error:
            if len(jobs) == 1:
                raise
            console.failure(clip, str(error), str(place))
            failed = True
            continue
        if not told:
            reports.announce(net.engine, console)
            told = True
        _tell(made, net, style, console)
    return failed


def _resumes(place: Path) -> bool:
    """Whether --resume knows how to go on with what is there."""
    from stylize_cli.clips import Destination

    return Destination(place).kind != "animation"


def _tell(made: "Video", net: "Network", style: str | None, console: Console) -> None:
    reports.tell(made.notes, console)
    rate = made.new / max(made.seconds, 1e-9)
    console.say(f"{counted(made.frames, 'frame')}, {rate:.1f} a second")
    record = reports.of_engine(
        made.path, (made.height, made.width), made.seconds, net.engine, style
    )
    console.result(record | {"frames": made.frames})


def _found(clips: list[str]) -> list[str]:
    """The clips, and those that globs are for.

    Raises:
        StylizeError: there are none.
    """
    found: list[str] = []
    for clip in clips:
        files = inputs.matching(clip) if clip else []
        if not files:
            raise StylizeError(f"there are no clips in '{clip}': check the path")
        found += files
    return found


def _check_new(jobs: list[tuple[str, Path]], output: Path, span: "Section") -> None:
    """Refuses what an earlier run made under a name that -o does not say itself, but its number.

    Raises:
        StylizeError: it is there.
    """
    from stylize_cli.clips import Destination

    items = [
        Item(clip, {str(file): file for file in _named_after(clip, place, span)})
        for clip, place in jobs
        if (place != output or paths.is_folder(clip) or Destination(place).is_pattern)
        and not _is_one(clip, place)
    ]
    goes_on = any(_resumes(place) for _, place in jobs)
    admission.check_new(items, keep="--resume goes on with it, " if goes_on else "")


def _is_one(clip: str, place: Path) -> bool:
    """Whether a clip would be painted into itself, which is refused in its turn."""
    from stylize_cli.clips import Destination

    into = place.parent if Destination(place).is_pattern else place
    return files.resolved(Path(clip)) == files.resolved(into)


def _named_after(clip: str, place: Path, span: "Section") -> list[Path]:
    """The files of a result that are called after its clip: itself, or each of its frames.

    Of a pattern it is the frames that are there: those of a longer clip would stay behind its own.
    """
    from stylize_cli.clips import Destination, open_clip

    target, names = Destination(place), None
    if target.is_pattern:
        return target.numbered()
    if not paths.is_folder(clip):
        return [place]
    if target.kind == "frames":
        with suppress(StylizeError):  # where there are none, which is told in its turn
            names = target.names(open_clip(Path(clip)), span)
    return names if isinstance(names, list) else []


def _outputs(clips: list[str], output: str) -> list[Path]:
    """Where each clip goes: into a folder under its own name, MP4 where that is not written.

    One folder of frames goes into the folder itself.

    Raises:
        StylizeError: stdin or stdout is named, -o is one file for several clips, or two
            have one name.
    """
    if STDIO in (output, *clips):
        raise StylizeError("clips are no streams: name files, not - for stdin or stdout")
    path = Path(output)
    is_folder = paths.names_folder(output)
    if len(clips) == 1 and (not is_folder or paths.is_folder(clips[0])):
        return [path]
    if not is_folder:
        raise StylizeError(f"-o {output} is one file for several clips: name a folder")
    found = [path / _named(Path(clip)) for clip in clips]
    if len({str(place).casefold() for place in found}) < len(found):
        raise StylizeError("two of the clips have one name: write them into different folders")
    return found


def _named(clip: Path) -> str:
    if paths.is_folder(clip):
        return clip.resolve().name
    return clip.name if clip.suffix.lower() in SUFFIXES else f"{clip.stem}.mp4"


def _seconds(text: str | None, option: str) -> float | None:
    """Reads "90.5", "1:30.5" or "0:01:30.5".

    Raises:
        StylizeError: not a time.
    """
    if text is None:
        return None
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(0 <= number < 1e9 for number in numbers):
        raise StylizeError(f"{option} '{text}' is no time: write seconds, or 1:02:03.5")
    return sum(number * 60.0**power for power, number in enumerate(reversed(numbers)))

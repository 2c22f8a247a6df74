"""What apply, blend and texture share: a trained model that runs, and the report of a result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_cli.cli import options
from stylize_cli.cli.console import Console

if TYPE_CHECKING:
    from stylize_cli.engines import Engine, EngineName


def opened(
    file: Path,
    *,
    engine: "EngineName",
    device: str,
    precision: options.Precision,
    threads: int | None,
    depth: str,
) -> "Engine":
    """Opens a model file as the options say; results of 16 bits are computed in float32."""
    from stylize_cli import engines

    if precision == "auto" and depth == "16":
        precision = "float32"  # 16 bits a channel are more than bfloat16 holds
    return engines.open_model(
        file, engine=engine, device=device, precision=precision, threads=threads
    )


def announce(runner: "Engine", console: Console) -> None:
    """Says what runs the model, and how it was opened where that is worth a note."""
    console.say(f"device: {_described(runner)}")
    if runner.note:
        console.say(runner.note)


def record(
    path: Path, size: tuple[int, int], seconds: float, runner: "Engine", style: str | None
) -> dict[str, Any]:
    """One result as `--json` shows it."""
    return {
        "output": str(path),
        "width": size[1],
        "height": size[0],
        "seconds": round(seconds, 3),
        "device": runner.device,
        "precision": runner.precision,
        "engine": runner.name,
    } | ({} if style is None else {"style": style})


def _described(runner: "Engine") -> str:
    """What runs the model, in a line."""
    from stylize_cli import hardware

    name = f"cpu ({hardware.cpu_name()})" if runner.device == "cpu" else runner.device
    return f"{name}, {runner.precision}, {runner.name}"


def room(budget: int | None, runner: "Engine") -> int:
    """Bytes that the work may take on the runner's device, beside what the program has already."""
    import psutil

    from stylize_cli import hardware

    free = hardware.available_memory()
    if runner.device != "cpu":
        import torch

        from stylize_cli import devices

        free = min(free, devices.free_memory(torch.device(runner.device)))
    own = int(psutil.Process().memory_info().rss)
    return free if budget is None else min(free, budget - own)

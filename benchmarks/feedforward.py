"""A trained net's one pass beside optimising every picture: loss, errors, time (Johnson 2016, 4.1).

    python benchmarks/feedforward.py MODEL STYLE PHOTO... [--size 256] [-o sheet.jpg]

What the model was trained to lower, its own weighted losses of features, is lowered for each photo
by L-BFGS too, starting from the photo. MODEL's first style is the one compared. The table has means
over the photos after 50, 100 and 300 evaluations beside those of one pass, and for how many
evaluations of L-BFGS the pass stands. Seconds are those of the computation alone, of the pass on
the engine that `stylize apply` takes.
"""

import argparse
import time
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

import torch
from processes import machine
from torch import Tensor

from stylize_cli import (
    checkpoints,
    descriptors,
    devices,
    engines,
    images,
    metrics,
    minimizers,
    models,
    perceptual,
    sheets,
)
from stylize_cli.config.train import TrainConfig
from stylize_cli.methods import feedforward

CHECKS = (50, 100, 300)  # evaluations of the loss
TURNS = 5  # of the pass, whose time is their median
HEADER = "| made by | loss | style error | content error | seconds |\n|---|---|---|---|---|"


def read_config(model: checkpoints.Checkpoint) -> TrainConfig:
    """What the model was trained with, but for the range."""
    known = {field.name for field in fields(TrainConfig)}
    noted = {key: value for key, value in model.provenance["config"].items() if key in known}
    # A range concerns the sigmoid that a network ends in: a picture has none.
    return TrainConfig(**{**noted, "range_weight": 0.0})


class Yardstick:
    """The loss a model was trained with, and the errors every picture is judged by."""

    def __init__(self, config: TrainConfig, style: Tensor) -> None:
        self.config, self.style = config, style
        dtype = devices.choose_precision("auto", torch.device("cpu"))
        options = {"pool": config.pool, "edges": config.edges, "layers": config.layers}
        self.describe = descriptors.load(dtype=dtype, **options)
        self.targets = perceptual.style_summary(self.describe, [style], config)
        self.vgg = descriptors.load()

    def evaluate(self, image: Tensor, photo: Tensor) -> minimizers.Evaluation:
        """The loss of a picture and its gradient."""
        x = image.detach().requires_grad_()
        terms = perceptual.feature_losses(self.describe, x, photo, self.config, styles=self.targets)
        total = torch.stack([values.sum() for values in terms.values()]).sum()
        (gradient,) = torch.autograd.grad(total, x)
        return minimizers.Evaluation(total.item(), gradient)

    def figures(self, image: Tensor, photo: Tensor) -> list[float]:
        """Loss, style error and content error."""
        loss = self.evaluate(image, photo).loss
        judged = metrics.judge(self.vgg, image, self.style, photo)
        return [loss, judged["style_error"], judged["content_error"]]


def optimised(yardstick: Yardstick, photo: Tensor) -> tuple[dict[int, list[float]], list[float]]:
    """Figures and seconds at every check, and the loss after every evaluation."""
    found: dict[int, list[float]] = {}
    course: list[float] = []
    seconds, began = 0.0, time.perf_counter()
    for now in minimizers.lbfgs(lambda x: yardstick.evaluate(x, photo), photo):
        seconds += time.perf_counter() - began
        course += [now.evaluation.loss] * (now.evaluations - len(course))
        for check in CHECKS:
            if check not in found and now.evaluations >= check:
                found[check] = [*yardstick.figures(now.x, photo), seconds]
        if now.evaluations >= CHECKS[-1]:
            break
        began = time.perf_counter()
    return found, course


def passed(engine: engines.Engine, photo: Tensor) -> tuple[Tensor, float]:
    """What one pass makes of a photo, and its median time after a first one."""
    pixels = photo[0].permute(1, 2, 0).numpy()
    mixes = [feedforward.one_style(engine.about, engine.about.styles[0])]
    times = [time.perf_counter()]
    for _ in range(1 + TURNS):
        (made,) = feedforward.forward(engine, [pixels], mixes)
        times.append(time.perf_counter())
    seconds = median(later - earlier for earlier, later in list(pairwise(times))[1:])
    return torch.from_numpy(made.copy()).permute(2, 0, 1)[None], seconds


def main() -> None:
    """Parses the command line, measures, prints a table and draws the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("style", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    print(machine())
    file = models.find(args.model)
    config = read_config(checkpoints.load(file))
    style = images.read(args.style).rgb
    yardstick, engine = Yardstick(config, style), engines.open_model(file)
    rows: dict[str, list[list[float]]] = {}
    worth, cells = [], [(args.style.stem, style)]
    for path in args.photos:
        photo = images.read(path).rgb
        photo = images.resize(photo, images.fitted(images.size_of(photo), args.size))
        rows.setdefault("the photo itself", []).append([*yardstick.figures(photo, photo), 0.0])
        found, course = optimised(yardstick, photo)
        for check, figures in found.items():
            rows.setdefault(f"L-BFGS, {check} evaluations", []).append(figures)
        made, seconds = passed(engine, photo)
        figures = yardstick.figures(made, photo)
        rows.setdefault("one pass", []).append([*figures, seconds])
        worth.append(sum(loss > figures[0] for loss in course))
        cells += [(path.stem, photo), (f"style {figures[1]:.2f}, content {figures[2]:.2f}", made)]
    print(HEADER)
    means = {
        name: [fmean(column) for column in zip(*row, strict=True)] for name, row in rows.items()
    }
    for name, (loss, style_error, content_error, seconds) in means.items():
        print(f"| {name} | {loss:.3f} | {style_error:.3f} | {content_error:.3f} | {seconds:.3f} |")
    last = CHECKS[-1]
    speed = means[f"L-BFGS, {last} evaluations"][3] / means["one pass"][3]
    print(f"\nOne pass stands for {fmean(worth):.0f} evaluations, mean of the photos;", end=" ")
    print(f"{last} of them take {speed:.0f} times as long.")
    if args.output:
        lines = [cells[:1], *(cells[at : at + 4] for at in range(1, len(cells), 4))]
        sheet = sheets.contact_sheet(lines, height=240)
        images.write(args.output, images.Planes(sheet), quality=85)


if __name__ == "__main__":
    main()

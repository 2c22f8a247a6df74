"""A trained network, ready for pictures: one pass, a mixture of its styles, or a texture."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path

from stylize_cli import choices, engines, models, paths
from stylize_cli.api import mixtures, textures
from stylize_cli.api.opening import Opening
from stylize_cli.api.options import ANY, MEMORY, PAINTED, SEED, THREADS, Ranges, check_ranges
from stylize_cli.api.picture import Picture, Source, held, of_pixels
from stylize_cli.config import Precision
from stylize_cli.encoders import Depth
from stylize_cli.engines import Engine, EngineName
from stylize_cli.errors import StylizeError
from stylize_cli.methods import apply, feedforward, painting, strokes
from stylize_cli.methods.apply import Photo, Result
from stylize_cli.methods.look import Look
from stylize_cli.methods.strokes import Stroked
from stylize_cli.methods.tiling import Wanted
from stylize_cli.progress import OnStep, Step, ignore, run

RANGES: Ranges = {
    **PAINTED,
    **MEMORY,
    **THREADS,
    "noise_scale": (0, ANY),
    "stroke_size": (strokes.LEAST, strokes.MOST),
    "seed": SEED,
}


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network. It may be called from several threads at once.

    Attributes:
        name: what it was asked for by: a file, or the name of a model.
        model: its file.
        engine: what runs it.
        opening: how the file was opened, and what else is opened beside it.
    """

    name: str
    model: Path
    engine: Engine
    opening: Opening

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {self.engine.device}, {self.engine.precision})"

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles that it paints in; none of super-resolution."""
        return self.engine.about.styles

    def __call__(
        self,
        photo: Source,
        style: Source | None = None,
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        size: int | None = None,
        noise_scale: float = 1.0,
        seed: int = 0,
        tileable: bool = False,
    ) -> Picture:
        """Paints a photo in a style, or enlarges it.

        Args:
            photo: what to paint.
            style: which of `styles`; None where there is one or none. A picture, or a file of one,
                is learnt on the spot, as `with_style` does.
            strength: share of the result in the mixture with the photo, in [0, 1].
            preserve_color: keep the photo's colours.
            size: long side of what the network is given, px; None is the photo's own.
            noise_scale: of a texture-style network: the less noise, the more of the photo.
            seed: of that noise.
            tileable: whether the photo's opposite borders fit each other, and the result's are to;
                of networks that enlarge.

        Returns:
            The result, with the photo's transparency: floats, or samples where it came tile by
            tile.

        Raises:
            StylizeError: the photo cannot be read, there is no such style, or memory will not do.
        """
        self.check_takes_photos()
        if tileable:
            self.check_wraps()
        asked = {"strength": strength, "size": size, "noise_scale": noise_scale, "seed": seed}
        check_ranges(asked, RANGES)
        if style is not None and self.is_unseen(style):
            photo = held(photo)  # which is looked at twice
            return self.with_style(style, [photo])(
                photo, strength=strength, preserve_color=preserve_color, size=size
            )
        chosen = feedforward.choose_style(self.engine.about, str(style) if style else None)
        wanted = Wanted(
            feedforward.one_style(self.engine.about, chosen),
            strength=strength,
            preserve_color=preserve_color,
            noise=feedforward.Noise(seed, noise_scale),
            wraps=tileable,
            depth=self.opening.depth,
        )
        return self.paint(Picture(photo, least=size, room=self.room), size, wanted)

    def paint(self, picture: Picture, size: int | None, wanted: Wanted) -> Picture:
        """Paints a photo as it is wanted.

        Args:
            picture: the photo.
            size: long side of what the network is given, px; None is the photo's own.
            wanted: what to make of it.

        Raises:
            StylizeError: memory will not do.
        """
        result, note = painting.paint(self.engine, picture.pixels, size, wanted, room=self.room)
        return Picture(of_pixels(result, name=picture.name), note=note)

    def is_unseen(self, style: Source) -> bool:
        """Whether a style is a picture that would have to be learnt. A name wins over a file."""
        if not self.engine.about.takes_mix:
            return False
        if isinstance(style, (str, PathLike)):
            return fspath(style) not in self.styles and paths.is_file(style)
        return True

    def with_style(
        self, style: Source, photos: Sequence[Source], *, on_step: OnStep = ignore
    ) -> "Network":
        """A network that paints as a picture does, which this one has never seen.

        What it takes is learnt on the photos, in less than a minute on two cores, and kept in the
        cache: the second time it is there at once.

        Args:
            style: the picture.
            photos: that it is to paint.
            on_step: told of every update.

        Raises:
            StylizeError: the network has no styles, a picture cannot be read, or memory will not
                do.
        """
        return run(self.learning(style, photos), on_step)

    def learning(self, style: Source, photos: Sequence[Source]) -> Generator[Step, None, "Network"]:
        """Learns as `with_style` does: yields how far it is, update by update; returns the network.

        Args:
            style: see `with_style`.
            photos: see there.

        Raises:
            StylizeError: see there.
        """
        from stylize_cli.api import unseen  # noqa: PLC0415 - many a network learns none

        self.check_takes_mixtures()
        picture, opening = Picture(style, room=self.room), self.opening
        file = yield from unseen.learn(self.model, picture, photos, opening)
        learnt = Network(picture.name, file, opening.engine_of(file), opening)
        return learnt.with_strokes(self.engine.scale if isinstance(self.engine, Stroked) else 1)

    def with_strokes(self, scale: float) -> "Network":
        """A network whose strokes are so many times as large, in results of the same size.

        Args:
            scale: from 0.25 to 4; below 1 they become finer.

        Raises:
            StylizeError: the scale is another, or the network has no strokes.
        """
        check_ranges({"stroke_size": scale}, RANGES)
        engine = self.engine.engine if isinstance(self.engine, Stroked) else self.engine
        if scale != 1:
            upscaler = self.opening.engine_of(models.find(strokes.UPSCALER))
            engine = Stroked(engine, upscaler, scale)
        return replace(self, engine=engine)

    def apply(self, photos: Iterable[Photo], look: Look) -> Generator[Result, None, None]:
        """Paints many photos, while the next are decoded and the last are encoded.

        Args:
            photos: where each is read from, and its results saved to.
            look: what to make of each.

        Returns:
            The results as they are saved, in order; see `methods.apply`.
        """
        return apply.apply(self.engine, photos, look, room=self.room)

    def blend(
        self,
        photo: Source,
        styles: Mapping[str, float],
        *,
        strength: float = 1.0,
        preserve_color: bool = False,
        size: int | None = None,
    ) -> Picture:
        """Paints a photo in a mixture of styles.

        Args:
            photo: what to paint.
            styles: weight by name; made to sum to 1.
            strength: share of the result in the mixture with the photo, in [0, 1].
            preserve_color: keep the photo's colours.
            size: long side of what the network is given, px; None is the photo's own.

        Returns:
            The result, with the photo's transparency.

        Raises:
            StylizeError: the network has no styles to mix, or not these; the photo cannot be read;
                memory will not do.
        """
        mixture = mixtures.of(self, styles)
        return mixtures.paint(
            self, photo, mixture, strength=strength, preserve_color=preserve_color, size=size
        )

    def texture(
        self, size: int | tuple[int, int] = 512, *, seed: int = 0, depth: Depth = 8
    ) -> Picture:
        """Makes a texture of noise, whose copies join without a seam where its size suits.

        Args:
            size: both sides in px, or (width, height).
            seed: of the noise.
            depth: bits a channel.

        Raises:
            StylizeError: the network works on photos, or an option or memory will not do.
        """
        return next(textures.make(self, textures.sides(size), seed=seed, depth=depth))

    @property
    def room(self) -> int:
        """Bytes that the work may take now, beside what the program has already."""
        return engines.room(self.engine, self.opening.memory)

    def check_takes_photos(self) -> None:
        """Raises `StylizeError` where it makes textures of noise."""
        if not self.engine.about.takes_photo:
            raise StylizeError(
                f"{self.name} makes textures of noise: use stylize texture {self.name}"
            )

    def check_wraps(self) -> None:
        """Raises `StylizeError` where no pattern that it is given stays one."""
        if self.engine.about.factor == 1:
            raise StylizeError(f"{self.name} does not enlarge: tileable is for super-resolution")

    def check_takes_mixtures(self, fix: str = "use stylize apply") -> None:
        """Raises `StylizeError`, with what to do, where it has no styles that could be mixed."""
        self.check_takes_photos()
        if not self.engine.about.takes_mix:
            raise StylizeError(f"{self.name} has no styles to mix: {fix}")


def load(
    model: "str | PathLike[str]",
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
    memory: int | None = None,
    depth: Depth = 8,
) -> Network:
    """Opens a trained network.

    Args:
        model: a file, or the name of a model that is bundled or downloaded.
        engine: what runs it; auto is OpenVINO on a CPU, PyTorch on other devices.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of activations; auto is bfloat16 where the hardware multiplies it.
        threads: of the CPU; None for all.
        memory: most bytes that the whole program may take; None is what is free.
        depth: bits a channel that results are to have; 16 are more than bfloat16 holds.

    Raises:
        StylizeError: there is no such model, engine, device, precision or depth.
    """
    asked = {"engine": engine, "precision": precision, "depth": depth}
    choices.check(asked, load.__annotations__)
    check_ranges({"threads": threads, "memory": memory}, RANGES)
    if precision == "auto" and depth == 16:
        precision = "float32"
    name = fspath(model)
    file = models.find(name)
    opening = Opening(engine, device, precision, threads, memory, depth)
    return Network(name, file, opening.engine_of(file), opening)

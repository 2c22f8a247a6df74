"""`stylize reconstruct`: one layer's content, several layers' style, or the figure of both."""

import re
from dataclasses import replace

import pytest
import torch

from stylize_cli import images, sheets
from stylize_cli.api import reconstruct
from stylize_cli.config import MOST, STYLE_LAYERS
from stylize_cli.config.optimize import FIGURE_CONTENT, RECONSTRUCT_CONTENT, RECONSTRUCT_STYLE
from stylize_cli.errors import StylizeError
from stylize_cli.images import Planes
from stylize_cli.methods import optimize as method

pytest_plugins = ["commandline"]
pytestmark = pytest.mark.usefixtures("loaded", "photo")

QUICK = ["--size", 64, "--iterations", 2, "--precision", "float32"]  # the photo is 4:3
KEYS = ["output", "width", "height", "seconds", "device", "precision", "engine", "losses"]


@pytest.fixture
def runs(monkeypatch):
    """Lists the config, the pictures and the options of every optimisation."""
    calls, optimize = [], method.optimize

    def spy(describe, pictures, config, **options):
        calls.append((config, pictures, options))
        return optimize(describe, pictures, config, **options)

    monkeypatch.setattr(method, "optimize", spy)
    return calls


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--content=conv2_2", "photo-relu2_2.png"),
        ("--style=relu1_1,relu2_1", "photo-relu1_1-relu2_1.png"),
    ],
)
def test_result_is_named_after_the_picture_and_the_layers(stylize, pixels, option, name):
    ran = stylize("reconstruct", "photo.png", option, *QUICK, "--quiet")
    assert (ran.code, ran.line, ran.err) == (0, name, "")
    assert pixels(name).shape == (48, 64, 3)


def test_content_is_one_layer_s_features_alone(stylize, runs):
    ran = stylize("reconstruct", "photo.png", "--content", "relu2_2", *QUICK, "--json")
    assert set(ran.record["losses"]) - {"tv"} == {"content relu2_2", "total"}
    ((config, pictures, _),) = runs
    changed = {"content_layers": ("relu2_2",), "size": 64, "iterations": 2}
    assert config == replace(RECONSTRUCT_CONTENT, **changed)
    assert (config.init, config.style_layers, pictures.styles) == ("noise", (), ())


def test_style_is_the_gram_matrices_of_its_layers_alone(stylize, runs):
    ran = stylize("reconstruct", "photo.png", "--style", "relu1_1,pool1", *QUICK, "--json")
    assert set(ran.record["losses"]) == {"style relu1_1", "style pool1", "total"}
    ((config, pictures, _),) = runs
    changed = {"style_layers": ("relu1_1", "pool1"), "size": 64, "iterations": 2}
    assert config == replace(RECONSTRUCT_STYLE, **changed)
    assert (config.init, config.content_layers, pictures.content) == ("noise", (), None)


def test_what_is_transparent_is_no_part_of_the_style(stylize, runs, tmp_path, picture):
    """A hole that hides a glaring colour: neither it nor its place is matched."""
    rgb, alpha = picture(48, 64, seed=7), torch.ones(1, 1, 48, 64)
    alpha[..., 10:30, 20:50] = 0
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    for name, hidden in (("red", red), ("grey", 0 * red + 0.5)):
        images.write(tmp_path / f"{name}.png", Planes(rgb.where(alpha > 0, hidden), alpha))
        ran = stylize("reconstruct", f"{name}.png", "--style", "relu2_1", *QUICK)
        assert ran.code == 0, ran.err
    (one, _), (other, _) = (pictures.styles[0] for _, pictures, _ in runs)
    assert one.equal(other)
    assert one[:, 3:].equal(alpha)
    painted = [(tmp_path / f"{name}-relu2_1.png").read_bytes() for name in ("red", "grey")]
    assert painted[0] == painted[1]


def test_json_is_the_contract_s(stylize):
    ran = stylize(
        "reconstruct", "photo.png", "--content", "relu1_1", *QUICK, "--json", "-o", "a.tif"
    )
    assert list(ran.record) == KEYS
    assert (ran.record["output"], ran.record["width"], ran.record["height"]) == ("a.tif", 64, 48)


def test_a_seed_is_one_picture(stylize, tmp_path):
    def painted(seed):
        ran = stylize("reconstruct", "photo.png", "--content", "relu2_1", *QUICK, "--seed", seed)
        return (tmp_path / ran.line).read_bytes()

    assert painted(1) == painted(1) != painted(2)


@pytest.fixture
def sheet(monkeypatch):
    """The rows of the sheet that is drawn, each the cells' labels and sizes."""
    rows, draw = [], sheets.contact_sheet

    def spy(cells, **options):
        rows.extend({label: tuple(image.shape[2:]) for label, image in row} for row in cells)
        return draw(cells, **options)

    monkeypatch.setattr(sheets, "contact_sheet", spy)
    return rows


def test_figure_is_both_series_layer_by_layer(stylize, runs, sheet, pixels):
    ran = stylize("reconstruct", "photo.png", "--figure", *QUICK)
    assert (ran.code, ran.line) == (0, "photo-figure.png")
    assert re.fullmatch(r"device: .*\n", ran.err)
    content = [config.content_layers for config, _, _ in runs if config.content_layers]
    style = [config.style_layers for config, _, _ in runs if config.style_layers]
    assert content == [(layer,) for layer in FIGURE_CONTENT]
    assert style == [STYLE_LAYERS[: count + 1] for count in range(5)]
    assert [list(row) for row in sheet] == [
        ["original", *(f"content {layer}" for layer in FIGURE_CONTENT)],
        ["original", *(f"style … {layer}" for layer in STYLE_LAYERS)],
    ]
    assert {size for row in sheet for size in row.values()} == {(48, 64)}
    height, width, _ = pixels("photo-figure.png").shape
    assert height > 2 * 48
    assert width > 6 * 64


@pytest.mark.parametrize("series", [["--content", "relu1_1"], ["--figure"]])
def test_ctrl_c_before_there_is_a_picture_leaves_nothing(stylize, interrupt, photo, series):
    interrupt(1)
    ran = stylize("reconstruct", photo, *series, *QUICK)
    assert (ran.code, ran.out) == (130, b"")
    assert list(photo.parent.iterdir()) == [photo]


def test_ctrl_c_keeps_the_best_so_far(stylize, interrupt, pixels):
    interrupt(3)
    ran = stylize("reconstruct", "photo.png", "--content", "relu1_1", *QUICK, "--iterations", 9)
    assert ran.code == 130
    assert pixels(ran.line).shape == (48, 64, 3)


def test_ctrl_c_in_a_figure_keeps_the_cells_that_are_done(stylize, interrupt, sheet, pixels):
    interrupt(3)
    ran = stylize("reconstruct", "photo.png", "--figure", *QUICK, "--iterations", 9)
    assert ran.code == 130
    assert [list(row) for row in sheet] == [["original", "content relu1_2"], ["original"]]
    assert pixels(ran.line).shape[1] > 2 * 64


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", r"give one of --content LAYER, --style LAYER,\.\.\. and --figure"),
        ("--content relu1_1 --figure", r"give one of --content LAYER, --style LAYER,.*"),
        ("--content relu1_1 --style relu1_1", r"give one of --content LAYER, --style LAYER,.*"),
        ("--style=", r"--style is empty: give it a value, or leave it out; a variable .*"),
        ("--content ,", r"',' names no layer; write layers like relu3_1,relu4_1"),
        ("--content relu9_9", r"no layer 'relu9_9'; use one of: relu1_1, relu1_2, pool1, .*"),
        ("--figure --size 16", r"16x12 px is too small for the layers chosen, which need 16 px.*"),
        ("--figure --memory lots", r"'lots' is not an amount of memory; write it like 4GB or .*"),
        (
            "--content relu3_4 --descriptor vgg16-torchvision",
            r"no layer 'relu3_4'; use one of: .*relu3_3, pool3.*",
        ),
    ],
)
def test_what_cannot_be_reconstructed_is_refused(refused, options, said):
    assert re.fullmatch(said, refused("reconstruct", "photo.png", *options.split()))


@pytest.mark.parametrize("name", ["size", "iterations", "seed"])
def test_counts_have_bounds_from_python_too(photo, name):
    for count in (-1, MOST * 1000):
        with pytest.raises(StylizeError, match=f"^`{name}` {count} will not do: it must be from "):
            reconstruct.prepare(photo, content=["relu1_1"], **{name: count})

"""How the text of options is read, and which settings each of them changes."""

import ast
import inspect
import re
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest
from typer.main import get_command

import stylize_cli as stylize
from stylize_cli.api import mixtures
from stylize_cli.api.lesson import TrainOptions
from stylize_cli.api.optimization import OptimizeOptions
from stylize_cli.api.optimize import even_out
from stylize_cli.cli import app, options
from stylize_cli.config import MOST, override
from stylize_cli.config.optimize import OptimizeConfig
from stylize_cli.errors import StylizeError, as_options


def counts(command):
    """Every option of a command, and of those in it, that takes a whole number."""
    for inner in getattr(command, "commands", {}).values():
        yield from counts(inner)
    for given in getattr(command, "params", ()):
        if int in {given.type_descriptor.annotation, *get_args(given.type_descriptor.annotation)}:
            yield command.name, given.opts[0], given


def test_every_count_has_both_bounds():
    found = list(counts(get_command(app.table())))
    assert ("optimize", "--iterations") in {names[:2] for names in found}
    unbounded = [names for *names, given in found if given.min is None or given.max is None]
    assert unbounded == []


def parameters():
    """Names of all that can be given to the package's functions."""
    functions = [stylize.train, stylize.video, stylize.evaluate, stylize.load, stylize.Picture.save]
    functions += [stylize.Network.__call__, stylize.Network.blend, mixtures.paint]
    given = [inspect.signature(function).parameters for function in functions]
    return set().union(OptimizeOptions.__annotations__, TrainOptions.__annotations__, *given)


def texts():
    """What the package says to whoever calls it, in Python or on the command line."""
    root = Path(stylize.__file__).parent
    for file in root.rglob("*.py"):
        if file.relative_to(root).parts[0] not in ("cli", "page"):
            nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
            docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            strings = (node for node in nodes if isinstance(node, ast.Constant))
            yield from (
                one.value for one in strings if isinstance(one.value, str) and id(one) not in docs
            )


def test_what_a_text_names_is_a_parameter_and_becomes_an_option():
    commands = get_command(app.table()).commands.values()
    known = {name for command in commands for given in command.params for name in given.opts}
    named = {name for text in texts() for name in re.findall(r"`(\w+)`", text)}
    assert {"size", "style_weight", "shares", "photos"} < named <= parameters() | {"stroke_size"}
    assert {as_options(f"`{name}`") for name in named} <= known
    assert as_options("give `shares`, `out`, 2 `styles`") == "give --style-blend, -o, 2 --style"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("4GB", 4_000_000_000),
        ("4 gb", 4_000_000_000),
        ("4G", 4_000_000_000),
        ("1.5MB", 1_500_000),
        ("800kB", 800_000),
        ("2GiB", 2_147_483_648),
        ("1ti", 1_099_511_627_776),
        ("1000000", 1_000_000),
        ("123B", 123),
        (None, None),
    ],
)
def test_amounts_of_memory(text, amount):
    assert options.parse_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "lots", "-1GB", "4XB", "GB", "1e9", "4GB5", "1,5GB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(StylizeError, match=rf"^'{text}' is not .* like 4GB or 800MB$"):
        options.parse_bytes(text)


@pytest.mark.parametrize("text", ["4", "0.5", " 800 "])
def test_an_amount_of_memory_has_a_unit(text):
    number = text.strip()
    with pytest.raises(StylizeError, match=f"^--memory {number} has no unit: write {number}GB$"):
        options.parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("relu4_2", ("relu4_2",)),
        ("relu1_1,relu2_1", ("relu1_1", "relu2_1")),
        (" ReLU1_1 , pool2,", ("relu1_1", "pool2")),
        ("conv1_1,conv5_4", ("relu1_1", "relu5_4")),  # as the papers write them
        (None, None),
    ],
)
def test_layers(text, layers):
    assert options.parse_layers(text) == layers


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_no_layers_are_refused(text):
    with pytest.raises(StylizeError, match=r"names no layer; write layers like relu3_1,relu4_1$"):
        options.parse_layers(text)


@pytest.mark.parametrize(("text", "scales"), [(None, None), ("auto", "auto"), ("1", 1), ("12", 12)])
def test_scales(text, scales):
    assert options.parse_scales(text) == scales


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "", "²", "AUTO", str(MOST + 1)])
def test_what_is_no_number_of_scales_is_refused(text):
    said = rf"^--scales '{text}' is neither auto nor a number from 1 to {MOST}$"
    with pytest.raises(StylizeError, match=said):
        options.parse_scales(text)


@pytest.mark.parametrize(
    ("text", "styles", "shares"),
    [
        (None, 1, [1]),
        (None, 4, [0.25, 0.25, 0.25, 0.25]),
        ("0.75,0.25", 2, [0.75, 0.25]),
        ("3, 1", 2, [0.75, 0.25]),
        ("0,5", 2, [0, 1]),
        ("7", 1, [1]),
    ],
)
def test_shares_sum_to_one(text, styles, shares):
    assert even_out(options.parse_shares(text), styles) == shares


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "'x' is not a list like 0.7,0.3"),
        ("", "'' is not a list like 0.7,0.3"),
        ("0.7;0.3", "'0.7;0.3' is not a list like 0.7,0.3"),
        ("1", "has 1 share for 2 styles"),
        ("1,1,1", "has 3 shares for 2 styles"),
        ("1,-1", "'1,-1' must be positive numbers, one a style"),
        ("0,0", "'0,0' must be positive numbers, one a style"),
        ("nan,1", "'nan,1' must be positive numbers, one a style"),
        ("inf,1", "'inf,1' must be positive numbers, one a style"),
    ],
)
def test_what_are_no_shares_is_refused(text, said):
    with pytest.raises(StylizeError, match=re.escape(said)):
        even_out(options.parse_shares(text), 2)


def test_what_is_given_overrides_even_where_it_is_zero():
    config = OptimizeConfig()
    changed = override(config, tv_weight=0.0, size=None, pool="avg")
    assert asdict(changed) == asdict(config) | {"tv_weight": 0.0, "pool": "avg"}


@pytest.mark.parametrize(("text", "pair"), [(None, (0, 1)), ("1/1", (0, 1)), (" 3/16 ", (2, 16))])
def test_a_shard_is_where_it_starts_and_its_stride(text, pair):
    assert options.parse_shard(text) == pair


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/2/3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(StylizeError, match=r"--shard .* write 3/16"):
        options.parse_shard(text)


@pytest.mark.parametrize(
    ("given", "asked", "free", "all_cores"), [(3, 2, 3, 3), (None, 2, 2, 2), (None, None, 5, 8)]
)
def test_threads_are_the_user_s_or_the_cores_there_are(monkeypatch, given, asked, free, all_cores):
    monkeypatch.setattr(options.hardware, "asked_threads", lambda: asked)
    monkeypatch.setattr(options.hardware, "free_cores", lambda: 5)
    monkeypatch.setattr(options.hardware, "cores", lambda: 8)
    assert options.of_free_cores(given) == free
    assert options.hardware.threads(given) == all_cores

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from stylize_cli import (
    __version__,
    checkpoints,
    datasets,
    devices,
    grain,
    images,
    perceptual,
    ranks,
)
from stylize_cli.config import STYLE_LAYERS
from stylize_cli.config.train import TRAIN_PRESETS, TrainConfig
from stylize_cli.devices import Machine
from stylize_cli.errors import StylizeError
from stylize_cli.generators import KINDS
from stylize_cli.images import Planes
from stylize_cli.methods import train as method
from stylize_cli.methods.tasks import Task
from stylize_cli.methods.train import Training
from stylize_cli.vgg import SOURCES, check_layers

CONFIG = TrainConfig(  # of what counts here, nothing is left to the default
    generator="conditional",
    width=2,
    steps=6,
    batch_size=2,
    size=32,
    zoom=(1.0, 2.0),
    flip=True,
    lr=1e-2,
    decay="cosine",
    loss="feature",
    weighting="relative",
    content_weight=0.2,
    style_weight=1.0,
    tv_weight=0.0,
    content_layer="relu2_1",
    style_layers=("relu1_1", "relu2_1"),
    style_size=32,
    pool="max",
    edges="trained",
)
JOHNSON = replace(CONFIG, generator="johnson", size=44)
UPSCALER = replace(CONFIG, generator="upscaler", zoom=None, style_layers=())
SHIFTED = replace(UPSCALER, blocks=2, grid_weight=0.1, shifted=True)
PIXEL = replace(UPSCALER, generator="johnson-upscaler", loss="pixel")
TEXTURE = replace(CONFIG, generator="pyramid", levels=3, content_weight=0.0)
MUON = replace(TEXTURE, optimizer="muon", frozen=0.6)  # frozen from step 3 of 6 on
SMALL = replace(TEXTURE, size=64, style_size=64, levels=2, trunk=12, small=0.4)
PAINTED = replace(TEXTURE, content_weight=0.2, gradients="normalised", norm="batch")
CPU = Machine(torch.device("cpu"), torch.float32)


@pytest.fixture
def photos(picture_file):
    return tuple(picture_file(48, 56, seed=30 + k) for k in range(4))


@pytest.fixture
def task(picture):
    """task(config=CONFIG, names="ab", seed=0) -> Task with a style image for each letter."""

    def make(config=CONFIG, names="ab", *, seed=0):
        if "upscaler" in config.generator:
            return Task("super-resolution", config, factor=2, seed=seed)
        names = names[:1] if config.generator == "johnson" else names
        styles = tuple((name, picture(40, 36, seed=ord(name))) for name in names)
        method = "conditional" if config.generator == "conditional" else "perceptual"
        if config.generator == "pyramid":
            method, styles = "texture-style" if config.content_weight else "texture", styles[:1]
        return Task(method, config, styles, seed=seed)

    return make


@pytest.fixture
def training(task, photos, make_narrow):
    """training(task or what makes one, files=photos, **options) -> Training."""

    def make(wanted=None, files=photos, machine=CPU, **options):
        wanted = wanted or task()
        config = wanted.config
        crops = datasets.Crops(tuple(files), config.size, config.zoom, config.flip, wanted.seed)
        crops = None if wanted.method == "texture" else crops
        describe = make_narrow(dtype=machine.dtype) if config.layers else None
        return Training(wanted, crops, describe, machine, **options)

    return make


def weights(training):
    return {name: values.clone() for name, values in training.network.state_dict().items()}


def same(a, b):
    return set(a) == set(b) and all(torch.equal(values, b[name]) for name, values in a.items())


# Going on.


@pytest.mark.parametrize(
    "config",
    [CONFIG, JOHNSON, UPSCALER, SHIFTED, PIXEL, TEXTURE, MUON, SMALL, PAINTED],
    ids=lambda c: f"{c.generator} {c.blocks} {c.norm} {c.optimizer} {c.small}",
)
def test_a_resumed_training_equals_one_that_never_stopped(config, task, training, tmp_path):
    whole = training(task(config))
    want = list(whole.run())
    half = training(task(config))
    course = half.run()
    got = list(islice(course, 3))
    checkpoints.save_state(tmp_path / "state.pt", half.state())
    course.close()
    state = checkpoints.load_state(tmp_path / "state.pt")
    for _ in range(2):  # nor is the state used up
        resumed = training(task(config), state=state)
        assert resumed.step == 3
        assert got + list(resumed.run()) == want
        assert same(weights(resumed), weights(whole))
        assert resumed.style_losses == whole.style_losses
        assert resumed.checkpoint().provenance == whole.checkpoint().provenance


class Kernels(TorchDispatchMode):
    """Counts what is computed: by a GPU, a kernel or a few each."""

    count = 0

    def __torch_dispatch__(self, func, _types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("config", [replace(CONFIG, tv_weight=1.0, recolour=True), JOHNSON])
def test_a_gpu_is_given_no_more_kernels_for_more_samples(config, task, training, monkeypatch):
    monkeypatch.setattr(devices, "at_once", lambda _: True)
    counts = []
    for samples in (2, 6):
        course = training(task(replace(config, batch_size=samples))).run()
        next(course)
        with Kernels() as kernels:
            next(course)
        counts.append(kernels.count)
    assert counts[0] == counts[1] > 100


def test_a_checkpoint_and_a_state_stay_while_the_training_goes_on(training):
    now = training()
    course = now.run()
    next(course)
    kept, model, before = now.state(), now.checkpoint(), weights(now)
    moment = kept.optimizer["state"][0]["exp_avg"].clone()
    next(course)
    assert not same(weights(now), before)
    assert same(model.weights, before)
    assert same(kept.checkpoint.weights, before)
    assert torch.equal(kept.optimizer["state"][0]["exp_avg"], moment)


@pytest.mark.parametrize(
    "other",
    [
        lambda task: task(names="ba"),
        lambda task: task(names="abc"),
        lambda task: task(replace(CONFIG, width=3)),
        lambda task: task(JOHNSON),
        lambda task: task(UPSCALER),
        lambda task: replace(task(), method="perceptual"),
    ],
    ids=["order", "styles", "width", "generator", "super-resolution", "method"],
)
def test_the_state_of_another_task_is_refused(other, task, training):
    state = training().state()
    with pytest.raises(StylizeError, match=r"other styles or another network.*`resume`"):
        training(other(task), state=state)


def test_a_resumed_training_may_be_longer_and_nothing_else(task, training):
    state = training().state()
    longer = training(task(replace(CONFIG, steps=8)), state=state)
    assert [update.step for update in longer.run()] == list(range(1, 9))
    with pytest.raises(StylizeError, match=r"had lr 0\.01, not 0\.001; .*`resume`"):
        training(task(replace(CONFIG, lr=1e-3)), state=state)
    with pytest.raises(StylizeError, match=r"had seed 0, not 1; .*`resume`"):
        training(task(seed=1), state=state)


def _as_given(value):
    return tuple(value) if isinstance(value, list) else value


# What it learns.


@pytest.mark.parametrize(
    "config", [CONFIG, JOHNSON, UPSCALER, PIXEL, MUON], ids=lambda c: c.generator
)
def test_training_lowers_the_loss(config, task, training):
    course = list(training(task(replace(config, steps=30, decay="constant"))).run())
    totals = [update.losses["total"] for update in course]
    assert sum(totals[-5:]) < 0.95 * sum(totals[:5])


@pytest.mark.parametrize("config", [CONFIG, JOHNSON, UPSCALER, MUON], ids=lambda c: c.generator)
def test_bfloat16_trains_weights_of_float32(config, task, training):
    machine = Machine(torch.device("cpu"), torch.bfloat16)
    now = training(task(replace(config, steps=2)), machine=machine)
    want = list(training(task(replace(config, steps=2))).run())
    got = list(now.run())
    assert {values.dtype for values in now.network.parameters()} == {torch.float32}
    assert got[0].losses == pytest.approx(want[0].losses, rel=0.1)


def calls_of(now, steps):
    """(photos, mix, output) of each step."""
    calls = []
    hook = now.network.register_forward_hook(lambda _, given, out: calls.append((*given, out)))
    list(islice(now.run(), steps))
    hook.remove()
    return calls


def test_every_style_is_drawn_as_often_as_the_others(task, training):
    calls = calls_of(training(task(names="abc")), 6)
    mixes = torch.cat([mix for _, mix, _ in calls])
    assert mixes.sum(0).tolist() == [4, 4, 4]
    assert set(mixes.flatten().tolist()) == {0, 1}
    assert mixes.sum(1).tolist() == [1] * 12


def test_each_sample_is_compared_with_its_own_style(task, training):
    now = training(task(names="abc"))
    ((photos, mix, output),) = calls_of(now, 1)
    for k, row in enumerate(mix):
        name, style = now.task.styles[int(row.argmax())]
        grams = perceptual.style_summary(now.describe, [style], CONFIG)
        one = output[k : k + 1], photos[k : k + 1]
        losses = perceptual.feature_losses(now.describe, *one, CONFIG, styles=grams)
        assert now.style_losses[name] == pytest.approx(losses["style"].item(), rel=1e-4)
    assert len(now.style_losses) == 2


def test_the_style_s_weight_rises_after_the_photo_s(task, training):
    whole, rising = JOHNSON, replace(JOHNSON, photo_first=2, style_weight=3.0)
    (first, second, *_), (want, *_) = (
        list(training(task(config)).run()) for config in (rising, whole)
    )
    assert first.losses["style"] == pytest.approx(3 / 16 * want.losses["style"])
    assert first.losses["content"] == pytest.approx(want.losses["content"])
    assert second.losses["style"] > 2 * first.losses["style"]
    assert [rising.at(step).style_weight for step in range(4)] == [3 / 16, 3, 3, 3]


def test_as_many_styles_as_photos_do_not_meet_in_fixed_pairs(task, training, tmp_path):
    files = [tmp_path / f"{k}.png" for k in range(4)]
    for k, file in enumerate(files):
        images.write(file, Planes(torch.full((1, 3, 40, 40), k / 4)))
    now = training(task(replace(CONFIG, batch_size=4, steps=20), names="abcd"), files)
    pairs = Counter(
        (round(4 * photo.mean().item()), int(row.argmax()))
        for photos, mix, _ in calls_of(now, 20)
        for photo, row in zip(photos, mix, strict=True)
    )
    assert len(pairs) == 16


def test_super_resolution_sees_the_photo_made_small(task, training):
    now = training(task(UPSCALER))
    ((small, output),) = calls_of(now, 1)
    assert small.shape == (2, 3, 16, 16)
    assert output.shape == (2, 3, 32, 32)
    first = next(datasets.batches(now.crops, 2))
    torch.testing.assert_close(small.mean((2, 3)), first.mean((2, 3)), atol=0.02, rtol=0)


@pytest.mark.parametrize("config", [CONFIG, JOHNSON], ids=lambda c: c.generator)
def test_a_blank_output_stops_before_the_update(config, task, training):
    now = training(task(config))
    last = now.network.head.norm.gamma if config is CONFIG else now.network.body[-2].weight
    with torch.no_grad():
        last.zero_()
    before = {name: values.clone() for name, values in now.network.named_parameters()}
    with pytest.raises(StylizeError, match="output is blank at step 1: use a smaller `lr`"):
        list(now.run())
    assert same(dict(now.network.named_parameters()), before)


def test_the_blank_picture_of_a_blank_photo_does_not_stop(task, training, tmp_path):
    images.write(tmp_path / "flat.png", Planes(torch.full((1, 3, 40, 40), 0.5)))
    now = training(task(UPSCALER), [tmp_path / "flat.png"])
    assert next(now.run()).step == 1


# What it leaves behind.


def test_the_seed_alone_decides_and_the_global_generator_is_left_alone(task, training):
    found = []
    for seed, global_seed in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        now = training(task(seed=seed))
        list(islice(now.run(), 2))
        assert torch.equal(torch.get_rng_state(), before)
        found.append(weights(now))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


@pytest.mark.parametrize("end", ["done", "closed", "failed"])
def test_no_thread_is_left_behind(end, training):
    now = training()
    course = now.run()
    if end == "failed":
        with torch.no_grad():
            now.network.head.norm.gamma.zero_()
        with pytest.raises(StylizeError) as caught:
            next(course)
        assert caught.traceback  # which would keep the loader alive, were it not closed
    else:
        list(islice(course, 2 if end == "closed" else None))
        course.close()
    patience = time.monotonic() + 10
    while any(t.name.startswith("crops") for t in threading.enumerate()):
        assert time.monotonic() < patience
        time.sleep(0.01)


def test_a_model_says_all_that_made_it(task, training, photos, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no photo")
    files = [tmp_path / "bad.png", *photos]
    now = training(task(seed=7), files, provenance={"licence": "CC0"})
    list(now.run())
    checkpoints.save(tmp_path / "model.pt", now.checkpoint())
    made = checkpoints.load(tmp_path / "model.pt")
    assert (made.method, made.generator, made.styles) == ("conditional", "conditional", ("a", "b"))
    assert made.arguments == {"width": 2, "styles": 2}
    said = json.loads(json.dumps(made.provenance))
    assert said == {
        "descriptor": "vgg19, original, bundled",
        "values": "RGB in [0, 1]",
        "normalisation": "conditional instance",
        "config": said["config"],
        "photos": 4,
        "steps": 6,
        "seed": 7,
        "style losses": now.style_losses,
        "stylize-cli": __version__,
        "licence": "CC0",
    }
    assert TrainConfig(**{key: _as_given(value) for key, value in said["config"].items()}) == CONFIG
    assert set(now.style_losses) == {"a", "b"}


def test_a_model_of_pixels_names_no_descriptor(task, training):
    assert training(task(PIXEL)).checkpoint().provenance["descriptor"] is None


@pytest.mark.parametrize("config", [CONFIG, JOHNSON, UPSCALER, PIXEL], ids=lambda c: c.generator)
def test_a_model_computes_what_the_trained_network_does(config, task, training, picture):
    now = training(task(config))
    list(now.run())
    mix = (torch.tensor([[0.4, 0.6]]),) if config is CONFIG else ()
    with torch.no_grad():
        want = now.network.eval()(picture(44, 48), *mix)
        assert torch.equal(now.checkpoint().build()(picture(44, 48), *mix), want)


# The presets.


@pytest.mark.parametrize("preset", TRAIN_PRESETS, ids=" ".join)
def test_a_preset_names_a_network_and_layers_that_there_are(preset, picture):
    config = TRAIN_PRESETS[preset]
    styles = () if preset[0] == "super-resolution" else (("a", picture(8, 8)),)
    task = Task(preset[0], config, styles, factor=None if styles else 4)
    with torch.device("meta"):
        network = KINDS[config.generator].build(**task.arguments)
    assert config.size % (network.multiple if styles else 4 * 8) == 0
    for source in SOURCES.values():
        check_layers(config.layers, source)
    assert bool(config.style_layers) == bool(styles)


def test_the_layers_of_a_config_are_those_of_its_loss():
    assert CONFIG.layers == {"relu1_1", "relu2_1"}
    assert replace(CONFIG, content_layer="relu3_1").layers == {"relu1_1", "relu2_1", "relu3_1"}
    assert PIXEL.layers == set()
    assert TrainConfig(generator="conditional", width=1, steps=1).style_layers == STYLE_LAYERS[:4]


# Textures.


def fixed_noise_loss(training, network):
    """Of a network as it generates, on the noise of step 0; computed apart from the training."""
    config, (_, style) = training.task.config, training.task.styles[0]
    grams = perceptual.style_summary(training.describe, [style], config)
    noise = torch.zeros(method.RATED_SAMPLES, 3, config.size, config.size)
    inputs = training.task.inputs(noise, [], 0)
    with torch.no_grad():
        output = network.eval()(*inputs)
        terms = perceptual.feature_losses(training.describe, output, None, config, styles=grams)
    return terms["style"].mean().item()


def test_a_textures_model_is_the_best_on_fixed_noise_not_the_last(task, training, monkeypatch):
    monkeypatch.setattr(method, "RATED", 1)
    course = training(task(replace(TEXTURE, lr=0.1, decay="constant", steps=8)))
    seen = []
    for _ in course.run():
        seen.append(fixed_noise_loss(course, course.state().checkpoint.build()))
    best = course.checkpoint()
    assert min(seen) < seen[-1]  # else this says nothing
    assert best.provenance["steps"] == 1 + seen.index(min(seen))
    assert fixed_noise_loss(course, best.build()) == pytest.approx(min(seen), rel=1e-5)
    assert best.provenance[method.RATING] == pytest.approx(min(seen), rel=1e-5)


def test_the_last_steps_of_a_texture_run_with_frozen_statistics_and_still_learn(task, training):
    course = training(task(replace(TEXTURE, steps=4, frozen=0.5)))
    collected, learnt = [], []
    for _ in course.run():
        state = course.network.state_dict()
        collected.append(torch.cat([v.clone() for k, v in state.items() if "running" in k]))
        learnt.append(state["head.weight"].clone())
    changed = [not one.equal(two) for one, two in pairwise(collected)]
    assert changed == [True, False, False]
    assert all(not one.equal(two) for one, two in pairwise(learnt))


def test_a_texture_learns_from_small_samples_first_and_from_parts_of_the_style(
    task, training, monkeypatch
):
    course, judged = training(task(replace(SMALL, steps=11))), []

    def note(describe, output, target, config, *, styles):
        judged.append((output.shape[2:], styles))
        return perceptual_losses(describe, output, target, config, styles=styles)

    perceptual_losses = perceptual.feature_losses
    monkeypatch.setattr(perceptual, "feature_losses", note)
    monkeypatch.setattr(method, "RATED", 100)
    list(course.run())
    sizes = [size for size, _ in judged[: -method.RATED_SAMPLES]]  # those are of the last model
    assert sizes == [(32, 32)] * 8 + [(64, 64)] * 3
    ((_, style),) = course.task.styles
    whole = perceptual.style_summary(course.describe, [style], SMALL)
    parts = perceptual.parts_summary(course.describe, style, SMALL, 32)
    for layer, gram in whole.items():
        assert judged[0][1][layer][0].equal(parts[layer][0])
        assert judged[8][1][layer][0].equal(gram[0])
        assert not parts[layer].allclose(gram, rtol=1e-3)


def test_samples_that_have_no_half_are_whole_from_the_first(task, training):
    course = training(task(replace(SMALL, size=36, levels=3)))  # 18 is no multiple of 4
    assert course.side == 36
    assert not course.pace.is_small(0)


def test_noise_is_drawn_anew_at_every_step_and_by_the_seed(task):
    size = torch.zeros(2, 3, 32, 32)
    drawn = [
        task(TEXTURE, seed=seed).inputs(size, [], step) for seed, step in [(0, 0), (0, 1), (1, 0)]
    ]
    again = task(TEXTURE).inputs(size, [], 0)
    assert [one.shape[2:] for one in again] == [(8, 8), (16, 16), (32, 32)]
    assert all(map(torch.equal, drawn[0], again))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not any(map(torch.equal, drawn[a], drawn[b]))
    assert not torch.equal(again[0][0], again[0][1])


def test_photos_lie_elsewhere_in_the_grain_at_every_step(task, picture):
    photos = torch.cat([picture(32, 32, seed=0)] * 4)
    grainy = task(replace(CONFIG, grain=0.05))
    drawn = [grainy.inputs(photos, [0] * 4, step)[0] - photos for step in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0][0], drawn[0][1])
    assert drawn[0].abs().max() < 3 * 0.05
    assert drawn[0].std() == pytest.approx(0.05 * 2 / 3, rel=0.2)
    assert task(CONFIG).inputs(photos, [0] * 4, 0)[0] is photos


def test_a_look_at_what_it_makes_shows_photos_as_apply_will(task, picture):
    photo = picture(40, 48, seed=0)
    (seen, _) = task(replace(CONFIG, grain=0.05)).inputs(photo, [0], None)
    field = 0.05 * torch.from_numpy(grain.drawn(np.arange(40), np.arange(48)))
    torch.testing.assert_close(seen, photo + field)


def test_every_process_has_its_own_part_of_the_grain(task, picture, monkeypatch):
    photos = torch.cat([picture(32, 32, seed=0)] * 4)
    grainy, mine = task(replace(CONFIG, grain=0.05)), slice(2, 4)
    alone = grainy.inputs(photos, [0] * 4, 0)[0]
    monkeypatch.setattr(ranks, "part", lambda total: range(total)[mine])
    found = grainy.inputs(photos[mine], [0, 0], 0, whole=4)[0]
    assert torch.equal(found, alone[mine])


def test_a_texture_style_net_sees_the_photo_at_every_scale(task, picture):
    photos = torch.cat([picture(32, 32, seed=k) for k in range(2)])
    inputs = task(PAINTED).inputs(photos, [], 0)
    for ratio, one in zip((4, 2, 1), inputs, strict=True):
        pooled = photos.unflatten(3, (-1, ratio)).unflatten(2, (-1, ratio)).mean((3, 5))
        torch.testing.assert_close(one[:, :3], pooled)
        assert one.shape[1] == 6

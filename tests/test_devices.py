from types import SimpleNamespace

import psutil
import pytest
import torch

import stylize_cli as stylize
from stylize_cli import devices, hardware
from stylize_cli.errors import StylizeError


@pytest.fixture
def machine(monkeypatch):
    """Gives the machine CUDA devices, by compute capability, or MPS, or a CPU with bfloat16."""

    def build(*, cuda=(), driver_works=True, mps=False, fast_cpu=False):
        patches = {
            "is_available": lambda: driver_works and bool(cuda),
            "device_count": lambda: len(cuda),
            "get_device_capability": lambda device: cuda[device.index],
            "get_device_name": lambda device: f"Card {device.index}",
            "mem_get_info": lambda device: (1000 + device.index, 5000),
        }
        for name, fake in patches.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(hardware, "fast_bfloat16", lambda: fast_cpu)

    return build


TURING, AMPERE, HOPPER = (7, 5), (8, 0), (9, 0)
TWO_CARDS = {"cuda": (TURING, AMPERE)}


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({}, ["cpu"]),
        ({"mps": True}, ["mps", "cpu"]),
        (TWO_CARDS, ["cuda:0", "cuda:1", "cpu"]),
        ({**TWO_CARDS, "mps": True}, ["cuda:0", "cuda:1", "mps", "cpu"]),
        ({**TWO_CARDS, "driver_works": False}, ["cpu"]),
    ],
    ids=["cpu", "mps", "cuda", "cuda and mps", "driver too old"],
)
def test_auto_takes_the_best_device(machine, parts, found):
    machine(**parts)
    assert devices.available() == found
    assert devices.choose("auto") == torch.device(found[0])


@pytest.mark.parametrize(
    ("name", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("mps", None), ("cpu", None)]
)
def test_device_is_the_one_asked_for(machine, name, index):
    machine(**TWO_CARDS, mps=True)
    device = devices.choose(name)
    assert (device.type, device.index) == (name.partition(":")[0], index)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("cuda", {}),
        ("cuda:0", {}),
        ("mps", {}),
        ("mps", TWO_CARDS),
        ("cuda:9", TWO_CARDS),
        ("cuda:", TWO_CARDS),
        ("cuda", {**TWO_CARDS, "driver_works": False}),
        ("gpu", TWO_CARDS),
        ("", {"mps": True}),
    ],
)
def test_absent_device_is_an_error_that_lists_those_there_are(machine, name, parts):
    machine(**parts)
    with pytest.raises(StylizeError) as caught:
        devices.choose(name)
    text = str(caught.value)
    assert f"'{name}'" in text
    assert text.endswith(": " + ", ".join(devices.available()))
    assert "`device` auto" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "parts", "auto"),
    [
        ("cpu", {"fast_cpu": True}, "bfloat16"),
        ("cpu", {}, "float32"),
        ("cpu", {"cuda": (AMPERE,)}, "float32"),
        ("cuda:0", {"cuda": (AMPERE,)}, "bfloat16"),
        ("cuda:0", {"cuda": (HOPPER,)}, "bfloat16"),
        ("cuda:0", {**TWO_CARDS, "fast_cpu": True}, "float32"),
        ("cuda:1", TWO_CARDS, "bfloat16"),
        ("mps", {"mps": True, "fast_cpu": True}, "float32"),
    ],
)
def test_auto_precision_is_what_the_hardware_multiplies(machine, name, parts, auto):
    machine(**parts)
    device = torch.device(name)
    dtype = devices.choose_precision("auto", device)
    assert dtype is getattr(torch, auto)
    assert devices.Machine(device, dtype).precision == auto


@pytest.mark.parametrize("name", ["cpu", "cuda:0", "mps"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_asked_for_is_kept_or_refused(machine, name, precision):
    machine(cuda=(TURING,), mps=True, fast_cpu=precision == "float32")
    device = torch.device(name)
    if (name, precision) == ("mps", "bfloat16"):
        with pytest.raises(StylizeError, match="`precision` float32"):
            devices.choose_precision(precision, device)
    else:
        assert devices.choose_precision(precision, device) is getattr(torch, precision)


@pytest.mark.parametrize(
    ("name", "dtype", "want"),
    [
        ("cuda:1", torch.bfloat16, "cuda:1 (Card 1), bfloat16"),
        ("mps", torch.float32, "mps, float32"),
        ("cpu", torch.float32, "cpu (Some CPU, 3 threads), float32"),
    ],
)
def test_device_is_described_in_one_line(machine, monkeypatch, name, dtype, want):
    machine(**TWO_CARDS, mps=True)
    monkeypatch.setattr(hardware, "cpu_name", lambda: "Some CPU")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert devices.Machine(torch.device(name), dtype).describe() == want


@pytest.mark.parametrize(("name", "want"), [("cuda:1", 1001), ("mps", 77), ("cpu", 77)])
def test_free_memory_is_the_devices_own(machine, monkeypatch, name, want):
    machine(**TWO_CARDS, mps=True)
    monkeypatch.setattr(hardware, "available_memory", lambda: 77)
    assert devices.free_memory(torch.device(name)) == want


CUDNN, MATMUL = torch.backends.cudnn, torch.backends.cuda.matmul
IS_NEW = hasattr(MATMUL, "fp32_precision")


def precisions():
    """Whether torch may multiply float32 as TF32 and add bfloat16 up in bfloat16, all over."""
    sums = MATMUL.allow_bf16_reduced_precision_reduction
    if IS_NEW:
        return *(one.fp32_precision == "tf32" for one in (CUDNN.conv, MATMUL)), sums
    return CUDNN.allow_tf32, MATMUL.allow_tf32, sums


@pytest.fixture
def host():
    """host(conv, matmul, sums): a program's own settings, which torch has back afterwards."""
    before = CUDNN.allow_tf32, MATMUL.allow_tf32, MATMUL.allow_bf16_reduced_precision_reduction

    def ask(conv, matmul, sums):
        CUDNN.allow_tf32, MATMUL.allow_tf32 = conv, matmul
        MATMUL.allow_bf16_reduced_precision_reduction = sums

    yield ask
    ask(*before)


@pytest.mark.parametrize("before", [(True, False, True), (False, True, False)])
def test_float32_is_float32_inside_and_the_process_as_it_was_afterwards(host, before):
    host(*before)
    first, second = devices.threads(None), devices.threads(1)
    first.__enter__()
    assert precisions() == (False,) * 3
    second.__enter__()
    first.__exit__(None, None, None)  # in any order, as in a host's threads
    assert precisions() == (False,) * 3
    second.__exit__(None, None, None)
    assert precisions() == before
    assert (CUDNN.allow_tf32, MATMUL.allow_tf32) == before[:2]  # and can be read so


@pytest.mark.skipif(not IS_NEW, reason="torch has no fp32_precision")
def test_a_host_may_ask_for_tf32_in_torch_s_newer_words(host):
    host(False, False, False)
    MATMUL.fp32_precision = CUDNN.conv.fp32_precision = "tf32"
    for _ in range(2):
        with devices.threads(None):
            assert precisions() == (False,) * 3
        assert precisions() == (True, True, False)


def test_older_torch_is_asked_in_its_own_words(monkeypatch):
    cudnn = SimpleNamespace(allow_tf32=True)
    matmul = SimpleNamespace(allow_tf32=True, allow_bf16_reduced_precision_reduction=True)
    monkeypatch.setattr(torch.backends, "cudnn", cudnn)
    monkeypatch.setattr(torch.backends.cuda, "matmul", matmul)
    monkeypatch.setattr(devices, "_SHORTCUTS", devices._shortcuts())
    with devices.exact():
        assert not any([*vars(cudnn).values(), *vars(matmul).values()])
    assert all([*vars(cudnn).values(), *vars(matmul).values()])


@pytest.mark.parametrize(("name", "want"), [("cuda:1", 700), ("mps", 77), ("cpu", 77)])
def test_what_a_program_has_is_of_the_device_s_memory(machine, monkeypatch, name, want):
    machine(**TWO_CARDS, mps=True)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 699 + device.index)
    info = type("Info", (), {"rss": 77})
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _self: info)
    assert devices.own_memory(torch.device(name)) == want


def test_what_torch_holds_of_a_card_and_does_not_use_is_free(machine, monkeypatch):
    machine(**TWO_CARDS)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 100)
    assert devices.free_memory(torch.device("cuda:0")) == 1200


def test_a_card_is_sent_pinned_memory_without_waiting():
    asked = []

    class Batch:
        def pin_memory(self):
            asked.append("pinned")
            return self

        def to(self, device, *, non_blocking=False):
            asked.append((device.type, non_blocking))
            return self

    for name in ("cuda:0", "mps", "cpu"):
        devices.sent(Batch(), torch.device(name))
    assert asked == ["pinned", ("cuda", True), ("mps", False), ("cpu", False)]


@pytest.mark.parametrize("count", [0, -1, 100_000])
def test_threads_that_would_end_the_process_are_refused(count):
    with pytest.raises(StylizeError, match=f"`threads` {count} will not do"):
        devices.threads(count).__enter__()
    with pytest.raises(StylizeError, match=f"`threads` {count} will not do"):
        stylize.load("classics", threads=count)

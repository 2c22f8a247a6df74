import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from stylize_cli import hardware

XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse2 avx2 avx512f avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
EPYC = """\
processor\t: 0
model name\t: AMD EPYC 9354 32-Core Processor
flags\t\t: fpu sse2 avx2 avx512f avx512bw avx512_bf16
"""
HASWELL = """\
processor\t: 0
model name\t: Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz
flags\t\t: fpu sse2 avx avx2
"""
GRAVITON = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd aes sha2 fphp asimdhp sve i8mm bf16
CPU implementer\t: 0x41
"""
GIB = 2**30
NO_LIMIT = 9223372036854771712  # what cgroup v1 says where there is none
V1 = "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"
V2 = "memory.max", "memory.current", "memory.stat"


@pytest.mark.parametrize(
    ("cpuinfo", "name", "features", "fast"),
    [
        (
            XEON,
            "Intel(R) Xeon(R) Platinum 8480+",
            ("avx2", "avx512f", "avx512_bf16", "amx_int8", "amx_bf16"),
            (True, True),
        ),
        (
            EPYC,
            "AMD EPYC 9354 32-Core Processor",
            ("avx2", "avx512f", "avx512_bf16"),
            (True, False),
        ),
        (HASWELL, "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz", ("avx2",), (False, False)),
        (GRAVITON, "a machine", ("asimd", "i8mm", "bf16"), (True, True)),
        (None, "a machine", (), (False, False)),
        ("", "a machine", (), (False, False)),
    ],
    ids=["AMX", "AVX512-BF16", "AVX2", "ARM", "no file", "empty file"],
)
def test_processor_is_read_from_cpuinfo(monkeypatch, tmp_path, cpuinfo, name, features, fast):
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "a machine")
    assert hardware.cpu_name() == name
    assert hardware.cpu_features() == features
    assert (hardware.fast_bfloat16(), hardware.fast_int8()) == fast


def test_processor_is_named_by_the_platform_where_there_is_no_cpuinfo(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "Intel64 Family 6")
    assert hardware.cpu_name() == "Intel64 Family 6"


@pytest.mark.parametrize(
    ("files", "limit", "used", "cached", "want"),
    [
        (V2, 4 * GIB, GIB, 0, 3 * GIB),
        (V1, 4 * GIB, GIB, 0, 3 * GIB),
        (V2, GIB, 2 * GIB, 0, 0),
        (V2, "max", GIB, 0, 8 * GIB),
        (V1, NO_LIMIT, GIB, 0, 8 * GIB),
        (V2, 64 * GIB, GIB, 0, 8 * GIB),
        (V2[:1], 4 * GIB, GIB, 0, 8 * GIB),
        ((), 4 * GIB, GIB, 0, 8 * GIB),
        (V2, 4 * GIB, 3 * GIB, 2 * GIB, 3 * GIB),
        (V1, 4 * GIB, 3 * GIB, 2 * GIB, 3 * GIB),
    ],
    ids=[
        "v2",
        "v1",
        "over the limit",
        "v2 without a limit",
        "v1 without a limit",
        "limit above the machine",
        "no use known",
        "no container",
        "v2 page cache",
        "v1 page cache",
    ],
)
def test_available_memory_is_the_least_of_machine_and_container(
    monkeypatch, tmp_path, files, limit, used, cached, want
):
    stat = f"anon 7\ninactive_file {cached}\nactive_file 7"
    for name, value in zip(files, (limit, used, stat), strict=False):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GIB))
    assert hardware.available_memory() == want


@pytest.mark.parametrize(
    ("own", "files", "want"),
    [
        ("0::/jobs/7\n", {"jobs/7": (V2, 2)}, 2),
        ("0::/jobs/7\n", {"jobs/7": (V2, 3), "jobs": (V2, 1)}, 1),  # of those around it, too
        ("0::/jobs/7\n", {"jobs/8": (V2, 1)}, 8),  # another's
        ("0::/docker/host/path\n", {"": (V2, 4)}, 4),  # the host's path, seen in a container
        ("9:cpu:/a\n4:memory:/a/b\n0::/\n", {"a/b": (V1, 2)}, 2),
        ("4:cpu,memory:/a\n", {"a": (V1, 3)}, 3),
        ("nonsense\n::\n", {}, 8),
    ],
)
def test_the_limit_is_that_of_the_process_s_own_group(monkeypatch, tmp_path, own, files, want):
    for group, (names, gib) in files.items():
        for name, value in zip(names, ((gib + 1) * GIB, GIB, "inactive_file 0"), strict=True):
            place = tmp_path / name if names is V2 else tmp_path / "memory" / name.split("/")[1]
            place = place.parent / group / place.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{value}\n")
    (tmp_path / "cgroup").write_text(own)
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    monkeypatch.setattr(hardware, "CGROUP_OWN", tmp_path / "cgroup")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GIB))
    assert hardware.available_memory() == want * GIB


@pytest.fixture
def processors(monkeypatch, tmp_path):
    """A machine of so many processors, of which this process may use some."""

    def build(count, allowed, running=()):
        looks = iter(running)
        monkeypatch.setattr(hardware, "CGROUP", tmp_path)
        monkeypatch.setattr(hardware, "CGROUP_OWN", tmp_path / "cgroup")
        monkeypatch.setattr(hardware.os, "cpu_count", lambda: count)
        monkeypatch.setattr(
            hardware.os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False
        )
        text = SimpleNamespace(read_text=lambda encoding: next(looks))  # noqa: ARG005
        monkeypatch.setattr(hardware, "LOADAVG", text if running else tmp_path / "none")
        return tmp_path

    return build


@pytest.mark.parametrize(
    ("own", "files", "want"),
    [
        ("", {}, 6),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000"}, 6),
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/host/path\n", {"cpu.max": "100000 50000"}, 2),  # the host's path, in a container
        ("0::/a\n", {"other/cpu.max": "100000 100000"}, 6),
        ("0::/a\n", {"a/cpu.max": "1000 100000"}, 1),
        ("0::/a\n", {"a/cpu.max": "nonsense"}, 6),
        ("0::/a\n", {"a/cpu.max": "1600000 100000"}, 6),
        (
            "3:cpu,cpuacct:/a\n",
            {"cpu/a/cpu.cfs_quota_us": "400000", "cpu/a/cpu.cfs_period_us": "100000"},
            4,
        ),
        (
            "3:cpu:/a\n",
            {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"},
            6,
        ),
    ],
)
def test_cores_are_those_of_affinity_and_quota(processors, own, files, want):
    root = processors(8, 6)
    (root / "cgroup").write_text(own)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    assert hardware.cores() == want


@pytest.mark.parametrize(
    ("count", "allowed", "running", "want"),
    [
        (8, 8, [1] * 5, 8),  # this process alone
        (8, 8, [4, 4, 4, 4, 4], 5),
        (8, 8, [9, 2, 9, 3, 9], 7),  # what was gone at the second look is not at work
        (64, 4, [11] * 5, 4),  # others' work is elsewhere
        (2, 2, [40] * 5, 1),
        (8, 3, [], 3),  # no such file
    ],
)
def test_free_cores_are_those_that_nobody_else_is_busy_on(
    processors, count, allowed, running, want
):
    processors(count, allowed, [f"0.5 0.5 0.5 {now}/400 77\n" for now in running])
    assert hardware.free_cores() == want


@pytest.mark.parametrize(
    ("value", "want"), [(None, None), ("3", 3), ("4,2", 4), ("0", None), ("many", None), ("", None)]
)
def test_threads_asked_for_by_the_environment(monkeypatch, value, want):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if value is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert hardware.asked_threads() == want


@pytest.mark.parametrize(("library", "want"), [("libc.so.6", True), ("libnone.so.1", False)])
@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="there is a driver")
def test_a_library_tells_of_an_nvidia_driver(monkeypatch, library, want):
    monkeypatch.setattr(hardware, "CUDA", library)
    assert hardware.cuda_driver() == want


def test_import_needs_no_torch():
    code = "import sys, stylize_cli.hardware; print(*{'torch', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


GIVEN_BACK = """
import sys
import psutil
from stylize_cli import hardware

if sys.argv[1] == "all":
    hardware.return_large_blocks()
del (first := [bytearray(24 << 20)])[:]  # after which glibc keeps as large ones in its heap
held, blocks = [], []
for _ in range(8):
    blocks.append(bytearray(16 << 20))
    held.append(bytearray(100_000))
before = psutil.Process().memory_info().rss
blocks.clear()
print((before - psutil.Process().memory_info().rss) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_large_blocks_are_given_back_at_once():
    given = []
    for which in ("all", "some"):
        ran = subprocess.run(
            [sys.executable, "-c", GIVEN_BACK, which], capture_output=True, text=True, check=True
        )
        given.append(int(ran.stdout))
    assert given[0] >= 8 * 16 - 1
    assert given[1] < 64

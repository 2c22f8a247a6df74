import platform
import subprocess
import sys
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
            ("avx2", "avx512f", "avx512_bf16", "amx_bf16"),
            True,
        ),
        (EPYC, "AMD EPYC 9354 32-Core Processor", ("avx2", "avx512f", "avx512_bf16"), True),
        (HASWELL, "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz", ("avx2",), False),
        (GRAVITON, "a machine", ("asimd", "bf16"), True),
        (None, "a machine", (), False),
        ("", "a machine", (), False),
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
    assert hardware.fast_bfloat16() is fast


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


def test_a_library_tells_of_an_nvidia_driver(monkeypatch):
    monkeypatch.setattr(hardware.ctypes.util, "find_library", lambda name: f"lib{name}.so.1")
    assert hardware.cuda_driver()


def test_import_needs_no_torch():
    code = "import sys, stylize_cli.hardware; print(*{'torch', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []

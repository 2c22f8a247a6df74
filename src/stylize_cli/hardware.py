"""What this machine has, found without importing torch."""

import ctypes.util
import os
import platform
import sys
from pathlib import Path

import psutil

# How Linux names what multiplies bfloat16 matrices in hardware (x86: AMX, AVX512-BF16; ARM: bf16).
FAST_BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
REPORTED = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")

CPUINFO = Path("/proc/cpuinfo")
CGROUP = Path("/sys/fs/cgroup")
CGROUP_MEMORY = (  # a container's limit, use and what that consists of, in bytes; v2 then v1
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)


def _cpuinfo() -> dict[str, str]:
    """Fields of the first processor in /proc/cpuinfo; empty where there is no such file."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def cpu_name() -> str:
    """The processor's name as its maker writes it."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """Those of `REPORTED` that this processor has."""
    info = _cpuinfo()
    flags = f"{info.get('flags', '')} {info.get('Features', '')}".split()
    return tuple(name for name in REPORTED if name in flags)


def fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 matrices in hardware; False where that is not known."""
    return not FAST_BFLOAT16.isdisjoint(cpu_features())


def cuda_driver() -> bool:
    """Whether an NVIDIA driver is installed (torch alone can say whether it works)."""
    return Path("/proc/driver/nvidia/version").exists() or bool(
        ctypes.util.find_library("nvcuda" if os.name == "nt" else "cuda")
    )


def available_memory() -> int:
    """Bytes that a new process can use without swapping, a container's limit included."""
    return min([psutil.virtual_memory().available, *_container_headroom()])


def release_memory() -> None:
    """Gives freed memory back to the system, where the C library would keep it (glibc).

    What one picture size leaves behind in pieces does not fit the next one: without this the
    process grows by both.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _container_headroom() -> list[int]:
    for names in CGROUP_MEMORY:
        try:
            most, used, stat = ((CGROUP / name).read_text(encoding="ascii") for name in names)
        except OSError:
            continue
        if most.strip() != "max":
            # Files read once count as used, yet the kernel gives their memory back on demand.
            cached = int(dict(line.split() for line in stat.splitlines()).get("inactive_file", 0))
            return [max(0, int(most) - int(used) + cached)]
    return []

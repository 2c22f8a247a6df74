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
CGROUP_OWN = Path("/proc/self/cgroup")  # which group of every hierarchy this process is in
CGROUP_MEMORY = {  # the limit, the use and what that consists of, in bytes, by the version
    "v2": ("memory.max", "memory.current", "memory.stat"),
    "v1": ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"),
}


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
    """Bytes left in this process's group and in every one around it, where there is a limit."""
    found = []
    for version, root, group in _own_groups():
        # In a container the path may be the host's: what is not there is passed over.
        for folder in (root / group, *(root / group).parents):
            if folder.is_relative_to(root):
                found += _headroom(folder, CGROUP_MEMORY[version])
    return found


def _own_groups() -> list[tuple[str, Path, str]]:
    """Version, root and path below it of each group that counts this process's memory."""
    try:
        lines = CGROUP_OWN.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    found = [("v2", CGROUP, ""), ("v1", CGROUP / "memory", "")]
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found.append(("v2", CGROUP, path.strip("/")))
        elif "memory" in controllers.split(","):
            found.append(("v1", CGROUP / "memory", path.strip("/")))
    return found


def _headroom(folder: Path, names: tuple[str, str, str]) -> list[int]:
    try:
        most, used, stat = ((folder / name).read_text(encoding="ascii") for name in names)
        if most.strip() == "max":
            return []
        # Files read once count as used, yet the kernel gives their memory back on demand.
        parts = dict(line.split() for line in stat.splitlines())
        # Of v1, "total" counts the groups below too, as the use does.
        cached = int(parts.get("total_inactive_file", parts.get("inactive_file", 0)))
        return [max(0, int(most) - int(used) + cached)]
    except (OSError, ValueError):
        return []

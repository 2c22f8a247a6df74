"""What this machine has, found without importing torch."""

import ctypes
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from stylize_cli.errors import StylizeError, amount

ENOUGH = 10**9  # bytes beside the program: for a picture of a usual size, whatever is made of it
MOST_THREADS = 1024  # of far more, OpenMP's library ends the process
# How Linux names what multiplies bfloat16 matrices in hardware (x86: AMX, AVX512-BF16; ARM: bf16).
FAST_BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
# What multiplies bytes (x86: VNNI, AMX; ARM: i8mm).
FAST_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "i8mm"})
REPORTED = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
    *("asimd", "i8mm", "bf16"),
)

CUDA = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"  # the driver's library
CPUINFO = Path("/proc/cpuinfo")
CGROUP = Path("/sys/fs/cgroup")
CGROUP_OWN = Path("/proc/self/cgroup")  # which group of every hierarchy this process is in
MMAP_THRESHOLD = -3  # of glibc's mallopt: bytes of a block that is mapped by itself
LARGE_BLOCK = 4 * 1024**2
LOADAVG = Path("/proc/loadavg")  # its fourth field: what runs now on the whole machine, and all
LOOKS, PAUSE = 5, 0.002  # at that, and seconds between two: what runs in all of them is at work
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


def fast_int8() -> bool:
    """Whether the CPU multiplies matrices of bytes in hardware; False where that is not known."""
    return not FAST_INT8.isdisjoint(cpu_features())


def cuda_driver() -> bool:
    """Whether an NVIDIA driver is installed (torch alone can say whether it works)."""
    return Path("/proc/driver/nvidia/version").exists() or _loads(CUDA)


def _loads(library: str) -> bool:
    """Whether a shared library is here; `ctypes.util.find_library` starts three programs for it."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def available_memory() -> int:
    """Bytes that a new process can use without swapping, a container's limit included."""
    return min([psutil.virtual_memory().available, *_container_headroom()])


def own_memory() -> int:
    """Bytes of the machine's memory that this process has."""
    return int(psutil.Process().memory_info().rss)


def left_of(budget: int, own: int) -> int:
    """Bytes of a budget for the whole program, which takes `own` itself, that are left for work.

    Raises:
        StylizeError: none are.
    """
    if budget <= own:
        raise StylizeError(
            f"`memory` {amount(budget)} is less than the program itself takes: that is "
            f"{amount(own)}, so give it {amount(own + ENOUGH)}, or leave it out"
        )
    return budget - own


def release_memory() -> None:
    """Gives freed memory back to the system, where the C library would keep it (glibc).

    What one picture size leaves behind in pieces does not fit the next one: without this the
    process grows by both.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def return_large_blocks() -> None:
    """Has the C library give back what is freed of 4 MB and more at once, from now on (glibc).

    By default it keeps up to 32 MB of each in its heap, in pieces that the next tile's maps do not
    fit: a picture in tiles then takes twice the memory of its maps.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(MMAP_THRESHOLD, LARGE_BLOCK)


def use_large_pages() -> None:
    """Lets torch ask for pages of 2 MB, unless the environment says else.

    What is given back and asked for anew costs a fault a page: a fifth of the time, with
    `return_large_blocks`. It counts where torch has not been imported yet.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def cores() -> int:
    """Processors that this process may use: by its affinity, and by its container's quota."""
    allowed = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    quotas = [_quota(version, folder) for version, folder in _own_groups("cpu")]
    return max(1, math.ceil(min([allowed, *quotas])))


def free_cores() -> int:
    """Those of `cores` that no other program is busy on, at least one.

    With a thread more than that, all the others wait for the one that shares its core.
    """
    counts = []
    for look in range(LOOKS):
        time.sleep(PAUSE if look else 0)
        try:
            counts.append(int(LOADAVG.read_text(encoding="ascii").split()[3].split("/")[0]) - 1)
        except (OSError, ValueError, IndexError):  # not Linux
            return cores()
    return max(1, min(cores(), (os.cpu_count() or 1) - min(counts)))


def check_threads(count: int | None) -> None:
    """Raises `StylizeError` for a number of threads that cannot be; None is no number."""
    if count is not None and not 1 <= count <= MOST_THREADS:
        raise StylizeError(f"`threads` {count} will not do: it must be from 1 to {MOST_THREADS}")


def threads(count: int | None) -> int:
    """That many; for None those that OMP_NUM_THREADS asks for, or all that may be used."""
    return count or asked_threads() or cores()


def asked_threads() -> int | None:
    """Threads that OMP_NUM_THREADS asks for; None where it does not, or for ever so many."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    is_number = first.isdecimal() and len(first) <= len(str(MOST_THREADS))
    return int(first) if is_number and 1 <= int(first) <= MOST_THREADS else None


def _container_headroom() -> list[int]:
    """Bytes left in this process's group and in every one around it, where there is a limit."""
    groups = _own_groups("memory")
    return [room for version, folder in groups for room in _headroom(folder, version)]


def _own_groups(controller: str) -> Iterator[tuple[str, Path]]:
    """Version and folder of each group, of this process and around it, with that controller."""
    try:
        lines = CGROUP_OWN.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    found = [("v2", CGROUP, ""), ("v1", CGROUP / controller, "")]
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found.append(("v2", CGROUP, path.strip("/")))
        elif controller in controllers.split(","):
            found.append(("v1", CGROUP / controller, path.strip("/")))
    for version, root, group in found:
        # In a container the path may be the host's: what is not there is passed over.
        for folder in (root / group, *(root / group).parents):
            if folder.is_relative_to(root):
                yield version, folder


def _quota(version: str, folder: Path) -> float:
    """Processors' worth of time that a group may take; infinite where there is no limit."""
    try:
        if version == "v2":
            most, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            most, period = ((folder / name).read_text(encoding="ascii") for name in names)
        share = int(most) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max", or none
        return math.inf
    return share if share > 0 else math.inf


def _headroom(folder: Path, version: str) -> list[int]:
    try:
        files = (folder / name for name in CGROUP_MEMORY[version])
        most, used, stat = (file.read_text(encoding="ascii") for file in files)
        if most.strip() == "max":
            return []
        # Files read once count as used, yet the kernel gives their memory back on demand.
        parts = dict(line.split() for line in stat.splitlines())
        # Of v1, "total" counts the groups below too, as the use does.
        cached = int(parts.get("total_inactive_file", parts.get("inactive_file", 0)))
        return [max(0, int(most) - int(used) + cached)]
    except (OSError, ValueError):
        return []

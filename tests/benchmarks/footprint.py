"""What a stack's processes take: CPU, with that of ended children, and memory in which a shared page counts once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import psutil

SUPERVISOR = "supervisor"
SCHEDULER = "scheduler"
WORKERS = "workers"
"""The scheduler's children: what tasks cost, apart from what scheduling them costs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One process: CPU seconds of its own and of the children that it has waited for, and bytes of memory.

    A process that may not be looked into (Airflow makes its workers so; only root sees them) has its RSS for its PSS.
    """

    pid: int
    parent: int
    cpu_s: float
    reaped_s: float
    pss: int
    rss: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one program has used since it started, and what it holds now."""

    cpu_s: float = 0.0
    pss: int = 0
    rss: int = 0
    processes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.cpu_s + other.cpu_s, self.pss + other.pss, self.rss + other.rss, self.processes + other.processes
        )


def read() -> list[Reading]:
    """Read every process of this machine, none of which came or went meanwhile."""
    while True:
        before = _pids()
        readings = [reading for pid in before if (reading := _read(pid)) is not None]
        # A child that ended in between would be missing, or be counted twice: by itself and by its parent.
        if {reading.pid for reading in readings} == _pids() & before:
            return readings


def by_program(readings: Iterable[Reading], roots: Mapping[str, int]) -> dict[str, Usage]:
    """Return what each program uses.

    Args:
        readings: of all processes.
        roots: each program's first process. A process belongs to the nearest of them above it.
    """
    known = {reading.pid: reading for reading in readings}
    programs = {pid: name for name, pid in roots.items()}
    usages = dict.fromkeys([*roots, *([WORKERS] if SCHEDULER in roots else [])], Usage())
    for reading in known.values():
        owner = _owner(reading, known, programs)
        if owner is None:
            continue
        is_scheduler = reading.pid == roots.get(SCHEDULER)
        below = WORKERS if owner == SCHEDULER else owner
        usages[owner if is_scheduler else below] += Usage(reading.cpu_s, reading.pss, reading.rss, 1)
        usages[below] += Usage(reading.reaped_s)
    return usages


def summed(samples: list[Mapping[str, Usage]], seconds: float) -> dict[str, dict[str, float]]:
    """Return each program's share of a core between the first sample and the last, and its median memory in GB."""
    return {
        name: {
            "cpu_cores": (samples[-1][name].cpu_s - samples[0][name].cpu_s) / seconds,
            "rss_gb": median(sample[name].pss for sample in samples) / 1e9,
            "rss_sum_gb": median(sample[name].rss for sample in samples) / 1e9,
            "processes": median(sample[name].processes for sample in samples),
        }
        for name in samples[0]
    }


def _owner(reading: Reading, known: Mapping[int, Reading], programs: Mapping[int, str]) -> str | None:
    above: Reading | None = reading
    while above is not None and above.pid not in programs:
        above = known.get(above.parent)
    return None if above is None else programs[above.pid]


def _pids() -> set[int]:
    return set(psutil.pids())


def _read(pid: int) -> Reading | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times, parent, rss = process.cpu_times(), process.ppid(), process.memory_info().rss
        own, reaped = times.user + times.system, times.children_user + times.children_system
        return Reading(pid, parent, own, reaped, _pss(process, rss), rss)
    except psutil.NoSuchProcess:
        return None


def _pss(process: psutil.Process, otherwise: int) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return otherwise

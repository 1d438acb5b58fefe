"""What a contender is told, and what its own process counts. The standard library alone: rivals run elsewhere, too."""

import time
from dataclasses import dataclass
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage


@dataclass(frozen=True, slots=True)
class Order:
    """What to read.

    Attributes:
        kind: the stream whose records they are, as ``include.streams`` names it.
        stream: its name in Kinesis.
        records: how many it holds; what would wait for more for ever may stop after so many.
    """

    kind: str
    stream: str
    records: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a run read, each record counted once, and what it took, in seconds."""

    records: int
    cpu_s: float
    wall_s: float
    repeated: int = 0

    @property
    def rate(self) -> float:
        """Records per CPU second."""
        return self.records / self.cpu_s


class Stopwatch:
    """Runs from when it is made: user and system time of this process, its threads and its ended children."""

    def __init__(self) -> None:
        self._cpu, self._wall = _cpu_s(), time.monotonic()

    def run(self, records: int, repeated: int = 0) -> Run:
        """Return what has been read until now."""
        return Run(records, _cpu_s() - self._cpu, time.monotonic() - self._wall, repeated)


def _cpu_s() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))

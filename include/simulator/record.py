"""What a stream's generator gives and what it is asked for; everything else here is independent of the stream."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from include.errors import ConfigurationError

VALID = "valid"
"""The ``kind`` of a record that keeps its stream's contract."""


class SimulatedRecord(NamedTuple):
    """One record, with what a checker may later want to know about it.

    ``data`` and ``partition_key`` go to the stream as they are. ``kind`` is ``"valid"`` or the way in which the
    record breaks its contract; ``event_id`` is None then. ``alertable`` says that a valid record must reach the
    alerts; ``scenario`` names the incident that it belongs to.
    """

    data: bytes
    partition_key: str
    kind: str
    alertable: bool
    scenario: str | None
    event_id: str | None


class Generator(Protocol):
    """Makes records; the same options and the same calls give the same bytes."""

    def records(self, count: int, now: datetime) -> list[SimulatedRecord]:
        """Return the next ``count`` records, dated between the last call's ``now`` and this one (aware)."""
        ...


@dataclass(frozen=True, slots=True)
class GeneratorOptions:
    """The mix that a generator is asked for; rates are shares from 0 to 1.

    ``malformed_rate`` and ``repeat_rate`` are shares of all records, the others of the valid ones. A generator reads
    what its stream knows: logs have no fraud and are not repeated, transactions have no errors.

    Raises:
        ConfigurationError: a rate is no share, or errors and warnings together exceed the whole.
    """

    seed: int = 0
    error_rate: float = 0.3
    warn_rate: float = 0.1
    malformed_rate: float = 0.0
    fraud_rate: float = 0.002
    repeat_rate: float = 0.001

    def __post_init__(self) -> None:
        for name in ("error_rate", "warn_rate", "malformed_rate", "fraud_rate", "repeat_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}: give a share from 0 to 1")
        if self.error_rate + self.warn_rate > 1:
            raise ConfigurationError("error_rate and warn_rate exceed 1 together: lower one of them")


def as_one_line(record: SimulatedRecord) -> bytes:
    """Return the record's data as one line of a file."""
    return record.data + b"\n"


@dataclass(frozen=True, slots=True)
class StreamSimulation:
    """How to simulate one stream.

    ``as_text`` renders a record the way a program would write it to its own log file, line ends included.
    """

    generator: Callable[[GeneratorOptions], Generator]
    as_text: Callable[[SimulatedRecord], bytes] = as_one_line

"""A storm's records: errors of so many kinds, no two of them alike."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from random import Random
from uuid import UUID

from include.simulator.record import VALID, SimulatedRecord
from tests.crash.producer import LETTERS, fingerprints_of

SERVICES = ("cart", "order", "payment", "gateway", "catalog")


class Storm:
    """Makes records of ``kinds`` kinds in turn; half of them have a stack trace. A seed repeats every byte."""

    def __init__(self, kinds: int, seed: int) -> None:
        self._kinds = kinds
        self._rng = Random(seed)
        self._fingerprints: dict[str, str] = {}

    def records(self, count: int, at: datetime) -> Iterator[SimulatedRecord]:
        """Yield the next records, of one instant."""
        for number in range(count):
            record = self._record(number % self._kinds, at)
            if record.scenario not in self._fingerprints:
                (self._fingerprints[str(record.scenario)],) = fingerprints_of([record])
            yield record

    def fingerprints(self, counts: Counter[str]) -> Counter[str]:
        """Return the counts of kinds as counts of what groups them."""
        return Counter({self._fingerprints[kind]: count for kind, count in counts.items()})

    def _record(self, kind: int, at: datetime) -> SimulatedRecord:
        word = "".join(LETTERS[int(digit)] for digit in str(kind))
        unit, event_id = self._rng.randrange(10**9), str(UUID(int=self._rng.getrandbits(128), version=4))
        message = f"The {word} pump of unit {unit} has stopped after {self._rng.randrange(9_999)} ms"
        trace = (
            f"\ncom.acme.{word}.PumpException: {message}\n\tat com.acme.{word}.Pump.run(Pump.java:{unit % 900})"
            f"\n\tat com.acme.{word}.Pump$$Lambda${unit}/0x{unit:08x}.accept(Unknown Source)"
        )
        fields = {
            "event_id": event_id,
            "timestamp": at.isoformat(),
            "level": "ERROR",
            "service": SERVICES[kind % len(SERVICES)],
            "message": message,
            "log_content": f"ERROR {message}{trace if kind % 2 else ''}",
            "pod": f"pod-{unit % 50}",
            "version": "1.0",
        }
        return SimulatedRecord(json.dumps(fields).encode(), event_id, VALID, True, word, event_id)

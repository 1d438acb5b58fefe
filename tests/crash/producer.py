"""Puts records on a stream and keeps a journal of them, outside the process that is killed."""

import io
import json
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from include import streams
from include.alerts.fingerprint import fingerprint
from include.errors import TransientError
from include.records import utc_now
from include.simulator.journal import Journal
from include.simulator.kinesis import KinesisSink
from include.simulator.progress import Progress
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord
from include.simulator.registry import simulation
from tests.crash.site import Site

ERROR_RATE, WARN_RATE, MALFORMED_RATE = 0.3, 0.2, 0.15
ECHO_SHARE = 0.2
"""The share of puts in which one event is there again and again."""
ECHOES = 24
"""How often: more than a batch may hold, so it must be quarantined."""
LETTERS = "gjkmnpqrtv"
"""A letter for each digit; none is a hexadecimal digit, so that no mask takes the word for an id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Producer:
    """One stream's producer; ``fingerprints`` counts the alertable records that it put, by what groups them."""

    def __init__(self, site: Site, stream: str, seed: int) -> None:
        options = GeneratorOptions(seed, ERROR_RATE, WARN_RATE, MALFORMED_RATE)
        self._generator = simulation("logs").generator(options)
        self._rng = Random(seed)
        self._journal = Journal(site.journal(stream))
        self._progress = Progress(io.StringIO(), time.monotonic)
        self._sink = KinesisSink(
            site.parents.kinesis, stream, self._journal, self._progress, lambda _: False, time.time, self._rng
        )
        self._problems = 0
        self.fingerprints: Counter[str] = Counter()

    def put(self, count: int) -> None:
        """Put so many records of the generator, one of a problem that is new, and now and then one with its echoes.

        Raises:
            TransientError: Kinesis did not answer, so nobody knows what was put and nothing can be proved.
        """
        records = self._generator.records(count, utc_now())
        sound = [record for record in records if record.kind == VALID]
        if sound:
            records.append(self._new_problem(sound[0]))
            if self._rng.random() < ECHO_SHARE:
                records += [sound[0]] * ECHOES
        self._sink.put(records)
        if self._progress.uncertain:
            raise TransientError("An answer of Kinesis was lost; run the crash test again")
        self.fingerprints.update(fingerprints_of(records))

    def _new_problem(self, like: SimulatedRecord) -> SimulatedRecord:
        """Return an ERROR record that opens a group of its own."""
        self._problems += 1
        word = "".join(LETTERS[int(digit)] for digit in str(self._problems))
        message = f"The {word} valve of the cooling circuit is stuck"
        event_id = str(UUID(int=self._rng.getrandbits(128), version=4))
        changes = {"event_id": event_id, "level": "ERROR", "message": message, "log_content": message}
        data = json.dumps(json.loads(like.data) | changes).encode()
        return like._replace(data=data, alertable=True, scenario=None, event_id=event_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.__exit__(kind, error, trace)


def fingerprints_of(records: Iterable[SimulatedRecord]) -> Iterable[str]:
    """Yield what groups each alertable record; nothing of the pipeline's way through S3 is asked."""
    to_alert = streams.get("logs").to_alert
    lineage: dict[str, Any] = {
        "_shard_id": "", "_sequence_number": "", "_sub_sequence": 0, "_arrived_at": _EPOCH, "timestamp": _EPOCH
    }  # fmt: skip
    for record in records:
        if record.kind == VALID and record.alertable:
            yield fingerprint(to_alert(json.loads(record.data) | lineage)).value

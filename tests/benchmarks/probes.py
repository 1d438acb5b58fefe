"""Probes: errors that nobody has seen before, so that each has to open a group and to reach Slack by itself.

What the simulator puts joins groups that are open: it tells of no message of its own. A probe's exception and frames
are its own, its time between the last one and the next is random, and never less than what Slack's pace allows.
"""

import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.simulator.journal import Journal, JournalEntry, entry
from include.simulator.record import VALID, SimulatedRecord

SERVICE = "bench-probe"


def probe_event(name: str, now: datetime) -> bytes:
    """Return the log event of an error whose stack trace is like no other's; ``name`` is letters."""
    message = f"Probe {name} failed"
    trace = "\n".join(
        (
            f"com.cali.bench.{name}Exception: {message}",
            f"\tat com.cali.bench.{name}.check({name}.java:42)",
            f"\tat com.cali.bench.{name}.run({name}.java:17)",
            "\tat java.base/java.lang.Thread.run(Thread.java:1583)",
        )
    )
    event = {
        "event_id": str(uuid.uuid4()),
        "timestamp": now.isoformat(),
        "level": "ERROR",
        "service": SERVICE,
        "message": message,
        "log_content": f"{now.isoformat()} ERROR [{SERVICE}] {message}\n{trace}",
        "pod": f"{SERVICE}-0",
        "version": "1.0.0",
    }
    return json.dumps(event).encode()


def names(rng: random.Random) -> Iterator[str]:
    """Yield words that do not repeat."""
    seen: set[str] = set()
    while True:
        word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=10)).capitalize()
        if word not in seen:
            seen.add(word)
            yield word


@contextmanager
def probing(
    kinesis: Any, stream: str, journal: Path, every_s: tuple[float, float], seed: int
) -> Iterator[list[JournalEntry]]:
    """Put probes on the stream for a ``with`` block, the next one after a random time between the two.

    Yields:
        The probes that Kinesis accepted so far, as they stand in the journal.

    Raises:
        Exception: what a put met, at the block's end.
    """
    put: list[JournalEntry] = []
    errors: list[Exception] = []
    over = threading.Event()

    def work() -> None:
        rng = random.Random(seed)
        try:
            with Journal(journal) as kept:
                for name in names(rng):
                    if over.wait(rng.uniform(*every_s)):
                        return
                    put.append(_put(kinesis, stream, name))
                    kept.write(put[-1:])
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the thread
            errors.append(error)

    thread = threading.Thread(target=work, name="probes")
    thread.start()
    try:
        yield put
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]


def _put(kinesis: Any, stream: str, name: str) -> JournalEntry:
    put_at = time.time()
    data = probe_event(name, datetime.fromtimestamp(put_at, UTC))
    record = SimulatedRecord(data, name, VALID, alertable=True, scenario=None, event_id=json.loads(data)["event_id"])
    answer = kinesis.put_record(StreamName=stream, Data=data, PartitionKey=name)
    return entry(record, put_at, (answer["ShardId"], answer["SequenceNumber"]))


def pause_of(load: int) -> tuple[float, float]:
    """Return the shortest and longest time (seconds) between two probes beside ``load`` records a second.

    Without any load the stream is to be at rest again before the next one.
    """
    return (1.5, 4.5) if load else (8.0, 16.0)

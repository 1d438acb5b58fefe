"""The journal: one line for every record that the stream accepted, so that a checker can prove what became of it.

A line is JSON: ``shard_id``, ``sequence_number``, ``sha256`` (hex, of the data), ``event_id``, ``kind``,
``alertable``, ``scenario``, ``put_at`` (epoch seconds on the producer's clock just before the call). When a call's
answer was lost the stream may or may not hold its records: their lines have no shard and sequence number, and
``"uncertain": true``.

Lines are handed to the operating system after every call, so a killed simulator loses at most the lines of the call
that it was in: those records are on the stream and not in the journal.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from include.simulator.record import SimulatedRecord


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of the journal; ``shard_id`` and ``sequence_number`` are None if and only if it is uncertain."""

    shard_id: str | None
    sequence_number: str | None
    sha256: str
    event_id: str | None
    kind: str
    alertable: bool
    scenario: str | None
    put_at: float
    uncertain: bool = False


def entry(record: SimulatedRecord, put_at: float, place: tuple[str, str] | None) -> JournalEntry:
    """Return the line for ``record``; ``place`` is its shard and sequence number, None if the answer was lost."""
    shard_id, sequence_number = place or (None, None)
    return JournalEntry(
        shard_id=shard_id,
        sequence_number=sequence_number,
        sha256=sha256(record.data).hexdigest(),
        event_id=record.event_id,
        kind=record.kind,
        alertable=record.alertable,
        scenario=record.scenario,
        put_at=put_at,
        uncertain=place is None,
    )


class Journal:
    """Appends entries to a file; a line that an earlier process left torn is cut off first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab")
        _cut_torn_line(path)

    def write(self, entries: Iterable[JournalEntry]) -> None:
        """Append the entries and hand them to the operating system.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.write(b"".join(_line(one) for one in entries))
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read(path: Path) -> Iterator[JournalEntry]:
    """Yield the journal's entries in order; a torn last line (a killed writer's) is left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: a complete line is not JSON. TypeError: it is no entry.
    """
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield JournalEntry(**json.loads(line))


def _line(one: JournalEntry) -> bytes:
    fields: dict[str, object] = {name: getattr(one, name) for name in JournalEntry.__slots__}
    if not one.uncertain:
        del fields["uncertain"]
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _cut_torn_line(path: Path) -> None:
    """Drop what follows the last line end; blocks are read from the end, because a journal may be large."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65_536)
            file.seek(start)
            last = file.read(end - start).rfind(b"\n")
            if last >= 0:
                file.truncate(start + last + 1)
                return
            end = start
        file.truncate(0)

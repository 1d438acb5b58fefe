"""What compaction keeps in the ledger: the Protocol and its values; ``postgres`` and ``memory`` keep it."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What an object of the reading list is."""

    COMPACTED = "compacted"
    SMALL = "small"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class CleanBatch:
    """A published batch: where it lies, and how many records it has."""

    batch_id: str
    clean_key: str
    records: int
    compacted_key: str | None = None


@dataclass(frozen=True, slots=True)
class Compaction:
    """A ledger row: which batches an hour's object holds. ``bytes`` is the object's size."""

    stream: str
    hour: datetime
    object_key: str
    batches: int
    records: int
    bytes: int
    batches_sha256: str
    compacted_at: datetime
    sealed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CleanObject:
    """An object of the reading list."""

    stream: str
    hour: datetime
    object_key: str
    records: int
    kind: Kind


class Compactions(Protocol):
    """The ledger's pages on compaction. Hours are partitions: full hours in UTC, by a batch's first arrival.

    Only live, published batches with at least one record count. Inside ``transaction()`` the methods join that one.
    """

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        ...

    def take(self, stream: str, hour: datetime) -> bool:
        """Hold the hour until the transaction's end; False when somebody else holds it."""
        ...

    def uncovered(self, stream: str, until: datetime) -> list[datetime]:
        """Return the hours before ``until``, oldest first, that have a batch which is not in ``compacted/``."""
        ...

    def hours(self, stream: str, since: datetime, until: datetime) -> list[datetime]:
        """Return the hours from ``since`` to before ``until`` that have a batch, oldest first."""
        ...

    def batches(self, stream: str, hour: datetime) -> list[CleanBatch]:
        """Return the hour's batches by shard, then by sequence number as a number, then by sub-sequence."""
        ...

    def compaction(self, stream: str, hour: datetime) -> Compaction | None:
        """Return what is known of the hour's object."""
        ...

    def compacted_since(self, stream: str, since: datetime) -> list[Compaction]:
        """Return the objects that were written from ``since`` on and may be written again."""
        ...

    def unsealed(self, stream: str, until: datetime) -> list[Compaction]:
        """Return the objects of hours before ``until`` that may be written again, by hour."""
        ...

    def record(self, compaction: Compaction, batch_ids: Sequence[str]) -> None:
        """Say that the hour's object holds exactly these batches."""
        ...

    def record_late(self, batch_id: str, object_key: str) -> None:
        """Say that a batch which came after its hour was sealed lies in ``compacted/`` on its own."""
        ...

    def seal(self, compaction: Compaction, now: datetime) -> bool:
        """Say that the hour's object is never written again; False when a batch of the hour is in no such object."""
        ...

    def clean_objects(self, stream: str) -> list[CleanObject]:
        """Return the smallest set of objects that holds each published record once, by hour and key."""
        ...


def digest(batch_ids: Sequence[str]) -> str:
    """Return the SHA-256, in hex, of the ids in order, each ended by a newline."""
    return hashlib.sha256("".join(f"{batch_id}\n" for batch_id in batch_ids).encode()).hexdigest()

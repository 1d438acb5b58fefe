"""What a stream's own table promises, where it has one: ``Stream.loader`` makes it, the alert stage fills it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    # Whoever only wants to know what a record must be needs no database.
    import psycopg


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is known of a batch's rows once they are loaded.

    Attributes:
        rows: the batch's staged rows in their order, with the columns that the stream's alerts look at.
        beside: rows of earlier batches of which this batch has told something that must be alerted on; same columns.
    """

    rows: pa.Table
    beside: pa.Table


class Loader(Protocol):
    """Keeps a stream's events in a table: each once, however often and in however many batches it comes.

    It joins the transaction in which the alert stage completes its batch: a batch's rows, its counts, its groups and
    its messages are there together, or not at all.
    """

    def load(self, staged: pa.Table, batch_id: str, now: datetime, *, replayed: bool) -> Loaded:
        """Put a batch's rows into the table; the same rows again change nothing.

        ``replayed`` rows are alertable whether they are known or not; otherwise a row that is known was sent again,
        and whoever had to be told of it was told.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        ...

    def forget(self, before: datetime, limit: int | None) -> int:
        """Remove events of whole days (UTC) that were over at ``before``; return how many, at most ``limit``.

        Called until it returns 0, each time in a transaction of its own.
        """
        ...

    def loaded(self) -> Iterable[str]:
        """Yield the identity of every event in the table, as often as it is there."""
        ...


MakeLoader = Callable[["psycopg.Connection"], Loader]

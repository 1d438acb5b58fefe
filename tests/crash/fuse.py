"""Adapters that end their own process at a step: they sit around the real ones, whose code knows nothing of it.

What lies inside a transaction is told from the statements that it ran: psycopg lets a connection choose its cursor
class, so a subclass of each sees every named query of ``include.sql`` go by.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from include.adapters.kinesis import StreamReader
from include.adapters.object_store import ObjectStore
from include.adapters.slack import Blocks, MessageReference, Messenger, Reply
from include.keys import Room
from include.records import Checkpoint, Page, Shard, utc_now
from include.sql import query
from tests.crash.points import Point


class Fuse:
    """Sends its own process a signal when ``point`` is reached for the n-th time (n from 1)."""

    def __init__(self, point: Point | None = None, occurrence: int = 1, sent: signal.Signals = signal.SIGKILL) -> None:
        self._point = point
        self._left = occurrence
        self._signal = sent

    def reach(self, point: Point) -> None:
        """Tell that a point is reached; the call does not return when it is the one to be killed at."""
        if point is self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._signal)


class WorldClock:
    """A clock that runs ahead of the machine's, so that leases end without anybody waiting for it."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        """Return the instant that it is in the children's world."""
        return utc_now() + self.ahead

    def skip(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.ahead += timedelta(seconds=seconds)


class FusedReader:
    """A ``StreamReader`` with a point behind each page that holds records."""

    def __init__(self, inner: StreamReader, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def shards(self, stream: str) -> list[Shard]:
        return self._inner.shards(stream)

    def retention(self, stream: str) -> timedelta:
        return self._inner.retention(stream)

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        return self._inner.iterator(stream, checkpoint)

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        page = self._inner.page(stream, iterator, limit)
        if page.records:
            self._fuse.reach(Point.READ)
        return page


class FusedStore:
    """An ``ObjectStore`` with points around the rooms' objects."""

    def __init__(self, inner: ObjectStore, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        room = key.partition("/")[0]
        if room == Room.DLQ:
            self._fuse.reach(Point.STAGED_WRITTEN)
        self._inner.put(key, data, content_type)
        if room == Room.RAW:
            self._fuse.reach(Point.RAW_WRITTEN)
        elif room == Room.DLQ:
            self._fuse.reach(Point.DLQ_WRITTEN)

    def get(self, key: str) -> bytes:
        return self._inner.get(key)

    def copy(self, source: str, target: str) -> None:
        self._inner.copy(source, target)
        self._fuse.reach(Point.CLEAN_COPIED)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._inner.keys(prefix)

    def delete(self, key: str) -> None:
        self._inner.delete(key)


class FusedMessenger:
    """A ``Messenger`` with points behind Slack's acceptance; Slack's own clock does not run ahead with the world's."""

    def __init__(self, inner: Messenger, fuse: Fuse, clock: WorldClock) -> None:
        self._inner = inner
        self._fuse = fuse
        self._clock = clock

    def post(self, channel: str, text: str, blocks: Blocks, key: str, reply: Reply | None = None) -> MessageReference:
        reference = self._inner.post(channel, text, blocks, key, reply)
        self._fuse.reach(Point.POST_ACCEPTED)
        return reference

    def update(self, reference: MessageReference, text: str, blocks: Blocks) -> None:
        self._inner.update(reference, text, blocks)
        self._fuse.reach(Point.EDIT_ACCEPTED)

    def find(
        self, channel: str, key: str, since: datetime, thread: MessageReference | None = None
    ) -> MessageReference | None:
        return self._inner.find(channel, key, since - self._clock.ahead, thread)


BEFORE_COMMIT = {"advance_checkpoint": Point.DRAIN_UNCOMMITTED, "alert_outbox_sent": Point.SEND_UNCOMMITTED}
"""The named query that tells a transaction, and the point before its commit."""
AFTER_COMMIT = {
    "advance_checkpoint": Point.DRAIN_COMMITTED,
    "batch_alerted": Point.ALERT_COMMITTED,
    "alert_outbox_claim": Point.MESSAGE_CLAIMED,
    "alert_outbox_sent": Point.SEND_COMMITTED,
    "batch_audited": Point.AUDIT_COMMITTED,
}


class FusedConnection(psycopg.Connection[Any]):
    """A connection with points before and after the commits of transactions, known by the queries that they ran."""

    fuse: Fuse
    ran: list[str]

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        outermost = self.info.transaction_status == TransactionStatus.IDLE
        if outermost:
            self.ran.clear()
        with super().transaction(savepoint_name, force_rollback) as transaction:
            yield transaction
            if outermost:
                self._reach(BEFORE_COMMIT)
        if outermost:
            self._reach(AFTER_COMMIT)

    def _reach(self, points: dict[str, Point]) -> None:
        for name in self.ran:
            if name in points:
                self.fuse.reach(points[name])


class FusedCursor(psycopg.Cursor[Any]):
    """A cursor that writes down which named queries it ran, with a point between an alert's groups and its messages."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> "FusedCursor":
        self._note(query)
        return super().execute(query, *arguments, **options)

    def executemany(self, query: Any, params_seq: Iterable[Any], *, returning: bool = False) -> None:
        rows = list(params_seq)
        fused = self._fused()
        if _name_of(query) == "alert_outbox_add" and rows and "batch_alerted" in fused.ran:
            fused.fuse.reach(Point.GROUPS_WRITTEN)
        self._note(query)
        super().executemany(query, rows, returning=returning)

    def _note(self, statement: Any) -> None:
        if (name := _name_of(statement)) is not None:
            self._fused().ran.append(name)

    def _fused(self) -> FusedConnection:
        connection = self.connection
        assert isinstance(connection, FusedConnection)
        return connection


@contextmanager
def fused_connection(uri: str, fuse: Fuse) -> Iterator[FusedConnection]:
    """Open a connection in autocommit mode, as ``include.ledger.postgres.connected`` does, with the fuse in it."""
    with FusedConnection.connect(uri, autocommit=True, connect_timeout=5, cursor_factory=FusedCursor) as connection:
        connection.fuse, connection.ran = fuse, []
        yield connection


def _name_of(statement: object) -> str | None:
    return _names().get(statement) if isinstance(statement, str) else None


@cache
def _names() -> dict[str, str]:
    """Return each named query's text with its name."""
    found = (path.name for path in (files("include.sql") / "queries").iterdir())
    return {query(name.removesuffix(".sql")): name.removesuffix(".sql") for name in found if name.endswith(".sql")}

"""Groups and their messages in Postgres: counts and outbox in one transaction, claims by compare-and-set."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from include.adapters.slack import MessageReference
from include.alerts.acknowledging import Wanted, acknowledge
from include.alerts.event import Category
from include.alerts.fingerprint import VERSION, OpenGroups
from include.alerts.group import AlertGroup, Shown
from include.alerts.grouping import GroupIncrement
from include.alerts.growth import Batch, Change
from include.alerts.holding import Scene
from include.alerts.lifecycle import Transition
from include.alerts.mutes import By
from include.alerts.mutes_postgres import PostgresMutes, scene_of
from include.alerts.outbox import REPLIES, ApplyReport, Delivery, Kind, Notice, OutboxMessage
from include.alerts.plan import sweep, take
from include.alerts.rows import Row, group_of, group_row, message_of, notice_row, transition_of
from include.alerts.settings import AlertSettings
from include.alerts.telling import details_row, rows_to_tell
from include.errors import ConfigurationError, FencedError
from include.sql import query

log = logging.getLogger(__name__)
LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class _Read:
    """What a batch has to know: which of its categories are new, what holds groups back, and the groups."""

    fresh: set[Category]
    scene: Scene
    groups: list[AlertGroup]


class PostgresAlertStore:
    """An ``AlertStore`` over one psycopg connection; each method opens and commits its own transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.mutes = PostgresMutes(connection)

    def apply(
        self,
        batch_id: str,
        increments: Sequence[GroupIncrement],
        now: datetime,
        run_url: str | None,
        settings: AlertSettings,
    ) -> ApplyReport:
        """Add a batch's increments; one batch at a time, so that two can never wait for each other's groups."""
        with self._transaction():
            read = self._read(batch_id, increments, now, settings)
            if increments and not read.fresh:
                log.info("batch already applied batch_id=%s", batch_id)
                return ApplyReport(applied=False)
            added = [increment for increment in increments if increment.category in read.fresh]
            changes = take(read.groups, Batch(batch_id, run_url, added), read.scene, now, settings)
            told = self._keep(changes, now, settings)
        return ApplyReport(
            applied=True,
            groups=len(added),
            records=sum(increment.count for increment in added),
            opened=told.count(Kind.OPEN),
            updates=told.count(Kind.UPDATE),
        )

    def former(self, now: datetime, settings: AlertSettings) -> OpenGroups:
        """Return the groups of former versions that are not quiet yet."""
        with self._transaction():
            parameters = {"version": VERSION, "quiet_since": now - settings.quiet_after}
            return frozenset(self._connection.execute(query("alert_former_open"), parameters))

    def enqueue(self, notice: Notice, now: datetime) -> bool:
        """Put a notice into the outbox, unless one of its key waits there."""
        with self._transaction():
            return bool(self._put([notice_row(notice, now)]))

    def settle(self, now: datetime, settings: AlertSettings) -> int:
        """Take every group whose time has come to its next state, and see to what is held back."""
        with self._transaction():
            self._connection.execute(query("alert_lock"))
            scene = scene_of(self.mutes.ask(now, settings))
            known = self._groups("alert_groups_swept", {"quiet_since": now - settings.quiet_after, "now": now})
            changes = sweep(known, scene, now, settings)
            self._keep(changes, now, settings)
        return sum(bool(change.transitions) for change in changes)

    def acknowledge(self, wanted: Wanted, by: By, now: datetime, settings: AlertSettings) -> list[int]:
        """Note who is at the open groups that are meant."""
        with self._transaction():
            self._connection.execute(query("alert_lock"))
            changes = acknowledge(self._groups("alert_groups_open", {}), wanted, by, now)
            self._keep(changes, now, settings)
        return [change.group.id for change in changes]

    def claim(self, now: datetime, settings: AlertSettings) -> OutboxMessage | None:
        """Take the next message and its channel's slot, in one transaction of its own."""
        if self._connection.info.transaction_status != TransactionStatus.IDLE:
            raise ConfigurationError(
                "A message is claimed in a transaction of its own: commit or roll back before dispatching"
            )
        with self._transaction() as transaction, self._connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query("alert_outbox_due"), {"now": now}).fetchone()
            if row is None:
                return None
            message = message_of(row)
            slot = {"channel": message.channel, "until": now + settings.pace, "now": now}
            slot["no_update_until"] = now + settings.update_pace
            if cursor.execute(query("alert_channel_take"), slot).rowcount != 1:
                raise psycopg.Rollback(transaction)
            lease_until = now + settings.lease
            cursor.execute(query("alert_outbox_claim"), {"id": message.id, "lease_until": lease_until, "now": now})
            return replace(message, state=Delivery.SENDING, attempts=message.attempts + 1, lease_until=lease_until)
        return None

    def next_due(self, *, updates: bool = True) -> datetime | None:
        """Return when the next message can be claimed."""
        with self._transaction():
            row = self._connection.execute(query("alert_next_due"), {"updates": updates}).fetchone()
        return row[0] if row else None

    def group(self, group_id: int) -> AlertGroup:
        """Return a group as it is now."""
        with self._transaction():
            return self._one_group("alert_group", {"id": group_id})

    def mark_sent(
        self,
        message: OutboxMessage,
        reference: MessageReference,
        shown: Shown | None,
        now: datetime,
        settings: AlertSettings,
    ) -> None:
        """Record that Slack has the message; the group's row is locked first, as ``apply`` does."""
        accepted = {"accepted_channel": reference.channel, "accepted_ts": reference.ts, "now": now}
        with self._transaction():
            if message.group_id is None or message.kind in REPLIES:
                self._finish("alert_outbox_sent", message, accepted)
                return
            self._one_group("alert_group_locked", {"id": message.group_id})
            self._finish("alert_outbox_sent", message, accepted)
            announced = {
                "id": message.group_id,
                "slack_channel": reference.channel,
                "slack_ts": reference.ts,
                "announced_count": shown.count if shown else 0,
                "announced_looks": shown.looks if shown else None,
                "now": now,
            }
            group = self._one_group("alert_group_announced", announced)
            details = details_row(group, now) if message.kind is Kind.OPEN else None
            self._put([*rows_to_tell(group, (), now, settings), *([details] if details else [])])

    def release(
        self, message: OutboxMessage, error: str, retry_at: datetime, unresolved_since: datetime | None
    ) -> None:
        """Give a message back."""
        self._give_back(message, Delivery.PENDING, error, retry_at, unresolved_since)

    def park(self, message: OutboxMessage, error: str, now: datetime) -> None:
        """Put a message aside."""
        self._give_back(message, Delivery.PARKED, error, now, message.unresolved_since)

    def revive(self, now: datetime, channel: str | None = None) -> int:
        """Make parked messages due again."""
        with self._transaction():
            parameters = {"now": now, "channel": channel}
            return self._connection.execute(query("alert_outbox_revive"), parameters).rowcount

    def hold_channel(self, channel: str, until: datetime) -> None:
        """Let no sender claim a message of the channel before ``until``."""
        with self._transaction():
            self._connection.execute(query("alert_channel_hold"), {"channel": channel, "until": until})

    def groups(self) -> list[AlertGroup]:
        """Return every group, oldest first."""
        with self._transaction():
            return self._groups("alert_groups", {})

    def transitions(self, group_id: int) -> list[Transition]:
        """Return a group's transitions, oldest first."""
        with self._transaction(), self._connection.cursor(row_factory=dict_row) as cursor:
            return [transition_of(row) for row in cursor.execute(query("alert_transitions"), {"group_id": group_id})]

    def messages(self) -> list[OutboxMessage]:
        """Return every message of the outbox, oldest first."""
        with self._transaction(), self._connection.cursor(row_factory=dict_row) as cursor:
            return [message_of(row) for row in cursor.execute(query("alert_outbox_all"))]

    def _transaction(self) -> AbstractContextManager[psycopg.Transaction]:
        return self._connection.transaction()

    def _register(self, batch_id: str, category: Category, now: datetime) -> "psycopg.Cursor[Any]":
        row = {"batch_id": batch_id, "category": category, "now": now}
        return self._connection.execute(query("alert_batch_register"), row)

    def _read(
        self, batch_id: str, increments: Sequence[GroupIncrement], now: datetime, settings: AlertSettings
    ) -> "_Read":
        """Register the batch and read all that it touches, locked, in one round trip."""
        parameters = {
            "streams": [increment.stream for increment in increments],
            "fingerprints": [increment.fingerprint.value for increment in increments],
            "quiet_since": now - settings.quiet_after,
            "storm_since": now - settings.storm_window,
        }
        cursor = self._connection.cursor(row_factory=dict_row)
        with self._connection.pipeline():
            self._connection.execute(query("alert_lock"))
            registered = {category: self._register(batch_id, category, now) for category in _categories(increments)}
            scene = self.mutes.ask(now, settings)
            cursor.execute(query("alert_groups_touched"), parameters)
        fresh = {category for category, answer in registered.items() if answer.rowcount == 1}
        return _Read(fresh, scene_of(scene), [group_of(row) for row in cursor])

    def _groups(self, name: LiteralString, parameters: Row) -> list[AlertGroup]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return [group_of(row) for row in cursor.execute(query(name), parameters)]

    def _keep(self, changes: Sequence[Change], now: datetime, settings: AlertSettings) -> list[Kind]:
        """Save groups and transitions, and put what is to be told into the outbox; return what was new there."""
        rows = [group_row(change) for change in changes]
        saved = self._insert("alert_group_save", [row | {"transitions": Jsonb(row["transitions"])} for row in rows])
        if withdrawn := [change.group.id for change in changes if change.withdrawn]:
            self._connection.execute(query("alert_withdraw"), {"groups": withdrawn})
        told: list[Row] = []
        for change, row in zip(changes, saved, strict=True):
            told += rows_to_tell(replace(change.group, id=row["id"]), change.transitions, now, settings)
        return self._put(told)

    def _put(self, rows: Sequence[Row]) -> list[Kind]:
        wrapped = [row | {"payload": Jsonb(row["payload"]) if row["payload"] else None} for row in rows]
        return [Kind(row["kind"]) for row in self._insert("alert_outbox_add", wrapped)]

    def _insert(self, name: str, rows: Sequence[Row]) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            cursor.executemany(query(name), rows, returning=True)
            return [row for result in cursor.results() for row in result] if rows else []

    def _one_group(self, name: str, parameters: Row) -> AlertGroup:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query(name), parameters).fetchone()
        if row is None:
            raise KeyError(parameters["id"])
        return group_of(row)

    def _give_back(
        self,
        message: OutboxMessage,
        state: Delivery,
        error: str,
        retry_at: datetime,
        unresolved_since: datetime | None,
    ) -> None:
        outcome = {
            "state": state,
            "retry_at": retry_at,
            "error": error[:LONGEST_ERROR],
            "unresolved_since": unresolved_since,
        }
        with self._transaction():
            self._finish("alert_outbox_release", message, outcome)

    def _finish(self, name: str, message: OutboxMessage, outcome: Row) -> None:
        claim = {"id": message.id, "attempts": message.attempts}
        if self._connection.execute(query(name), outcome | claim).rowcount != 1:
            raise FencedError(f"Another sender has claimed message {message.id} since; this one changes nothing")


def _categories(increments: Sequence[GroupIncrement]) -> list[Category]:
    return sorted({increment.category for increment in increments})

"""Silences and inhibitions in Postgres."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from include.alerts.holding import Scene
from include.alerts.mutes import By
from include.alerts.muting import Inhibition, Lead, Matcher, Silence, matcher_of
from include.alerts.settings import AlertSettings
from include.sql import query


class PostgresMutes:
    """``Mutes`` over one psycopg connection; each method is a transaction, or joins the caller's."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def silence(self, matcher: Matcher, until: datetime, by: By, now: datetime) -> int:
        """Tell nobody of what matches until ``until``."""
        values = _columns(matcher) | {"until": until, "who": by.who, "why": by.why, "now": now}
        return self._number("alert_silence_add", values)

    def end_silence(self, number: int, now: datetime) -> bool:
        """Let a silence end now."""
        return self._changes("alert_silence_end", {"id": number, "now": now})

    def inhibit(self, source: Matcher, target: Matcher, by: By, now: datetime) -> int:
        """Let open groups of ``source`` mute those of ``target``."""
        values = _columns(source, "source_") | _columns(target, "target_")
        return self._number("alert_inhibition_add", values | {"who": by.who, "why": by.why, "now": now})

    def lift(self, number: int) -> bool:
        """Switch an inhibition off."""
        return self._changes("alert_inhibition_lift", {"id": number})

    def ask(self, now: datetime, settings: AlertSettings) -> "psycopg.Cursor[dict[str, Any]]":
        """Ask what holds groups back; ``scene_of`` reads the answer, so that a pipeline may lie between."""
        cursor = self._connection.cursor(row_factory=dict_row)
        return cursor.execute(query("alert_scene"), {"now": now, "storm_since": now - settings.storm_window})

    def _number(self, name: str, values: Mapping[str, Any]) -> int:
        row = self._connection.execute(query(name), values).fetchone()
        return int(row[0]) if row else 0

    def _changes(self, name: str, values: Mapping[str, Any]) -> bool:
        return self._connection.execute(query(name), values).rowcount == 1


def scene_of(cursor: "psycopg.Cursor[dict[str, Any]]") -> Scene:
    """Return what holds groups back, of the answer to ``ask``."""
    [row] = cursor.fetchall()
    return Scene(
        silences=[
            Silence(one["id"], matcher_of(one), datetime.fromisoformat(one["until"]), one["who"], one["why"])
            for one in row["silences"]
        ],
        inhibitions=[
            Inhibition(one["id"], matcher_of(one, "source_"), matcher_of(one, "target_"), one["who"], one["why"])
            for one in row["inhibitions"]
        ],
        open_groups=[Lead(**one | {"services": tuple(one["services"])}) for one in row["open_groups"]],
        openings=row["openings"],
    )


def _columns(matcher: Matcher, prefix: str = "") -> dict[str, Any]:
    return {prefix + field.name: getattr(matcher, field.name) or None for field in fields(Matcher)}

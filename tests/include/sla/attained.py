"""Definitions with verdicts that a test writes as letters, one for each window, and reads back through the views."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from include.sla.contract import Judgement, Verdict, Window
from include.sla.postgres import PostgresRecorder

LETTERS = {
    "+": Verdict.ON_TIME,
    "l": Verdict.LATE,
    "-": Verdict.MISSED,
    "?": Verdict.UNKNOWN,
    "x": Verdict.EXCUSED,
}
MINUTE = timedelta(minutes=1)


def promise(
    connection: psycopg.Connection, name: str, sla_type: str, minutes: int, since: datetime, **others: object
) -> int:
    """Write a definition that is valid since some time in the past; return its id."""
    columns = {"pipeline_name": name, "sla_type": sla_type, "deadline_minutes": minutes} | others
    (definition_id,) = connection.execute(
        f"insert into cali.sla_definitions ({', '.join(columns)}) "  # noqa: S608
        f"values ({', '.join(f'%({column})s' for column in columns)}) returning definition_id",
        columns,
    ).fetchone() or (0,)
    connection.execute("update cali.sla_definition_versions set valid_from = %s where version = 1", [since])
    return int(definition_id)


def judged(
    connection: psycopg.Connection, definition_id: int, verdicts: str, until: datetime, width: timedelta
) -> None:
    """Give the windows that end with ``until`` these verdicts, oldest first; what is late is so by 7.5 minutes."""
    recorder = PostgresRecorder(connection)
    for back, letter in enumerate(reversed(verdicts)):
        record(recorder, definition_id, letter, until - (back + 1) * width, until - back * width)


def record(recorder: PostgresRecorder, definition_id: int, letter: str, start: datetime, end: datetime) -> None:
    """Give one window the verdict that a letter stands for."""
    window = Window(definition_id, 1, "", start, end, due=end, limit=end, reach=start)
    completed = {"completed_at": end + 7.5 * MINUTE, "minutes_late": 7.5} if letter == "l" else {}
    recorder.record(Judgement(window, LETTERS[letter], "by hand", **completed), end)  # type: ignore[arg-type]


def rows(connection: psycopg.Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what a statement answers."""
    return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

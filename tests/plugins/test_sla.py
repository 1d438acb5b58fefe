"""The SLA monitor's step on a real database: what is due gets its verdict, however often it looks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from cali import sla
from include.ledger.postgres import connected
from include.records import utc_now
from tests.include.sla.test_recorder_contract import forget_seeds

pytestmark = pytest.mark.integration


@pytest.fixture
def database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database, to which the Connection leads."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with connected(migrated_uri) as connection:
        yield connection


def test_the_monitor_judges_what_is_due_once(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is a claim check; what nothing completed is missed, and a second look finds nothing to do."""
    forget_seeds(database)
    assert sla.judge() == {"verdicts": {}, "corrected": 0, "more": False}
    database.execute(
        "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes) values ('ghost', 'realtime', 5)"
    )
    later = utc_now() + timedelta(minutes=10)
    monkeypatch.setattr(sla, "utc_now", lambda: later)
    # There are one or two full windows of five minutes in ten.
    missed = sla.judge()["verdicts"]
    assert missed in ({"missed": 1}, {"missed": 2})
    assert sla.judge() == {"verdicts": {}, "corrected": 0, "more": False}
    # It comes back: the log says that all is done up to now.
    database.execute(
        "insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to) "
        "values ('ghost', 'run', %(now)s, %(now)s)",
        {"now": later},
    )
    corrected = sla.judge()
    assert corrected == {"verdicts": {}, "corrected": missed["missed"], "more": False}  # type: ignore[index]
    assert set(database.execute("select verdict from cali.sla_verdicts").fetchall()) <= {("late",), ("on_time",)}

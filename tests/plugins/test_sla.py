"""The SLA monitor's step on a real database: what is due gets its verdict, however often it looks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from cali import sla
from include.errors import ConfigurationError
from include.ledger.postgres import connected
from include.records import utc_now
from tests.include.sla.attained import promise
from tests.include.sla.test_recorder_contract import forget_seeds

pytestmark = pytest.mark.integration
NOTHING: dict[str, object] = {"verdicts": {}, "corrected": 0, "more": False, "burns_begun": 0, "burns_ended": 0}


@pytest.fixture
def database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database, to which the Connection leads."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with connected(migrated_uri) as connection:
        yield connection


def test_the_monitor_judges_what_is_due_once(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is a claim check; what nothing completed is missed, and a second look finds nothing to do."""
    forget_seeds(database)
    assert sla.judge() == NOTHING
    database.execute(
        "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes) values ('ghost', 'realtime', 5)"
    )
    later = utc_now() + timedelta(minutes=10)
    monkeypatch.setattr(sla, "utc_now", lambda: later)
    # There are one or two full windows of five minutes in ten.
    missed = sla.judge()["verdicts"]
    assert missed in ({"missed": 1}, {"missed": 2})
    assert sla.judge() == NOTHING
    # It comes back: the log says that all is done up to now.
    database.execute(
        "insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to) "
        "values ('ghost', 'run', %(now)s, %(now)s)",
        {"now": later},
    )
    corrected = sla.judge()
    assert corrected == NOTHING | {"corrected": missed["missed"]}  # type: ignore[index]
    assert set(database.execute("select verdict from cali.sla_verdicts").fetchall()) <= {("late",), ("on_time",)}


def test_the_monitor_tells_of_a_budget_that_burns(database: Any) -> None:
    """Once, also where another definition cannot be judged, and when it is over."""
    forget_seeds(database)
    since = utc_now() - timedelta(hours=2)
    broken = promise(database, "broken", "daily", 5, since)
    database.execute("update cali.sla_definition_versions set time_zone = 'Nowhere/Land'")
    promise(database, "ghost", "realtime", 5, since)
    database.execute("insert into cali.completion_log_horizon (known_since) values (%s)", [since])
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="Nowhere/Land"):
            sla.judge()
    database.execute("delete from cali.sla_definitions where definition_id = %s", [broken])
    database.execute("delete from cali.sla_definition_versions where definition_id = %s", [broken])
    assert sla.judge()["burns_begun"] == 0
    database.execute("update cali.sla_definitions set enabled = false")
    assert sla.judge()["burns_ended"] == 1
    messages = database.execute("select payload ->> 'text' from cali.alert_outbox order by created_at").fetchall()
    assert [text.split(" ")[0] for (text,) in messages] == ["🔥", "⚪"]

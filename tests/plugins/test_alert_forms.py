"""The alerts' forms on a real database."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cali import alert_forms
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.ledger.postgres import connected
from include.records import utc_now
from tests.alert_events import increments

pytestmark = pytest.mark.integration

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database with two groups, to which the Connection leads."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with connected(migrated_uri) as connection:
        batch = [*increments("disk full"), *increments("no route", service="cart")]
        PostgresAlertStore(connection).apply("b", batch, utc_now(), None, AlertSettings())
        yield connection


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return a function that does what a form says, triggered by Ada."""

    def asked(verb: str, **params: Any) -> Any:
        context = {"params": params, "dag_run": SimpleNamespace(triggering_user_name="ada")}
        monkeypatch.setattr(alert_forms, "get_current_context", lambda: context)
        return getattr(alert_forms, verb)()

    return asked


def rows(database: psycopg.Connection, question: str) -> list[Any]:
    """Return what a question has for an answer."""
    return database.execute(question).fetchall()  # type: ignore[call-overload,no-any-return]


def test_a_group_is_acknowledged_by_its_number(database: psycopg.Connection, ask: Ask) -> None:
    """In the name of whoever triggers the form; a second time there is nothing left to do."""
    [(number,)] = rows(database, "select id from cali.alert_groups where title = 'disk full'")
    assert ask("acknowledge", group=number, why=" on it ") == {"acknowledged": [number]}
    question = "select acknowledged_by, acknowledged_why from cali.alert_groups order by id"
    assert rows(database, question) == [("ada", "on it"), (None, None)]
    with pytest.raises(AirflowSkipException, match="No open group is meant"):
        ask("acknowledge", group=number)


def test_groups_are_acknowledged_by_what_they_have_in_common(database: psycopg.Connection, ask: Ask) -> None:
    """Every field narrows it down; somebody else may be named."""
    [(number,)] = rows(database, "select id from cali.alert_groups where service = 'cart'")
    assert ask("acknowledge", service="ca*", level="error", who="bob") == {"acknowledged": [number]}
    assert rows(database, "select distinct acknowledged_by from cali.alert_groups order by 1") == [("bob",), (None,)]


def test_a_silence_holds_at_once_and_ends(database: psycopg.Connection, ask: Ask) -> None:
    """The message that waits already is held back, and let go when the silence is ended."""
    assert ask("silence", title="disk*", hours=0.5, why="deploy") == {"silence": 1}
    assert rows(database, "select held_by from cali.alert_groups where title = 'disk full'") == [("silence:1",)]
    assert rows(database, "select who, why, until - created_at = '30 min' from cali.alert_silences") == [
        ("ada", "deploy", True)
    ]
    assert rows(database, "select held_by, records, services from cali.alert_held_back") == [
        ("silence:1", 1, ["payments"])
    ]
    assert ask("silence", end=1) == {"silence": 1}
    assert rows(database, "select count(held_by) from cali.alert_groups") == [(0,)]


def test_an_inhibition_holds_at_once_and_is_lifted(database: psycopg.Connection, ask: Ask) -> None:
    """The cart waits behind the disk as long as the rule is on."""
    form = {"source_title": "disk full", "target_service": "cart", "why": "the cart needs the disk"}
    assert ask("inhibit", **form) == {"inhibition": 1}
    held = "select held_why from cali.alert_groups where service = 'cart'"
    assert rows(database, held) == [("behind payments: disk full",)]
    assert ask("inhibit", lift=1) == {"inhibition": 1}
    assert rows(database, held) == [(None,)]


@pytest.mark.parametrize(
    ("verb", "params", "named"),
    [
        ("acknowledge", {}, "Nothing says which groups are meant"),
        ("acknowledge", {"group": 0}, "group=0"),
        ("silence", {"why": "w"}, "Nothing says which groups are meant"),
        ("silence", {"title": "x", "why": " "}, "why is empty"),
        ("silence", {"title": "x", "why": "w", "hours": 0}, "hours=0"),
        ("silence", {"titel": "x", "why": "w"}, "titel='x'"),
        ("silence", {"fingerprint": "abc", "why": "w"}, "fingerprint='abc' is too short"),
        ("silence", {"end": 9}, "end=9 is no silence that lasts"),
        ("inhibit", {"source_title": "x", "why": "w"}, "Nothing says which groups are meant"),
        ("inhibit", {"lift": 9}, "lift=9 is no inhibition that is on"),
    ],
)
def test_a_wrong_form_ends_the_run_at_once(
    database: psycopg.Connection, ask: Ask, verb: str, params: dict[str, Any], named: str
) -> None:
    """Another try would change nothing, and nothing is muted."""
    with pytest.raises(AirflowFailException, match=named):
        ask(verb, **params)
    assert rows(database, "select count(held_by) + count(acknowledged_by) from cali.alert_groups") == [(0,)]


def test_plain_sql_does_the_same(database: psycopg.Connection) -> None:
    """What the guide tells people to write works: silence, inhibit, acknowledge; the next sweep sees it."""
    database.execute(
        """
        insert into cali.alert_silences (service, until, who, why) values ('cart', now() + '1 h', 'ann', 'deploy');
        update cali.alert_groups set acknowledged_by = 'ann', acknowledged_at = now() where title = 'disk full';
        insert into cali.alert_inhibitions (source_service, target_title, who, why)
        values ('db', 'queue*', 'ann', 'needs it');
        """
    )
    PostgresAlertStore(database).settle(utc_now(), AlertSettings())
    question = "select title, held_by, acknowledged_by from cali.alert_groups where category = 'record' order by id"
    assert rows(database, question) == [("disk full", None, "ann"), ("no route", "silence:1", None)]
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute("insert into cali.alert_silences (until, who, why) values (now(), 'ann', 'everything')")

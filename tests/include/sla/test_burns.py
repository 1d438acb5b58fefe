"""A budget that burns is told once, and once when it does not any more; both books keep the Protocol's promises."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from include.alerts.contract import AlertStore
from include.alerts.store import PostgresAlertStore
from include.alerts.store_memory import InMemoryAlertStore
from include.ledger.postgres import connected
from include.sla.burns import Burn, BurnBook, BurnRate, Outcome, decide, watch_burns
from include.sla.burns_memory import InMemoryBurnBook
from include.sla.burns_postgres import PostgresBurnBook
from tests.include.sla.attained import judged, promise
from tests.include.sla.test_recorder_contract import forget_seeds

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR_RULE = BurnRate(
    1, "drain", "realtime", "sla", "warning", "team", 60, 5, 12, 2, 16.67, 100.0, burning=True, calm=False
)
CALM = replace(HOUR_RULE, long_minutes=360, short_minutes=30, short_rate=0.0, burning=False, calm=True)
BEGUN = (
    "🔥 drain (realtime) spends its error budget 16.7 times too fast. 2 windows within one hour were late or missed, "
    "and the newest ones are among them. Owner: team. What was missed and why is on the page SLA in Airflow and in "
    "`cali.sla_violations`."
)
BURN = Burn(1, NOON, "drain", "realtime", "sla", "warning", 60, 16.67, 100.0, 12, 2)


@pytest.mark.parametrize(
    ("rates", "burn", "expected"),
    [
        ([HOUR_RULE, CALM], None, HOUR_RULE),
        ([CALM, HOUR_RULE], None, HOUR_RULE),
        ([CALM, CALM], None, None),
        ([], None, None),
        ([HOUR_RULE, CALM], BURN, None),
        ([CALM, CALM], BURN, Outcome.RECOVERED),
        ([], BURN, Outcome.WITHDRAWN),
        # Nothing can be told: it neither begins nor ends.
        ([replace(HOUR_RULE, burning=None, calm=None), CALM], None, None),
        ([replace(HOUR_RULE, burning=None, calm=None), CALM], BURN, None),
        # Not above both thresholds any more, but the newest windows are still bad.
        ([replace(HOUR_RULE, burning=False), CALM], BURN, None),
    ],
)
def test_what_follows_from_the_rates(rates: list[BurnRate], burn: Burn | None, expected: object) -> None:
    """A burn begins by any rule, and ends when every rule is calm, or when nothing is promised any more."""
    assert decide(rates, burn) == expected


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def book(request: pytest.FixtureRequest) -> Iterator[BurnBook]:
    """Yield a book without burns."""
    if request.param == "memory":
        yield InMemoryBurnBook()
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        forget_seeds(connection)
        yield PostgresBurnBook(connection)


def test_one_burn_of_a_definition_is_open(book: BurnBook) -> None:
    """Whoever comes second begins nothing; after its end, another one may begin."""
    assert book.begin(BURN)
    assert not book.begin(replace(BURN, started_at=NOON + MINUTE))
    assert book.begin(replace(BURN, definition_id=2))
    assert book.end(BURN, Outcome.RECOVERED, NOON + MINUTE)
    ended = replace(BURN, ended_at=NOON + MINUTE, outcome=Outcome.RECOVERED)
    assert book.begin(replace(BURN, started_at=NOON + 2 * MINUTE))
    assert book.burns() == [ended, replace(BURN, definition_id=2), replace(BURN, started_at=NOON + 2 * MINUTE)]


def test_a_burn_ends_once(book: BurnBook) -> None:
    """The second end changes nothing."""
    book.begin(BURN)
    assert book.end(BURN, Outcome.WITHDRAWN, NOON + MINUTE)
    (ended,) = book.burns()
    assert not book.end(ended, Outcome.RECOVERED, NOON + 2 * MINUTE)
    assert book.burns() == [ended]


def told(alerts: AlertStore) -> list[tuple[str, str, int]]:
    """Return channel, text and rank of each message of the outbox."""
    return [(one.channel, str((one.payload or {})["text"]), one.severity_rank) for one in alerts.messages()]


def test_a_burn_is_told_when_it_begins_and_when_it_ends() -> None:
    """However often one looks in between, and also when it is deleted meanwhile."""
    book, alerts = InMemoryBurnBook([HOUR_RULE, CALM]), InMemoryAlertStore()
    reports = [watch_burns(book, alerts, NOON + minutes * MINUTE) for minutes in range(3)]
    book.given = [CALM, CALM]
    reports += [watch_burns(book, alerts, NOON + minutes * MINUTE) for minutes in (40, 41)]
    assert [(one.begun, one.ended) for one in reports] == [(1, 0), (0, 0), (0, 0), (0, 1), (0, 0)]
    assert told(alerts) == [
        (
            "sla",
            BEGUN,
            1,
        ),
        ("sla", "✅ drain (realtime) does not burn its error budget any more. It did for 40 minutes.", 3),
    ]
    book.given = [HOUR_RULE, CALM]
    watch_burns(book, alerts, NOON + 50 * MINUTE)
    book.given = []
    watch_burns(book, alerts, NOON + 350 * MINUTE)
    assert told(alerts)[3][1].startswith("⚪ drain (realtime) promises nothing any more")


def test_names_cannot_write_markup() -> None:
    """A pipeline or owner of angle brackets mentions nobody."""
    alerts = InMemoryAlertStore()
    watch_burns(InMemoryBurnBook([replace(HOUR_RULE, owner="<!channel>", pipeline_name="a&<b>")]), alerts, NOON)
    (message,) = alerts.messages()
    text = str(message.payload)
    assert "<!channel>" not in text.replace("'text': 'a&<b>", "")
    assert "Owner: &lt;!channel&gt;." in text


@pytest.mark.integration
def test_verdicts_in_postgres_make_a_burn_that_is_told_once(migrated_uri: str) -> None:
    """From missed windows to the outbox, and from the windows after them to the recovery; a disabled one is let be."""
    with connected(migrated_uri) as connection:
        forget_seeds(connection)
        book, alerts = PostgresBurnBook(connection), PostgresAlertStore(connection)
        for name, enabled in (("drain", True), ("off", False)):
            of = promise(connection, name, "realtime", 5, NOON, enabled=enabled, slack_channel="sla")
            judged(connection, of, "++++++++++--", NOON, 5 * MINUTE)
        assert [watch_burns(book, alerts, NOON).begun for _ in range(3)] == [1, 0, 0]
        connection.execute("update cali.sla_definitions set enabled = true")
        _judge_more(connection)
        assert [watch_burns(book, alerts, NOON + 30 * MINUTE).ended for _ in range(3)] == [1, 0, 0]
        assert [text.partition(".")[0] for _, text, _ in told(alerts)] == [
            "🔥 drain (realtime) spends its error budget 16",
            "✅ drain (realtime) does not burn its error budget any more",
        ]


@pytest.mark.integration
def test_a_notice_that_cannot_be_kept_leaves_no_burn(migrated_uri: str) -> None:
    """Both are written, or neither: what was not told is told the next time."""

    class Broken(InMemoryAlertStore):
        def enqueue(self, *_: object) -> bool:
            raise ConnectionError

    with connected(migrated_uri) as connection:
        forget_seeds(connection)
        of = promise(connection, "drain", "realtime", 5, NOON)
        judged(connection, of, "++++++++++--", NOON, 5 * MINUTE)
        book = PostgresBurnBook(connection)
        with pytest.raises(ConnectionError):
            watch_burns(book, Broken(), NOON)
        assert book.burns() == []
        assert watch_burns(book, PostgresAlertStore(connection), NOON).begun == 1


def _judge_more(connection: psycopg.Connection) -> None:
    for (of,) in connection.execute("select definition_id from cali.sla_definitions").fetchall():
        judged(connection, of, "++++++", NOON + 30 * MINUTE, 5 * MINUTE)

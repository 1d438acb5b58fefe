"""The compaction step on real servers: small objects become one, and the reading list follows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cali.compaction import CompactionForm, compact
from cali.forms import filled
from include.adapters.object_store import S3ObjectStore
from include.errors import ConfigurationError
from include.parquet import from_parquet
from tests.include.compaction.publishing import Publisher
from tests.plugins.conftest import Servers

HOUR = datetime(2026, 3, 28, 22, tzinfo=UTC)
ALL: dict[str, Any] = {"stream": "all", "from_hour": None, "to_hour": None}
NOTHING = {"hours": 0, "batches": 0, "records": 0, "late": 0, "left_to_others": 0}


@pytest.fixture
def publisher(servers: Servers) -> Publisher:
    """Return who publishes batches in this world."""
    return Publisher(servers.ledger, S3ObjectStore(servers.s3, servers.bucket))


def read(servers: Servers, keys: list[str]) -> list[int]:
    """Return the records in these objects."""
    store = S3ObjectStore(servers.s3, servers.bucket)
    return sorted(number for key in keys for number in from_parquet(store.get(key)).column("number").to_pylist())


@pytest.mark.integration
def test_closed_hours_are_compacted_and_named_by_the_view(servers: Servers, publisher: Publisher) -> None:
    """Two hours of small objects become two objects; a late batch brings its hour back under the same key."""
    for minutes in (0, 10, 20, 60, 70):
        publisher.publish(HOUR + timedelta(minutes=minutes))
    assert compact(ALL)["logs"] == NOTHING | {"hours": 2, "batches": 5, "records": 15}
    assert compact(ALL)["logs"] == NOTHING
    publisher.publish(HOUR)
    assert compact(ALL)["logs"] == NOTHING | {"hours": 1, "batches": 4, "records": 12}
    keys = servers.keys("compacted")
    listed = servers.connection.execute("select object_key, kind from cali.clean_objects order by 1").fetchall()
    assert listed == [(key, "compacted") for key in keys]
    assert len(keys) == 2
    assert read(servers, keys) == publisher.published
    recorded = servers.connection.execute("select object_key, bytes from cali.compactions").fetchall()
    sizes = servers.s3.list_objects_v2(Bucket=servers.bucket, Prefix="compacted/")["Contents"]
    assert set(recorded) == {(entry["Key"], entry["Size"]) for entry in sizes}


@pytest.mark.integration
def test_a_form_asks_for_hours_again(publisher: Publisher) -> None:
    """A span of hours is written again, whether it is due or not."""
    for hours in range(3):
        publisher.publish(HOUR + timedelta(hours=hours))
    compact(ALL)
    form = {"stream": "logs", "from_hour": "2026-03-28T23:30:00Z", "to_hour": "2026-03-29T00:00:00Z"}
    assert compact(form) == {"logs": NOTHING | {"hours": 1, "batches": 1, "records": 3}}


@pytest.mark.integration
def test_what_the_documentation_shows_reads_each_record_once(
    servers: Servers, publisher: Publisher, s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB reads the compacted room by its partitions, from the embedded server's folder."""
    import duckdb

    publisher.publish(HOUR)
    publisher.publish(HOUR)
    compact(ALL)
    monkeypatch.chdir(s3_server.folder / "buckets" / servers.bucket)
    query = "select dt, hh, count(*) from read_parquet('compacted/**/*.parquet', hive_partitioning=true) group by all"
    assert [(str(day), str(hour), count) for day, hour, count in duckdb.sql(query).fetchall()] == [
        ("2026-03-28", "22", 6)
    ]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"from": "2026-03-28T23:00:00Z"}, "from="),
        ({"from_hour": "2026-03-28T23:00:00"}, "from_hour="),
        ({"from_hour": "yesterday"}, "from_hour="),
        ({"to_hour": "2026-03-28T23:00:00Z"}, "to_hour needs a from_hour"),
        ({"from_hour": "2026-03-28T23:00:00Z", "to_hour": "2026-03-28T23:00:00Z"}, "to_hour needs a from_hour"),
    ],
)
def test_a_wrong_form_is_refused_by_name(params: dict[str, Any], named: str) -> None:
    """Nothing is compacted by a guess."""
    with pytest.raises(ConfigurationError, match=named):
        filled(CompactionForm, params)


def test_an_unknown_stream_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(ConfigurationError, match="There is no stream 'lgos'"):
        compact({"stream": "lgos"})

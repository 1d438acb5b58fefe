"""What tests on real servers share."""

from collections.abc import Iterator

import psycopg
import pytest

from include.alerts.contract import AlertStore
from include.alerts.store import PostgresAlertStore
from include.alerts.store_memory import InMemoryAlertStore


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[AlertStore]:
    """Return the twin or the real store, empty."""
    if request.param == "memory":
        yield InMemoryAlertStore()
        return
    with psycopg.connect(request.getfixturevalue("migrated_uri"), autocommit=True) as connection:
        yield PostgresAlertStore(connection)

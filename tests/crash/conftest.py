"""A site for the crash tests that need real servers: servers of their own, and a database for each test."""

from collections.abc import Iterator
from dataclasses import replace
from secrets import token_hex

import psycopg
import pytest
from psycopg import conninfo, sql

from include.sql.migrate import upgrade
from tests.crash.child import warm_parent
from tests.crash.site import Site, started_site


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start the servers; a killed client may harm one, so no other test shares them."""
    warm_parent()
    with started_site(tmp_path_factory.mktemp("crash")) as site:
        yield site


@pytest.fixture
def site(started: Site) -> Site:
    """Return the site with an empty database: each test's world has a clock of its own."""
    name = f"crash_{token_hex(6)}"
    with psycopg.connect(started.postgres_uri, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = conninfo.conninfo_to_dict(started.postgres_uri)
    uri = f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}/{name}"
    upgrade(uri)
    return replace(started, postgres_uri=uri)

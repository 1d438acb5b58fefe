"""Who sees the board and who may acknowledge, asked of a real API server with real tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cali import batches, board
from include.records import utc_now
from tests.include.sla.attained import promise
from tests.plugins.board.promises import full_hour, miss

if TYPE_CHECKING:
    from tests.plugins.board.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

READ = ("/", "/index.html", "/board.js", "/definition.js", "/board.css", "/icon.svg", "/icon-dark.svg", "/data")
EVERYTHING = {"pipeline_name": "batch", "sla_type": "hourly"}


@pytest.fixture
def missed(site: Site) -> Site:
    """Return the site with two open violations of one service level."""
    now = utc_now()
    of = promise(site.connection, "batch", "hourly", 5, now - timedelta(days=2))
    for hours in (1, 2):
        miss(site.connection, of, full_hour(now) - timedelta(hours=hours), "not completed")
    return site


def acknowledged(site: Site) -> list[tuple[Any, ...]]:
    """Return who has seen which violations, the newest one first."""
    query = "select acknowledged_by from cali.sla_violations order by window_start desc"
    return site.connection.execute(query).fetchall()


@pytest.mark.parametrize("path", [*READ, "/nothing", "/../sla/data"])
def test_who_is_not_logged_in_gets_nothing(site: Site, path: str) -> None:
    """Neither the page, nor its parts, nor its data; a token that is none is no better."""
    assert site.ask("GET", path).status_code == 401
    assert site.ask("GET", path, headers={"Authorization": "Bearer rubbish"}).status_code in {401, 403}
    assert site.ask("GET", path, headers={"Cookie": "_token=rubbish"}).status_code in {401, 403}


def test_who_is_not_logged_in_acknowledges_nothing(missed: Site) -> None:
    """Whatever the request looks like."""
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Authorization": "Bearer rubbish"}):
        assert missed.ask("POST", "/acknowledge", json=EVERYTHING, headers=headers).status_code in {401, 403}
    assert acknowledged(missed) == [(None,), (None,)]


@pytest.mark.parametrize("user", ["admin", "op", "guest"])
@pytest.mark.parametrize("path", READ)
def test_who_may_read_dags_sees_the_board(site: Site, user: str, path: str) -> None:
    """And every answer keeps the browser to this page."""
    answer = site.ask("GET", path, user)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("user", "may"), [("admin", True), ("op", True), ("guest", False)])
def test_the_data_say_whether_one_may_acknowledge(site: Site, user: str, may: bool) -> None:
    """So the page shows no button that would be refused."""
    assert site.ask("GET", "/data", user).json()["may_acknowledge"] is may


def test_a_viewer_cannot_acknowledge(missed: Site) -> None:
    """Also where they send what the page would have sent."""
    answer = missed.ask("POST", "/acknowledge", "guest", json=EVERYTHING)
    assert answer.status_code == 403
    assert acknowledged(missed) == [(None,), (None,)]


def test_who_may_run_dags_acknowledges_one_window_or_all(missed: Site) -> None:
    """In their own name; whoever was first stands."""
    (newest, _) = missed.ask("GET", "/data", "op").json()["definitions"][0]["violations"]
    one = EVERYTHING | {"window_start": newest["window_start"]}
    assert missed.ask("POST", "/acknowledge", "op", json=one).json() == {"acknowledged": 1, "already": 0}
    assert acknowledged(missed) == [("op",), (None,)]
    assert missed.ask("POST", "/acknowledge", "admin", json=EVERYTHING).json() == {"acknowledged": 1, "already": 1}
    assert acknowledged(missed) == [("op",), ("admin",)]


@pytest.mark.parametrize(
    ("headers", "content", "code"),
    [
        # A form of another site sends one of these three without asking first.
        ({"Content-Type": "text/plain"}, b'{"pipeline_name": "batch", "sla_type": "hourly"}', 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"pipeline_name=batch&sla_type=hourly", 415),
        ({}, b'{"pipeline_name": "batch", "sla_type": "hourly"}', 415),
        *(
            (
                {"Content-Type": "application/json", "Sec-Fetch-Site": origin},
                b'{"pipeline_name": "batch", "sla_type": "hourly"}',
                403,
            )
            for origin in ("cross-site", "same-site", "none")
        ),
    ],
)
def test_another_sites_page_cannot_acknowledge(
    missed: Site, headers: dict[str, str], content: bytes, code: int
) -> None:
    """Not even in the name of an administrator whose browser knows the cookie."""
    cookie = {"Cookie": f"_token={missed.token('admin')}"}
    answer = httpx.post(
        f"{missed.address}{missed.board}/acknowledge", headers=headers | cookie, content=content, timeout=30
    )
    assert answer.status_code == code
    assert acknowledged(missed) == [(None,), (None,)]
    proper = cookie | {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    assert missed.ask("POST", "/acknowledge", headers=proper, json=EVERYTHING).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        (EVERYTHING | {"sla_type": "weekly"}, 422),
        (EVERYTHING | {"by": "somebody else"}, 422),
        (EVERYTHING | {"window_start": "yesterday"}, 422),
        (EVERYTHING | {"pipeline_name": "bach"}, 400),
        (EVERYTHING | {"window_start": "2026-01-01T00:00:00Z"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(missed: Site, body: dict[str, str], code: int) -> None:
    """Nobody acknowledges in another one's name, and nothing that is not there."""
    assert missed.ask("POST", "/acknowledge", "op", json=body).status_code == code
    assert acknowledged(missed) == [(None,), (None,)]


def test_a_file_that_is_none_of_the_pages_is_not_there(site: Site) -> None:
    """Nor is anything of Python's."""
    for path in ("/app.py", "/..%2fapp.py", "/nothing"):
        assert site.ask("GET", path, "admin").status_code == 404


def test_airflow_knows_the_view(site: Site) -> None:
    """By its own list of plugins, without an import error."""
    headers = {"Authorization": f"Bearer {site.token('admin')}"}
    told = httpx.get(f"{site.address}/api/v2/plugins", headers=headers, timeout=30).json()["plugins"]
    (ours,) = [plugin for plugin in told if plugin["name"] == "cali"]
    (view,) = ours["external_views"]
    assert board.EXTERNAL_VIEW.items() <= view.items()
    assert [app["url_prefix"] for app in ours["fastapi_apps"]] == [board.PREFIX, batches.PREFIX]
    errors = httpx.get(f"{site.address}/api/v2/plugins/importErrors", headers=headers, timeout=30).json()
    assert errors["import_errors"] == []

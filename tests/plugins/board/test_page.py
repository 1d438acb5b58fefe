"""The board as people use it, inside Airflow's own UI and in a real browser."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.records import utc_now
from tests.include.sla.attained import judged, promise
from tests.plugins.board.promises import EVIL, fill, full_hour, miss

playwright = pytest.importorskip("playwright.sync_api")

from tests.browser.airflow_ui import PATIENCE_MS, AirflowUi, chromium  # noqa: E402 - where there is a browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, FrameLocator, Page

    from tests.plugins.board.conftest import Site

    Open = Callable[..., tuple[Page, FrameLocator]]

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(2700)]

expect = playwright.expect
DESKTOP = {"width": 1400, "height": 1000}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Run one Chromium for the tests of this file."""
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def open_board(site: Site, browser: Browser) -> Iterator[Open]:
    """Return a function that logs a user in and opens the board by its entry in Airflow's navigation."""
    contexts = []

    def opened(user: str = "admin", **options: Any) -> tuple[Page, FrameLocator]:
        context = browser.new_context(**{"viewport": DESKTOP, "timezone_id": "Europe/Berlin"} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        AirflowUi(page, site.address).log_in(user, site.passwords[user])
        page.get_by_role("link", name="SLA").first.click()
        return page, page.frame_locator("iframe")

    yield opened
    for context in contexts:
        context.close()


def complaints(page: Page) -> list[str]:
    """Return what the page says to the browser's console, from now on, as errors and warnings."""
    found: list[str] = []
    page.on("console", lambda line: found.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def hosts(page: Page) -> set[str]:
    """Return the hosts that the page asks, from now on."""
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    return asked


def test_the_board_shows_each_service_level(site: Site, open_board: Open) -> None:
    """Under its entry in the navigation, the worst first: state, strip, figures, times and what is open."""
    fill(site.connection, utc_now())
    page, board = open_board()
    expect(board.get_by_role("article")).to_have_count(6)
    assert board.get_by_role("heading", level=2).all_inner_texts()[0] == "consumer_batch hourly"
    assert page.url.startswith(f"{site.address}/plugin/sla")
    broken = board.get_by_role("article", name="consumer_batch")
    expect(broken).to_contain_text("Missed")
    expect(broken).to_contain_text("Budget burns")
    expect(broken).to_contain_text("99 % within 5 min after the hour")
    expect(broken).to_contain_text("3 open violations")
    expect(broken.locator(".strip span")).to_have_count(60)
    expect(broken.locator(".strip .missed")).to_have_count(3)
    well = board.get_by_role("article", name="logs_drain")
    expect(well).to_contain_text(re.compile(r"On time, 1 day\s*99.65 %\s*287 of 288 windows, 7.5 min late"))
    expect(well).to_contain_text(re.compile(r"Last completion\s*1 minute ago"))
    stale = board.get_by_role("article", name="settlement_export")
    expect(stale).to_contain_text("Unknown")
    expect(stale).to_contain_text("does the DAG sla_monitor run?")
    expect(board.get_by_role("article", name="new_pipeline")).to_contain_text("No window has been judged yet.")
    expect(board.get_by_role("article", name="old_export")).to_contain_text("Off")
    expect(board.locator("#summary")).to_contain_text("1 missed")
    page.reload()
    expect(board.get_by_role("article")).to_have_count(6)


def test_a_violation_is_acknowledged_by_its_button(site: Site, open_board: Open) -> None:
    """In the name of who pressed it; the others are by one more press."""
    ids = fill(site.connection, utc_now())
    _, board = open_board("op")
    one = board.get_by_role("article", name="consumer_batch")
    one.get_by_role("button", name=re.compile("^Acknowledge consumer_batch")).first.click()
    expect(one).to_contain_text("seen by op")
    one.get_by_role("button", name="Acknowledge all 2").click()
    expect(one.get_by_text("seen by op")).to_have_count(3)
    expect(one.get_by_role("button")).to_have_count(0)
    query = "select distinct acknowledged_by from cali.sla_violations where definition_id = %s and completed_at is null"
    assert site.connection.execute(query, [ids["consumer_batch"]]).fetchall() == [("op",)]


def test_a_viewer_sees_no_button(site: Site, open_board: Open) -> None:
    """The violations are there all the same."""
    fill(site.connection, utc_now())
    _, board = open_board("guest")
    one = board.get_by_role("article", name="consumer_batch")
    expect(one).to_contain_text("3 open violations")
    expect(one.get_by_role("button")).to_have_count(0)


def test_nothing_promised_is_said_with_what_to_do(open_board: Open) -> None:
    """And is no error."""
    _, board = open_board()
    expect(board.get_by_text("Nothing is promised.")).to_be_visible()
    expect(board.get_by_text("insert into cali.sla_definitions")).to_be_visible()
    expect(board.get_by_role("alert")).to_be_hidden()


def test_an_error_is_told_and_passes(site: Site, open_board: Open) -> None:
    """What was shown stays, is said to be old, and the next answer takes the error away."""
    fill(site.connection, utc_now())
    page, board = open_board()
    expect(board.get_by_role("article")).to_have_count(6)
    page.route("**/cali/sla/data", lambda route: route.fulfill(status=503, json={"detail": "Postgres is away"}))
    board.get_by_role("button", name="Refresh").click()
    expect(board.get_by_role("alert")).to_have_text("Postgres is away What is shown may be out of date.")
    expect(board.get_by_role("article")).to_have_count(6)
    page.unroute("**/cali/sla/data")
    page.route("**/cali/sla/data", lambda route: route.fulfill(status=401, json={"detail": "Not authenticated"}))
    board.get_by_role("button", name="Refresh").click()
    expect(board.get_by_role("alert")).to_contain_text("You are not logged in any more")
    page.unroute("**/cali/sla/data")
    board.get_by_role("button", name="Refresh").click()
    expect(board.get_by_role("alert")).to_be_hidden()


def test_before_the_first_answer_it_says_that_it_loads(site: Site, browser: Browser) -> None:
    """Also for who does not see it; a first answer that fails leaves the error alone."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    AirflowUi(page, site.address).log_in("admin", site.passwords["admin"])
    waiting: list[Any] = []
    page.route("**/cali/sla/data", lambda route: waiting.append(route))  # noqa: PLW0108 - it sets attributes
    page.goto(f"{site.address}/cali/sla/")
    expect(page.get_by_text("Loading…")).to_be_visible()
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    waiting[0].fulfill(status=503, json={"detail": "Postgres is away"})
    expect(page.get_by_role("alert")).to_have_text("Postgres is away")
    expect(page.get_by_text("Loading…")).to_have_count(0)
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")
    context.close()


def test_no_text_becomes_markup(site: Site, open_board: Open) -> None:
    """A pipeline, an owner and a cause that want to be scripts are shown as text; no other host is asked."""
    now = utc_now()
    of = promise(site.connection, EVIL, "hourly", 5, now - timedelta(days=2), owner=EVIL, description=EVIL)
    miss(site.connection, of, full_hour(now), EVIL)
    board, frame = open_board()
    expect(frame.get_by_role("article")).to_have_count(1)
    # By itself, because Airflow's frame is something that Chromium warns of.
    found, asked = complaints(board), hosts(board)
    board.on("dialog", lambda dialog: found.append(dialog.message) or dialog.dismiss())  # type: ignore[func-returns-value]
    board.goto(f"{site.address}/cali/sla/")
    expect(board.get_by_role("article")).to_contain_text(f"owner {EVIL} · {EVIL}")
    expect(board.get_by_role("listitem").first).to_contain_text(EVIL)
    assert board.locator("img, article script").count() == 0
    board.get_by_role("button", name="Refresh").click()
    expect(board.locator("#board")).to_have_attribute("aria-busy", "false")
    assert found == []
    assert asked <= {site.address.removeprefix("http://")}


def test_the_keyboard_reaches_everything(site: Site, open_board: Open) -> None:
    """Tab goes from control to control, the arrows through a strip, and Enter acknowledges; the focus is not lost."""
    now = utc_now()
    of = promise(site.connection, "batch", "hourly", 5, now - timedelta(days=9))
    judged(site.connection, of, "+" * 10 + "x-", full_hour(now), timedelta(hours=1))
    page, board = open_board()
    expect(board.get_by_role("article")).to_have_count(1)
    board.get_by_role("button", name="Refresh").focus()
    page.keyboard.press("Tab")
    expect(board.locator(".strip")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(board.locator("output")).to_contain_text("excused, by hand")
    page.keyboard.press("Home")
    expect(board.locator("output")).to_contain_text("on time, by hand")
    page.keyboard.press("Tab")
    expect(board.get_by_role("button", name=re.compile("^Acknowledge batch"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(board.get_by_text("seen by admin")).to_be_visible()
    expect(board.locator("output")).to_contain_text("on time, by hand")


def test_it_follows_airflows_theme(site: Site, open_board: Open) -> None:
    """Dark where Airflow is dark, also when that is changed while the board is open."""
    fill(site.connection, utc_now())
    page, board = open_board()
    body = board.locator("body")
    expect(board.get_by_role("article")).to_have_count(6)
    for theme, colour in (("dark", "rgb(17, 17, 17)"), ("light", "rgb(255, 255, 255)")):
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        expect(body).to_have_css("background-color", colour)


def test_a_phone_scrolls_down_and_not_sideways(site: Site, open_board: Open) -> None:
    """Everything is within the width, and what is pressed is large enough for a thumb."""
    fill(site.connection, utc_now())
    page, _ = open_board("admin", viewport=PHONE)
    page.goto(f"{site.address}/cali/sla/")
    expect(page.get_by_role("article")).to_have_count(6)
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]
    heights = [button.bounding_box()["height"] for button in page.get_by_role("button").all()]  # type: ignore[index]
    assert len(heights) >= 3
    assert min(heights) >= 36


def test_what_it_looks_like(site: Site, open_board: Open, tmp_path: Path) -> None:
    """In the light, in the dark and on a phone; `CALI_SCREENSHOTS` names a folder to keep the pictures in."""
    fill(site.connection, utc_now())
    folder = Path(os.environ.get("CALI_SCREENSHOTS", str(tmp_path)))
    page, board = open_board()
    for theme in ("light", "dark"):
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        page.reload()
        expect(board.get_by_role("article")).to_have_count(6)
        page.screenshot(path=folder / f"sla-board-{theme}.png")
    page.set_viewport_size(PHONE)
    page.goto(f"{site.address}/cali/sla/")
    expect(page.get_by_role("article")).to_have_count(6)
    page.screenshot(path=folder / "sla-board-phone.png")
    sizes = {path.stat().st_size > 10_000 for path in folder.glob("sla-board-*.png")}
    assert sizes == {True}

"""Airflow's pages as a person uses them, in a headless Chromium that comes from the npm registry."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from local.environment import ADMIN
from local.servers.node import NODE, install_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from playwright.sync_api import Browser, Page

    from local.settings import Settings

    Value = str | int | bool | datetime

HERE = Path(__file__).parent
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run a headless Chromium, which lives in ``folder``, until the block ends."""
    program = _unpack_chromium(folder)
    # Its libraries are unpacked beside it, because a machine without a desktop has none of them.
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"), "HOME": str(folder)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS), env=dict(environment))
        yield browser
        browser.close()


@contextmanager
def airflow_ui(settings: Settings, folder: Path) -> Iterator[AirflowUi]:
    """Open Airflow's pages as its administrator; the browser lives in ``folder`` until the block ends."""
    with chromium(folder) as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        ui = AirflowUi(page, settings.airflow_url)
        ui.log_in(ADMIN, settings.secrets.admin_password)
        yield ui


class AirflowUi:
    """One page of a browser, on Airflow."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address

    def log_in(self, user: str, password: str) -> None:
        """Log in by the form."""
        self.page.goto(f"{self._address}/auth/login")
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.click("[type=submit]")
        self.page.get_by_role("link", name="Dags").first.wait_for()

    def trigger(self, dag_id: str, fields: Mapping[str, Value], titles: Mapping[str, str]) -> str:
        """Fill in the DAG's form, press its button, and return the new run's id.

        Args:
            dag_id: the DAG.
            fields: what to fill in, by the parameter's name.
            titles: what stands before each field.
        """
        self.page.goto(f"{self._address}/dags/{dag_id}")
        self.page.get_by_test_id("trigger-dag-button").click()
        button = self.page.get_by_test_id("trigger-dag-submit")
        button.wait_for()
        for name, value in fields.items():
            self._fill(name, titles[name], value)
        with self.page.expect_response(
            lambda answer: answer.request.method == "POST" and answer.url.endswith(f"/dags/{dag_id}/dagRuns")
        ) as posted:
            button.click()
        assert posted.value.ok, posted.value.text()
        return str(posted.value.json()["dag_run_id"])

    def _fill(self, name: str, title: str, value: Value) -> None:
        dialog = self.page.get_by_role("dialog")
        field = dialog.locator(f"[name=element_{name}]")
        if isinstance(value, bool):
            if field.is_checked() != value:
                # The switch covers its box.
                field.evaluate("box => box.click()")
        elif isinstance(value, str | int):
            field.fill(str(value))
            # A field takes its value when it is left.
            field.blur()
        else:
            picker = dialog.get_by_text(title, exact=True).locator(
                "xpath=following::*[text()='Select date and time'][1]"
            )
            picker.click()
            self.page.get_by_placeholder("YYYY/MM/DD").fill(f"{value:%Y/%m/%d}")
            self.page.get_by_placeholder("HH:mm").fill(f"{value:%H:%M}")
            self.page.keyboard.press("Escape")


def _unpack_chromium(folder: Path) -> str:
    install_packages(HERE)
    # The package looks at this variable to decide whether to unpack the libraries as well.
    environment = {**os.environ, "TMPDIR": str(folder), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
    command = (str(NODE), str(HERE / "unpack.mjs"))
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

"""Airflow's REST API, as far as tests use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from local.environment import ADMIN
from tests.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.settings import Settings


class Airflow:
    """Airflow's REST API, as its administrator."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.airflow_url
        self._login = {"username": ADMIN, "password": settings.secrets.admin_password}
        self._token: str | None = None

    def call(self, method: str, path: str, body: object = None, **query: str | int | list[str]) -> httpx.Response:
        """Call the API and return its answer, whatever it is."""
        return self._request(method, f"api/v2/{path}", body, query)

    def page(self, path: str, **query: str | int | list[str]) -> httpx.Response:
        """Ask as Airflow's own pages do, under ``ui/`` or ``api/v2/``."""
        answer = self._request("GET", path, None, query)
        assert answer.status_code == 200, answer.text
        return answer

    def _request(self, method: str, path: str, body: object, query: Mapping[str, Any]) -> httpx.Response:
        if self._token is None:
            self._token = httpx.post(f"{self.url}/auth/token", json=self._login, trust_env=False).json()["access_token"]
        return httpx.request(
            method,
            f"{self.url}/{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=30,
            trust_env=False,
        )

    def get(self, path: str, **query: str | int | list[str]) -> Any:
        """Return what the API has at a path."""
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause a DAG, or let it go on."""
        answer = self.call("PATCH", f"dags/{dag_id}", {"is_paused": paused})
        assert answer.status_code == 200, answer.text

    def trigger(self, dag_id: str, **conf: object) -> str:
        """Trigger a run by hand and return its id."""
        answer = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 120) -> str:
        """Return the state in which a run ends."""
        path = f"dags/{dag_id}/dagRuns/{run_id}"
        run = eventually(
            lambda: (run := self.get(path))["state"] in {"success", "failed"} and run,
            seconds,
            lambda: (self.get(path), self.tasks(dag_id, run_id)),
        )
        return str(run["state"])

    def tasks(self, dag_id: str, run_id: str = "~", *states: str) -> Sequence[dict[str, Any]]:
        """Return a run's task instances, or those of all runs in some states."""
        query: dict[str, Any] = {"state": list(states), "limit": 100}
        found: Sequence[dict[str, Any]] = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", **query)[
            "task_instances"
        ]
        return found

"""The SLA board's page and data, for people whom Airflow lets see the DAG ``sla_monitor``.

Who may read ``sla_monitor`` sees the board, and who may run ``sla_acknowledge`` may acknowledge here as well.
"""

from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request, status
from fastapi.responses import FileResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cali.guarded import database, guarded_app
from include.records import utc_now
from include.sla.acknowledge import Selection, acknowledge
from include.sla.board import board
from include.sla.contract import SlaType
from include.sla.postgres import PostgresRecorder

SEEN = "sla_monitor"
"""The DAG that one has to be allowed to read."""
ACKNOWLEDGED = "sla_acknowledge"
"""The DAG that one has to be allowed to run."""
PAGE = Path(__file__).with_name("page")
FILES = {
    "index.html": "text/html; charset=utf-8",
    "board.js": "text/javascript; charset=utf-8",
    "definition.js": "text/javascript; charset=utf-8",
    "board.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "icon-dark.svg": "image/svg+xml",
}

app = guarded_app("SLA board")
may_see = Depends(requires_access_dag(method="GET", param_dag_id=SEEN))
may_acknowledge = Depends(
    requires_access_dag(method="POST", access_entity=DagAccessEntity.RUN, param_dag_id=ACKNOWLEDGED)
)


def comes_from_here(request: Request) -> None:
    """Refuse what another site's page sent in the name of a user whose browser knows a cookie of ours.

    The cookie is ``SameSite=Lax``, and a body of this type is not sent across sites without asking first; this holds
    also where both are weakened. A browser says by ``Sec-Fetch-Site`` whose page it was; a program says nothing.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "Send application/json")
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Another site's page may not acknowledge")


class Acknowledgement(BaseModel):
    """Which violations somebody has seen: one window, or (None) every one of the service level."""

    model_config = ConfigDict(extra="forbid")

    pipeline_name: Annotated[str, Field(min_length=1, max_length=500)]
    sla_type: SlaType
    window_start: AwareDatetime | None = None


@app.get("/data", dependencies=[may_see])
def data(user: GetUserDep) -> dict[str, object]:
    """Return the board, and whether this user may acknowledge."""
    with database() as connection:
        return board(connection, utc_now()) | {"may_acknowledge": _is_let_acknowledge(user)}


@app.post("/acknowledge", dependencies=[Depends(comes_from_here), may_see, may_acknowledge])
def acknowledged(body: Acknowledgement, user: GetUserDep) -> dict[str, int]:
    """Note that this user has seen violations; return how many nobody had seen before."""
    selection = Selection(body.pipeline_name, body.sla_type, body.window_start)
    with database() as connection:
        report = acknowledge(PostgresRecorder(connection), selection, user.get_name(), utc_now())
    return {"acknowledged": report.acknowledged, "already": report.already}


@app.get("/", dependencies=[may_see])
def page() -> FileResponse:
    """Return the page."""
    return file("index.html")


@app.get("/{name}", dependencies=[may_see])
def file(name: str) -> FileResponse:
    """Return a file of the page."""
    if name not in FILES:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such file")
    return FileResponse(PAGE / name, media_type=FILES[name])


def _is_let_acknowledge(user: Any) -> bool:  # noqa: ANN401 - each auth manager has a kind of its own
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=ACKNOWLEDGED), user=user
    )

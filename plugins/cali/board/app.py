"""The SLA board's page and data, for people whom Airflow lets see the DAG ``sla_monitor``.

Airflow protects nothing that a plugin mounts, so every route here asks by itself, with Airflow's own dependencies: who
may read ``sla_monitor`` sees the board, and who may run ``sla_acknowledge`` may acknowledge here as well.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import FileResponse, JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cali import connections
from include.errors import CaliError
from include.ledger.postgres import connected
from include.records import utc_now
from include.sla.acknowledge import Selection, acknowledge
from include.sla.board import board
from include.sla.contract import SlaType
from include.sla.postgres import PostgresRecorder

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import psycopg

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
HEADERS = {
    # Nothing from elsewhere, nothing inline, and in no frame but Airflow's.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

app = FastAPI(title="SLA board", docs_url=None, redoc_url=None, openapi_url=None)
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


@app.middleware("http")
async def guarded(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give every answer the headers that keep a browser to this page."""
    response = await proceed(request)
    response.headers.update(HEADERS)
    return response


@app.exception_handler(CaliError)
def explained(_: Request, error: CaliError) -> JSONResponse:
    """Say what is wrong: Postgres was away (503), or something is not as it must be (400)."""
    code = status.HTTP_400_BAD_REQUEST if error.permanent else status.HTTP_503_SERVICE_UNAVAILABLE
    # The text of what Postgres answered names hosts and users; it is in the server's own log.
    text = str(error) if error.permanent else "CALI's Postgres did not answer: try again"
    return JSONResponse({"detail": text}, code)


@app.get("/data", dependencies=[may_see])
def data(user: GetUserDep) -> dict[str, object]:
    """Return the board, and whether this user may acknowledge."""
    with _database() as database:
        return board(database, utc_now()) | {"may_acknowledge": _is_let_acknowledge(user)}


@app.post("/acknowledge", dependencies=[Depends(comes_from_here), may_see, may_acknowledge])
def acknowledged(body: Acknowledgement, user: GetUserDep) -> dict[str, int]:
    """Note that this user has seen violations; return how many nobody had seen before."""
    selection = Selection(body.pipeline_name, body.sla_type, body.window_start)
    with _database() as database:
        report = acknowledge(PostgresRecorder(database), selection, user.get_name(), utc_now())
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


def _database() -> "AbstractContextManager[psycopg.Connection]":
    return connected(connections.postgres_uri(connections.connection(connections.POSTGRES)))


def _is_let_acknowledge(user: Any) -> bool:  # noqa: ANN401 - each auth manager has a kind of its own
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=ACKNOWLEDGED), user=user
    )

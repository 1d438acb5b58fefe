"""A batch's page, for people whom Airflow lets see the DAG that processes its stream."""

from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import HTTPException, Query, status
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cali import connections
from cali.guarded import database, guarded_app
from include.settings import stream_settings
from include.trace.batch import Row, trace_batch
from include.trace.record import TracedRecord, trace_record

PAGE = Path(__file__).with_name("page")

app = guarded_app("Batches")
pages = Environment(loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined)


@app.get("/batch.css")
def style(user: GetUserDep) -> FileResponse:
    """Return the page's style."""
    del user  # logged in is enough
    return FileResponse(PAGE / "batch.css", media_type="text/css; charset=utf-8")


@app.get("/{batch_id}")
def batch_page(
    batch_id: str,
    user: GetUserDep,
    record: Annotated[str | None, Query(max_length=128)] = None,
    sub: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> HTMLResponse:
    """Return what became of a batch, and of the record with that sequence number."""
    with database() as connection:
        batch = trace_batch(connection, batch_id)
    # Who may not see a stream does not learn which batches it has.
    if batch is None or not _may_see(user, batch["stream"]):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "No such batch: it never was, or it is past its retention")
    traced = _traced(batch, record, sub) if record else None
    return HTMLResponse(pages.get_template("batch.html").render(batch=batch, record=record, sub=sub, traced=traced))


def _traced(batch: Row, record: str, sub: int) -> TracedRecord | None:
    return trace_record(connections.object_store(stream_settings(batch["stream"]).bucket), batch, record, sub)


def _may_see(user: GetUserDep, stream: str) -> bool:
    details = DagDetails(id=f"{stream}_process")
    return get_auth_manager().is_authorized_dag(method="GET", details=details, user=user)

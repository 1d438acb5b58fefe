"""What every page of ours inside Airflow's UI has in common: its headers, its way to say what is wrong, its database.

Airflow protects nothing that a plugin mounts: each route asks by itself, with Airflow's own dependencies.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response, status
from fastapi.responses import JSONResponse

from cali import connections
from include.errors import CaliError
from include.ledger.postgres import connected

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import psycopg

HEADERS = {
    # Nothing from elsewhere, nothing inline, and in no frame but Airflow's.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guarded_app(title: str) -> FastAPI:
    """Return an application without pages about itself, whose every answer keeps a browser to its own page."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_guarded)
    app.exception_handler(CaliError)(_explained)
    return app


def database() -> "AbstractContextManager[psycopg.Connection]":
    """Return a connection to CALI's database for a ``with`` block.

    Raises:
        TransientError: Postgres was away.
    """
    return connected(connections.postgres_uri(connections.connection(connections.POSTGRES)))


async def _guarded(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await proceed(request)
    response.headers.update(HEADERS)
    return response


def _explained(_: Request, error: CaliError) -> JSONResponse:
    """Say what is wrong: a server was away (503), or something is not as it must be (400)."""
    code = status.HTTP_400_BAD_REQUEST if error.permanent else status.HTTP_503_SERVICE_UNAVAILABLE
    # The text of what a server answered names hosts and users; it is in the server's own log.
    text = str(error) if error.permanent else "CALI's Postgres or S3 did not answer: try again"
    return JSONResponse({"detail": text}, code)

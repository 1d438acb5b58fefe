"""When a try of a task has failed: whether another makes sense, and a note for who is told of a missed window."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from cali import connections
from include.alerts.redaction import redact_head
from include.errors import CaliError
from include.records import utc_now

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)
LONGEST_ERROR = 1_000


@contextmanager
def failing_for_good() -> Iterator[None]:
    """End the task without another try, in a ``with`` block, where another try would change nothing.

    Raises:
        AirflowFailException: in the place of a permanent error.
    """
    try:
        yield
    except CaliError as error:
        if error.permanent:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        raise


def note_failure(context: "Context") -> None:
    """Write a failed try down; where that is not possible, Airflow's own log has it anyway."""
    import psycopg  # noqa: PLC0415

    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.sla.incidents.causes import Failure  # noqa: PLC0415
    from include.sla.incidents.causes import note_failure as note  # noqa: PLC0415

    task, error = context["ti"], context.get("exception")
    words = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error or "no reason given")
    url = getattr(task, "log_url", None)
    failure = Failure(task.dag_id, task.task_id, task.try_number, utc_now(), redact_head(words, LONGEST_ERROR), url)
    try:
        with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
            note(database, task.run_id, -1 if task.map_index is None else task.map_index, failure)
    except (CaliError, psycopg.Error) as unwritten:
        log.warning("failure not written down task=%s.%s error=%s", task.dag_id, task.task_id, unwritten)

"""Deadlines of runs: one that hangs is told of while it hangs, by Airflow's own Deadline Alerts.

Airflow calls a deadline's callback once the time has passed and the run has not succeeded: also when it has failed
before, more than once when several schedulers see it, and not at all when it is no deadline that it knows any more
(apache/airflow#60927, #64710, #68732). So the callback looks at the run's state, the record is one for each run, and
what no callback tells the service level's monitor sees all the same, by the windows that are not completed.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from cali import connections
from include.records import utc_now

if TYPE_CHECKING:
    import psycopg

    from include.sla.incidents.runs import OverdueRun

log = logging.getLogger(__name__)
UNDER_WAY = frozenset({"queued", "running"})


def deadline(seconds: float) -> DeadlineAlert:
    """Return the deadline of a DAG's runs: so many seconds after a run was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=seconds),
        callback=SyncCallback(overdue),
        name="hangs",
    )


def overdue(context: Mapping[str, Any]) -> None:
    """Record a run that has passed its deadline and is still under way, and tell of it, once.

    Raises:
        TransientError: Postgres was away; the monitor sees what follows from a run that hangs.
    """
    from cali.incidents import desk  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.sla.incidents.runs import tell_overdue  # noqa: PLC0415

    run = context["dag_run"]
    if run["state"] not in UNDER_WAY:
        log.info("deadline passed by a run that has ended dag=%s run=%s", run["dag_id"], run["dag_run_id"])
        return
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        tell_overdue(database, desk(database), _overdue(context), utc_now())


def end_overdue(database: "psycopg.Connection", count_runs: Callable[..., int]) -> int:
    """Tell of runs that hung and have ended; return how many.

    Args:
        database: a connection to CALI's database.
        count_runs: the task instance's ``get_dr_count``.
    """
    from cali.incidents import desk  # noqa: PLC0415
    from include.sla.incidents.runs import tell_ended  # noqa: PLC0415

    def how_ended(dag_id: str, run_id: str) -> str | None:
        # By count and not by state: a run that somebody has removed has ended as well.
        if count_runs(dag_id=dag_id, run_ids=[run_id], states=sorted(UNDER_WAY)):
            return None
        failed = count_runs(dag_id=dag_id, run_ids=[run_id], states=["failed"])
        return "the run has failed" if failed else "the run has ended"

    return tell_ended(database, desk(database), how_ended, utc_now())


def _overdue(context: Mapping[str, Any]) -> "OverdueRun":
    from cali.incidents import airflow_url  # noqa: PLC0415
    from include.sla.incidents.runs import OverdueRun  # noqa: PLC0415

    run, due_at = context["dag_run"], _instant(context["deadline"]["deadline_time"])
    queued_at = _instant(run.get("queued_at") or run["run_after"])
    url = f"{airflow_url()}/dags/{run['dag_id']}/runs/{quote(run['dag_run_id'])}"
    return OverdueRun(run["dag_id"], run["dag_run_id"], queued_at, due_at, url)


def _instant(moment: datetime | str) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment

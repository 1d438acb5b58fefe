"""The housekeeping DAG's steps: each joins Connections and settings to one verb of the library and returns counts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import BaseModel, ConfigDict

from cali import connections, metadata, metrics
from cali.forms import filled
from include.errors import ConfigurationError
from include.records import utc_now
from include.settings import running_streams, stream_settings

if TYPE_CHECKING:
    from include.housekeeping.objects import Household
    from include.housekeeping.postgres import Purges

PARAMETERS = {
    "dry_run": Param(
        default=False,
        type="boolean",
        title="Dry run",
        description="Only count what would be removed; nothing is removed or written down.",
    )
}


class HousekeepingForm(BaseModel):
    """What a run was asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dry_run: bool = False


def purge_objects(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Remove the objects that are past their retention; return by stream what went, and what must stay and why."""
    from include.housekeeping.objects import purge  # noqa: PLC0415

    outcome = {}
    for name in running_streams():
        with _household(name, params) as house:
            report = purge(house)
        _tell(name, report.removed, params)
        outcome[name] = {
            "removed": report.removed,
            "held_back": report.held_back,
            "resumed": report.resumed,
            "sealed_hours": report.sealed_hours,
        }
    return outcome


def purge_orphans(params: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Remove objects that the ledger does not name and never will; return counts by stream and room."""
    from include.housekeeping.objects import purge_orphans  # noqa: PLC0415

    outcome = {}
    for name in running_streams():
        with _household(name, params) as house:
            outcome[name] = purge_orphans(house)
        _tell(name, outcome[name], params)
    return outcome


def forget_rows(params: Mapping[str, Any]) -> dict[str, int]:
    """Delete old rows of CALI's database; return counts by table."""
    from include.housekeeping.rows import forget  # noqa: PLC0415

    before = _before("ledger_days")
    with _purges(params) as purges:
        return forget(purges, before)


def forget_events(params: Mapping[str, Any]) -> dict[str, int]:
    """Remove events past their retention from streams' own tables; return counts by stream."""
    from include import streams  # noqa: PLC0415
    from include.housekeeping.settings import retention  # noqa: PLC0415
    from include.housekeeping.tables import forget_events  # noqa: PLC0415

    _before("tables_days")
    outcome = {}
    for stream in map(streams.get, running_streams()):
        if stream.loader:
            with _purges(params) as purges:
                outcome[stream.name] = forget_events(stream, purges, retention(), utc_now)
    return outcome


def clean_metadata(params: Mapping[str, Any]) -> dict[str, int]:
    """Clean Airflow's own tables; return rows by table.

    Raises:
        AirflowSkipException: runs are kept for ever, or no Connection says where Airflow's database is.
    """
    before, form = _before("metadata_days"), filled(HousekeepingForm, params)
    try:
        connections.connection(connections.METADATA)
    except ConfigurationError as error:
        raise AirflowSkipException(f"Airflow's tables are not cleaned here. {error}") from error
    return metadata.clean(before, dry_run=form.dry_run)


def remove_logs(params: Mapping[str, Any]) -> dict[str, int]:
    """Remove old log files under Airflow's `[logging] base_log_folder`; return how many."""
    from include.housekeeping.task_logs import remove_expired  # noqa: PLC0415

    folder = Path(conf.get("logging", "base_log_folder")).resolve()
    form = filled(HousekeepingForm, params)
    return {"files": remove_expired(folder, _before("logs_days"), dry_run=form.dry_run)}


def _before(setting: str) -> datetime:
    """Return the time that a setting in days reaches back to.

    Raises:
        AirflowSkipException: the setting says for ever.
    """
    from include.housekeeping.settings import VARIABLE, retention, span  # noqa: PLC0415

    kept = span(getattr(retention(), setting))
    if kept is None:
        raise AirflowSkipException(f"{VARIABLE.format(setting.upper())} says: keep for ever")
    return utc_now() - kept


@contextmanager
def _purges(params: Mapping[str, Any]) -> "Iterator[Purges]":
    from include.housekeeping.postgres import Purges  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415

    form = filled(HousekeepingForm, params)
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        yield Purges(database, dry_run=form.dry_run)


@contextmanager
def _household(stream: str, params: Mapping[str, Any]) -> "Iterator[Household]":
    from include.compaction.postgres import PostgresCompactions  # noqa: PLC0415
    from include.housekeeping.objects import Household  # noqa: PLC0415
    from include.housekeeping.settings import retention  # noqa: PLC0415

    store = connections.object_store(stream_settings(stream).bucket)
    with _purges(params) as purges:
        compactions = PostgresCompactions(purges.connection)
        yield Household(stream, store, purges, compactions, retention(), utc_now)


def _tell(stream: str, removed: Mapping[str, int], params: Mapping[str, Any]) -> None:
    if not filled(HousekeepingForm, params).dry_run:
        for room, count in removed.items():
            metrics.count("cali.objects.purged", count, stream=stream, room=room)

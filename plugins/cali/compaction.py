"""The compaction DAG's step: which streams and hours, the Connections, and a claim check."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from cali import connections
from cali.forms import ALL, chosen_streams, filled, instant_param, streams_param
from include.records import utc_now
from include.settings import stream_settings

if TYPE_CHECKING:
    from include.compaction.compact import CompactionReport

FOR_EVER = datetime.max.replace(tzinfo=UTC)
PARAMETERS = {
    "stream": streams_param(),
    "from_hour": instant_param(
        "From hour", "Compact every closed hour from this one on, compacted before or not. Empty: what is due."
    ),
    "to_hour": instant_param("To hour", "Compact up to, but not including, this hour. Needs the from hour."),
}


class CompactionForm(BaseModel):
    """What a run was asked for; nothing means what is due in every stream."""

    model_config = ConfigDict(extra="forbid")

    stream: str = ALL
    from_hour: AwareDatetime | None = None
    to_hour: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.to_hour and (self.from_hour is None or self.to_hour <= self.from_hour):
            raise ValueError("to_hour needs a from_hour before it")
        return self


def compact(params: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Compact the streams' closed hours; return counts by stream.

    Raises:
        ConfigurationError: the form has a value that is not allowed.
        CaliError: what the first failing hour met; the other hours of its stream are done.
    """
    form = filled(CompactionForm, params)
    names = chosen_streams(form.stream)
    return {name: _claim_check(_compact(name, form)) for name in names}


def _compact(stream: str, form: CompactionForm) -> "CompactionReport":
    from include.compaction.compact import Press, closed_hours, compact  # noqa: PLC0415
    from include.compaction.postgres import PostgresCompactions  # noqa: PLC0415
    from include.compaction.settings import settle_time  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415

    store = connections.object_store(stream_settings(stream).bucket)
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        press = Press(stream, store, PostgresCompactions(database), settle_time(), utc_now)
        hours = closed_hours(press, form.from_hour, form.to_hour or FOR_EVER) if form.from_hour else None
        return compact(press, hours)


def _claim_check(report: "CompactionReport") -> dict[str, int]:
    return {
        "hours": len(report.hours),
        "batches": report.batches,
        "records": report.records,
        "late": report.late,
        "left_to_others": report.left_to_others,
    }

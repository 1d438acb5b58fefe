"""The redrive's form: what can be asked for, and what was."""

from typing import Annotated

from airflow.sdk import Param
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from cali.forms import instant_param, stream_param
from include import streams
from include.errors import ConfigurationError

DEFAULT_RATE = 500
HIGHEST_RATE = 100_000


def _trimmed(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


Text = Annotated[str | None, BeforeValidator(_trimmed)]
"""A field of the form that may be left empty."""


class RedriveForm(BaseModel):
    """What a run is asked for, field by field as in ``REDRIVE_PARAMETERS``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stream: str
    reason: Text = None
    batch_id: Text = None
    arrived_from: AwareDatetime | None = None
    arrived_before: AwareDatetime | None = None
    dry_run: bool = True
    records_per_second: Annotated[int, Field(ge=1, le=HIGHEST_RATE)] = DEFAULT_RATE

    def check(self) -> None:
        """Check what no single field can tell.

        Raises:
            ConfigurationError: there is no such stream, or the times are in the wrong order.
        """
        streams.get(self.stream)
        if self.arrived_from and self.arrived_before and self.arrived_from >= self.arrived_before:
            raise ConfigurationError(f"arrived_from={self.arrived_from} is not before {self.arrived_before}")


def _text(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], title=title, description=description)


REDRIVE_PARAMETERS = {
    "stream": stream_param(),
    "reason": _text("Reason", "Only dead letters with this reason, such as missing or json_invalid; empty means any."),
    "batch_id": _text("Batch", "Only dead letters of this batch; empty means any."),
    "arrived_from": instant_param("Arrived from", "Only batches with records that arrived from then on."),
    "arrived_before": instant_param("Arrived before", "Only batches with records that arrived before then."),
    "dry_run": Param(
        default=True,
        type="boolean",
        title="Dry run",
        description="Judge and count, and move nothing. Look at the result, then trigger again with this switched off.",
    ),
    "records_per_second": Param(
        DEFAULT_RATE,
        type="integer",
        minimum=1,
        maximum=HIGHEST_RATE,
        title="Records per second",
        description="How fast records are moved, on average; the dead letters of one batch are moved together.",
    ),
}

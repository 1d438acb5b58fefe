"""What an operator of CALI may set, read from the environment; each setting has one place and one meaning.

``CALI_<SETTING>`` holds for every stream, ``CALI_<STREAM>_<SETTING>`` for one: ``CALI_PACE=balanced`` with
``CALI_LOGS_PACE=low_latency``.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.drain.buffer import BufferHints
from include.drain.payloads.mode import Payloads
from include.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


SCHEDULE = r"^(@(continuous|hourly|daily|weekly|monthly|yearly)|[\w*/,#-]+( [\w*/,#-]+){4})$"
"""``@continuous``, another word that Airflow knows, or the five fields of a cron expression."""


class Pace(StrEnum):
    """How often a stream's runs follow each other; runs are not free, each leaves rows and log files in Airflow."""

    LOW_LATENCY = "low_latency"
    BALANCED = "balanced"
    ECONOMICAL = "economical"


@dataclass(frozen=True, slots=True)
class PaceProfile:
    """What a pace means for a stream's drain.

    Attributes:
        schedule: when its runs begin.
        poll_s: how often its doorbell looks, in seconds.
        linger: how long a busy stream fills a batch.
        stay: how long a busy run drains again and again before it ends.
    """

    schedule: str
    poll_s: float
    linger: timedelta
    stay: timedelta = timedelta(0)


PROFILES: Mapping[Pace, PaceProfile] = {
    # Between the end of a run and the next one's first read lies most of a second. A run that stays answers several
    # times before it ends; but what it drained is audited after that, so it may not stay long.
    Pace.LOW_LATENCY: PaceProfile("@continuous", 0.25, timedelta(0), stay=timedelta(seconds=1)),
    # A cycle is a drain run and a process run: one every 9 s keeps a busy stream under 20,000 runs a day.
    Pace.BALANCED: PaceProfile("@continuous", 1.0, timedelta(seconds=9)),
    # One cycle a minute, whatever happens: 2,880 runs a day.
    Pace.ECONOMICAL: PaceProfile("* * * * *", 5.0, timedelta(0)),
}


class StreamSettings(BaseModel):
    """One stream's settings; a field is set by ``CALI_<STREAM>_<FIELD>``, or by ``CALI_<FIELD>`` for all streams.

    Attributes:
        kinesis_stream: the stream's name in Kinesis; by default the same.
        bucket: the S3 bucket of the micro-batches.
        pace: the profile that the three settings behind it take their defaults from.
        schedule: ``@continuous`` or a cron expression for the drain.
        poll_s: seconds between two looks of the doorbell, for each shard; Kinesis allows five reads a second.
        linger_s: seconds from one batch to the next while the stream is busy.
        stay_s: seconds that a run goes on draining while the stream is busy.
        max_records: records of a batch, at most.
        max_bytes: bytes of a batch's records, at most (a batch may pass it by one GetRecords page of 10 MB).
        payloads: ``auto`` opens what producers packed, ``plain`` takes each stream record for one event.
        redrive_attempts: redrives in a row that may fix nothing of a group of dead letters before it is skipped.
        idle_s: seconds that a run waits for records before it ends with nothing, so that a newer one can begin.
        deadline_s: seconds that a run may take, its wait for records apart, before people are told that it hangs; less
            than a task's time-out, which would end it first.
        lanes: tasks that share the stream's shards between them in each drain run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinesis_stream: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
    bucket: Annotated[str, Field(min_length=3, max_length=63)] = "cali"
    pace: Pace = Pace.BALANCED
    schedule: Annotated[str, Field(pattern=SCHEDULE)] | None = None
    poll_s: Annotated[float, Field(ge=0.2, le=60)] | None = None
    linger_s: Annotated[float, Field(ge=0, le=900)] | None = None
    stay_s: Annotated[float, Field(ge=0, le=300)] | None = None
    max_records: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    max_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = 32 << 20
    payloads: Payloads = Payloads.AUTO
    redrive_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    idle_s: Annotated[float, Field(ge=1, le=86_400)] = 120
    deadline_s: Annotated[float, Field(ge=10, le=86_400)] = 420
    lanes: Annotated[int, Field(ge=1, le=64)] = 1

    def profile(self) -> PaceProfile:
        """Return the pace with the stream's own settings in place of the profile's."""
        base = PROFILES[self.pace]
        return PaceProfile(
            schedule=self.schedule or base.schedule,
            poll_s=base.poll_s if self.poll_s is None else self.poll_s,
            linger=base.linger if self.linger_s is None else timedelta(seconds=self.linger_s),
            stay=base.stay if self.stay_s is None else timedelta(seconds=self.stay_s),
        )

    def hints(self, max_records: int | None = None) -> BufferHints:
        """Return the buffer hints, with another bound of records for one run where it is given."""
        return BufferHints(max_records or self.max_records, self.max_bytes, self.profile().linger)


def running_streams(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the streams that ``CALI_STREAMS`` names, separated by spaces or commas; the others rest."""
    return tuple((environment.get("CALI_STREAMS") or "logs").replace(",", " ").split())


def stream_settings(stream: str, environment: Mapping[str, str] = os.environ) -> StreamSettings:
    """Return a stream's settings.

    Raises:
        ConfigurationError: a variable has a value that is not allowed; the message names both.
    """
    variables = {
        field: variable
        for field in StreamSettings.model_fields
        # The stream's own variable comes last and wins.
        for variable in (f"CALI_{field}".upper(), f"CALI_{stream}_{field}".upper())
        if environment.get(variable)
    }
    return from_environment(StreamSettings, variables, environment, kinesis_stream=stream)


def from_environment(
    model: type[Model], variables: Mapping[str, str], environment: Mapping[str, str], **given: str
) -> Model:
    """Validate what the environment says of a model's fields.

    Args:
        model: what to make.
        variables: for each field that is set, the variable that sets it.
        environment: the variables' values.
        given: values of fields that no variable sets.

    Raises:
        ConfigurationError: a variable has a value that is not allowed; the message names both.
    """
    try:
        return model.model_validate(given | {field: environment[variable] for field, variable in variables.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0])
        variable = variables.get(field, f"CALI_{field}".upper())
        raise ConfigurationError(f"{variable}={first['input']!r} is not allowed: {first['msg']}") from error

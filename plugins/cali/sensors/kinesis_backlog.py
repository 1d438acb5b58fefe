"""``KinesisBacklogSensor``: succeeds when a Kinesis stream has records past CALI's checkpoint."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from cali import connections
from cali.backlog import stream_has_backlog
from cali.triggers.kinesis_backlog import KinesisBacklogTrigger
from include.records import utc_now
from include.settings import StreamSettings, stream_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

BACKLOG = frozenset({"backlog", "shard_end", "shards_changed", "unknown_sequence"})
"""The doorbell's reasons that are a backlog of the stream."""


class KinesisBacklogSensor(BaseSensorOperator):
    """Waits for a backlog: in the triggerer (``deferrable=True``), or by ``mode="poke"`` or ``"reschedule"``.

    A doorbell for somebody's own DAG: what it says may be out of date when the next task runs, so that task reads
    from the checkpoint and takes an empty stream as it comes.

    Args:
        stream: the stream's name in CALI's ledger.
        settings: the stream's settings; by default from the environment.
        deferrable: wait in the triggerer, without a worker slot.
        aws_conn_id: the Connection to AWS.
        postgres_conn_id: the Connection to CALI's database.
    """

    def __init__(
        self,
        *,
        stream: str,
        settings: StreamSettings | None = None,
        deferrable: bool = True,
        aws_conn_id: str = connections.AWS,
        postgres_conn_id: str = connections.POSTGRES,
        **arguments: Any,  # noqa: ANN401 - BaseSensorOperator's own
    ) -> None:
        super().__init__(**arguments)
        self.stream = stream
        self.settings = settings
        self.deferrable = deferrable
        self.aws_conn_id = aws_conn_id
        self.postgres_conn_id = postgres_conn_id

    def execute(self, context: "Context") -> None:
        """Succeed at once when there is a backlog; wait for one otherwise."""
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            self._wait(self._left_s(context))

    def answer(self, context: "Context", event: dict[str, str]) -> None:
        """Take the doorbell's word for a backlog; otherwise look, and wait for what is left of the time.

        Raises:
            AirflowSensorTimeout: the sensor's ``timeout`` is over.
        """
        if event["reason"] in BACKLOG or self.poke(context):
            return
        left_s = self._left_s(context)
        if left_s <= 0:
            raise AirflowSensorTimeout(f"No backlog of {self.stream} within the timeout of {self.timeout} s")
        self._wait(left_s)

    def poke(self, context: "Context") -> bool:  # noqa: ARG002
        """Return whether a shard has records past its checkpoint, has ended, is new or is gone."""
        return stream_has_backlog(self.stream, self._settings(), self.aws_conn_id, self.postgres_conn_id)

    def _left_s(self, context: "Context") -> float:
        # A task that comes back from the triggerer keeps the time at which it first began.
        return self.timeout - (utc_now() - context["ti"].start_date).total_seconds()

    def _wait(self, seconds: float) -> None:
        settings = self._settings()
        # A stage that nobody works on is no backlog of the stream.
        trigger = KinesisBacklogTrigger.of(
            self.stream, settings, self.aws_conn_id, self.postgres_conn_id, idle_s=seconds, forgotten_work=False
        )
        self.defer(trigger=trigger, method_name=self.answer.__name__)

    def _settings(self) -> StreamSettings:
        return self.settings or stream_settings(self.stream)

"""``KinesisBacklogSensor``: succeeds when a Kinesis stream has records past CALI's checkpoint."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from cali import connections
from cali.triggers.kinesis_backlog import KinesisBacklogTrigger
from include.settings import StreamSettings, stream_settings

if TYPE_CHECKING:
    from airflow.sdk import Context


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
            self.defer(trigger=self._trigger(), method_name=self.answer.__name__)

    def answer(self, context: "Context", event: dict[str, str]) -> None:
        """Take the doorbell's word, or look and wait again where it only gave up or could not see."""
        if event["reason"] in {"idle", "trouble"}:
            self.execute(context)

    def poke(self, context: "Context") -> bool:  # noqa: ARG002
        """Return whether a shard has records past its checkpoint, has ended, or is new."""
        from include.drain.backlog import has_backlog  # noqa: PLC0415
        from include.ledger.postgres import PostgresLedger, connected  # noqa: PLC0415

        reader = connections.stream_reader(self.aws_conn_id)
        with connected(connections.postgres_uri(connections.connection(self.postgres_conn_id))) as database:
            checkpoints = PostgresLedger(database).checkpoints(self.stream)
        return has_backlog(reader, self._settings().kinesis_stream, checkpoints)

    def _trigger(self) -> KinesisBacklogTrigger:
        settings = self._settings()
        return KinesisBacklogTrigger(
            stream=self.stream,
            kinesis_stream=settings.kinesis_stream,
            poll_s=settings.profile().poll_s,
            idle_s=min(settings.idle_s, self.timeout),
            aws_conn_id=self.aws_conn_id,
            postgres_conn_id=self.postgres_conn_id,
        )

    def _settings(self) -> StreamSettings:
        return self.settings or stream_settings(self.stream)

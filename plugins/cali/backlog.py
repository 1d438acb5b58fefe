"""Whether a stream has a backlog, by its Connections: what the drain and the sensor ask before they wait."""

from typing import TYPE_CHECKING

from cali import connections

if TYPE_CHECKING:
    from include.settings import StreamSettings


def stream_has_backlog(stream: str, settings: "StreamSettings", aws_conn_id: str, postgres_conn_id: str) -> bool:
    """Return whether a shard has records past its checkpoint, has ended, is new or is gone.

    Raises:
        TransientError: Kinesis or Postgres did not answer.
        ConfigurationError: a Connection is not defined, or the stream does not exist.
    """
    from include.drain.backlog import has_backlog  # noqa: PLC0415
    from include.ledger.postgres import PostgresLedger, connected  # noqa: PLC0415

    reader = connections.stream_reader(aws_conn_id)
    with connected(connections.postgres_uri(connections.connection(postgres_conn_id))) as database:
        checkpoints = PostgresLedger(database).checkpoints(stream)
    return has_backlog(reader, settings.kinesis_stream, checkpoints)

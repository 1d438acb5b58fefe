"""From Airflow's Connections to the library's adapters."""

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Connection

    from include.adapters.kinesis import BotoStreamReader
    from include.adapters.object_store import S3ObjectStore
    from include.adapters.slack import Messenger

AWS = "aws_default"
POSTGRES = "cali_postgres"
SLACK = "slack_default"
SLACK_FALLBACK = "slack_fallback"
METADATA = "airflow_metadata"
WEBHOOK = "cali_webhook"
SLACK_TIMEOUT_S = 10

HOW_TO_SET = {
    AWS: """AIRFLOW_CONN_AWS_DEFAULT='{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'""",
    POSTGRES: "AIRFLOW_CONN_CALI_POSTGRES='postgres://cali:PASSWORD@HOST:5432/cali'",
    METADATA: "AIRFLOW_CONN_AIRFLOW_METADATA='postgres://airflow:PASSWORD@HOST:5432/airflow'",
    SLACK: """AIRFLOW_CONN_SLACK_DEFAULT='{"conn_type": "slack", "password": "xoxb-…"}' (or, for an incoming """
    """webhook, conn_type "slackwebhook" with the whole URL as its password)""",
    WEBHOOK: """AIRFLOW_CONN_CALI_WEBHOOK='{"conn_type": "http", "host": "https://HOST/PATH", "password": "SECRET"}'""",
}


def missing(conn_id: str) -> ConfigurationError:
    """Return the error for a Connection that does not exist: which one, and how to set it."""
    example = HOW_TO_SET.get(conn_id)
    hint = f", or set {example}" if example else ""
    return ConfigurationError(f"Connection {conn_id!r} is not defined: add it under Admin, Connections{hint}")


def connection(conn_id: str) -> "Connection":
    """Return a Connection.

    Raises:
        ConfigurationError: it is not defined; the message says how to set it.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise missing(conn_id) from error


def postgres_uri(connection: "Connection") -> str:
    """Return the URI that Postgres' own library understands; it holds the password and belongs into no log.

    Of the Connection's ``extra``, libpq's own options go with it (``sslmode``, ``connect_timeout`` …).
    """
    from psycopg import pq  # noqa: PLC0415

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    options = {name: value for name, value in connection.extra_dejson.items() if name in known}
    address = connection.get_uri().partition("?")[0].replace("postgres://", "postgresql://", 1)
    return f"{address}?{urlencode(options, quote_via=quote)}" if options else address


def stream_reader(conn_id: str = AWS) -> "BotoStreamReader":
    """Return a reader of Kinesis streams with the Connection's credentials and region."""
    from cali.aws import aws_client  # noqa: PLC0415
    from include.adapters.kinesis import BotoStreamReader  # noqa: PLC0415

    connection(conn_id)
    return BotoStreamReader(aws_client("kinesis", conn_id))


def object_store(bucket: str, conn_id: str = AWS) -> "S3ObjectStore":
    """Return the bucket with the Connection's credentials and region."""
    from cali.aws import aws_client  # noqa: PLC0415
    from include.adapters.object_store import S3ObjectStore  # noqa: PLC0415

    connection(conn_id)
    return S3ObjectStore(aws_client("s3", conn_id), bucket)


@contextmanager
def messenger(conn_id: str = SLACK) -> "Iterator[Messenger]":
    """Yield Slack by the provider's hook: the API with a bot token, or an incoming webhook.

    The fallback channel goes by the Connection `slack_fallback`, where there is one.
    """
    from include.adapters.slack_by_channel import MessengerByChannel  # noqa: PLC0415
    from include.alerts.environment import alert_settings  # noqa: PLC0415

    usual = _messenger(conn_id)
    fallback = alert_settings().fallback_channel
    if fallback is None or not is_defined(SLACK_FALLBACK):
        yield usual
    else:
        yield MessengerByChannel(usual, {fallback: _messenger(SLACK_FALLBACK)})


def is_defined(conn_id: str) -> bool:
    """Whether there is a Connection of that name."""
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def _messenger(conn_id: str) -> "Messenger":
    from include.adapters.slack import SlackApiMessenger, SlackWebhookMessenger  # noqa: PLC0415

    if connection(conn_id).conn_type == "slackwebhook":
        from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook  # noqa: PLC0415

        webhook = SlackWebhookHook(slack_webhook_conn_id=conn_id, timeout=SLACK_TIMEOUT_S)
        # A webhook belongs to one channel, whatever the message names.
        return SlackWebhookMessenger({}, default=webhook.client)
    from airflow.providers.slack.hooks.slack import SlackHook  # noqa: PLC0415

    return SlackApiMessenger(SlackHook(slack_conn_id=conn_id, timeout=SLACK_TIMEOUT_S).client)

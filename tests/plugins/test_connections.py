"""From Connections to adapters: endpoints, credentials, addresses, and sentences for what is missing."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cali import connections
from cali.aws import aws_client
from include.adapters.slack import SlackApiMessenger, SlackWebhookMessenger
from include.errors import ConfigurationError

SECRET = "hunter-two-and-more"


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that defines a Connection in the environment."""

    def one(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return one


@pytest.mark.parametrize(
    ("conn_id", "how"),
    [
        ("aws_default", "AIRFLOW_CONN_AWS_DEFAULT='{"),
        ("cali_postgres", "AIRFLOW_CONN_CALI_POSTGRES='postgres://"),
        ("slack_default", "AIRFLOW_CONN_SLACK_DEFAULT='{"),
    ],
)
def test_a_missing_connection_is_named_with_an_example_to_copy(conn_id: str, how: str) -> None:
    """The sentence says which Connection, where to add it, and the variable that would do as well."""
    with pytest.raises(ConfigurationError) as missing:
        connections.connection(conn_id)
    assert f"Connection {conn_id!r} is not defined: add it under Admin, Connections, or set {how}" in str(missing.value)


def test_a_missing_connection_of_ones_own_gets_no_wrong_example() -> None:
    """For an id that CALI does not know, only the place is named."""
    message = str(connections.missing("my_aws"))
    assert message == "Connection 'my_aws' is not defined: add it under Admin, Connections"


@pytest.mark.parametrize(
    "sample", [sample for conn_id, sample in connections.HOW_TO_SET.items() if conn_id != connections.SLACK]
)
def test_the_examples_are_connections_that_airflow_reads(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an error tells people to copy works as it stands."""
    variable, _, value = sample.partition("=")
    monkeypatch.setenv(variable, value.strip("'"))
    conn_id = variable.removeprefix("AIRFLOW_CONN_").lower()
    assert connections.connection(conn_id).conn_type in {"aws", "postgres", "http"}


def libpq(define: Callable[..., None], **fields: Any) -> dict[str, Any]:
    """Return what libpq understands of a Postgres Connection."""
    define("cali_postgres", conn_type="postgres", **fields)
    return conninfo_to_dict(connections.postgres_uri(connections.connection("cali_postgres")))


PLACE = {"host": "db.example", "port": 5433, "login": "cali", "password": SECRET, "schema": "cali"}
UNDERSTOOD = {"host": "db.example", "port": "5433", "user": "cali", "password": SECRET, "dbname": "cali"}


def test_postgres_gets_every_field(define: Callable[..., None]) -> None:
    """Host, port, user, password and database arrive."""
    assert libpq(define, **PLACE) == UNDERSTOOD


@pytest.mark.parametrize("password", ["p@ss:w/rd?#%", "größe & mehr", "a+b c"])
def test_any_password_arrives(define: Callable[..., None], password: str) -> None:
    """Characters with a meaning in a URI are no trouble."""
    assert libpq(define, **PLACE | {"password": password}) == UNDERSTOOD | {"password": password}


def test_libpqs_options_arrive_as_texts_and_as_numbers(define: Callable[..., None]) -> None:
    """`extra` may hold what libpq knows, written as JSON allows."""
    extra = {"sslmode": "require", "connect_timeout": 10, "keepalives": 1}
    options = {"sslmode": "require", "connect_timeout": "10", "keepalives": "1"}
    assert libpq(define, **PLACE, extra=extra) == UNDERSTOOD | options


def test_options_of_airflows_own_hook_are_left_out(define: Callable[..., None]) -> None:
    """`extra` may hold what only Airflow's hook knows; libpq would refuse the whole address for it."""
    assert libpq(define, **PLACE, extra={"cursor": "dictcursor", "iam": False, "nested": {"a": 1}}) == UNDERSTOOD


def test_a_database_alone_is_enough(define: Callable[..., None]) -> None:
    """What a Connection leaves out is libpq's own default."""
    assert libpq(define, schema="cali") == {"dbname": "cali"}


def test_a_database_behind_a_socket_is_found(define: Callable[..., None]) -> None:
    """A host may be the folder of a socket."""
    assert libpq(define, host="/var/run/postgresql", schema="cali") == {"host": "/var/run/postgresql", "dbname": "cali"}


@pytest.mark.integration
def test_the_address_leads_to_the_database(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URI in the environment, as the documentation shows it, reaches CALI's tables."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    with psycopg.connect(connections.postgres_uri(connections.connection("cali_postgres"))) as database:
        assert database.execute("select count(*) from cali.micro_batches").fetchone() == (0,)


@pytest.mark.parametrize("service", ["kinesis", "s3"])
def test_a_client_has_the_connections_endpoint_region_and_credentials(
    define: Callable[..., None], monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    """The Connection wins over whatever the process's environment says."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    extra = {"region_name": "eu-north-1", "endpoint_url": "http://127.0.0.1:9", "service_config": {}}
    extra["service_config"] = {"s3": {"endpoint_url": "http://127.0.0.1:10"}}
    define("aws_default", conn_type="aws", login="our-key", password=SECRET, extra=extra)
    client = aws_client(service, "aws_default")
    credentials = client._request_signer._credentials
    endpoint = {"kinesis": "http://127.0.0.1:9", "s3": "http://127.0.0.1:10"}[service]
    assert (client.meta.endpoint_url, client.meta.region_name) == (endpoint, "eu-north-1")
    assert (credentials.access_key, credentials.secret_key) == ("our-key", SECRET)


def test_an_endpoint_of_the_environment_holds_where_the_connection_names_none(
    define: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded stack and docker compose name their servers by AWS' own variables."""
    define("aws_default", conn_type="aws", extra={"region_name": "eu-north-1"})
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:11")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    client = aws_client("kinesis", "aws_default")
    assert client.meta.endpoint_url == "http://127.0.0.1:11"
    assert client._request_signer._credentials.access_key == "of-the-environment"


def test_a_client_gives_up_within_seconds(define: Callable[..., None]) -> None:
    """A server that is away costs a task seconds, not botocore's five minutes."""
    define("aws_default", conn_type="aws", extra={"region_name": "eu-north-1"})
    config = aws_client("s3", "aws_default").meta.config
    assert (config.connect_timeout, config.read_timeout) == (3, 15)


@pytest.mark.integration
def test_a_bot_token_is_slacks_web_api(slack_server: Any, define: Callable[..., None]) -> None:
    """A Connection of type slack posts, and gets the reference to edit the message by."""
    define("slack_default", conn_type="slack", password=slack_server.token, extra={"base_url": slack_server.api})
    with connections.messenger() as messenger:
        assert isinstance(messenger, SlackApiMessenger)
        assert messenger.post("cali-alerts", "hello", [], "key").ts is not None


def test_a_webhook_is_an_incoming_webhook_for_every_channel(define: Callable[..., None]) -> None:
    """A Connection of type slackwebhook takes the whole URL as its password and serves whatever channel is named."""
    define("slack_default", conn_type="slackwebhook", password="http://127.0.0.1:9/services/T/B/C")
    with connections.messenger() as messenger:
        assert isinstance(messenger, SlackWebhookMessenger)
        assert messenger._default is not None
        assert messenger._default.url == "http://127.0.0.1:9/services/T/B/C"
        assert messenger._clients == {}

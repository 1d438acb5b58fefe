"""AWS clients with a Connection's credentials, made fast: a task lives for a second and makes one or two."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 15


def aws_client(service: str, conn_id: str | None, region: str | None = None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return a boto3 client by the Amazon provider's hook: its credentials, region, endpoint and certificates.

    The hook's own ``get_conn`` would search the call stack for the operator's name, to put it into the user agent;
    that costs more CPU (0.2 s) than all else that a task of ours does.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # noqa: PLC0415

    hook = AwsBaseHook(aws_conn_id=conn_id, client_type=service, region_name=region, config=patience())
    session = hook.get_session(region_name=hook.region_name)
    # boto3 has no door to its botocore session.
    session._session.register_component("data_loader", service_models())  # noqa: SLF001
    return session.client(  # type: ignore[call-overload]
        service,
        endpoint_url=hook.conn_config.get_service_endpoint_url(service),
        config=hook.config,
        verify=hook.verify,
    )


@cache
def service_models() -> "Loader":
    """Return the process's one reader of service descriptions; what it has read is not read and parsed again."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    return create_loader()


def patience() -> "Config":
    """Return the clients' patience: a server that is away is told within seconds, and the task's retry comes later."""
    from botocore.config import Config  # noqa: PLC0415

    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "max_attempts": 3},
    )

"""How the stack's own checks and set-up talk to its two AWS-like servers."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=2,
    retries={"max_attempts": 0},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@dataclass(frozen=True)
class Credentials:
    """An access key that both embedded servers accept."""

    key: str
    secret: str = field(repr=False)
    region: str = "eu-central-1"


def client(service: str, endpoint: str, credentials: Credentials, read_timeout_s: float = 5) -> Any:  # noqa: ANN401 - boto3 makes its clients up
    """Return a boto3 client for `kinesis` or `s3` that fails fast and reads no file of the user's.

    A server that says nothing for ``read_timeout_s`` has failed.
    """
    session = boto3.Session(
        aws_access_key_id=credentials.key,
        aws_secret_access_key=credentials.secret,
        region_name=credentials.region,
    )
    config = _CONFIG.merge(Config(read_timeout=read_timeout_s))
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]

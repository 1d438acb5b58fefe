"""How the stack's own checks and set-up talk to its two AWS-like servers."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=2,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_IMPATIENT = Config(read_timeout=5, retries={"max_attempts": 0})


@dataclass(frozen=True)
class Credentials:
    """An access key that both embedded servers accept."""

    key: str
    secret: str = field(repr=False)
    region: str = "eu-central-1"


def client(service: str, endpoint: str, credentials: Credentials, *, patient: bool = False) -> Any:  # noqa: ANN401 - boto3 makes its clients up
    """Return a boto3 client for `kinesis` or `s3` that reads no file of the user's.

    It fails fast, unless it is ``patient``: then it waits for an answer for a minute, and asks up to four times.
    """
    session = boto3.Session(
        aws_access_key_id=credentials.key,
        aws_secret_access_key=credentials.secret,
        region_name=credentials.region,
    )
    patience = Config(read_timeout=60, retries={"max_attempts": 3}) if patient else _IMPATIENT
    config = _CONFIG.merge(patience)
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]

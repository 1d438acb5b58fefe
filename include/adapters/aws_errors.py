"""What AWS' clients raise, told in CALI's own few errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from include.errors import ConfigurationError, StreamThrottledError, TransientError

Answer = TypeVar("Answer", bound=Mapping[str, Any])

THROTTLED = frozenset(
    {"ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException", "SlowDown"}
)
MISCONFIGURED = (NoCredentialsError, NoRegionError, ParamValidationError, PartialCredentialsError, ProfileNotFound)
SERVER_ERROR = 500


def code_of(error: ClientError) -> str:
    """Return the service's own name for what went wrong, such as ``ExpiredIteratorException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what botocore raises into CALI's errors; ``what`` names the resource in the message.

    Raises:
        TransientError: the service did not answer, answered in half or with a 5xx: try again later.
        StreamThrottledError: the service refused for now.
        ConfigurationError: the service understood and said no; a retry cannot help.
    """
    try:
        yield
    except ClientError as error:
        raise _explain_answer(what, error) from error
    except MISCONFIGURED as error:
        raise ConfigurationError(f"{what} cannot be called: {error}") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise TransientError(f"{what} did not answer: {error}; the work stays where it was") from error


def whole(answer: Answer, member: str) -> Answer:
    """Return an answer that has the member that each answer of its kind has.

    botocore takes a body that breaks off, and is no JSON any more, for one without members.

    Raises:
        ResponseParserError: it has not; ``explained`` tells it as a server's that answered in half.
    """
    if member not in answer:
        raise ResponseParserError(f"the answer breaks off before {member}")
    return answer


def _explain_answer(what: str, error: ClientError) -> Exception:
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLED:
        return StreamThrottledError(f"{what} is throttled ({code})")
    if status >= SERVER_ERROR:
        return TransientError(f"{what} answered {status} {code}; the work stays where it was")
    return ConfigurationError(f"{what} refused: {error}")

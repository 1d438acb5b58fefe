"""What AWS' clients raise, told in CALI's own few errors."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from include.adapters.aws_errors import THROTTLED, code_of, explained, whole
from include.errors import CaliError, StreamThrottledError, TransientError

ENDPOINT = "http://127.0.0.1:9"


def answer(code: str, status: int = 400) -> ClientError:
    """Return a service's own refusal."""
    response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetRecords")  # type: ignore[arg-type]


def told(error: Exception) -> CaliError:
    """Return what becomes of an error."""
    with pytest.raises(CaliError) as caught, explained("s3://cali/key"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize("code", sorted(THROTTLED))
@pytest.mark.parametrize("status", [400, 503])
def test_throttling_is_known_whatever_its_status(code: str, status: int) -> None:
    """Kinesis throttles with 400, S3 with 503; both mean later."""
    assert type(told(answer(code, status))) is StreamThrottledError


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_servers_own_trouble_passes(status: int) -> None:
    """A 5xx is worth another try."""
    error = told(answer("InternalFailure", status))
    assert (type(error), str(status) in str(error)) == (TransientError, True)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDenied", "NoSuchBucket", "ExpiredTokenException"])
def test_a_clear_no_is_permanent(code: str) -> None:
    """The service understood and refused: a retry cannot help, and its reason is in the message."""
    error = told(answer(code))
    assert (error.permanent, code in str(error)) == (True, True)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=ENDPOINT),
        ConnectTimeoutError(endpoint_url=ENDPOINT),
        ReadTimeoutError(endpoint_url=ENDPOINT),
        HTTPClientError(error="connection reset"),
        ResponseParserError("half an answer"),
        BotoCoreError(),
    ],
)
def test_no_answer_or_half_of_one_passes(error: Exception) -> None:
    """A server that is away or breaks off is worth another try."""
    assert type(told(error)) is TransientError


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        NoRegionError(),
        PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
        ParamValidationError(report="Invalid bucket name"),
    ],
)
def test_a_client_that_is_set_up_wrongly_is_permanent(error: Exception) -> None:
    """Missing credentials or a wrong name do not get better by waiting."""
    assert told(error).permanent


@pytest.mark.parametrize("error", [answer("AccessDenied"), answer("SlowDown"), NoRegionError(), BotoCoreError()])
def test_every_message_names_what_was_asked_for(error: Exception) -> None:
    """Who reads it knows which stream or object it is about."""
    assert str(told(error)).startswith("s3://cali/key ")


def test_an_answer_without_what_it_must_hold_passes() -> None:
    """A body that broke off is no empty page: botocore says nothing of it."""
    assert whole({"Records": []}, "Records") == {"Records": []}
    with pytest.raises(TransientError, match="breaks off before Records"), explained("Kinesis stream logs"):
        whole({"message": '{"Recor'}, "Records")


def test_other_errors_are_left_alone() -> None:
    """A mistake in our own code is not dressed up as a server's."""
    with pytest.raises(KeyError), explained("s3://cali/key"):
        raise KeyError("x")


def test_a_refusal_without_a_code_is_no_crash() -> None:
    """An answer that is not AWS' own has an empty code."""
    assert code_of(ClientError({}, "GetRecords")) == ""

"""Puts records on a Kinesis stream and journals exactly those that it accepted.

What ``put_records`` may do, and what happens then:

- It accepts some records and refuses others (a shard's limit): the refused ones alone are put again, after a pause
  that grows with each attempt and is drawn at random up to its length.
- It refuses the whole call (throttled, unavailable), or no connection comes about: nothing was accepted; the same
  records are put again until they are taken or the program is to stop.
- The call is sent and its answer is lost (time-out, connection closed, an internal failure): Kinesis may hold the
  records already. Putting them again is how a producer doubles records, so botocore's own retries are off and this
  sink does not retry either: the records are journaled as uncertain and the run goes on.
- The stream does not exist: it may be about to be created, so the same records are put again for half a minute.
- Anything else (no credentials, no permission) cannot be helped by waiting: ``ConfigurationError``.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnectedError
from botocore.parsers import ResponseParserError

from include.errors import ConfigurationError
from include.simulator.journal import Journal, entry
from include.simulator.progress import Progress
from include.simulator.record import SimulatedRecord

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

logger = logging.getLogger(__name__)

CALL_RECORDS = 500
CALL_BYTES = 5 * 1024 * 1024
"""What one ``put_records`` call takes: records, and bytes of data and partition keys."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
MISSING_STREAM_S = 30.0
"""How long a stream may be missing before that is taken for a mistake, in seconds."""

CLIENT_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15)
"""One attempt a call: a retry inside botocore would put records again whose acceptance is unknown."""

_REFUSED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "ThrottlingException",
        "KMSThrottlingException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ResourceInUseException",
    }
)
_SERVER_FAILURE = 500

Wait = Callable[[float], bool]


class KinesisSink:
    """Puts records on one stream; see the module for what is retried.

    ``wait`` pauses for some seconds and returns whether the program is to stop; ``clock`` gives epoch seconds.
    """

    def __init__(
        self,
        client: "KinesisClient",
        stream_name: str,
        journal: Journal | None,
        progress: Progress,
        wait: Wait,
        clock: Callable[[], float],
        rng: Random | None = None,
    ) -> None:
        self._client = client
        self._stream_name = stream_name
        self._journal = journal
        self._progress = progress
        self._wait = wait
        self._clock = clock
        self._rng = rng or Random()
        self._missing_since: float | None = None

    def put(self, records: Sequence[SimulatedRecord]) -> None:
        """Put the records, in as few calls as the limits allow.

        Raises:
            ConfigurationError: Kinesis will never take them; the message says why.
        """
        for call in calls(records):
            if not self._put_all(call):
                return

    def _put_all(self, records: list[SimulatedRecord]) -> bool:
        """Put one call's records until each is accepted or uncertain; return False if the program is to stop."""
        attempt = 0
        while refused := self._call(records):
            attempt = 0 if len(refused) < len(records) else attempt + 1
            records = refused
            self._progress.retried += len(records)
            self._progress.tell()
            if self._wait(self._rng.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))):
                logger.warning(
                    "stopped, refused records not put: stream=%s records=%d", self._stream_name, len(records)
                )
                return False
        return not self._wait(0)

    def _call(self, records: list[SimulatedRecord]) -> list[SimulatedRecord]:
        """Make one call, journal what it accepted and return what it refused."""
        put_at = self._clock()
        try:
            answer = self._client.put_records(StreamName=self._stream_name, Records=_entries(records))
        except NotConnectedError as error:
            logger.warning("no connection, retrying: stream=%s error=%s", self._stream_name, error)
            return records
        except (HTTPClientError, ResponseParserError) as error:
            return self._uncertain(records, put_at, type(error).__name__)
        except ClientError as error:
            return self._refused_call(error, records, put_at)
        except BotoCoreError as error:
            raise ConfigurationError(f"cannot call Kinesis: {error}") from error
        self._missing_since = None
        results = list(zip(records, answer["Records"], strict=True))
        accepted = [
            entry(record, put_at, (result["ShardId"], result["SequenceNumber"]))
            for record, result in results
            if not result.get("ErrorCode")
        ]
        self._progress.put += len(accepted)
        if self._journal:
            self._journal.write(accepted)
        return [record for record, result in results if result.get("ErrorCode")]

    def _refused_call(self, error: ClientError, records: list[SimulatedRecord], put_at: float) -> list[SimulatedRecord]:
        code = error.response["Error"]["Code"]
        if code in _REFUSED or (code == "ResourceNotFoundException" and self._may_yet_appear(put_at)):
            logger.warning("call refused, retrying: stream=%s code=%s", self._stream_name, code)
            return records
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_FAILURE:
            return self._uncertain(records, put_at, code)
        raise ConfigurationError(
            f"Kinesis does not take records for stream {self._stream_name!r} ({code}): create the stream, or check"
            " the region, the endpoint and the credentials"
        ) from error

    def _may_yet_appear(self, now: float) -> bool:
        self._missing_since = self._missing_since or now
        return now - self._missing_since < MISSING_STREAM_S

    def _uncertain(self, records: list[SimulatedRecord], put_at: float, reason: str) -> list[SimulatedRecord]:
        logger.warning(
            "answer lost, not put again: stream=%s records=%d reason=%s", self._stream_name, len(records), reason
        )
        self._progress.uncertain += len(records)
        if self._journal:
            self._journal.write(entry(record, put_at, None) for record in records)
        return []


def calls(records: Sequence[SimulatedRecord]) -> Iterator[list[SimulatedRecord]]:
    """Yield the records in order, in groups that one ``put_records`` call takes."""
    group: list[SimulatedRecord] = []
    size = 0
    for record in records:
        weight = len(record.data) + len(record.partition_key.encode())
        if group and (len(group) == CALL_RECORDS or size + weight > CALL_BYTES):
            yield group
            group, size = [], 0
        group.append(record)
        size += weight
    if group:
        yield group


def _entries(records: Sequence[SimulatedRecord]) -> "list[PutRecordsRequestEntryTypeDef]":
    return [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]


def connect() -> "KinesisClient":
    """Return a client that makes one attempt a call; where and who come from the environment.

    Raises:
        ConfigurationError: the environment names no region, or something that is none.
    """
    try:
        return boto3.client("kinesis", config=CLIENT_CONFIG)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"cannot set up Kinesis: {error}; see AWS_REGION, AWS_ENDPOINT_URL_KINESIS") from error

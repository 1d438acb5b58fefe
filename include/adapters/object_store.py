"""Objects on S3: the Protocol, boto3 behind it, and the in-memory twin."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError
from botocore.handlers import add_expect_header

from include.adapters.aws_errors import code_of, explained
from include.errors import ConfigurationError, TransientError
from include.records import Clock, utc_now

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

ABSENT = frozenset({"NoSuchKey", "404"})
READ_AT_ONCE = 1 << 20
MOST_DELETED_AT_ONCE = 1000
"""What S3's DeleteObjects takes."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing tells of it; ``size`` in bytes, ``modified_at`` by the store's own clock."""

    key: str
    size: int
    modified_at: datetime


class AbsentError(ConfigurationError):
    """There is no such object."""


class ObjectStore(Protocol):
    """Whole objects by key; a put is visible at once and complete, or not at all.

    Putting the same key again replaces the object. Nobody may rely on that for more than a retry: CALI's keys are a
    function of the content.
    """

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store ``data`` under ``key``."""
        ...

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            AbsentError: there is no such object.
        """
        ...

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes into a file, however large it is.

        Raises:
            AbsentError: there is no such object.
        """
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object on the server's side."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        ...

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with ``prefix``, in order."""
        ...

    def put_file(self, key: str, path: Path) -> None:
        """Store a file, however large, under ``key``; like ``put``, it is there complete or not at all."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        ...

    def delete_all(self, keys: Sequence[str]) -> None:
        """Remove many objects; absent ones are no error.

        Raises:
            TransientError: not all could be removed; those that were stay so.
        """
        ...


class S3ObjectStore:
    """An ``ObjectStore`` in one bucket, over a boto3 S3 client."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        # botocore would ask before it sends a body; of objects as small as ours that is a third of the cost.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        self._client = client
        self.bucket = bucket

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store ``data`` under ``key``."""
        with explained(self._name(key)):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        with explained(self._name(key)):
            return self._body(key).read()

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes into a file, a megabyte at a time."""
        with explained(self._name(key)), path.open("wb") as file:
            for chunk in self._body(key).iter_chunks(READ_AT_ONCE):
                file.write(chunk)

    def copy(self, source: str, target: str) -> None:
        """Copy an object on the server's side."""
        with explained(self._name(source)):
            self._client.copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source})

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        yield from (stored.key for stored in self.listing(prefix))

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with ``prefix``, in order."""
        with explained(self._name(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield StoredObject(entry["Key"], entry["Size"], entry["LastModified"])

    def put_file(self, key: str, path: Path) -> None:
        """Store a file under ``key``: in one piece, or in parts that become an object with the last one."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - most tasks never need it

        with explained(self._name(key)), path.open("rb") as file:
            # Two parts of 8 MiB at a time bound the memory.
            self._client.upload_fileobj(file, self.bucket, key, Config=TransferConfig(max_concurrency=2))

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        with explained(self._name(key)):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def delete_all(self, keys: Sequence[str]) -> None:
        """Remove many objects, a thousand a call."""
        for start in range(0, len(keys), MOST_DELETED_AT_ONCE):
            chunk = keys[start : start + MOST_DELETED_AT_ONCE]
            with explained(self._name(chunk[0])):
                answer = self._client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in chunk], "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                raise TransientError(f"{self._name(error['Key'])} was not deleted: {error['Code']}; a later run will")

    def _body(self, key: str) -> "StreamingBody":
        try:
            return self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
        except ClientError as error:
            if code_of(error) in ABSENT:
                raise AbsentError(f"{self._name(key)} does not exist") from error
            raise

    def _name(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


class InMemoryObjectStore:
    """An ``ObjectStore`` in a dictionary, for tests."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self.objects: dict[str, bytes] = {}
        self._clock = clock
        self._modified_at: dict[str, datetime] = {}

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:  # noqa: ARG002
        """Store ``data`` under ``key``."""
        self.objects[key] = bytes(data)
        self._modified_at[key] = self._clock()

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        try:
            return self.objects[key]
        except KeyError:
            raise AbsentError(f"{key} does not exist") from None

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes into a file."""
        path.write_bytes(self.get(key))

    def copy(self, source: str, target: str) -> None:
        """Copy an object."""
        self.put(target, self.get(source))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with ``prefix``, in order."""
        for key in self.keys(prefix):
            yield StoredObject(key, len(self.objects[key]), self._modified_at.get(key, self._clock()))

    def put_file(self, key: str, path: Path) -> None:
        """Store a file under ``key``."""
        self.put(key, path.read_bytes())

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        self.objects.pop(key, None)

    def delete_all(self, keys: Sequence[str]) -> None:
        """Remove many objects."""
        for key in keys:
            self.delete(key)

"""Objects on S3: the Protocol, boto3 behind it, and the in-memory twin."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from include.adapters.aws_errors import code_of, explained
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABSENT = frozenset({"NoSuchKey", "404"})


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
            ConfigurationError: there is no such object.
        """
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object on the server's side."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        ...


class S3ObjectStore:
    """An ``ObjectStore`` in one bucket, over a boto3 S3 client."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store ``data`` under ``key``."""
        with explained(self._name(key)):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        with explained(self._name(key)):
            try:
                return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in ABSENT:
                    raise ConfigurationError(f"{self._name(key)} does not exist") from error
                raise

    def copy(self, source: str, target: str) -> None:
        """Copy an object on the server's side."""
        with explained(self._name(source)):
            self._client.copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source})

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        with explained(self._name(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", ()))

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        with explained(self._name(key)):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def _name(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


class InMemoryObjectStore:
    """An ``ObjectStore`` in a dictionary, for tests."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:  # noqa: ARG002
        """Store ``data`` under ``key``."""
        self.objects[key] = bytes(data)

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        try:
            return self.objects[key]
        except KeyError:
            raise ConfigurationError(f"{key} does not exist") from None

    def copy(self, source: str, target: str) -> None:
        """Copy an object."""
        self.objects[target] = self.get(source)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        self.objects.pop(key, None)

"""Both object stores keep the Protocol's promises."""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from include.adapters.object_store import InMemoryObjectStore, ObjectStore, S3ObjectStore
from include.errors import ConfigurationError, TransientError
from include.records import utc_now


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    """Yield an empty store."""
    if request.param == "memory":
        yield InMemoryObjectStore()
        return
    client = request.getfixturevalue("s3_client")
    bucket = f"test-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=bucket)
    yield S3ObjectStore(client, bucket)


@pytest.mark.parametrize("data", [b"", b"\x00\xff" * 3, b"x" * 3_000_000])
def test_an_object_comes_back_byte_for_byte(store: ObjectStore, data: bytes) -> None:
    """What was put is what is got."""
    store.put("raw/stream=logs/a.parquet", data)
    assert store.get("raw/stream=logs/a.parquet") == data


@pytest.mark.parametrize("data", [b"", b"x" * 3_000_000])
def test_an_object_is_written_into_a_file(store: ObjectStore, tmp_path: Path, data: bytes) -> None:
    """Byte for byte, in place of what the file held; what does not exist is named."""
    store.put("clean/a", data)
    target = tmp_path / "a"
    target.write_bytes(b"what was there before")
    store.get_file("clean/a", target)
    assert target.read_bytes() == data
    with pytest.raises(ConfigurationError, match="clean/b does not exist"):
        store.get_file("clean/b", target)


def test_a_second_put_replaces_the_object(store: ObjectStore) -> None:
    """A retry of the same key leaves one object."""
    store.put("a", b"1")
    store.put("a", b"2")
    assert (list(store.keys("")), store.get("a")) == (["a"], b"2")


def test_a_copy_has_the_same_bytes_and_leaves_its_source(store: ObjectStore) -> None:
    """Publishing a batch does not take it from staged/."""
    store.put("staged/stream=logs/dt=2026-01-01/a b.parquet", b"1")
    store.copy("staged/stream=logs/dt=2026-01-01/a b.parquet", "clean/a.parquet")
    assert store.get("clean/a.parquet") == store.get("staged/stream=logs/dt=2026-01-01/a b.parquet") == b"1"


def test_keys_are_those_of_the_prefix_in_order(store: ObjectStore) -> None:
    """A listing names every object below a prefix and no other."""
    for key in ("raw/b/2", "raw/a/1", "clean/a/1"):
        store.put(key, b"")
    assert list(store.keys("raw/")) == ["raw/a/1", "raw/b/2"]


def test_a_listing_tells_size_and_age(store: ObjectStore) -> None:
    """What housekeeping and compaction ask is answered without reading the object."""
    before = utc_now() - timedelta(seconds=5)
    store.put("raw/a", b"123")
    (stored,) = store.listing("raw/")
    assert (stored.key, stored.size) == ("raw/a", 3)
    assert before < stored.modified_at < utc_now() + timedelta(seconds=5)


@pytest.mark.parametrize("size", [0, 10, 9_000_000])
def test_a_file_becomes_an_object_whatever_its_size(store: ObjectStore, tmp_path: Path, size: int) -> None:
    """A file of more than one part arrives as one object."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    store.put_file("compacted/a", path)
    assert len(store.get("compacted/a")) == size


def test_many_objects_are_removed_at_once(store: ObjectStore) -> None:
    """Absent ones are no error, the others stay."""
    for key in ("a", "b", "c"):
        store.put(key, b"1")
    store.delete_all(["a", "nowhere", "c"])
    store.delete_all([])
    assert list(store.keys("")) == ["b"]


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    """The error says which object is not there."""
    with pytest.raises(ConfigurationError, match="nowhere"):
        store.get("nowhere")


def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    """An absent object can be deleted."""
    store.put("a", b"1")
    store.delete("a")
    store.delete("a")
    assert list(store.keys("")) == []


@pytest.mark.integration
def test_a_server_that_is_away_is_a_transient_error(free_port: Callable[[], int]) -> None:
    """A refused connection says that the work stays where it was."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(TransientError, match="s3://bucket/key did not answer"):
        S3ObjectStore(client, "bucket").put("key", b"")


def test_a_put_sends_its_body_unasked() -> None:
    """No answer of the server is waited for in between."""
    import boto3
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

    sent: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, Mock(stream=lambda **_: iter([b""])))

    client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.meta.events.register("before-send.s3.PutObject", answer)
    S3ObjectStore(client, "bucket").put("key", b"data")
    assert [request.headers.get("Expect") for request in sent] == [None]

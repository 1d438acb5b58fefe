"""Inflate gzip, zlib and zstd as a stream, no further than a budget."""

from enum import StrEnum

import pyarrow as pa

from include.drain.payloads.undecodable import Budget, Reason, UndecodableError

CHUNK = 1 << 16


class Codec(StrEnum):
    """How a payload is compressed."""

    GZIP = "gzip"
    ZLIB = "zlib"
    ZSTD = "zstd"


MAGIC = {
    b"\x1f\x8b": Codec.GZIP,
    # RFC 1950: a window of 32 KiB, no dictionary, four levels; its header checksum allows these bytes and no others.
    b"\x78\x01": Codec.ZLIB,
    b"\x78\x5e": Codec.ZLIB,
    b"\x78\x9c": Codec.ZLIB,
    b"\x78\xda": Codec.ZLIB,
    b"\x28\xb5\x2f\xfd": Codec.ZSTD,
}
SHORTEST, LONGEST = 2, 4


def codec_of(data: bytes) -> Codec | None:
    """Return how a payload is compressed, by its first bytes, or None."""
    return MAGIC.get(data[:SHORTEST]) or MAGIC.get(data[:LONGEST])


def inflate(data: bytes, codec: Codec, budget: Budget) -> bytes:
    """Return what was compressed; streams that stand one after the other are joined, as ``gunzip`` does it.

    Raises:
        UndecodableError: the data ends early, is damaged, or inflates to more than the budget.
    """
    chunks = []
    try:
        # Arrow's gzip reader tells gzip from zlib by itself.
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd" if codec is Codec.ZSTD else "gzip") as stream:
            while chunk := stream.read(CHUNK):
                budget.inflated(len(chunk))
                chunks.append(chunk)
    except OSError as error:
        fault = "truncated" if str(error).startswith("Truncated") else "corrupt"
        raise UndecodableError(Reason(f"{codec}_{fault}")) from error
    return b"".join(chunks)

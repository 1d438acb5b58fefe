"""The Assets that chain CALI's DAGs; an event says that there is work, the ledger says which."""

from airflow.sdk import Asset, AssetAlias

REPLAYED = AssetAlias("cali_replayed", group="cali")
"""Stands for the raw batches of whichever stream a replay was asked for."""


def raw_batches(stream: str) -> Asset:
    """Return the Asset of a stream's drained batches."""
    return Asset(name=f"{stream}_raw", uri=f"cali://{stream}/raw", group="cali")


def clean_batches(stream: str) -> Asset:
    """Return the Asset of a stream's published batches."""
    return Asset(name=f"{stream}_clean", uri=f"cali://{stream}/clean", group="cali")

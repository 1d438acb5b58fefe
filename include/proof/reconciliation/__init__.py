"""Reconciliation: the ledger, the objects and the stream of a span of time, read again and held against each other."""

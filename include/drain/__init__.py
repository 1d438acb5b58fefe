"""Draining: from a stream's shards into raw micro-batches, each record once, and a checkpoint that tells how far."""

"""Compaction: one object in ``compacted/`` for every closed hour of ``clean/``, beside it and never half done."""

"""Validation: every record against its stream's model; the good ones to ``staged/``, the bad ones to ``dlq/``."""

"""Replay: drain a range of a stream again, into a generation of its own beside the live drain."""

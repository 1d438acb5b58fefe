"""Producers' payloads: KPL aggregates, compressed data, CloudWatch's envelopes and joined lines come apart."""

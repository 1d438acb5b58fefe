"""A generic webhook: signed JSON to whoever listens, at least once, from an outbox of its own."""

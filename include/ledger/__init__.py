"""The ledger: what is drained, which batches there are, and which stage of which batch is whose work."""

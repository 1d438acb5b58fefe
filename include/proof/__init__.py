"""Proof: what the producer says the stream accepted, held against what lies on S3. The ledger is not asked."""

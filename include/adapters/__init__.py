"""What CALI talks to: Kinesis, S3 and Slack, each behind a small Protocol with an in-memory twin."""

"""Daily reports: what came of a day's logs, for people who were not there."""

"""The steps at which a run is killed."""

from enum import StrEnum


class Point(StrEnum):
    """A step of a run, in the order in which a batch passes them; the text is what tables and the guide call it."""

    READ = "after GetRecords"
    RAW_WRITTEN = "after the raw object's PUT"
    DRAIN_UNCOMMITTED = "before the drain's commit"
    DRAIN_COMMITTED = "after the drain's commit"
    DRAINED = "before the asset event"
    STAGED_WRITTEN = "between staged and dlq objects"
    DLQ_WRITTEN = "after dlq, before complete_validate"
    GROUPS_WRITTEN = "between groups and outbox rows"
    ALERT_COMMITTED = "between outbox commit and dispatch"
    MESSAGE_CLAIMED = "after a message's claim"
    POST_ACCEPTED = "after Slack took a post"
    EDIT_ACCEPTED = "after Slack took an edit"
    SEND_UNCOMMITTED = "before a sent message's commit"
    SEND_COMMITTED = "after a sent message's commit"
    CLEAN_COPIED = "after the copy to clean"
    AUDIT_COMMITTED = "after complete_audit's commit"


OF_DISPATCH = (
    Point.ALERT_COMMITTED,
    Point.MESSAGE_CLAIMED,
    Point.POST_ACCEPTED,
    Point.EDIT_ACCEPTED,
    Point.SEND_UNCOMMITTED,
    Point.SEND_COMMITTED,
)
"""The steps between a batch's messages in the outbox and Slack."""

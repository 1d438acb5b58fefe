"""The errors that CALI raises.

::

    CaliError
    ├── ConfigurationError        a setting, Connection or stream name is wrong: fix it, a retry cannot help
    │   └── AbsentError           there is no such object in the bucket          (include.adapters.object_store)
    ├── TransientError            a server was away or busy: the same call may go through later
    │   ├── StreamThrottledError  Kinesis' rate limit, after the retries of one call
    │   ├── RateLimitedError      Slack's rate limit, with its Retry-After        (include.adapters.slack)
    │   └── OutcomeUnknownError   Slack may have the message: look before a retry (include.adapters.slack)
    ├── UnknownSequenceError      the stream never had this record, or has it no more (include.adapters.kinesis)
    ├── FencedError               another run advanced the checkpoint or took the work: walk away, nothing was committed
    ├── MessageRefusedError       Slack will not take this message as things are  (include.adapters.slack)
    │   └── MessageGoneError      the message to edit was deleted                 (include.adapters.slack)
    ├── ConservationError         a batch's counts do not add up: the batch is not published, the task is retried
    └── DifferenceError           a reconciliation found a difference: it is written down and told, look at the report

Retry code looks at one thing only: ``error.permanent``.
"""


class CaliError(Exception):
    """Something that CALI knows how to explain."""

    permanent: bool = False


class ConfigurationError(CaliError):
    """A setting, a Connection or a name is wrong; the message says which and how to set it."""

    permanent = True


class TransientError(CaliError):
    """A server that CALI needs did not answer or refused for now; the same call may go through later."""


class StreamThrottledError(TransientError):
    """Kinesis refused further reads of a shard for now."""


class FencedError(CaliError):
    """Another run holds or finished this work; nothing was committed by this one."""


class ConservationError(CaliError):
    """What went into a batch's stage is not what came out; the batch stays where it was."""


class DifferenceError(CaliError):
    """Ledger, objects and stream do not agree; the message says in what, and where the report lies."""

    permanent = True

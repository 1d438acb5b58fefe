"""Do once, before a process forks its workers, what each worker's first audit would do again."""

from datetime import datetime

from include.audit.data_docs import render_data_docs
from include.audit.judge import audit
from include.audit.suite import AuditSuite


def warm_up(suite: AuditSuite, now: datetime) -> None:
    """Import Great Expectations, compile the suite and the page's templates, and judge an empty batch with them.

    Takes seconds the first time, then 0.1 s a suite; writes nothing, sends nothing and leaves no thread behind.
    ``now`` is aware and UTC.
    """
    render_data_docs(audit(suite.schema.empty_table(), suite, now), "warm-up")

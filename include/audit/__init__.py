"""The audit room: a stream's Great Expectations suite judges a staged batch before it may be published.

``audit`` gives the verdict as a ``QualityReport``, ``render_data_docs`` shows it as a page. Importing this package
is cheap; Great Expectations itself is imported by the first audit (or by the process that forks the workers).
"""

from include.audit.data_docs import DocsDecision, decide_docs, render_data_docs
from include.audit.judge import audit
from include.audit.report import ExpectationOutcome, QualityReport
from include.audit.suite import AuditSuite
from include.audit.warm_up import warm_up

__all__ = [
    "AuditSuite",
    "DocsDecision",
    "ExpectationOutcome",
    "QualityReport",
    "audit",
    "decide_docs",
    "render_data_docs",
    "warm_up",
]

"""What the rules make of a batch: pure, and a function of the set of a card's transactions alone.

A transaction is judged with those before it, by their own time and not by when they came; a finding also falls on the
earlier members of its pattern. So a batch changes the verdicts of its own transactions, of members before them, and,
where it brings one that is late, of those behind it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from include.streams.transactions.rules import NAMES, RULES
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.transaction import SECOND, Transaction

DAY = 86_400 * SECOND

Reasons = dict[str, str]
"""The reason for each rule that found something, by the rule's name."""


class Known(NamedTuple):
    """A transaction that was judged before, and the rules that it broke then."""

    transaction: Transaction
    rules: tuple[str, ...]


class Verdict(NamedTuple):
    """What is true of a transaction from now on; ``new`` are the reasons for rules that it was not known to break."""

    transaction: Transaction
    rules: tuple[str, ...]
    new: Reasons


def in_order(rules: Iterable[str]) -> tuple[str, ...]:
    """Return rules without repetition, the most telling first."""
    broken = set(rules)
    return tuple(name for name in NAMES if name in broken)


def judge_card(fresh: Sequence[Transaction], before: Sequence[Known], settings: FraudSettings) -> list[Verdict]:
    """Judge a card's new transactions, none of which lies before a known one.

    Returns a verdict for each new transaction, and for each known one that turned out to belong to a pattern.

    Args:
        fresh: the card's new transactions, in order.
        before: at least ``settings.history_rows`` of those before them, or all that lie within ``history_days``.
        settings: the rules' parameters.
    """
    timeline = [*(known.transaction for known in before), *fresh]
    found = findings(timeline, len(before), settings)
    judged = [_verdict(one, (), found) for one in fresh]
    told = [_verdict(known.transaction, known.rules, found) for known in before if known.transaction.tx_id in found]
    return [verdict for verdict in told if verdict.new] + judged


def judge_anew(fresh: Sequence[Transaction], around: Sequence[Known], settings: FraudSettings) -> list[Verdict]:
    """Judge a card's new transactions where known ones lie behind the first of them.

    Returns a verdict for each new transaction, and for each known one whose verdict has changed, either way.

    Args:
        fresh: the card's new transactions, in order.
        around: the known ones: twice as many before the first new one as ``judge_card`` asks for, and all behind it.
        settings: the rules' parameters.
    """
    stored = {known.transaction.tx_id: known.rules for known in around}
    timeline = sorted([*(known.transaction for known in around), *fresh])
    # No finding of the first new transaction, or of one behind it, reaches further back than this.
    begin = max(0, timeline.index(fresh[0]) - settings.history_rows)
    found = findings(timeline, begin, settings)
    verdicts = [Verdict(one, in_order(found.get(one.tx_id, ())), {}) for one in timeline[begin:]]
    return [
        verdict._replace(new=_news(found.get(verdict.transaction.tx_id, {}), stored.get(verdict.transaction.tx_id, ())))
        for verdict in verdicts
        if verdict.rules != stored.get(verdict.transaction.tx_id)
    ]


def findings(timeline: Sequence[Transaction], begin: int, settings: FraudSettings) -> dict[str, Reasons]:
    """Return the reasons by ``tx_id`` that judging ``timeline[begin:]`` gives, for those before as well."""
    found: dict[str, Reasons] = {}
    for position in range(begin, len(timeline)):
        judged = timeline[position]
        history = timeline[max(0, position - settings.history_rows) : position]
        oldest = judged.at - settings.history_days * DAY
        if history and history[0].at < oldest:
            history = [one for one in history if one.at >= oldest]
        for rule in RULES:
            finding = rule(judged, history, settings)
            if finding is not None:
                for one in (judged, *finding.members):
                    found.setdefault(one.tx_id, {}).setdefault(finding.rule, finding.reason)
    return found


def _verdict(one: Transaction, rules: tuple[str, ...], found: Mapping[str, Reasons]) -> Verdict:
    reasons = found.get(one.tx_id, {})
    return Verdict(one, in_order((*rules, *reasons)), _news(reasons, rules))


def _news(reasons: Reasons, known: Sequence[str]) -> Reasons:
    return {rule: reason for rule, reason in reasons.items() if rule not in known}

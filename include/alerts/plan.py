"""What a batch, or the passing of time, makes of all that alerts keep: a store only reads, asks here, and saves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from include.alerts.event import HOLDERS
from include.alerts.group import AlertGroup, State
from include.alerts.growth import Batch, Change, grow, settle
from include.alerts.holding import STORM, Scene, hold, release
from include.alerts.settings import AlertSettings
from include.alerts.summaries import holding, summaries


def take(
    known: Sequence[AlertGroup], batch: Batch, scene: Scene, now: datetime, settings: AlertSettings
) -> list[Change]:
    """Return what a batch changes; a storm that begins with it gets its summary at once.

    ``known`` are the groups of the batch's fingerprints, those whose time has come, those that were opened a moment ago
    and that nobody was told of, and every storm's summary.
    """
    changes = hold(known, grow(known, batch, now, settings), scene, now, settings)
    open_holders = {group.fingerprint for group in known if group.state is not State.RESOLVED}
    begun = [
        change.group
        for change in changes
        if (change.group.held_by or "").startswith(STORM) and change.group.held_by not in open_holders
    ]
    holders = [group for group in known if group.fingerprint in {one.held_by for one in begun}]
    return [*changes, *summaries(holders, begun, scene, now)]


def sweep(known: Sequence[AlertGroup], scene: Scene, now: datetime, settings: AlertSettings) -> list[Change]:
    """Return what the passing of time changes: states, what is held back, and what is said of it.

    ``known`` are the groups whose time has come, those that are held back, those that may be, and every summary.
    """
    board = _Board(known)
    board.put(hold(known, settle(known, now, settings), scene, now, settings))
    stormed = [group for group in board.held() if (group.held_by or "").startswith(STORM)]
    board.put(map(Change, release(stormed, scene.openings, now, settings)))
    board.put(summaries(board.groups(), board.held(), scene, now))
    board.put(map(Change, holding(board.groups(), board.held())))
    # What was changed by SQL, such as an acknowledgement, has to be shown as well.
    board.put(Change(group) for group in board.groups() if group.announced_at and group.looks != group.announced_looks)
    return list(board.changes.values())


class _Board:
    """Groups with the changes that were made to them so far."""

    def __init__(self, known: Iterable[AlertGroup]) -> None:
        self._known = {(group.stream, group.fingerprint): group for group in known}
        self.changes: dict[tuple[str, str], Change] = {}

    def groups(self) -> list[AlertGroup]:
        changed = {key: change.group for key, change in self.changes.items()}
        return list((self._known | changed).values())

    def held(self) -> list[AlertGroup]:
        return [group for group in self.groups() if group.held_by and group.category not in HOLDERS]

    def put(self, changes: Iterable[Change]) -> None:
        """Add changes; the transitions of an earlier change of the same group stay."""
        for change in changes:
            key = (change.group.stream, change.group.fingerprint)
            former = self.changes.get(key)
            if former is None or change.transitions:
                self.changes[key] = change
            else:
                self.changes[key] = Change(change.group, former.transitions, former.withdrawn or change.withdrawn)

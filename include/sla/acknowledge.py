"""Acknowledge violations: somebody has seen them and is at it, so nobody else has to be woken."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.errors import ConfigurationError
from include.sla.contract import DefinitionVersion, Recorder, SlaType

log = logging.getLogger(__name__)
LONGEST_NAME = 200
"""Characters of a name that are kept."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which windows: a pipeline's, where ``sla_type`` and ``window_start`` (None: each) do not narrow it down."""

    pipeline_name: str
    sla_type: SlaType | None = None
    window_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class AcknowledgeReport:
    """How many violations this call acknowledged, and how many of the selected ones somebody had before."""

    acknowledged: int
    already: int


def acknowledge(recorder: Recorder, selection: Selection, by: str, now: datetime) -> AcknowledgeReport:
    """Write down who has seen the selected violations; whoever was first stands, so a second call changes nothing.

    Raises:
        ConfigurationError: nobody is named, no such service level was ever defined, or the window is no violation.
        TransientError: Postgres was away; nothing was changed.
    """
    name = by.strip()[:LONGEST_NAME]
    if not name:
        raise ConfigurationError("by is empty: name who acknowledges")
    chosen = selected(recorder.definitions(), selection)
    found = [one for definition_id in chosen for one in recorder.violations(definition_id)]
    if selection.window_start is not None:
        found = [one for one in found if one.window_start == selection.window_start]
        if not found:
            raise ConfigurationError(
                f"window_start={selection.window_start.isoformat()} is no violation of {selection.pipeline_name}: "
                "look into cali.sla_violations"
            )
    done = sum(recorder.acknowledge(of, selection.window_start, name, now) for of in chosen)
    log.info("acknowledged pipeline=%s by=%s windows=%d", selection.pipeline_name, name, done)
    return AcknowledgeReport(done, len(found) - done)


def selected(definitions: Mapping[int, Sequence[DefinitionVersion]], selection: Selection) -> list[int]:
    """Return the ids of the definitions, deleted ones included, that a selection means.

    Raises:
        ConfigurationError: there never was one.
    """
    found = [
        definition_id
        for definition_id, versions in definitions.items()
        if versions[-1].pipeline_name == selection.pipeline_name and selection.sla_type in {None, versions[-1].sla_type}
    ]
    if not found:
        names = sorted({f"{versions[-1].pipeline_name} ({versions[-1].sla_type})" for versions in definitions.values()})
        raise ConfigurationError(
            f"pipeline_name={selection.pipeline_name!r} has no such service level; there are: {', '.join(names)}"
        )
    return found

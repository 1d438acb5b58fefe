"""The benchmarks of cost on the whole stack: every program has its figures, and made runs are like real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import idle, soak
from tests.benchmarks.footprint import SUPERVISOR, WORKERS

if TYPE_CHECKING:
    from tests.stack.running_stack import RunningStack

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.thorough, pytest.mark.timeout(1800)]

RUNS = 40
LIKE_A_REAL_ONE = """
select dag_id, count(distinct run_id)::int as runs, count(*)::int as tasks,
       bool_and(coalesce(start_date, end_date) < now() - interval '3 days') as old
from task_instance where run_id like 'soak!_%%' escape '!' group by dag_id order by dag_id
"""
ANSWERED = (
    "select count(*)::int as n from dagrun_asset_event join dag_run on id = dag_run_id where run_id like 'soak%%'"
)


def test_every_program_has_its_share(running_stack: RunningStack) -> None:
    """The window sees each program and the workers, and what they hold adds up to the stack's."""
    figures = idle.window(running_stack, 3)
    states = {state.name for state in running_stack.supervisor.states()}
    assert set(figures["programs"]) == states | {SUPERVISOR, WORKERS}
    assert [name for name, one in figures["programs"].items() if not one["rss_gb"] > 0] == []
    assert figures["rss_gb"] == pytest.approx(sum(one["rss_gb"] for one in figures["programs"].values()))
    assert 0 < figures["cpu_cores"]
    assert "at rest" in idle.render({"pace": "p", "kinesis": "k", **figures, "at_100": figures})


def test_made_runs_are_like_real_ones(running_stack: RunningStack) -> None:
    """Each has the tasks of a real one, days ago, and each process run answers its drain's event."""
    running_stack.put(seed=11, seconds=2)
    running_stack.settle()
    rows = soak.fill(running_stack, RUNS)
    drain, process = running_stack.metadata(LIKE_A_REAL_ONE)
    assert (drain["dag_id"], drain["runs"], drain["tasks"]) == ("logs_drain", RUNS // 2, RUNS // 2)
    assert (process["dag_id"], process["runs"], process["tasks"]) == ("logs_process", RUNS // 2, RUNS // 2 * 3)
    assert [drain["old"], process["old"]] == [True, True]
    assert rows["dag_run"] == RUNS
    assert rows["dagrun_asset_event"] == running_stack.metadata(ANSWERED)[0]["n"] == RUNS // 2
    assert min(rows.values()) > 0


def test_pages_answer_with_their_data(running_stack: RunningStack) -> None:
    """Each page of the soak is one that Airflow has, for its user."""
    assert [name for name in soak.PAGES if not soak.page_ms(running_stack, name) > 0] == []

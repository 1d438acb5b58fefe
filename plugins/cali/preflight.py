"""Before a start: ``python -m cali.preflight`` says which Connection or setting is missing, and how to set it."""

import argparse
import sys

import pyarrow as pa
from airflow.sdk.exceptions import AirflowNotFoundException

from cali.connections import AWS, POSTGRES, SLACK, missing
from include import streams
from include.alerts.environment import alert_settings
from include.alerts.filtering import alertable_mask
from include.errors import ConfigurationError
from include.housekeeping.settings import retention
from include.housekeeping.tables import kept_for
from include.settings import running_streams, stream_settings


def problems() -> list[str]:
    """Return a sentence for each Connection and each setting that is missing or wrong."""
    found = [str(missing(conn_id)) for conn_id in (AWS, POSTGRES, SLACK) if not _defined(conn_id)]
    for name in running_streams():
        try:
            stream = streams.get(name)
            stream.ready()
            kept_for(stream, retention())
            stream_settings(name)
        except ConfigurationError as error:
            found.append(str(error))
    try:
        # Only a row makes the filter read its expressions.
        row = pa.table({column: [""] for column in ("level", "service", "message", "log_content")})
        alertable_mask(row, alert_settings().rules)
    except ConfigurationError as error:
        found.append(str(error))
    return found


def _defined(conn_id: str) -> bool:
    # Outside a task there is no Task SDK to ask for a Connection, so Airflow's own model has to look it up.
    from airflow.models.connection import Connection  # noqa: PLC0415, TID251

    try:
        Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when everything is there, 1 with a sentence for each thing that is not."""
    argparse.ArgumentParser(prog="python -m cali.preflight", description=__doc__).parse_args(arguments)
    found = problems()
    for sentence in found:
        sys.stderr.write(f"{sentence}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

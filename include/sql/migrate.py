"""Bring CALI's schema to its newest revision: ``python -m include.sql.migrate``.

Several processes may start at the same time: an advisory lock lets one migrate while the others wait.
"""

import argparse
import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from include.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
VARIABLE = "CALI_POSTGRES_URI"


def upgrade(uri: str, revision: str = "head") -> None:
    """Upgrade the database at ``uri`` (``postgresql://user:password@host:port/name``) to ``revision``.

    Raises:
        sqlalchemy.exc.OperationalError: the server did not answer.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["uri"] = uri
    command.upgrade(config, revision)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the schema is up to date, 2 when it is not told which database."""
    parser = argparse.ArgumentParser(prog="python -m include.sql.migrate", description=__doc__)
    parser.add_argument("--uri", default=os.environ.get(VARIABLE), help=f"default: ${VARIABLE}")
    parser.add_argument("--revision", default="head")
    chosen = parser.parse_args(arguments)
    if not chosen.uri:
        error = ConfigurationError(f"No database named: set {VARIABLE} or pass --uri")
        parser.exit(2, f"{error}\n")
    upgrade(chosen.uri, chosen.revision)
    return 0


if __name__ == "__main__":
    sys.exit(main())

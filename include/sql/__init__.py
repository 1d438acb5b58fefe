"""CALI's schema in Postgres: migrations and the named queries.

Every query is one ``.sql`` file in ``queries/``; its parameters are named, in psycopg's style ``%(name)s``.
"""

from functools import cache
from importlib.resources import files
from typing import LiteralString


@cache
def query(name: str) -> LiteralString:
    """Return the text of ``queries/<name>.sql``; the file is the programme's own, hence a literal.

    Raises:
        FileNotFoundError: there is no query of that name.
    """
    return (files(__name__) / "queries" / f"{name}.sql").read_text(encoding="utf-8")

"""Alembic's environment: one connection, one lock, the version table inside schema ``cali``."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

# Any constant will do, as long as every migrating process takes the same one.
MIGRATION_LOCK = 0x43414C49


def run() -> None:
    """Run the migrations that are missing, under the lock, in one transaction."""
    url = make_url(context.config.attributes["uri"]).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("create schema if not exists cali"))
        context.configure(connection=connection, version_table_schema="cali")
        with context.begin_transaction():
            context.run_migrations()


run()

"""Where incidents are told, by the Connections: Slack's outbox, the webhook's, and links into Airflow."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied

from cali import connections

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Connection

    from include.sla.incidents.desk import Desk
    from include.webhook.receiver import Receiver


def airflow_url() -> str:
    """Return where Airflow's pages are, without a slash at its end."""
    from airflow.sdk.configuration import conf  # noqa: PLC0415

    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def desk(database: "psycopg.Connection") -> "Desk":
    """Return where incidents are told."""
    from include.sla.incidents.desk import Desk  # noqa: PLC0415

    return Desk(database, airflow_url(), _has_webhook)


def receiver() -> "Receiver | None":
    """Return the webhook's receiver, or None where no Connection ``cali_webhook`` is defined.

    Raises:
        ConfigurationError: the Connection has no address, or no secret that proves anything.
    """
    from include.webhook.environment import webhook_timeout_s  # noqa: PLC0415
    from include.webhook.receiver import Receiver  # noqa: PLC0415

    found = _webhook()
    return Receiver(found.host or "", found.password or "", webhook_timeout_s()) if found else None


def _has_webhook() -> bool:
    try:
        return _webhook() is not None
    except AirflowSecretsBackendAccessDenied:
        # A deadline's callback may not ask Airflow for Connections. The monitor may: it sends the event or drops it.
        return True


def _webhook() -> "Connection | None":
    try:
        return BaseHook.get_connection(connections.WEBHOOK)
    except AirflowNotFoundException:
        return None

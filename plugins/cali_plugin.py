"""The one file of CALI that Airflow's plugin manager loads."""

from airflow.plugins_manager import AirflowPlugin

from cali import batches, board
from cali.warm_import import warm_if_forking_workers

warm_if_forking_workers()


class CaliPlugin(AirflowPlugin):
    """CALI inside Airflow."""

    name = "cali"
    fastapi_apps = [board.FASTAPI_APP, batches.FASTAPI_APP]  # noqa: RUF012 - Airflow reads the class
    external_views = [board.EXTERNAL_VIEW]  # noqa: RUF012

"""The one file of CALI that Airflow's plugin manager loads."""

from airflow.plugins_manager import AirflowPlugin

from cali.warm_import import warm_if_forking_workers

warm_if_forking_workers()


class CaliPlugin(AirflowPlugin):
    """CALI inside Airflow."""

    name = "cali"

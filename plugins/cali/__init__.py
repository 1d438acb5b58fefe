"""CALI's side towards Airflow: it joins Connections and runs to the library in ``include``."""

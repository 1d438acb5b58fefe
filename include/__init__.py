"""The library behind CALI: streams, drain, validation, audit, alerts. It knows nothing of Airflow."""

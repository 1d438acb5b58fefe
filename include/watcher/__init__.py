"""The watcher outside Airflow: a scheduler that is down cannot say so itself."""

"""The log stream's DAGs in Airflow: `logs_drain` reads Kinesis, `logs_process` makes of each batch what it is for."""

from cali.pipelines import StreamPage, drain_dag, process_dag

PAGE = StreamPage(
    records="what applications log",
    alert="finds ERROR and WARN records, groups them and tells Slack",
    who="The owners of the log platform; alerts go to the channel `cali-alerts`, quality alerts to `cali-quality`.",
)

logs_drain = drain_dag("logs", PAGE)
logs_process = process_dag("logs", PAGE)

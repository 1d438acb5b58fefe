"""The card transactions' DAGs in Airflow: drained and processed like every stream, and summed up once a day."""

from cali.pipelines import StreamPage, drain_dag, process_dag
from cali.transactions import daily_dag

PAGE = StreamPage(
    records="card transactions",
    alert="puts every transaction into `cali.transactions` with the fraud rules' verdict, and tells Slack of what "
    "looks like fraud, a message for each card and rule",
    who="The owners of the payment platform; fraud goes to the channel `cali-fraud`, quality alerts to `cali-quality`.",
)

transactions_drain = drain_dag("transactions", PAGE)
transactions_process = process_dag("transactions", PAGE)
transactions_daily = daily_dag(PAGE.who)

"""The page views' DAGs in Airflow."""

from cali.pipelines import StreamPage, drain_dag, process_dag

PAGE = StreamPage(records="page views", who="The owners of the site.")

page_views_drain = drain_dag("page_views", PAGE)
page_views_process = process_dag("page_views", PAGE)

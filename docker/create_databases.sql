-- Two databases with a role each: Airflow's metadata and CALI's tables, neither readable by the other's role.
-- PostgreSQL's image runs this once, with psql, when it makes a new cluster.
\getenv airflow_password AIRFLOW_DATABASE_PASSWORD
\getenv cali_password CALI_DATABASE_PASSWORD

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE DATABASE airflow OWNER airflow;
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;

CREATE ROLE cali LOGIN PASSWORD :'cali_password';
CREATE DATABASE cali OWNER cali;
REVOKE CONNECT ON DATABASE cali FROM PUBLIC;

\connect cali
CREATE SCHEMA cali AUTHORIZATION cali;

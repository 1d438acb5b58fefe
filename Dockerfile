# What every Airflow component of CALI runs: the official image, CALI's pinned packages and its code. See docs/docker.md.
FROM apache/airflow:3.3.2-python3.11

# The library and its plugins are imported by name; nothing reports usage to anybody.
ENV PYTHONPATH=/opt/airflow:/opt/airflow/plugins \
    GX_ANALYTICS_ENABLED=False \
    DO_NOT_TRACK=1

# The embedded servers, the last section of requirements.txt, are for the stack without containers and stay out.
COPY requirements.txt constraints.txt /opt/cali/
RUN sed '/^# The embedded stack/,$d' /opt/cali/requirements.txt > /tmp/requirements.txt \
    && pip install --no-cache-dir --requirement /tmp/requirements.txt --constraint /opt/cali/constraints.txt \
    && rm /tmp/requirements.txt

COPY --chown=50000:0 include /opt/airflow/include
COPY --chown=50000:0 plugins /opt/airflow/plugins
COPY --chown=50000:0 dags /opt/airflow/dags

# The image's user `airflow`, as a number so that Kubernetes can see that it is not root.
USER 50000

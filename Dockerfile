# The Airflow image with this project in it. `docker build --target production .`; docs/deploy.md.
# No secret is an argument or a file of this build: all of them arrive when a container starts.
ARG AIRFLOW_BASE=apache/airflow:3.3.2-python3.11

FROM ${AIRFLOW_BASE} AS installed
ENV AIRFLOW_HOME=/opt/airflow \
    PYTHONPATH=/opt/airflow/plugins
USER airflow
WORKDIR /opt/airflow
COPY requirements.txt ./
# The lock must never bring another Airflow than the base's: its entry point and its files belong together.
RUN base="$(python -c 'import airflow; print(airflow.__version__)')" \
    && if ! grep -qx "apache-airflow==${base}" requirements.txt; then \
         echo "the base has Airflow ${base}, requirements.txt has $(grep '^apache-airflow==' requirements.txt):" \
              "build with --build-arg AIRFLOW_BASE=apache/airflow:<that version>-python3.11" >&2; \
         exit 1; \
       fi
# The lock is complete, so that nothing is resolved here: --no-deps installs exactly these versions.
RUN pip install --no-cache-dir --no-deps --requirement requirements.txt \
    && python -c "import airflow.providers.celery.executors.celery_executor"
# A new named volume takes over this folder's owner: without it the log volume would belong to root.
USER root
RUN install --directory --owner airflow --group 0 /opt/airflow /opt/airflow/logs /opt/airflow/archive
USER airflow
COPY dags dags
COPY plugins plugins
COPY include include
COPY deploy deploy

# What the profile `demo` adds: a CRM to read and a Tucano to talk to.
FROM installed AS demo
ENV PYTHONPATH=/opt/airflow/plugins:/opt/airflow
COPY requirements-dev.txt ./
USER root
RUN install --directory --owner airflow --group 0 /opt/airflow/simulator
USER airflow
# The simulator checks requests against tucano-api.yaml with it; nothing else of the development lock is needed.
RUN grep -E '^(jsonschema-rs)==' requirements-dev.txt > /tmp/demo-requirements.txt \
    && pip install --no-cache-dir --no-deps --requirement /tmp/demo-requirements.txt
COPY demo demo

# Last, so that a build without --target is the one for production.
FROM installed AS production

"""The only module that knows Airflow's connections: connection ids in, open adapters out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import Connection, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException
from airflow.sdk.log import mask_secret
from psycopg.conninfo import make_conninfo

from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.adapters.connections import Connections
from provisioner.adapters.pools import Pools
from provisioner.adapters.tokens import Keys, read_keys
from provisioner.adapters.tucano import Endpoint
from provisioner.core.errors import ConfigurationError, PlatformUnavailable, ProvisioningError
from provisioner.steps import close_batch, real_time
from provisioner.steps.reset_run import Run

PROVISIONING = "provisioning_db"
CRM = "crm_db"
TUCANO = "tucano"
ARCHIVE = "provisioning_archive_db"
# Of the API server alone: the role that reads, and the keys of the tokens that the portal gets.
PAGES = "provisioning_pages_db"
TOKEN_KEYS = "tucano_jwt"  # noqa: S105 the name of a connection

# What a person may answer to a required action; silence is the second.
APPROVE, REJECT = "Approve", "Reject"

log = logging.getLogger(__name__)


def connections() -> Connections:
    """Resolve the three connections; raises ConfigurationError naming the one that is missing."""
    return Connections(provisioning_dsn=_dsn(PROVISIONING), crm_dsn=_dsn(CRM), tucano=_endpoint())


def page_pools() -> Pools:
    """Return the API server's pools, not opened yet; raises ConfigurationError naming a connection that is missing."""
    return Pools(provisioning_dsn=_dsn(PAGES), crm_dsn=_dsn(CRM))


def token_keys() -> Keys:
    """Return the keys that the connection `tucano_jwt` holds now; raises ConfigurationError saying what is wrong."""
    found = _get(TOKEN_KEYS)
    extra = json.loads(found.extra) if found.extra else {}
    if previous := extra.get("previous_key"):
        mask_secret(previous)
    return read_keys(found.password, extra)


@contextmanager
def archive() -> Iterator[ArchiveConnection]:
    """Give an archive task its connection, as archivist; what a retry cannot mend fails the task at once."""
    with failing_clearly(but=PlatformUnavailable):
        folder = os.environ.get("PROVISIONING_ARCHIVE_FOLDER")
        yield ArchiveConnection(dsn=_dsn(ARCHIVE), folder=Path(folder) if folder else None)


def import_folder() -> Path | None:
    """Return the folder of the files that an operator wants imported; None where he names none."""
    folder = os.environ.get("PROVISIONING_IMPORT_FOLDER")
    return Path(folder) if folder else None


def rotation_seconds() -> float:
    """Return after how long a run of the real-time lane makes room for the next one."""
    return real_time.rotation_seconds(os.environ.get("PROVISIONING_ROTATION_SECONDS"))


def run_of(context: Context) -> Run:
    """Return the Airflow run of a task's *context*: its id, and the user who triggered it or the scheduler."""
    dag_run = context["dag_run"]
    return Run(
        run_id=dag_run.run_id, requested_by=getattr(dag_run, "triggering_user_name", None) or "scheduler"
    )


def pause_of(context: Context) -> Callable[[], str | None]:
    """Return a question for a long task: why should it end? Because its DAG was paused.

    It is asked of Airflow's execution API, as whom every task speaks to Airflow. An API server that does not answer
    is no reason to end.
    """
    instance = context["ti"]

    def why() -> str | None:
        try:
            return "the DAG was paused" if instance.get_dag(instance.dag_id).is_paused else None
        except (AirflowException, OSError) as error:
            log.warning("Airflow does not say whether the DAG is paused: %s", type(error).__name__)
            return None

    return why


@contextmanager
def step(batch_id: int, name: str) -> Iterator[Connections]:
    """Give a step its connections; what goes wrong is remembered in the batch, for its summary.

    What a retry cannot mend fails the task at once.
    """
    ours = connections()
    try:
        yield ours
    except Exception as error:
        close_batch.record_failure(ours, batch_id, name, error)
        if isinstance(error, ConfigurationError):
            raise AirflowFailException(str(error)) from error
        raise
    close_batch.clear_failure(ours, batch_id, name)


def answered_by(answer: Mapping[str, Any] | None) -> str:
    """Return who answered a required action; nobody, where its time ran out."""
    user = (answer or {}).get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "nobody in time")


def decision_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was answered to a required action, and by whom, as the steps take it."""
    return {"approved": answer["chosen_options"] == [APPROVE], "decided_by": answered_by(answer)}


def told(result: dict[str, Any]) -> dict[str, Any]:
    """Write a result to the task's log as a person reads it, and return it."""
    log.info("%s", json.dumps(result, indent=2, ensure_ascii=False))
    return result


@contextmanager
def failing_clearly(*, but: type[ProvisioningError] | tuple[()] = ()) -> Iterator[None]:
    """Turn an error that names its cure into a failed task, without a retry that would only repeat it.

    What is of *but* passes on, and with it to the task's retries.
    """
    try:
        yield
    except but:
        raise
    except ProvisioningError as error:
        raise AirflowFailException(str(error)) from error


def _get(connection_id: str) -> Connection:
    try:
        found: Connection = Connection.get(connection_id)
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            f"Airflow has no connection {connection_id!r}: add it under Admin, Connections, "
            f"or set AIRFLOW_CONN_{connection_id.upper()} (docs/deploy.md)"
        ) from error
    if found.password:
        mask_secret(found.password)
    return found


def _dsn(connection_id: str) -> str:
    found = _get(connection_id)
    extra = json.loads(found.extra) if found.extra else {}
    # libpq's own parameters (sslmode, target_session_attrs ..) pass through from the connection's extra.
    passed: dict[str, str] = {key: str(value) for key, value in extra.items() if isinstance(value, str | int)}
    return make_conninfo(
        host=found.host,
        port=found.port or 5432,
        user=found.login,
        password=found.password,
        dbname=found.schema,
        application_name=f"provisioner {connection_id}",
        **passed,
    )


def _endpoint() -> Endpoint:
    found = _get(TUCANO)
    scheme = found.schema or "http"
    host = found.host or ""
    url = host if "://" in host else f"{scheme}://{host}"
    if found.port:
        url = f"{url}:{found.port}"
    return Endpoint(url=url, user=found.login or "", password=found.password or "")

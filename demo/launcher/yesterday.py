"""Yesterday: the platform in step with the CRM, before the story begins.

One reset run in a process of its own, which Ctrl-C ends like all others; Airflow starts meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg

from demo.launcher.errors import LauncherError
from demo.launcher.processes import log_tail
from demo.launcher.runtime import PROJECT, plain_environment
from demo.launcher.stack import Stack, Tell
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import reset_run

NAME = "yesterday"
SAY_SECONDS = 10.0
# Of this night alone: a given database may hold others.
CLOSED = "SELECT count(*) FROM request_log WHERE batch_id = (SELECT max(batch_id) FROM batch)"


def begin(stack: Stack) -> subprocess.Popen[bytes]:
    """Begin to bring Tucano in step with the CRM."""
    platform = stack.platform
    environment = plain_environment() | {
        "PYTHONPATH": f"{PROJECT / 'plugins'}:{PROJECT}",
        "PROVISIONING_DSN": stack.provisioning_dsn,
        "CRM_DSN": stack.crm_reader_dsn,
        "TUCANO_URL": platform.url,
        "TUCANO_USER": platform.user,
        "TUCANO_PASSWORD": platform.password,
    }
    return stack.runtime.start(NAME, [sys.executable, "-m", "demo.launcher.yesterday"], environment)


def wait(stack: Stack, process: subprocess.Popen[bytes], tell: Tell) -> None:
    """Tell how far it is until Tucano is in step; raise LauncherError with the end of its log if it fails."""
    with psycopg.connect(stack.provisioning_dsn, autocommit=True) as db:
        while True:
            try:
                ended = process.wait(SAY_SECONDS)
            except subprocess.TimeoutExpired:
                ended = None
            (closed,) = db.execute(CLOSED).fetchone() or (0,)
            if ended is not None:
                break
            tell(f"  yesterday: {closed:,} requests so far")
    if ended != 0:
        raise LauncherError(
            f"Tucano was not brought in step with the CRM:\n{log_tail(stack.runtime.log(NAME))}"
        )
    tell(f"yesterday: {closed:,} requests brought Tucano in step with the CRM")


def main() -> None:
    """Run one reset with the connections of the environment; raise RunFailed if it did not do its work."""
    given = os.environ
    connections = Connections(
        provisioning_dsn=given["PROVISIONING_DSN"],
        crm_dsn=given["CRM_DSN"],
        tucano=Endpoint(
            url=given["TUCANO_URL"], user=given["TUCANO_USER"], password=given["TUCANO_PASSWORD"]
        ),
    )
    reset_run.run_all(connections, reset_run.Run(run_id=NAME, requested_by="demo"))


if __name__ == "__main__":
    main()

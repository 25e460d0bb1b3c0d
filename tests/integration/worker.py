"""A reset run in a process of its own, for tests that kill it: addresses come from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import reset_run

if __name__ == "__main__":
    environment = os.environ
    reset_run.run_all(
        Connections(
            provisioning_dsn=environment["PROVISIONING_DSN"],
            crm_dsn=environment["CRM_DSN"],
            tucano=Endpoint(
                url=environment["TUCANO_URL"],
                user=environment["TUCANO_USER"],
                password=environment["TUCANO_PASSWORD"],
            ),
        ),
        reset_run.Run(run_id=environment["RUN_ID"], requested_by="tester"),
        provider_file=Path(environment["PROVIDER_FILE"]),
    )

"""An import in a process of its own, for tests that kill it: addresses come from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import import_known_state
from provisioner.steps.reset_run import Run

if __name__ == "__main__":
    environment = os.environ
    import_known_state.run(
        Connections(
            provisioning_dsn=environment["PROVISIONING_DSN"],
            crm_dsn="",
            tucano=Endpoint(url="", user="", password=""),
        ),
        Run(run_id=environment["RUN_ID"], requested_by="tester"),
        Path(environment["IMPORT_FOLDER"]),
        {"file": environment["IMPORT_FILE"]},
    )

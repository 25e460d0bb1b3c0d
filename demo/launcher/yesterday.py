"""Yesterday: the platform in step with the CRM, before the story begins."""

from __future__ import annotations

from demo.launcher.stack import Stack
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import reset_run


def provision(stack: Stack) -> dict[str, int]:
    """Bring Tucano in step with the CRM by one reset run in this process; return the run's counts.

    Raises RunFailed if it did not do its work.
    """
    platform = stack.platform
    connections = Connections(
        provisioning_dsn=stack.provisioning_dsn,
        crm_dsn=stack.crm_reader_dsn,
        tucano=Endpoint(url=platform.url, user=platform.user, password=platform.password),
    )
    return reset_run.run_all(connections, reset_run.Run(run_id="yesterday", requested_by="demo"))

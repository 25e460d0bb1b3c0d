"""Make the role `Portal` under the FAB auth manager: it may authenticate subscribers, and nothing else.

Runs once before every start (deploy/migrate.sh). Airflow's own commands give roles only rights that they know, and
this one is ours. Doing it again changes nothing; what an operator added to the role stays.
"""

from __future__ import annotations

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

from provisioner.web.rights import PORTAL_RESOURCE

ROLE = "Portal"


def main() -> None:
    """Make the right, the role, and give it to the role."""
    with get_application_builder() as builder:
        manager = builder.sm
        right = manager.create_permission("can_create", PORTAL_RESOURCE)
        manager.add_permission_to_role(manager.add_role(ROLE), right)
    print(f"the role {ROLE} may authenticate subscribers")


if __name__ == "__main__":
    main()

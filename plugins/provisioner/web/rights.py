"""Who may call what, asked of Airflow's auth manager: 401 without a token, 403 without the right.

read and act are the rights to see and to trigger runs of `tucano_reset_run`. portal is one right of its own, so that
a portal's role can do this and nothing else. SimpleAuthManager has no such rights (every viewer passes a custom view):
there the portal's user must also be allowed to trigger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends

from provisioner.web.answers import Problematic

# Not checked against the DAGs that exist: under SimpleAuthManager any id passes (a test holds it to dags/).
DAG_ID = "tucano_reset_run"
# Under FAB: the permission "can_create on Subscriber Authentication".
PORTAL_RESOURCE = "Subscriber Authentication"

read = Depends(requires_access_dag("GET", DagAccessEntity.RUN, DAG_ID))
act = Depends(requires_access_dag("POST", DagAccessEntity.RUN, DAG_ID))


def may_trigger(dag_id: str) -> Callable[[GetUserDep], bool]:
    """Return a dependency: may the user trigger *dag_id*? It decides what a page offers, never what protects it."""

    def asked(user: GetUserDep) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )

    return asked


may_act = may_trigger(DAG_ID)


def portal(user: GetUserDep) -> str:
    """Return the name of the user, who may authenticate subscribers; else refuse (403)."""
    manager = get_auth_manager()
    allowed = manager.is_authorized_custom_view(method="POST", resource_name=PORTAL_RESOURCE, user=user)
    has_no_rights_of_its_own = isinstance(manager, SimpleAuthManager)
    if allowed and has_no_rights_of_its_own:
        allowed = may_act(user)
    if not allowed:
        raise Problematic(
            403, "NOT_AUTHORIZED", "This user may not authenticate subscribers: see docs/authentication.md."
        )
    return user.get_name()


Portal = Annotated[str, Depends(portal)]
MayAct = Annotated[bool, Depends(may_act)]

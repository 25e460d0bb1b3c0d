"""The one Airflow plugin: the API server mounts our app at /provisioning.

Every process of Airflow imports this file, each task too. So the app is imported where it is asked for, which only
the API server does; here there is nothing but the name.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class ProvisioningPlugin(AirflowPlugin):
    """The portal's door and the pages. Their rights are those of `provisioner.web.rights`."""

    name = "provisioning"
    # Airflow shows each in a frame: one in its navigation, one as a tab of every DAG run.
    external_views: ClassVar[list[dict[str, str]]] = [
        {
            "name": "Provisioning",
            "href": "/provisioning/",
            "destination": "nav",
            "category": "browse",
            "url_route": "provisioning",
        },
        {
            "name": "Provisioning",
            "href": "/provisioning/runs/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "provisioning-run",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Return the app, made once a process."""
        from provisioner.web.app import (
            PREFIX,
            make_app,
        )  # here: FastAPI and our adapters, for the API server alone

        return [{"app": make_app(), "url_prefix": PREFIX, "name": self.name}]

"""Write the portal's OpenAPI file from the app: `python -m provisioner.web.openapi` (`make openapi`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from fastapi.openapi.utils import get_openapi

from provisioner.web import authenticate
from provisioner.web.app import PREFIX

FILE = Path(__file__).resolve().parents[3] / "include" / "authenticate-api.yaml"
ABOUT = """\
A portal asks whether a subscriber may order, and gets a token with which viewing can start.
docs/authentication.md has a working call. Made from the app by `make openapi`; a test holds it equal."""
# Airflow's own dependency also describes its log-in form, which is not a portal's way.
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "POST /auth/token gives one.",
}


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the portal's route."""
    made = get_openapi(
        title="Authenticate subscribers before they order",
        version="1.0.0",
        description=ABOUT,
        routes=authenticate.router.routes,
    )
    made["paths"] = {PREFIX + path: operations for path, operations in made["paths"].items()}
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["securitySchemes"] = {"AirflowToken": BEARER}
    for operations in made["paths"].values():
        for operation in operations.values():
            operation["security"] = [{"AirflowToken": []}]
    return made


def as_text() -> str:
    """Return the document as it stands in the file."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    FILE.write_text(as_text(), encoding="utf-8")
    print(f"wrote {FILE}")

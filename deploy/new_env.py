"""Print a .env for docker-compose.yaml: .env.example with random secrets. `python3 deploy/new_env.py > .env`

What only you can know (TUCANO_HOST, TUCANO_USER, TUCANO_PASSWORD) stays empty, and docker-compose asks for it.
Needs nothing but Python 3.
"""

from __future__ import annotations

import base64
import re
import secrets
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / ".env.example"

# Given by the platform's operator, so that a random value would only hide that it is missing.
GIVEN = ("TUCANO_HOST", "TUCANO_USER", "TUCANO_PASSWORD")
# Empty but while a key is changed.
EMPTY = ("TUCANO_JWT_PREVIOUS_SECRET",)


def new_secret(name: str) -> str:
    """Return a random value fit for the variable *name*: letters and digits, or a Fernet key."""
    if name == "AIRFLOW_FERNET_KEY":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    # 64 bytes, the length of the hash that signs Airflow's tokens; for a password half of it is plenty.
    return secrets.token_hex(64 if name.endswith("_SECRET") else 24)


def fill(example: str) -> str:
    """Return *example* with a random value for each variable that has none, save the GIVEN and the EMPTY ones."""
    return re.sub(
        r"^([A-Z][A-Z0-9_]*)=$",
        lambda line: line[0] if line[1] in (*GIVEN, *EMPTY) else f"{line[1]}={new_secret(line[1])}",
        example,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    print(fill(EXAMPLE.read_text()), end="")

"""Fill an empty CRM database with the demo CRM, once: `python -m demo.crm.seed_once` (docker-compose, profile demo).

Environment: CRM_DSN, the database as crm_owner; DEMO_SUBSCRIPTIONS, how many (2000).
"""

from __future__ import annotations

import os
import sys

import psycopg

from demo.crm import generate


def main() -> int:
    """Return the exit code; a database that holds the demo CRM already is left as it is."""
    dsn = os.environ.get("CRM_DSN")
    if dsn and _is_seeded(dsn):
        print("the demo CRM is there already")
        return 0
    return generate.main(["--subscriptions", os.environ.get("DEMO_SUBSCRIPTIONS", "2000")])


def _is_seeded(dsn: str) -> bool:
    with psycopg.connect(dsn) as db:
        # The tables come in one transaction, so that a schema means a whole CRM.
        return db.execute("SELECT to_regnamespace('crm') IS NOT NULL").fetchone() == (True,)


if __name__ == "__main__":
    sys.exit(main())

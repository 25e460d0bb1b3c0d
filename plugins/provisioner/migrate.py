"""Bring a provisioning database to the newest schema: `python -m provisioner.migrate`.

Roles are made once by an administrator (`create_roles`), tables by their owner (`migrate`), forward only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SCHEMA_FOLDER = Path(__file__).resolve().parents[2] / "include" / "sql" / "schema"

ROLES = ("provisioning_owner", "archivist", "provisioner", "pages", "data_team")


def create_roles(admin_dsn: str, passwords: dict[str, str]) -> list[str]:
    """Create the roles that are missing and let provisioning_owner own the database of *admin_dsn*.

    *passwords* maps a role to its password; a missing role without one cannot log in. A role that exists keeps
    its password. Returns the roles that were made. Needs CREATEROLE, and ownership of the database.
    """
    made = []
    with psycopg.connect(admin_dsn, autocommit=True) as db:
        existing = {
            name
            for (name,) in db.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(ROLES)])
        }
        for role in ROLES:
            if role in existing:
                continue
            login = (
                sql.SQL("LOGIN PASSWORD {}").format(_hashed(db, role, passwords[role]))
                if role in passwords
                else sql.SQL("NOLOGIN")
            )
            db.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), login))
            made.append(role)
        database = sql.Identifier(db.info.dbname)
        # The owner hands the request log to archivist, so it must be able to act as that role.
        db.execute("GRANT archivist TO provisioning_owner")
        db.execute(
            sql.SQL("GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {} TO provisioning_owner").format(database)
        )
        db.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role in ROLES[1:]:
            db.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                    database, sql.Identifier(role)
                )
            )
        db.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        db.execute("GRANT USAGE, CREATE ON SCHEMA public TO provisioning_owner, archivist")
        db.execute("GRANT USAGE ON SCHEMA public TO provisioner, pages, data_team")
    return made


def _hashed(db: psycopg.Connection[Any], role: str, password: str) -> str:
    # Hashed here, so that the server's log of a failed statement cannot show it.
    return db.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def migrate(owner_dsn: str) -> str:
    """Apply the migrations that are missing, each in a transaction of its own; return the version reached.

    Two migrations at once are safe: the second waits for the first and then finds nothing to do.
    """
    # Imported here: SQLAlchemy takes a second, and only a migration needs it.
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCHEMA_FOLDER))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(owner_dsn), poolclass=sqlalchemy.NullPool
    )
    with psycopg.connect(owner_dsn, autocommit=True) as lock, engine.connect() as connection:
        lock.execute("SELECT pg_advisory_lock(hashtextextended('provisioner.migrate', 0))")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return version(owner_dsn)


def version(dsn: str) -> str:
    """Return the schema version of a database, or '' where there is none."""
    with psycopg.connect(dsn) as db:
        if db.execute("SELECT to_regclass('public.schema_version')").fetchone() == (None,):
            return ""
        row = db.execute("SELECT version_num FROM schema_version").fetchone()
        return row[0] if row else ""


def newest_version() -> str:
    """Return the version that this code expects."""
    return max(path.name[:4] for path in (SCHEMA_FOLDER / "versions").glob("[0-9]*.py"))


if __name__ == "__main__":
    dsn = os.environ.get("PROVISIONING_OWNER_DSN")
    if not dsn:
        sys.exit(
            "PROVISIONING_OWNER_DSN is not set: give the provisioning database as its owner (docs/deploy.md)"
        )
    print(f"provisioning database is at schema version {migrate(dsn)}")

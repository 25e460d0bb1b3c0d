"""Make the three databases and their roles, or bring them up to date: `python deploy/create_databases.py`.

Runs before every start of docker-compose.yaml and once by hand on a server of your own (docs/deploy.md). It is
the only part that is given the superuser: Airflow and the tasks never see that password. A role's password is
set to what the environment says each time, so that a changed .env is a changed password.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from provisioner import migrate

# Role -> the variable that holds its password. None of them may create roles or databases, or see all tables.
PASSWORD_VARIABLES = {
    "airflow": "AIRFLOW_DB_PASSWORD",
    "crm_owner": "CRM_OWNER_PASSWORD",
    "crm_reader": "CRM_READER_PASSWORD",
    "provisioning_owner": "PROVISIONING_OWNER_PASSWORD",
    "archivist": "ARCHIVIST_PASSWORD",
    "provisioner": "PROVISIONER_PASSWORD",
    "pages": "PAGES_PASSWORD",
    "data_team": "DATA_TEAM_PASSWORD",
}
# Database -> the role that owns it; None stays with the superuser, who grants what migrate.create_roles says.
OWNERS: dict[str, str | None] = {"airflow": "airflow", "crm": "crm_owner", "provisioning": None}

# These passwords are written into connection URIs and JSON as they are: no character may need an escape there.
PASSWORD_PATTERN = re.compile(r"[A-Za-z0-9_-]{16,}")


class DeploymentError(Exception):
    """The environment cannot be deployed with; the message names the variable and the cure."""


def read_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Return each role's password. Raises DeploymentError naming every variable that is missing or unfit."""
    unfit = [
        variable
        for variable in PASSWORD_VARIABLES.values()
        if not PASSWORD_PATTERN.fullmatch(environment.get(variable, ""))
    ]
    if unfit:
        raise DeploymentError(
            f"{', '.join(unfit)}: set at least 16 letters, digits, '-' or '_' "
            "(`python3 deploy/new_env.py` writes a .env with random ones)"
        )
    return {role: environment[variable] for role, variable in PASSWORD_VARIABLES.items()}


def create_databases(admin_dsn: str, passwords: Mapping[str, str]) -> list[str]:
    """Create what is missing of roles and databases, set every password, return the databases that were made.

    *admin_dsn* is a superuser's, of any database. Doing it again changes nothing but the passwords.
    """
    with psycopg.connect(admin_dsn, autocommit=True) as db:
        for role, password in passwords.items():
            _set_password(db, role, password)
        # A second belt: the extraction opens read-only sessions, this makes every session of the role one.
        db.execute("ALTER ROLE crm_reader SET default_transaction_read_only = on")
        existing = {name for (name,) in db.execute("SELECT datname FROM pg_database")}
        missing = [name for name in OWNERS if name not in existing]
        for name in missing:
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        for name, owner in OWNERS.items():
            database = sql.Identifier(name)
            if owner is not None:
                db.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(owner)))
            # By default every role may connect to every database and fill its temporary space.
            db.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        db.execute("GRANT CONNECT ON DATABASE crm TO crm_reader")
    migrate.create_roles(make_conninfo(admin_dsn, dbname="provisioning"), {})
    return missing


def _set_password(db: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    exists = db.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None
    # Hashed here: a statement that fails or is slow is logged by the server, with the password in it.
    verifier = db.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
    verb = sql.SQL("ALTER" if exists else "CREATE")
    db.execute(statement.format(verb, sql.Identifier(role), sql.Literal(verifier)))


def main() -> str | None:
    """Return what went wrong, for sys.exit, or None."""
    admin_dsn = os.environ.get("POSTGRES_ADMIN_DSN")
    if not admin_dsn:
        return "POSTGRES_ADMIN_DSN is not set: give the server as its superuser (docs/deploy.md)"
    try:
        made = create_databases(admin_dsn, read_passwords(os.environ))
    except DeploymentError as error:
        return str(error)
    print(f"databases made: {', '.join(made) or 'none, all were there'}; roles and passwords are up to date")
    return None


if __name__ == "__main__":
    sys.exit(main())

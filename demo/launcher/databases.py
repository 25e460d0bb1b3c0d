"""The roles and databases of the platform on a server of our own: what an administrator does once by hand."""

from __future__ import annotations

import secrets

import psycopg

from demo.launcher.administration import Postgres
from provisioner import migrate

CRM_ROLES = ("crm_owner", "crm_reader")


def prepare_roles(postgres: Postgres, passwords: dict[str, str] | None = None) -> dict[str, str]:
    """Create every role of the CRM and of the provisioning database that may log in; return their passwords.

    A role that is not in *passwords* gets a random one. A role that exists is given the password too.
    """
    roles = {role: secrets.token_hex(16) for role in (*CRM_ROLES, *migrate.ROLES)} | (passwords or {})
    for role, password in roles.items():
        postgres.create_role(role, password)
    with psycopg.connect(postgres.admin_dsn(), autocommit=True) as db:
        db.execute("ALTER ROLE crm_reader SET default_transaction_read_only = on")
    return roles


def prepare_crm(postgres: Postgres, name: str, template: str | None = None) -> None:
    """Create the CRM's database, owned by crm_owner; the roles exist."""
    postgres.create_database(name, template=template, owner="crm_owner")
    with psycopg.connect(postgres.admin_dsn(name), autocommit=True) as db:
        db.execute("GRANT USAGE, CREATE ON SCHEMA public TO crm_owner")


def prepare_provisioning(postgres: Postgres, name: str, template: str | None = None) -> None:
    """Create the provisioning database with its rights and, unless it is a copy of *template*, its tables."""
    postgres.create_database(name, template=template)
    # Also for a copy: rights on a database are not copied with it.
    migrate.create_roles(postgres.admin_dsn(name), {})
    if template is None:
        migrate.migrate(postgres.dsn(name, "provisioning_owner"))

"""What an administrator does on a PostgreSQL server: roles and databases, made and dropped."""

from __future__ import annotations

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from demo.launcher.processes import LOOPBACK

SUPERUSER = "postgres"


class Postgres:
    """A PostgreSQL server that runs, and a user of it who may create databases.

    *passwords* are those of the roles that `dsn` can be asked for, by role name.
    """

    def __init__(self, admin_dsn: str) -> None:
        """Take the server of *admin_dsn*, a libpq URI or key=value string."""
        parts = conninfo_to_dict(admin_dsn)
        self.host = str(parts.get("host") or LOOPBACK)
        self.port = int(parts.get("port") or 5432)
        self.admin = str(parts.get("user") or SUPERUSER)
        self.passwords: dict[str, str] = {self.admin: str(parts.get("password") or "")}

    def dsn(self, dbname: str, user: str | None = None) -> str:
        """Return the URI of a database for *user* (default: the admin)."""
        name = user or self.admin
        return f"postgresql://{name}:{self.passwords[name]}@{self.host}:{self.port}/{dbname}"

    def admin_dsn(self, dbname: str = SUPERUSER) -> str:
        """Return the URI of a database for the user who may create databases."""
        return self.dsn(dbname)

    def create_role(self, name: str, password: str) -> None:
        """Create a role that may log in, or give an existing one this password."""
        verb = "ALTER" if self._exists("SELECT 1 FROM pg_roles WHERE rolname = %s", name) else "CREATE"
        self._run(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}", sql.Identifier(name), sql.Literal(password))
        self.passwords[name] = password

    def create_database(self, name: str, template: str | None = None, owner: str | None = None) -> None:
        """Create a database, as a copy of *template* (nobody may be connected to it) and owned by *owner*."""
        statement = "CREATE DATABASE {} TEMPLATE {}"
        names = [sql.Identifier(name), sql.Identifier(template or "template1")]
        if owner is not None:
            statement += " OWNER {}"
            names.append(sql.Identifier(owner))
        if template is not None:
            statement += " STRATEGY FILE_COPY"  # half the time of WAL_LOG for a database of many tables
        self._run(statement, *names)

    def has_database(self, name: str) -> bool:
        """Say whether a database of that name exists."""
        return self._exists("SELECT 1 FROM pg_database WHERE datname = %s", name)

    def rename_database(self, name: str, new_name: str) -> None:
        """Rename a database; nobody may be connected to it."""
        self._run("ALTER DATABASE {} RENAME TO {}", sql.Identifier(name), sql.Identifier(new_name))

    def drop_database(self, name: str) -> None:
        """Drop a database, ending whatever is still connected to it; nothing happens if it does not exist."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))

    def _exists(self, query: str, name: str) -> bool:
        with psycopg.connect(self.admin_dsn(), autocommit=True) as connection:
            return connection.execute(query.encode(), (name,)).fetchone() is not None

    def _run(self, statement: str, *parts: sql.Composable) -> None:
        with psycopg.connect(self.admin_dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*parts))

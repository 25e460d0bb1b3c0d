"""Alembic environment: runs the forward-only migrations beside it in one transaction each.

The connection is handed in by `provisioner.migrate`; there is no ini file and so no place for a password.
"""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    transaction_per_migration=True,
    version_table="schema_version",
)
with context.begin_transaction():
    context.run_migrations()

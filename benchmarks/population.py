"""A demo CRM of any size, landed, and known state that is almost in step with it."""

from __future__ import annotations

from typing import Any

from benchmarks.bars import Tell
from benchmarks.ground import Database, Ground, one
from demo.crm import generate
from demo.launcher.postgres import PostgresServer
from provisioner.steps import extract, prove_extract


class Population:
    """A base of subscribers in which 0.74 % of the accounts are not as the CRM wants them.

    *batch_id* is the batch of the last landing of all, *different* how many accounts were made to differ.
    """

    def __init__(self, postgres: PostgresServer, accounts: int, tell: Tell) -> None:
        """Make CRM, landing and known state; a million accounts take some minutes."""
        self.accounts = accounts
        self.ground = Ground(postgres, "population")
        tell(f"making a demo CRM of {accounts:,} subscriptions")
        generate.create(postgres.dsn(self.ground.crm_name, "crm_owner"), subscriptions=accounts)
        tell("landing it with the shipped extract")
        self.batch_id = self.land()
        tell("making known state of it, in which 0.74 % of the accounts differ")
        with self.database() as db:
            one(db, "fill_known_state")
            (self.different,) = one(db, "count_different")
        self.ground.settle()

    def database(self) -> Database:
        """Connect to the provisioning database; the caller closes."""
        return self.ground.admin(self.ground.provisioning_name)

    def land(self, parameters: dict[str, Any] | None = None) -> int:
        """Extract the CRM for a new batch, or what the filters in *parameters* keep; return its number."""
        batch_id = self.ground.open_batch(parameters)
        connections = self.ground.connections()
        extract.run(connections, batch_id)
        prove_extract.run(connections, batch_id)
        return batch_id

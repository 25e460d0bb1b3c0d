"""The stage of the reset run's tests: a CRM without subscribers, an empty provisioning database, a platform.

What was sent is read from the platform's own ledger and state, never from our log alone.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml

from demo.launcher.administration import Postgres
from provisioner.adapters.batches import Chunk
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import detect, extract, guard, load_provider, plan, prove_extract, reset_run
from tests.simulator_process import SimulatorProcess

# Of the small base of a test: a platform that answers at once, and a few accounts that are a large share.
TEST_SETTINGS = {
    "requests_per_second": 20_000,
    "rejected_rows_share": 1.0,
    "rejections_share": 1.0,
    "provider_change_share": 1.0,
}

# Over all stages of a session, since they share one platform.
_subscription_numbers = itertools.count(9_000_000_001)  # beyond those of the generator
# Further apart than renew_request_numbers() jumps, and beyond the numbers that test_database_restored.py makes up.
_request_numbers = itertools.count(1_000_000_000, 25_000_000)
_runs = itertools.count(1)


@dataclass(kw_only=True)
class Stage:
    """Everything that a reset run touches, and how a test looks at it.

    *crm* is open as crm_owner, who may act; *db* as provisioner; both commit by themselves. *provider* is the
    document that becomes the provider file of the next run.
    """

    connections: Connections
    crm_dsn: str = field(repr=False)
    crm: psycopg.Connection[Any]
    db: psycopg.Connection[Any]
    platform: SimulatorProcess
    provider_file: Path
    provider: dict[str, Any] = field(default_factory=dict)
    ledger_before: int = 0

    def begin(self) -> None:
        """Turn to a new page: nothing sent yet, the provider file as it is shipped, at a test's speed."""
        self.provider = yaml.safe_load(load_provider.PROVIDER_FILE.read_text(encoding="utf-8"))
        self.provider["settings"] |= TEST_SETTINGS
        self.forget_sent()

    # -- the CRM --------------------------------------------------------------------------------

    def act(
        self, behaviour: str, number: str, *, through: psycopg.Connection[Any] | None = None, **details: Any
    ) -> None:
        """Let the CRM do *behaviour* to a subscription; *through* a connection whose transaction stays open."""
        (through or self.crm).execute(
            "SELECT crm.act(%s, %s, %s, 'tester')",
            (behaviour, number, json.dumps(details, ensure_ascii=False)),
        )

    def next_number(self) -> str:
        """Return the number of a subscription that there has not been in this session."""
        return f"S{next(_subscription_numbers):010d}"

    def subscriber(
        self,
        *services: str | dict[str, Any],
        boxes: dict[str, str] | None = None,
        at: tuple[str, ...] = ("VP1",),
        number: str | None = None,
        **details: Any,
    ) -> str:
        """Let somebody become a subscriber with *services* at *at*; return the number, which is the account.

        *boxes* are serial numbers by distributor; each has one at VP1 unless told otherwise.
        """
        number = number or self.next_number()
        given = [{"code": one, "distributors": list(at)} if isinstance(one, str) else one for one in services]
        placed = {"VP1": f"BOX-{number}"} if boxes is None else boxes
        items = [
            {"serial_number": serial, "type": "STB_HD", "distributor": place}
            for place, serial in placed.items()
        ]
        self.act(
            "BECOMESUBSCRIBER",
            number,
            **{"account": {"name": f"Ada {number}"}, "services": given, "items": items, **details},
        )
        return number

    # -- the run --------------------------------------------------------------------------------

    def set(self, **settings: Any) -> None:
        """Change settings of the provider file."""
        self.provider["settings"] |= settings

    def open(self, **parameters: Any) -> int:
        """Open the batch of a new run and load the provider file into it."""
        batch_id = reset_run.open_batch_of_run(self.connections, self.next_run(), parameters)
        load_provider.run(self.connections, batch_id, self.write_provider())
        return batch_id

    def run(self, **parameters: Any) -> dict[str, int]:
        """Do a whole reset run; return its counts or raise RunFailed."""
        return reset_run.run_all(
            self.connections, self.next_run(), parameters, provider_file=self.write_provider()
        )

    def guarded(self, **parameters: Any) -> tuple[int, list[Chunk]]:
        """Do a run up to the guard; return its batch and the chunks that it lets go."""
        batch_id = self.open(**parameters)
        for step in (extract, prove_extract, detect, plan):
            step.run(self.connections, batch_id)
        return batch_id, guard.run(self.connections, batch_id)

    def next_run(self) -> reset_run.Run:
        """Return a run that nobody asked for before."""
        return reset_run.Run(run_id=f"night {next(_runs)}", requested_by="tester")

    def environment(self, work: str, **told: object) -> dict[str, str]:
        """Return what a process that does *work* on this stage has to be told (worker.py)."""
        ours = self.connections
        return {
            "WORK": work,
            "PROVISIONING_DSN": ours.provisioning_dsn,
            "CRM_DSN": ours.crm_dsn,
            "TUCANO_URL": ours.tucano.url,
            "TUCANO_USER": ours.tucano.user,
            "TUCANO_PASSWORD": ours.tucano.password,
            "RUN_ID": self.next_run().run_id,
            "PROVIDER_FILE": str(self.write_provider()),
        } | {name: str(value) for name, value in told.items()}

    def write_provider(self) -> Path:
        """Write the provider file as it stands now."""
        self.provider_file.write_text(yaml.safe_dump(self.provider), encoding="utf-8")
        return self.provider_file

    # -- what came of it ------------------------------------------------------------------------

    def ledger(self, account: str | None = None) -> list[dict[str, Any]]:
        """What the platform received in this test, of one account or of all."""
        entries = self.platform.ledger(after=self.ledger_before)
        return [entry for entry in entries if account in (None, entry["account"])]

    def sent(self, account: str | None = None) -> list[str]:
        """The platform's ledger, each request as the decisions write it: ADD_MATERIAL(VP1, S)."""
        return [as_written(entry) for entry in self.ledger(account)]

    def forget_sent(self) -> None:
        """Begin a new page: `ledger` and `sent` give what comes from here on."""
        entries = self.platform.ledger(after=self.ledger_before)
        self.ledger_before = entries[-1]["n"] if entries else self.ledger_before

    def holds(self, account: str) -> dict[str, Any]:
        """What the platform holds for *account*: options and boxes as 'VP1:CODE', None if it does not exist."""
        state = self.platform.account(account)
        return {
            "exists": state["exists"],
            "options": sorted(f"{one['distributor']}:{one['option']}" for one in state["options"]),
            "boxes": sorted(f"{one['distributor']}:{one['serial_number']}" for one in state["materials"]),
        }

    def known(self, account: str) -> dict[str, Any]:
        """What we know of *account*, in the shape of `holds`."""
        row = self.db.execute(
            "SELECT account_exists, options, material_places(materials) FROM known_state WHERE account = %s",
            (account,),
        ).fetchone() or (False, [], [])
        return {"exists": row[0], "options": row[1], "boxes": row[2]}

    def log(self, account: str) -> list[tuple[Any, ...]]:
        """Our log of an account, in the order of closing: (command, state, error code)."""
        return self.rows(
            "SELECT command, state, error_code FROM request_log WHERE account = %s ORDER BY log_number",
            account,
        )

    def ending(self, account: str) -> tuple[str | None, str | None]:
        """How the last batch left *account*: (outcome, explanation)."""
        found = self.rows(
            "SELECT outcome, explanation FROM batch_item WHERE account = %s ORDER BY batch_id DESC LIMIT 1",
            account,
        )
        return found[0] if found else (None, None)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the provisioning database."""
        return self.db.execute(query.encode(), parameters or None).fetchall()


def as_written(entry: dict[str, Any]) -> str:
    """Return a ledger entry in the words of the decisions."""
    given = entry["parameters"]
    if entry["command"] == "CREATE_ACCOUNT":
        return "CREATE_ACCOUNT"
    what = f"[{', '.join(given['options'])}]" if "options" in given else given["serial_number"]
    return f"{entry['command']}({given['distributor']}, {what})"


@contextmanager
def opened(
    postgres: Postgres,
    crm: str,
    provisioning: str,
    platform: SimulatorProcess,
    *,
    crm_server: Postgres | None = None,
) -> Iterator[Stage]:
    """Open the stage of two databases and a platform; the CRM may be on another server."""
    crm_server = crm_server or postgres
    with psycopg.connect(postgres.dsn(provisioning, "provisioning_owner")) as owner:
        owner.execute(b"ALTER SEQUENCE request_sequence RESTART %d" % next(_request_numbers))
    with (
        psycopg.connect(crm_server.dsn(crm, "crm_owner"), autocommit=True) as crm_db,
        psycopg.connect(postgres.dsn(provisioning, "provisioner"), autocommit=True) as db,
        tempfile.TemporaryDirectory(prefix="stage-") as folder,
    ):
        stage = Stage(
            connections=Connections(
                provisioning_dsn=postgres.dsn(provisioning, "provisioner"),
                crm_dsn=crm_server.dsn(crm, "crm_reader"),
                tucano=Endpoint(url=platform.url, user=platform.user, password=platform.password),
            ),
            crm_dsn=postgres.dsn(crm, "crm_owner"),
            crm=crm_db,
            db=db,
            platform=platform,
            provider_file=Path(folder, "provider.yaml"),
        )
        stage.begin()
        yield stage

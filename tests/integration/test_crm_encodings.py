"""A CRM in another encoding than ours: names come as they are meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from demo.crm import install
from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_provisioning
from tests.integration.conftest import unique
from tests.integration.stage import Stage, opened
from tests.simulator_process import SimulatorProcess


@pytest.fixture
def elsewhere(
    postgres: Postgres, provisioning_template: str, shared_platform: SimulatorProcess
) -> Iterator[Stage]:
    """A stage whose CRM is a database in LATIN1."""
    crm, provisioning = unique("crm"), unique("provisioning")
    with closing(psycopg.connect(postgres.admin_dsn(), autocommit=True)) as db:
        db.execute(
            f"CREATE DATABASE {crm} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 OWNER crm_owner".encode()
        )
    with psycopg.connect(postgres.dsn(crm, "crm_owner"), client_encoding="utf8") as db:
        install.create_tables(db)
        install.tie_up(db)
    prepare_provisioning(postgres, provisioning, provisioning_template)
    with opened(postgres, crm, provisioning, shared_platform) as stage:
        yield stage
    postgres.drop_database(crm)
    postgres.drop_database(provisioning)


def test_a_name_with_an_accent_is_read_from_a_crm_of_another_encoding(elsewhere: Stage) -> None:
    number = elsewhere.subscriber("NEWS", boxes={})
    elsewhere.crm.execute(b"UPDATE crm.accounts SET name = E'Jos\\xe9'")  # the byte that it is in LATIN1

    counts = elsewhere.run()

    assert (counts["out_of_sync_after"], counts["rows_rejected"]) == (0, 0)
    created = elsewhere.ledger(number)[0]
    assert created["parameters"]["name"] == "Jos\u00e9"

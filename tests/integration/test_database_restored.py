"""The provisioning database is put back to a backup: what Tucano saw since is seen by nobody else's number again.

The backup is a copy of the real database; the platform and its memory of request numbers go on as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_crm, prepare_provisioning
from provisioner.core.errors import PlatformUnavailable
from provisioner.steps import close_batch, verify_known_state
from tests.integration.conftest import unique
from tests.integration.stage import Stage, opened
from tests.simulator_process import SimulatorProcess


@pytest.fixture
def databases(
    postgres: Postgres, bare_crm_template: str, provisioning_template: str
) -> Iterator[tuple[str, str, str]]:
    """A CRM, a provisioning database, and the name of its backup, which is made later."""
    crm, provisioning, backup = unique("crm"), unique("provisioning"), unique("backup")
    prepare_crm(postgres, crm, bare_crm_template)
    prepare_provisioning(postgres, provisioning, provisioning_template)
    yield crm, provisioning, backup
    for name in (crm, provisioning, backup):
        postgres.drop_database(name)


@contextmanager
def at_work(postgres: Postgres, crm: str, provisioning: str, platform: SimulatorProcess) -> Iterator[Stage]:
    """A stage that draws its request numbers where the database left them."""
    owner = postgres.dsn(provisioning, "provisioning_owner")
    with psycopg.connect(owner) as db:
        (following,) = db.execute("SELECT last_value + is_called::int FROM request_sequence").fetchone() or (
            0,
        )
    with opened(postgres, crm, provisioning, platform) as stage:
        with psycopg.connect(owner) as db:
            db.execute(f"ALTER SEQUENCE request_sequence RESTART {following}".encode())
        yield stage


@pytest.fixture
def restored(
    postgres: Postgres, databases: tuple[str, str, str], shared_platform: SimulatorProcess
) -> Iterator[tuple[Stage, list[str]]]:
    """A stage on a restored database, and four accounts that were new and two that were ended since the backup."""
    crm, provisioning, backup = databases
    with opened(postgres, crm, provisioning, shared_platform) as stage:
        ended = [stage.subscriber("GEOLOGICAL") for _ in range(2)]
        stage.run()
    prepare_provisioning(postgres, backup, provisioning)
    with at_work(postgres, crm, provisioning, shared_platform) as stage:
        new = [stage.subscriber("GEOLOGICAL") for _ in range(4)]
        for number in ended:
            stage.act("TERMINATE_SUBSCRIPTION", number)
        stage.run()
    with at_work(postgres, crm, backup, shared_platform) as stage:
        # A request that Tucano has seen comes under the number of another one.
        stage.subscriber("RELIGION")
        stage.forget_sent()
        yield stage, [*new, *ended]


def summary(stage: Stage) -> str:
    ((said,),) = stage.rows("SELECT summary FROM batch ORDER BY batch_id DESC LIMIT 1")
    return str(said)


def renew(stage: Stage) -> dict[str, object]:
    return verify_known_state.run(stage.connections, stage.next_run(), {"renew_request_numbers": True})


def test_a_run_that_meets_its_own_numbers_stops_and_says_what_to_do(
    restored: tuple[Stage, list[str]],
) -> None:
    stage, accounts = restored
    before = {account: stage.holds(account) for account in accounts}

    with pytest.raises(
        close_batch.RunFailed, match=r"put back to a backup\? Trigger tucano_verify_known_state"
    ):
        stage.run()

    assert {account: stage.holds(account) for account in accounts} == before
    assert not any(entry["applied"] for entry in stage.ledger())
    codes = {code for (code,) in stage.rows("SELECT error_code FROM request_log WHERE state = 'REJECTED'")}
    assert codes <= {"HTTP_409", "NUMBER_USED_BEFORE", "SUPERSEDED", "EARLIER_REQUEST_REJECTED"}


def test_with_new_numbers_the_next_run_brings_all_in_step_and_doubles_nothing(
    restored: tuple[Stage, list[str]],
) -> None:
    stage, accounts = restored
    with pytest.raises(close_batch.RunFailed):
        stage.run()
    stage.rows("UPDATE claim SET until = now() - interval '1 s' RETURNING account")
    used = {entry["request_number"] for entry in stage.platform.ledger()}

    renewed = renew(stage)
    stage.forget_sent()
    stage.run()

    assert stage.rows("SELECT request_number FROM open_request") == []
    sent = {entry["request_number"] for entry in stage.ledger()}
    assert sent and not sent & used, "no number that Tucano has seen"
    assert min(sent) >= f"PR-{renewed['first_new_number']:010d}"
    assert not any(entry["applied"] for entry in stage.ledger() if entry["account"] in accounts), "all was so"
    for account in accounts:
        assert stage.known(account) == stage.holds(account)
    assert verify_known_state.run(stage.connections, stage.next_run(), {})["differences"] == 0
    stage.forget_sent()
    stage.run()
    assert stage.sent() == []


def test_an_answer_that_was_given_before_the_backup_was_put_back_is_not_believed(
    postgres: Postgres, databases: tuple[str, str, str], shared_platform: SimulatorProcess
) -> None:
    crm, provisioning, backup = databases
    prepare_provisioning(postgres, backup, provisioning)
    with at_work(postgres, crm, provisioning, shared_platform) as stage:
        move_numbers(postgres, (provisioning, backup))
        number = stage.subscriber("GEOLOGICAL")
        stage.run()
        stage.act("DEACTIVATE_SUBSCRIPTION", number)
        stage.run()
    with at_work(postgres, crm, backup, shared_platform) as stage:
        # The very requests of the first time, under their numbers: Tucano repeats its answers and does nothing.
        stage.act("ACTIVATESUBSCRIPTION", number)
        with pytest.raises(close_batch.RunFailed, match="put back to a backup"):
            stage.run()
        assert stage.holds(number)["options"] == []
        assert stage.log(number)[0] == ("CREATE_ACCOUNT", "REJECTED", "NUMBER_USED_BEFORE")

        renew(stage)
        stage.run()

        assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL"], "or a subscriber who pays sees nothing"
        assert stage.known(number) == stage.holds(number)


def move_numbers(postgres: Postgres, names: tuple[str, ...]) -> None:
    """Let databases draw the same request numbers, which nobody else on the shared platform has drawn."""
    for name in names:
        with psycopg.connect(postgres.dsn(name, "provisioning_owner")) as db:
            db.execute("ALTER SEQUENCE request_sequence RESTART 900000001")


def test_requests_that_never_left_are_planned_anew_under_new_numbers(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.platform.set_faults({"kind": "hang_before", "count": 1, "delay_ms": 1})
    stage.set(unknown_attempts=1)
    with suppress(close_batch.RunFailed):
        stage.run()
    stage.platform.clear_faults()
    of_account = "SELECT request_number FROM open_request WHERE account = %s AND sent_at IS "
    waiting, in_doubt = (stage.rows(of_account + end, number) for end in ("NULL", "NOT NULL"))
    assert waiting and in_doubt

    renew(stage)

    assert stage.rows("SELECT request_number FROM open_request WHERE account = %s", number) == in_doubt
    closed = "SELECT request_number FROM request_log WHERE error_code = 'SUPERSEDED' AND account = %s"
    assert set(stage.rows(closed, number)) == set(waiting)
    stage.set(unknown_attempts=10)
    stage.run()
    assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL"]
    assert stage.known(number) == stage.holds(number)


def test_numbers_are_not_begun_anew_while_somebody_sends(stage: Stage) -> None:
    stage.rows("INSERT INTO claim VALUES ('A', 'somebody', 1, now() + interval '1 min') RETURNING account")

    with pytest.raises(PlatformUnavailable, match="pause the runs that send"):
        renew(stage)

    stage.rows("DELETE FROM claim RETURNING account")

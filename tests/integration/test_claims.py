"""Claims: one writer an account, by the provisioning database's clock, tried from two sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from provisioner.adapters import batches, claims, known_state, request_log
from provisioner.adapters.request_log import Closing
from provisioner.core.model import AccountId, AccountState, RequestState
from provisioner.steps.recorder import write_reports
from provisioner.steps.work import Ending, Report
from tests.factories import options

Session = psycopg.Connection[Any]
HALF_A_MINUTE = timedelta(seconds=30)
A, B, C = AccountId("A"), AccountId("B"), AccountId("C")


@pytest.fixture
def mine(provisioning_db: str) -> Iterator[Session]:
    with psycopg.connect(provisioning_db, autocommit=True) as db:
        yield db


@pytest.fixture
def theirs(provisioning_db: str) -> Iterator[Session]:
    with psycopg.connect(provisioning_db, autocommit=True) as db:
        db.execute("SET lock_timeout = '200ms'")
        yield db


@pytest.fixture
def looking(provisioning_db: str) -> Iterator[Session]:
    with psycopg.connect(provisioning_db, autocommit=True) as db:
        yield db


def take(
    db: Session, *accounts: AccountId, owner: str, lease: timedelta = HALF_A_MINUTE
) -> dict[AccountId, int]:
    return claims.take(db, accounts, owner=owner, lease=lease)


def let_run_out(db: Session) -> None:
    db.execute("UPDATE claim SET until = clock_timestamp() - interval '1 millisecond'")


def test_two_owners_after_the_same_accounts_each_get_what_is_free(mine: Session, theirs: Session) -> None:
    first = take(mine, A, B, owner="me")

    second = take(theirs, B, C, owner="they")

    assert (set(first), set(second)) == ({A, B}, {C})


def test_a_live_claim_is_not_taken_again_by_its_own_owner(mine: Session) -> None:
    take(mine, A, owner="me")

    assert take(mine, A, owner="me") == {}


def test_a_claim_that_ran_out_is_free_under_a_new_token(mine: Session, theirs: Session) -> None:
    old = take(mine, A, owner="me", lease=timedelta(milliseconds=1))
    mine.execute("SELECT pg_sleep(0.01)")

    new = take(theirs, A, owner="they")

    assert new[A] > old[A]


def test_the_end_of_a_claim_is_by_the_databases_clock(mine: Session) -> None:
    take(mine, A, owner="me")

    ((seconds,),) = mine.execute("SELECT extract(epoch FROM until - clock_timestamp()) FROM claim").fetchall()
    assert 29 < seconds <= 30


def test_a_renewal_reaches_every_live_claim_of_the_owner_and_nobody_elses(
    mine: Session, theirs: Session
) -> None:
    tokens = take(mine, A, B, owner="me", lease=timedelta(seconds=5))
    take(theirs, C, owner="they", lease=timedelta(seconds=5))

    renewed = claims.renew(mine, owner="me", lease=HALF_A_MINUTE)

    assert renewed == tokens
    ends = dict(
        mine.execute(
            "SELECT account, extract(epoch FROM until - clock_timestamp()) > 20 FROM claim"
        ).fetchall()
    )
    assert ends == {A: True, B: True, C: False}


def test_a_claim_that_ran_out_is_not_renewed_since_somebody_may_have_been_there(mine: Session) -> None:
    take(mine, A, owner="me")
    let_run_out(mine)

    assert claims.renew(mine, owner="me", lease=HALF_A_MINUTE) == {}


def test_a_claim_that_is_held_cannot_change_hands_before_the_commit(mine: Session, theirs: Session) -> None:
    tokens = take(mine, A, owner="me", lease=timedelta(milliseconds=150))
    with mine.transaction():
        held = claims.hold(mine, tokens)
        mine.execute("SELECT pg_sleep(0.2)")

        with pytest.raises(psycopg.errors.LockNotAvailable):
            take(theirs, A, owner="they")

    assert held == {A}
    assert set(take(theirs, A, owner="they")) == {A}


@pytest.mark.parametrize("lost", ["ran out", "taken by another", "given back"])
def test_a_claim_that_is_lost_does_not_hold(mine: Session, theirs: Session, lost: str) -> None:
    tokens = take(mine, A, owner="me")
    if lost == "given back":
        claims.release(mine, tokens)
    else:
        let_run_out(mine)
    if lost == "taken by another":
        take(theirs, A, owner="they")

    with mine.transaction():
        assert claims.hold(mine, tokens) == set()


def test_giving_back_a_lost_claim_leaves_the_new_owner_his(mine: Session, theirs: Session) -> None:
    mine_once = take(mine, A, owner="me")
    let_run_out(mine)
    take(theirs, A, owner="they")

    claims.release(mine, mine_once)

    assert mine.execute("SELECT owner FROM claim").fetchall() == [("they",)]


@contextmanager
def meanwhile(look: Session, do: Callable[[], object]) -> Iterator[None]:
    """Let *do*, which has to wait for a lock of this test, wait for it; at the end it gets it."""
    with ThreadPoolExecutor(1) as beside:
        doing = beside.submit(do)
        deadline = time.monotonic() + 60
        while look.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
            assert not doing.done(), "it did not wait"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield
        doing.result()


def test_owners_who_want_accounts_in_opposite_order_do_not_deadlock(
    mine: Session, theirs: Session, looking: Session
) -> None:
    theirs.execute("SET lock_timeout = '30s'")
    with ExitStack() as transaction:
        transaction.enter_context(mine.transaction())
        take(mine, A, owner="me")

        with meanwhile(looking, lambda: take(theirs, B, A, owner="they")):
            # They wait at the first account, holding none.
            assert set(take(mine, B, owner="me")) == {B}
            transaction.close()


def test_an_owner_who_renews_and_writes_at_once_does_not_wait_for_himself_in_a_circle(
    mine: Session, theirs: Session, looking: Session
) -> None:
    theirs.execute("SET lock_timeout = '30s'")
    tokens = take(mine, B, owner="me") | take(mine, A, owner="me")
    with ExitStack() as transaction:
        transaction.enter_context(mine.transaction())
        claims.hold(mine, {A: tokens[A]})

        with meanwhile(looking, lambda: claims.renew(theirs, owner="me", lease=HALF_A_MINUTE)):
            assert claims.hold(mine, {B: tokens[B]}) == {B}
            transaction.close()


def a_request(db: Session, account: AccountId) -> tuple[int, int]:
    """A request that has left, of a batch; return both numbers."""
    batch_id = batches.open_batch(
        db, cause="RESET_RUN", run_id="r", requested_by="tester", parameters={}, filtered=False, dry_run=False
    )
    db.execute(
        "INSERT INTO batch_item (batch_id, account, subscription_numbers) VALUES (%s, %s, '{S1}')",
        (batch_id, account),
    )
    db.execute(
        "INSERT INTO open_plan (account, plan_number, batch_id) VALUES (%s, 1, %s)", (account, batch_id)
    )
    db.execute(
        """
        INSERT INTO open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id,
            subscription_number, command, distributor, parameters, body, caused_by, sent_at, attempts)
        VALUES (7, 'PR-7', %s, 1, 1, %s, 'S1', 'ACTIVATE_OPTIONS', 'VP1',
            '{"distributor": "VP1", "options": ["NEWS"]}', '{}', 'test', now(), 1)
        """,
        (account, batch_id),
    )
    return batch_id, 7


def a_report(token: int, sequence_number: int) -> Report:
    return Report(
        account=A,
        token=token,
        closings=[Closing(sequence_number=sequence_number, state=RequestState.COMPLETED, attempts=1)],
        known=AccountState(exists=True, options=options(VP1=["NEWS"])),
        ending=Ending(outcome="COMPLETED"),
        release=True,
    )


def test_an_outcome_is_written_whole_by_whoever_holds_the_claim(mine: Session) -> None:
    batch_id, sequence_number = a_request(mine, A)
    tokens = take(mine, A, owner="me")

    assert write_reports(mine, batch_id, [a_report(tokens[A], sequence_number)]) == {A}

    assert mine.execute("SELECT state FROM request_log").fetchall() == [("COMPLETED",)]
    assert known_state.read(mine, [A])[A].options == options(VP1=["NEWS"])
    assert mine.execute("SELECT outcome FROM batch_item").fetchall() == [("COMPLETED",)]
    assert request_log.read_open(mine, [A]) == {}
    assert mine.execute("SELECT count(*) FROM open_plan").fetchall() == [(0,)]
    assert mine.execute("SELECT count(*) FROM claim").fetchall() == [(0,)]


def test_an_outcome_is_written_not_at_all_by_whoever_lost_the_claim(mine: Session, theirs: Session) -> None:
    batch_id, sequence_number = a_request(mine, A)
    tokens = take(mine, A, owner="me")
    let_run_out(mine)
    take(theirs, A, owner="they")

    assert write_reports(mine, batch_id, [a_report(tokens[A], sequence_number)]) == set()

    assert mine.execute("SELECT count(*) FROM request_log").fetchall() == [(0,)]
    assert known_state.read(mine, [A]) == {}
    assert mine.execute("SELECT outcome FROM batch_item").fetchall() == [(None,)]
    assert mine.execute("SELECT state FROM open_request").fetchall() == [("PENDING",)]
    assert mine.execute("SELECT owner FROM claim").fetchall() == [("they",)]

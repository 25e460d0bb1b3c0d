"""A move that does not prove itself after its commit: the month is given back, recorded, and never half of either."""

from __future__ import annotations

import pytest

from provisioner.adapters import archive
from provisioner.core.retention import NotProven
from provisioner.steps import export_month, move_month, prove_archive
from tests.integration.archive_at_work import Worker
from tests.integration.old_requests import OLD, RUN, OldRequests

JANUARY, FEBRUARY = OLD


@pytest.fixture
def filled(old_requests: OldRequests) -> OldRequests:
    """Two old months with 60 requests of 8 accounts."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    return old_requests


def meddle_at_the_commit(old: OldRequests, statement: str) -> None:
    """Let the commit of a move change something, later than all that the move looks at before it."""
    old.owner.execute(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        f"IF NEW.operation = 'ARCHIVE' THEN {statement}; END IF; RETURN NULL; END $$"
    )
    old.owner.execute(
        "CREATE CONSTRAINT TRIGGER meddling AFTER INSERT ON archive_manifest DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION meddle()"
    )


def manifest(old: OldRequests) -> list[tuple[object, ...]]:
    return old.rows(
        "SELECT operation, tier, checksum_before = checksum_after, verified_at IS NOT NULL, performed_by "
        "FROM archive_manifest WHERE month = %s ORDER BY manifest_number",
        JANUARY.first_day,
    )


GIVEN_BACK = [("ARCHIVE", "cold", False, True, "tester"), ("RETURN", "hot", True, True, "tester")]
CHANGE = (
    "UPDATE request_archive_2026_01 SET body = 'x' "
    "WHERE log_number = (SELECT min(log_number) FROM request_archive_2026_01)"
)


def test_a_month_that_is_not_what_it_was_after_the_commit_is_given_back(filled: OldRequests) -> None:
    meddle_at_the_commit(filled, CHANGE)
    ((before,),) = filled.rows("SELECT count(*) FROM request_log")

    with pytest.raises(NotProven, match="2026-01 is back in the hot log"):
        move_month.run(filled.archive, "2026-01", RUN)

    assert (filled.count("request_archive"), filled.count("request_log")) == (0, before)
    assert manifest(filled) == GIVEN_BACK
    assert filled.rows(
        "SELECT reason LIKE '%%2026-01 had%%' FROM archive_manifest WHERE operation = 'RETURN'"
    ) == [(True,)]


def test_a_month_that_was_given_back_takes_requests_and_can_move_again(filled: OldRequests) -> None:
    meddle_at_the_commit(filled, CHANGE)
    with pytest.raises(NotProven):
        move_month.run(filled.archive, "2026-01", RUN)
    filled.owner.execute("DROP TRIGGER meddling ON archive_manifest")
    filled.fill((JANUARY,), requests=5, seed=9)

    assert move_month.run(filled.archive, "2026-01", RUN)["rows"] > 5

    assert export_month.run(filled.archive, "2026-01", RUN)["rows"] == filled.count("request_archive")
    prove_archive.run(filled.archive)


@pytest.mark.parametrize("failpoint", ["archive.after_commit", "archive.before_commit"])
def test_what_a_dead_task_moved_is_looked_at_by_the_next_one_and_given_back(
    filled: OldRequests, archive_worker: Worker, failpoint: str
) -> None:
    committed = failpoint == "archive.after_commit"
    assert archive_worker.end_at(filled, "move", failpoint) == -9
    filled.owner.execute(CHANGE.encode() if committed else b"SELECT")

    if committed:
        with pytest.raises(NotProven, match="back in the hot log"):
            prove_archive.run(filled.archive)
        assert manifest(filled) == GIVEN_BACK
    else:
        prove_archive.run(filled.archive)
        assert manifest(filled) == []
    assert filled.count("request_archive") == 0
    prove_archive.run(filled.archive)


@pytest.mark.parametrize("failpoint", ["archive.after_attach", "return.before_commit", "return.after_commit"])
def test_killed_while_giving_back_the_next_task_finishes_it(
    filled: OldRequests, archive_worker: Worker, failpoint: str
) -> None:
    assert archive_worker.end_at(filled, "move", "archive.after_commit") == -9
    filled.owner.execute(CHANGE)

    assert archive_worker.end_at(filled, "move", failpoint) == -9  # its look back gives the month back

    with filled.archive.open() as db:
        unfinished = archive.unverified(db)
    if unfinished:
        with pytest.raises(NotProven):
            prove_archive.run(filled.archive)
    assert manifest(filled) == GIVEN_BACK
    assert (filled.count("request_archive"), filled.count("request_log")) == (0, 60)


def test_what_a_run_moved_is_given_back_when_all_of_it_no_longer_adds_up(filled: OldRequests) -> None:
    for month in ("2026-01", "2026-02"):
        move_month.run(filled.archive, month, RUN)
    export_month.run(filled.archive, "2026-02", RUN)
    filled.owner.execute("UPDATE known_state SET options = '{VP9:EXTRA}' WHERE account = 'S0000000002'")

    with pytest.raises(NotProven, match=r"S0000000002.* Given back to the hot log: 2026-01$"):
        prove_archive.run(filled.archive, RUN)

    assert filled.rows("SELECT to_char(closed_at, 'YYYY-MM'), tier FROM request_history GROUP BY 1, 2 ORDER BY 1") == [
        ("2026-01", "hot"), ("2026-02", "cold")
    ]  # fmt: skip

"""Least privilege: what each role may do in the provisioning database, as the catalogue says and as it really ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

# Every right to write, by role; whoever grants another one adds it here with his reason. No role but these writes.
ALL = frozenset({"INSERT", "UPDATE", "DELETE"})
WRITES = {
    "provisioner": {
        "known_state": ALL,
        "claim": ALL,
        "open_plan": ALL,
        "open_request": ALL,
        "batch_item": ALL,
        "sending_rate": ALL,
        "batch": {"INSERT", "UPDATE"},
        "held_removal": {"INSERT", "UPDATE"},
        "release_decision": {"INSERT"},
        "provider_version": {"INSERT"},
        "request_log": {"INSERT"},
        "rejected_row": {"INSERT", "DELETE"},
        "desired_state": {"INSERT", "DELETE", "TRUNCATE"},
        "action_inbox": ALL,
        "removal_minute": ALL,
        "action_cursor": {"INSERT", "UPDATE"},
        "real_time_lane": {"INSERT", "UPDATE"},
    },
    # Of the manifest he may add a row and complete it; its history is the owner's.
    "archivist": {"archive_manifest": {"INSERT", "UPDATE"}},
    # A portal's question is kept, by whoever answers it.
    "pages": {"authentication_attempt": {"INSERT"}},
    "data_team": {},
}
DOCUMENTED_VIEWS = {"request_history", "batch_overview", "archive_manifest", "daily_summary"}


@pytest.fixture
def as_role(
    provisioning_db: str, dsn_as: Callable[[str, str], str]
) -> Callable[[str], psycopg.Connection[Any]]:
    return lambda role: psycopg.connect(dsn_as(provisioning_db, role), autocommit=True)


def granted(db: psycopg.Connection[Any], verbs: str) -> dict[str, set[str]]:
    """What this session's role may do to relations that it does not own, of *verbs*, by relation."""
    found = db.execute(
        """
        SELECT c.relname, verb FROM pg_class c CROSS JOIN unnest(string_to_array(%s, ' ')) AS verb
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND c.relowner <> current_user::regrole
          AND CASE WHEN verb IN ('DELETE', 'TRUNCATE') THEN has_table_privilege(c.oid, verb)
              ELSE has_any_column_privilege(c.oid, verb) END
        """,
        (verbs,),
    ).fetchall()
    rights: dict[str, set[str]] = {}
    for relation, verb in found:
        rights.setdefault(relation, set()).add(verb)
    return rights


@pytest.mark.parametrize("role", WRITES)
def test_a_role_writes_where_it_has_to_and_nowhere_else(as_role, role: str) -> None:
    with as_role(role) as db:
        assert granted(db, "INSERT UPDATE DELETE TRUNCATE") == WRITES[role]


@pytest.mark.parametrize("role", WRITES)
def test_no_role_but_the_owner_makes_or_changes_what_the_migrations_made(as_role, role: str) -> None:
    with as_role(role) as db:
        for statement in (
            "ALTER TABLE known_state ADD COLUMN extra text",
            "DROP TABLE known_state",
            "CREATE INDEX ON known_state (updated_at)",
            "ALTER TABLE open_request DISABLE TRIGGER ALL",
            "DROP FUNCTION is_sorted_set(text[])",
            "TRUNCATE open_request",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)


@pytest.mark.parametrize("role", ["provisioner", "pages", "data_team"])
def test_whoever_works_with_rows_makes_no_tables(as_role, role: str) -> None:
    with as_role(role) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("CREATE TABLE public.mine (n integer)")


def test_the_log_is_append_only_for_the_tasks(as_role) -> None:
    with as_role("provisioner") as db:
        for statement in (
            "UPDATE request_log SET attempts = 0",
            "DELETE FROM request_log",
            "TRUNCATE request_log",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)


def test_a_task_cannot_write_past_the_log_into_one_of_its_partitions(as_role) -> None:
    with as_role("provisioner") as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("INSERT INTO request_log_default SELECT * FROM request_log")


@pytest.mark.parametrize("table", ["known_state", "open_request", "open_plan"])
def test_the_archivist_reads_what_is_compared_and_never_writes_it(as_role, table: str) -> None:
    with as_role("archivist") as db:
        db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        for statement in (
            "DELETE FROM {}",
            "UPDATE {} SET account = account",
            "INSERT INTO {} (account) VALUES ('A')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(sql.SQL(statement).format(sql.Identifier(table)))


def test_the_archivist_owns_the_log_with_all_its_partitions_and_the_archive(as_role) -> None:
    with as_role("archivist") as db:
        strangers = db.execute(
            """
            SELECT c.relname FROM pg_class c WHERE c.relowner <> 'archivist'::regrole
            AND (c.relname IN ('request_log', 'request_archive')
                 OR c.oid IN (SELECT relid FROM pg_partition_tree('request_log')))
            """
        ).fetchall()

    assert strangers == []


def test_the_data_team_reads_the_documented_views_and_nothing_else(as_role) -> None:
    with as_role("data_team") as db:
        assert granted(db, "SELECT") == {view: {"SELECT"} for view in DOCUMENTED_VIEWS}


def test_what_the_data_team_reads_has_no_column_for_a_body_or_an_answer(as_role) -> None:
    with as_role("data_team") as db:
        columns = db.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()

    assert len(columns) > 20
    assert not {name for (name,) in columns} & {"body", "response", "name", "email", "phone", "address"}


def test_pages_read_everything_they_show(as_role) -> None:
    with as_role("pages") as db:
        for table in (
            "known_state",
            "open_request",
            "request_log",
            "batch_item",
            "held_removal",
            "request_history",
        ):
            db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))


def test_nobody_has_a_right_only_by_being_somebody(provisioning_db: str) -> None:
    with psycopg.connect(provisioning_db) as db:
        public = db.execute(
            """
            SELECT c.relname FROM pg_class c, aclexplode(c.relacl) AS a
            WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0
            """
        ).fetchall()

    assert public == []


def test_no_function_with_its_owners_rights_is_open_to_everybody_or_finds_its_way_by_the_callers_path(
    provisioning_db: str,
) -> None:
    with psycopg.connect(provisioning_db) as db:
        functions = db.execute(
            """
            SELECT p.proname, p.proconfig, has_function_privilege('data_team', p.oid, 'EXECUTE')
            FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
            """
        ).fetchall()

    assert {"make_partitions", "analyze_desired_state"} <= {name for name, _, _ in functions}
    assert [
        name for name, settings, _ in functions if "search_path=public, pg_temp" not in (settings or [])
    ] == []
    assert {name for name, _, by_data_team in functions if by_data_team} <= {"state_at"}

"""Invariants are constraints: each one of every table is violated once, and none is left out.

A migration that adds a table or a constraint adds a good row to PREPARED and a statement to VIOLATIONS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from demo.launcher.administration import Postgres
from tests.integration.conftest import unique

SCHEMA_VERSION = "schema_version"  # Alembic's own
PREPARED = """
INSERT INTO provider_version (hash, name, alternative_code, state, document)
    VALUES (repeat('0', 64), 'Tucano', 'TUCANO', 'EFFECTIVE', '{}');
INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', 'night', 'tester');
INSERT INTO known_state (account, account_exists) VALUES ('A', true);
INSERT INTO claim VALUES ('A', 'me', 1, now());
INSERT INTO open_plan (account, plan_number, batch_id) VALUES ('A', 1, 1);
INSERT INTO open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id,
        subscription_number, command, distributor, parameters, body, caused_by, sent_at)
    VALUES (1, 'PR-1', 'A', 1, 1, 1, 'S1', 'ACTIVATE_OPTIONS', 'VP1', '{}', '', 'test', now()),
           (2, 'PR-2', 'A', 1, 2, 1, 'S1', 'SUSPEND_OPTIONS', 'VP1', '{}', '', 'test', NULL);
INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
        parameters, state, caused_by, planned_at, sent_at, closed_at, attempts)
    VALUES (0, 'PR-0', 1, 'S1', 'A', 'ADD_MATERIAL', 'VP1', '{}', 'COMPLETED', 'test', now(), now(), now(), 1);
INSERT INTO batch_item (batch_id, account, subscription_numbers, removals) VALUES (1, 'A', '{S1}', '{box VP1:S1}');
INSERT INTO rejected_row (batch_id, reason, explanation) VALUES (1, 'MALFORMED_ROW', 'why');
INSERT INTO held_removal (batch_id, account, removals) VALUES (1, 'A', '{box VP1:S1}');
INSERT INTO release_decision (batch_id, held_hash, approved, decided_by) VALUES (1, 'h', true, 'nora');
INSERT INTO sending_rate VALUES ('TUCANO');
CREATE TABLE request_archive_2026_01 PARTITION OF request_archive
    FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00');
INSERT INTO request_archive (log_number, sequence_number, request_number, batch_id, subscription_number, account,
        command, distributor, parameters, state, already, caused_by, planned_at, sent_at, closed_at, attempts)
    VALUES (0, 0, 'PR-0', 1, 'S1', 'A', 'ADD_MATERIAL', 'VP1', '{}', 'COMPLETED', false, 'test',
        '2026-01-05 00:00:00+00', '2026-01-05 00:00:00+00', '2026-01-05 00:00:00+00', 1);
INSERT INTO archive_manifest (month, operation, tier, closed_from, closed_to, rows_before, checksum_before, bytes,
        performed_by, run_id)
    VALUES ('2026-01-01', 'ARCHIVE', 'cold', '2026-01-01', '2026-02-01', 1, 1, 1, 'nora', 'month');
INSERT INTO authentication_attempt (asked_by, identifier_kind, identifier_mark, outcome)
    VALUES ('portal', 'SUBSCRIPTION', decode(repeat('00', 32), 'hex'), 'UNKNOWN_IDENTIFIER');
INSERT INTO action_inbox (transaction_reference, action_id, behaviour, subscription_number, performed_by, performed_at)
    VALUES ('T1', 1, 'ADDSERVICE', 'S1', 'nora', now());
INSERT INTO action_cursor (action_id, began_at_action) VALUES (1, 1);
INSERT INTO real_time_lane (owner, started_at, mode) VALUES ('lane', now(), 'LISTEN');
INSERT INTO removal_minute (minute) VALUES ('2026-01-05 00:00:00+00');
INSERT INTO what_if (run_id, requested_by) VALUES ('question', 'nora');
INSERT INTO distrust (account, account_asked, since, batch_id) VALUES ('A', true, now(), 1);
INSERT INTO import_file (sha256, name, kind, batch_id) VALUES (repeat('0', 64), 'old.csv', 'EXPORT', 1);
INSERT INTO forgotten_person (subscription_number, accounts, reason, performed_by, run_id, rows_changed)
    VALUES ('S1', '{A}', 'asked to be', 'nora', 'forget', '{}');
"""

# What may not be, and the statement that tries it. A copy of a row tries its primary key.
VIOLATIONS = {
    "a version that is not named by a hash": "UPDATE provider_version SET hash = 'v1'",
    "a provider that is half effective": "UPDATE provider_version SET state = 'DRAFT'",
    "a version twice": "INSERT INTO provider_version SELECT * FROM provider_version",
    "a batch of a door that does not exist": "UPDATE batch SET cause = 'WHIM'",
    "a batch of a provider version nobody recorded": "UPDATE batch SET provider_hash = repeat('1', 64)",
    "a batch at a stage that does not exist": "UPDATE batch SET stage = 'DONE'",
    "a batch that is closed without a time": "UPDATE batch SET stage = 'CLOSED'",
    "a batch that read less than nothing": "UPDATE batch SET extracted_rows = -1",
    "a batch that rejected less than nothing": "UPDATE batch SET rejected_rows = -1",
    "a batch that counted less than nothing": "UPDATE batch SET counted_rows = -1",
    "a batch that landed less than nothing": "UPDATE batch SET landed_accounts = -1",
    "a batch that distrusts less than nothing": "UPDATE batch SET distrusted_accounts = -1",
    "a batch with less than nothing out of sync": "UPDATE batch SET out_of_sync = -1",
    "a plan that is not named by a hash": "UPDATE batch SET plan_hash = 'p1'",
    "a held set that is not named by a hash": "UPDATE batch SET held_hash = 'h1'",
    "a held plan without a reason": "UPDATE batch SET plan_held = true",
    "an extract that is whole and is not": "UPDATE batch SET extract_whole = true, not_whole_because = '{empty}'",
    "a run with two open batches": "INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', 'night', 'x')",
    "a batch number twice": "INSERT INTO batch (batch_id, cause, run_id, requested_by) OVERRIDING SYSTEM VALUE "
    "VALUES (1, 'RESET_RUN', 'another night', 'x')",
    "options out of order": "UPDATE known_state SET options = '{VP1:B,VP1:A}'",
    "a box twice": "UPDATE known_state SET materials = '{VP1:S:HD,VP1:S:HD}'",
    "a version below one": "UPDATE known_state SET version = 0",
    "an account that does not exist and holds something": "UPDATE known_state "
    "SET account_exists = false, options = '{VP1:A}'",
    "an account known twice": "INSERT INTO known_state (account, account_exists) VALUES ('A', true)",
    "two claims on an account": "INSERT INTO claim VALUES ('A', 'they', 2, now())",
    "two open plans of an account": "INSERT INTO open_plan (account, plan_number, batch_id) VALUES ('A', 2, 1)",
    "a plan of no batch": "UPDATE open_plan SET batch_id = 99",
    "fewer silences than none": "UPDATE open_plan SET unknown_attempts = -1",
    "a parked plan without a reason": "UPDATE open_plan SET parked_at = now()",
    "two requests with one number": "UPDATE open_request SET request_number = 'PR-1' WHERE sequence_number = 2",
    "a number that is no idempotency key": "UPDATE open_request SET request_number = 'PR 1' WHERE sequence_number = 2",
    "a sequence number twice": "UPDATE open_request SET sequence_number = 1 WHERE sequence_number = 2",
    "a place before the first": "UPDATE open_request SET plan_position = 0",
    "a request of no batch": "UPDATE open_request SET batch_id = 99",
    "a request of no plan": "UPDATE open_request SET plan_number = 99",
    "a sixth command": "UPDATE open_request SET command = 'DELETE_ACCOUNT'",
    "an open request that is closed": "UPDATE open_request SET state = 'COMPLETED'",
    "fewer attempts than none": "UPDATE open_request SET attempts = -1",
    "an unknown request that never left": "UPDATE open_request SET state = 'UNKNOWN' WHERE sequence_number = 2",
    "a list of options without a distributor": "UPDATE open_request SET distributor = NULL",
    "personal data beside the body": "UPDATE open_request SET command = 'CREATE_ACCOUNT', distributor = NULL, "
    """parameters = '{"name": "Ada"}'""",
    "two requests of an account that left without an answer": "UPDATE open_request SET sent_at = now()",
    "a log entry of a sixth command": "UPDATE request_log SET command = 'DELETE_ACCOUNT'",
    "a closed request that is open": "UPDATE request_log SET state = 'PENDING'",
    "a rejection without a code": "UPDATE request_log SET state = 'REJECTED'",
    "a completion with a code that is not already so": "UPDATE request_log SET error_code = 'UNKNOWN_OPTION'",
    "a completion of what was never sent": "UPDATE request_log SET sent_at = NULL",
    "a log entry twice": "INSERT INTO request_log SELECT * FROM request_log",
    "an item twice": "INSERT INTO batch_item (batch_id, account, subscription_numbers) VALUES (1, 'A', '{S1}')",
    "an item of no batch": "UPDATE batch_item SET batch_id = 99",
    "an allowance of what was not planned": "UPDATE batch_item SET allowed_removals = '{box VP1:S2}'",
    "an outcome that does not exist": "UPDATE batch_item SET outcome = 'FINE', finished_at = now()",
    "an outcome without a time": "UPDATE batch_item SET outcome = 'COMPLETED'",
    "a rejected row of no batch": "UPDATE rejected_row SET batch_id = 99",
    "a rejected row twice": "INSERT INTO rejected_row OVERRIDING SYSTEM VALUE SELECT * FROM rejected_row",
    "a held set twice": "INSERT INTO held_removal SELECT * FROM held_removal",
    "a held set of no batch": "UPDATE held_removal SET batch_id = 99",
    "a held set of nothing": "UPDATE held_removal SET removals = '{}'",
    "a release by nobody": "UPDATE held_removal SET released_at = now()",
    "a held set that is released and replaced": "UPDATE held_removal SET released_at = now(), released_by = 'nora', "
    "replaced_by = 1",
    "a held set replaced by no batch": "UPDATE held_removal SET replaced_by = 99",
    "two answers for a batch": "INSERT INTO release_decision SELECT * FROM release_decision",
    "an answer for no batch": "UPDATE release_decision SET batch_id = 99",
    "two rates of a provider": "INSERT INTO sending_rate VALUES ('TUCANO')",
    "a rate of nothing": "UPDATE sending_rate SET refused_rate = 0, refused_at = now()",
    "a refused rate without its time": "UPDATE sending_rate SET refused_rate = 50",
    "questions in no order": "UPDATE open_plan SET in_question = '{off:VP1:B,off:VP1:A}'",
    "an archived entry of a sixth command": "UPDATE request_archive SET command = 'DELETE_ACCOUNT'",
    "an archived request that is open": "UPDATE request_archive SET state = 'PENDING'",
    "an archived rejection without a code": "UPDATE request_archive SET state = 'REJECTED'",
    "an archived completion of what was never sent": "UPDATE request_archive SET sent_at = NULL",
    "an archived entry twice": "INSERT INTO request_archive SELECT * FROM request_archive",
    "a month that begins in its middle": "UPDATE archive_manifest SET month = '2026-01-05'",
    "an operation on a month that does not exist": "UPDATE archive_manifest SET operation = 'LOSE'",
    "a month in a tier that does not exist": "UPDATE archive_manifest SET tier = 'lukewarm'",
    "a month that ends before it begins": "UPDATE archive_manifest SET closed_to = closed_from",
    "a month that had fewer rows than none": "UPDATE archive_manifest SET rows_before = -1",
    "a month that has fewer rows than none": "UPDATE archive_manifest SET rows_after = -1, checksum_after = 0, "
    "verified_at = now()",
    "a month of fewer bytes than none": "UPDATE archive_manifest SET bytes = -1",
    "a file that is not named by a hash": "UPDATE archive_manifest SET file = 'f', file_sha256 = 'f1', "
    "file_checksum = 1",
    "a file without its hash": "UPDATE archive_manifest SET file = 'f'",
    "a move that took less than no time": "UPDATE archive_manifest SET seconds = -1",
    "a move that was verified without a count": "UPDATE archive_manifest SET verified_at = now()",
    "a line of the manifest twice": "INSERT INTO archive_manifest OVERRIDING SYSTEM VALUE TABLE archive_manifest",
    "an identifier of a kind that does not exist": "UPDATE authentication_attempt SET identifier_kind = 'NAME'",
    "an identifier that can be read": "UPDATE authentication_attempt SET identifier_mark = 'S1'",
    "an attempt that ended nowhere": "UPDATE authentication_attempt SET outcome = 'MAYBE'",
    "a token for nobody": "UPDATE authentication_attempt SET outcome = 'GRANTED'",
    "an attempt twice": "INSERT INTO authentication_attempt OVERRIDING SYSTEM VALUE TABLE authentication_attempt",
    "an action twice": "INSERT INTO action_inbox TABLE action_inbox",
    "an action in a state that does not exist": "UPDATE action_inbox SET state = 'LOST', finished_at = now()",
    "an action tried fewer times than never": "UPDATE action_inbox SET attempts = -1",
    "an action that is done without a time": "UPDATE action_inbox SET state = 'DONE'",
    "a waiting action that is never due": "UPDATE action_inbox SET due_at = NULL",
    "a parked action without a reason": "UPDATE action_inbox SET state = 'PARKED', finished_at = now()",
    "two cursors": "INSERT INTO action_cursor TABLE action_cursor",
    "a cursor beside the one": "UPDATE action_cursor SET one_row = false",
    "a cursor at no transaction": "UPDATE action_cursor SET from_transaction = 'T1'",
    "two lanes": "INSERT INTO real_time_lane TABLE real_time_lane",
    "a lane beside the one": "UPDATE real_time_lane SET one_row = false",
    "a lane that neither listens nor looks": "UPDATE real_time_lane SET mode = 'SLEEP'",
    "a minute counted twice": "INSERT INTO removal_minute TABLE removal_minute",
    "fewer removals than none": "UPDATE removal_minute SET pure = -1",
    "fewer replacements than none": "UPDATE removal_minute SET replacements = -1",
    "a question asked twice by one run": "INSERT INTO what_if TABLE what_if",
    "a question about a file that is not named by a hash": "UPDATE what_if SET hash = 'v1'",
    "a question that is answered without a time": "UPDATE what_if SET answer = '{}'",
    "a question that is answered and refused": "UPDATE what_if SET answer = '{}', refused = 'why', answered_at = now()",
    "an account distrusted twice": "INSERT INTO distrust TABLE distrust",
    "distrusted options in no order": "UPDATE distrust SET options = '{VP1:B,VP1:A}'",
    "distrusted boxes in no order": "UPDATE distrust SET materials = '{VP1:S2,VP1:S1}'",
    "a distrust of nothing": "UPDATE distrust SET account_asked = false",
    "a distrust of no batch": "UPDATE distrust SET batch_id = 99",
    "a file imported twice": "INSERT INTO import_file TABLE import_file",
    "an imported file that is not named by a hash": "UPDATE import_file SET sha256 = 'f1'",
    "an imported file of a kind that does not exist": "UPDATE import_file SET kind = 'GUESS'",
    "an imported file of no batch": "UPDATE import_file SET batch_id = 99",
    "a forgotten person twice": "INSERT INTO forgotten_person OVERRIDING SYSTEM VALUE TABLE forgotten_person",
}


@pytest.fixture(scope="module")
def owner(postgres: Postgres, provisioning_template: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with one good row a table, open as a superuser: constraints are tried, not rights."""
    name = unique("constraints")
    postgres.create_database(name, template=provisioning_template)
    with psycopg.connect(postgres.admin_dsn(name), autocommit=True) as db:
        db.execute(PREPARED)
        yield db
    postgres.drop_database(name)


def violated(db: psycopg.Connection[Any], statement: str) -> tuple[str, str]:
    """Return the table and the name of the constraint that refuses *statement*."""
    with pytest.raises(psycopg.IntegrityError) as refused, db.transaction():
        db.execute(statement.encode())
    said = refused.value.diag
    return str(said.table_name), str(said.constraint_name)


@pytest.mark.parametrize("statement", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_the_database_refuses(owner: psycopg.Connection[Any], statement: str) -> None:
    assert violated(owner, statement)[1] != "None"


def test_no_constraint_of_any_table_is_left_untried(owner: psycopg.Connection[Any]) -> None:
    tried = {violated(owner, statement) for statement in VIOLATIONS.values()}
    # A partition refuses in its own name what its table forbids, and by a key of its own.
    tables = {table: re.sub(r"_20\d\d_\d\d$", "", table) for table, _ in tried}
    tried = {(tables[table], name.replace(table, tables[table])) for table, name in tried}

    there = owner.execute(
        """
        SELECT r.relname::text, c.conname::text
        FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
        WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition AND c.contype NOT IN ('n', 't')
        UNION
        SELECT r.relname::text, i.indexrelid::regclass::text
        FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid
        WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition AND i.indisunique
        """
    ).fetchall()

    untried = {(table, name) for table, name in there if table != SCHEMA_VERSION} - tried
    # Of two keys the primary one comes first.
    assert untried == {("open_plan", "open_plan_account_plan_number_key")}

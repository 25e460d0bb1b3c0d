"""A made-up fortnight for the pages: good nights, a bad one, one that is going on, and every kind of trouble."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

# Whoever shows a value without escaping it runs this; the browser test sees whether anything did.
HOSTILE = "<img src=x onerror=document.title='pwned'>"
FORMULA = "=HYPERLINK(0)"
SECRET = "Ada Lovelace, 12 Analytical Lane"  # what a CREATE_ACCOUNT's body holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The batches of the story by their part in it."""

    bad: int
    running: int
    dry: int


def tell(dsn: str, *, nights: int = 13, accounts: int = 400) -> Story:
    """Write the story into an empty provisioning database, as its owner."""
    now = datetime.now(UTC)
    with psycopg.connect(dsn) as db:
        for night in range(nights, 0, -1):
            _good_night(db, now - timedelta(days=night, hours=3), night)
        story = Story(
            bad=_bad_night(db, now - timedelta(hours=4)),
            dry=_dry_run(db),
            running=begin_run(db, accounts, "manual__2026-01-01T02:00:00+00:00"),
        )
        db.execute(
            "INSERT INTO real_time_lane (owner, started_at, alive_at, mode, last_action_at) "
            "VALUES ('lane', now() - interval '2 h', now() + interval '10 min', 'LISTEN', now())"
        )
    return story


def _batch(db: psycopg.Connection[Any], run_id: str, **columns: Any) -> int:
    given: dict[str, Any] = {"cause": "RESET_RUN", "requested_by": "scheduler", "run_id": run_id} | columns
    names = ", ".join(given)
    holes = ", ".join(["%s"] * len(given))
    query = f"INSERT INTO batch ({names}) VALUES ({holes}) RETURNING batch_id"  # noqa: S608 our own names
    row = db.execute(query.encode(), [json.dumps(v) if isinstance(v, dict) else v for v in given.values()])
    return int((row.fetchone() or (0,))[0])


def _good_night(db: psycopg.Connection[Any], at: datetime, night: int) -> None:
    found = 180 + 37 * (night % 5)
    counts = {
        "requests_completed": found * 2,
        "requests_rejected": night % 4,
        "requests_not_sent": night % 3,
        "requests_unknown": 0,
        "requests_pending": 0,
        "out_of_sync_after": night % 4,
        "accounts_unfinished": 0,
        "accounts_parked": 0,
    }
    _batch(
        db,
        f"scheduled__{at.isoformat()}",
        stage="CLOSED",
        opened_at=at,
        closed_at=at + timedelta(minutes=6),
        extracted_rows=100_000,
        rejected_rows=0,
        extract_whole=True,
        out_of_sync=found,
        counts=counts,
        summary=f"The extract gave 100000 subscriptions, {found} accounts were out of sync, {night % 4} still are.",
    )


def _bad_night(db: psycopg.Connection[Any], at: datetime) -> int:
    batch_id = _batch(
        db,
        f"scheduled__{at.isoformat()}",
        stage="CLOSED",
        opened_at=at,
        closed_at=at + timedelta(minutes=9),
        extracted_rows=100_000,
        rejected_rows=3,
        extract_whole=True,
        out_of_sync=230,
        plan_hash="c" * 64,
        held_because="64 accounts would lose service, more than removals_count 50 and 0.5 % of the base",
        counts={
            "requests_completed": 300,
            "requests_rejected": 26,
            "requests_not_sent": 12,
            "requests_unknown": 1,
            "requests_pending": 0,
            "out_of_sync_after": 102,
            "accounts_unfinished": 0,
            "accounts_parked": 1,
        },
        summary="The extract gave 100000 subscriptions, 230 accounts were out of sync, 102 still are. Tucano completed "
        "300 requests and rejected 26. Look at the refusals: UNKNOWN_OPTION 14x (e.g. S0000010003).",
    )
    for n in range(300):
        _closed(db, batch_id, f"S{10_000 + n:010d}", at, n, "ACTIVATE_OPTIONS", "COMPLETED")
    for n in range(14):
        said = (f"option RELIGION is unknown to account S{10_000 + n:010d}",)
        _closed(
            db,
            batch_id,
            f"S{10_000 + n:010d}",
            at,
            300 + n,
            "ACTIVATE_OPTIONS",
            "REJECTED",
            "UNKNOWN_OPTION",
            *said,
        )
    for n in range(11):
        said = (f"box {('HD', 'UHD', 'PVR')[n % 3]}4711{n:04d} is registered elsewhere",)
        _closed(
            db,
            batch_id,
            f"S{20_000 + n:010d}",
            at,
            320 + n,
            "ADD_MATERIAL",
            "REJECTED",
            "MATERIAL_REGISTERED_ELSEWHERE",
            *said,
        )
    for n in range(12):
        _closed(
            db,
            batch_id,
            f"S{20_000 + n:010d}",
            at,
            340 + n,
            "SUSPEND_OPTIONS",
            "REJECTED",
            "EARLIER_REQUEST_REJECTED",
            "not sent, since PR-0000000320 was rejected",
            sent=False,
        )
    _closed(
        db,
        batch_id,
        HOSTILE,
        at,
        360,
        "CREATE_ACCOUNT",
        "REJECTED",
        "INVALID_REQUEST",
        f"name {SECRET} {HOSTILE}",
    )
    _closed(
        db,
        batch_id,
        FORMULA,
        at,
        361,
        "ACTIVATE_OPTIONS",
        "REJECTED",
        "INVALID_REQUEST",
        f"{FORMULA} {HOSTILE}",
    )
    for n in range(230):
        number = HOSTILE if n == 229 else f"S{10_000 + n:010d}"
        outcome, why = ("REJECTED", f"PR-{n} UNKNOWN_OPTION") if n < 14 or n == 229 else ("COMPLETED", None)
        if 100 <= n < 164:
            outcome, why = "HELD", "waits for approval"
        _item(db, batch_id, number, outcome, why, removes=100 <= n < 164)
        if 100 <= n < 164:
            db.execute(
                "INSERT INTO held_removal (batch_id, account, removals) VALUES (%s, %s, %s)",
                (batch_id, number, ["O:VP1:GEOLOGICAL"]),
            )
    _item(db, batch_id, "S0000030000", "PARKED", "no answer ten times")
    db.execute(
        "INSERT INTO open_plan (account, plan_number, batch_id, unknown_attempts, parked_at, parked_because) "
        "VALUES ('S0000030000', 1, %s, 10, now() - interval '4 h', 'PR-0000000999 has had no answer ten times')",
        (batch_id,),
    )
    db.execute(
        "INSERT INTO open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id, "
        "subscription_number, command, distributor, parameters, body, state, caused_by, sent_at, attempts, "
        "last_failure) "
        "VALUES (999, 'PR-0000000999', 'S0000030000', 1, 1, %s, 'S0000030000', 'ACTIVATE_OPTIONS', 'VP1', "
        """'{"distributor": "VP1", "options": ["ENTERTAIN"]}', '', 'UNKNOWN', 'night', now() - interval '4 h', 10, """
        "'no answer within 30 s')",
        (batch_id,),
    )
    for number, reason, text in (
        (
            "S0000040001",
            "UNMAPPED_SERVICE",
            "service SPORT+ has no option in include/provider/tucano.yaml: add it under services",
        ),
        (HOSTILE, "DISTRIBUTOR_RULE", f"{HOSTILE} has 3 boxes at VP2, which takes 2 at most"),
        (
            "S0000040003",
            "GONE_FROM_CRM",
            "account S0000040003 is served by Tucano (2 options, 1 boxes) but the extract has no row",
        ),
    ):
        db.execute(
            "INSERT INTO rejected_row (batch_id, account, subscription_number, reason, explanation) "
            "VALUES (%s, %s, %s, %s, %s)",
            (batch_id, number, number, reason, text),
        )
    return batch_id


def _dry_run(db: psycopg.Connection[Any]) -> int:
    batch_id = _batch(
        db,
        "manual__dry",
        requested_by="ada",
        dry_run=True,
        filtered=True,
        parameters={"dry_run": True, "subscription_types": ["SHOWCASE"]},
        stage="CLOSED",
        opened_at=datetime.now(UTC) - timedelta(minutes=50),
        closed_at=datetime.now(UTC) - timedelta(minutes=49),
        extracted_rows=12,
        out_of_sync=2,
        plan_hash="a" * 64,
        counts={
            "requests_completed": 0,
            "requests_rejected": 0,
            "requests_not_sent": 0,
            "out_of_sync_after": 2,
        },
        summary="It was a dry run: nothing was sent.",
    )
    for number in ("S0000000309", "S0000000310"):
        _item(db, batch_id, number, None, None)
    return batch_id


def begin_run(db: psycopg.Connection[Any], accounts: int, run_id: str) -> int:
    """Open the batch of a run that has finished a quarter of its *accounts*."""
    now = datetime.now(UTC)
    batch_id = _batch(
        db,
        run_id,
        requested_by="ada",
        stage="GUARDED",
        opened_at=now - timedelta(minutes=2),
        extracted_rows=100_000,
        rejected_rows=0,
        extract_whole=True,
        out_of_sync=accounts,
        plan_hash="b" * 64,
    )
    for n in range(accounts):
        _item(db, batch_id, f"S{50_000 + n:010d}", "COMPLETED" if n < accounts // 4 else None, None)
    for n in range(accounts // 4):
        _closed(db, batch_id, f"S{50_000 + n:010d}", now, 5_000 + n, "ACTIVATE_OPTIONS", "COMPLETED")
    return batch_id


def finish(dsn: str, batch_id: int, accounts: int) -> None:
    """Let the run that is going on finish *accounts* more."""
    with psycopg.connect(dsn) as db:
        db.execute(
            "UPDATE batch_item SET outcome = 'COMPLETED', finished_at = clock_timestamp() WHERE (batch_id, account) IN "
            "(SELECT batch_id, account FROM batch_item WHERE batch_id = %s AND outcome IS NULL "
            "ORDER BY account LIMIT %s)",
            (batch_id, accounts),
        )


def _item(
    db: psycopg.Connection[Any],
    batch_id: int,
    number: str,
    outcome: str | None,
    why: str | None,
    *,
    removes: bool = False,
) -> None:
    planned: list[dict[str, Any]] = [
        {"command": "ACTIVATE_OPTIONS", "distributor": "VP1", "options": ["ENTERTAIN", "GEOLOGICAL"]}
    ]
    if outcome == "PARKED":
        # A new subscriber: of a CREATE_ACCOUNT nothing but its name is kept beside its body.
        planned.insert(0, {"command": "CREATE_ACCOUNT"})
    if removes:
        planned = [{"command": "SUSPEND_OPTIONS", "distributor": "VP1", "options": ["GEOLOGICAL"]}]
    db.execute(
        "INSERT INTO batch_item (batch_id, account, subscription_numbers, chunk_number, planned, removals, outcome, "
        "explanation, finished_at) VALUES (%s, %s, %s, 0, %s, %s, %s, %s, %s)",
        (
            batch_id,
            number,
            [number],
            json.dumps(planned),
            ["O:VP1:GEOLOGICAL"] if removes else [],
            outcome,
            why,
            datetime.now(UTC) if outcome else None,
        ),
    )


def _closed(
    db: psycopg.Connection[Any],
    batch_id: int,
    number: str,
    at: datetime,
    n: int,
    command: str,
    state: str,
    error_code: str | None = None,
    description: str | None = None,
    *,
    sent: bool = True,
) -> None:
    parameters: dict[str, Any] = {"distributor": "VP1", "options": ["RELIGION"]}
    if command == "CREATE_ACCOUNT":
        parameters = {}
    elif command == "ADD_MATERIAL":
        parameters = {"distributor": "VP1", "serial_number": f"4711{n:04d}", "material_type": "STB_HD"}
    closed_at = min(at + timedelta(seconds=n), datetime.now(UTC))
    db.execute(
        "INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, "
        "distributor, parameters, state, error_code, error_description, reference_number, caused_by, planned_at, "
        "sent_at, closed_at, attempts, body) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'night', %s, %s, %s, 1, %s)",
        (
            n,
            f"PR-{batch_id:03d}{n:07d}",
            batch_id,
            number,
            number,
            command,
            None if command == "CREATE_ACCOUNT" else "VP1",
            json.dumps(parameters),
            state,
            error_code,
            description,
            None if error_code else f"T-{n}",
            closed_at - timedelta(seconds=1),
            closed_at if sent else None,
            closed_at,
            json.dumps({"name": SECRET}).encode(),
        ),
    )

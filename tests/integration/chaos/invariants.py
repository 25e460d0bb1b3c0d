"""What holds at every moment of a walk, read from the platform's ledger and our log, line by line."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

import psycopg

from provisioner.adapters import known_state
from provisioner.core import wire
from provisioner.core.model import AccountId, AccountState
from provisioner.core.plan import apply
from tests.integration.stage import Stage

# Both tiers of the log; the view of them masks what the fold needs.
CLOSED = """
SELECT account, request_number, command, parameters, state, error_code, body, log_number FROM request_log
UNION ALL
SELECT account, request_number, command, parameters, state, error_code, body, log_number FROM request_archive
ORDER BY log_number
"""
OPEN = "SELECT request_number, body FROM open_request"


class Broken(AssertionError):
    """A promise that was not kept; the message says which, and shows the lines."""


def check(stage: Stage, dsn: str, *, alone_after: int = 0) -> int:
    """Compare everything; raises Broken. Return how many requests the ledger has.

    *dsn* is of one who may read both tiers of the log. *alone_after*: of the ledger's entries up to there it is not
    asked whether another command of the account was unanswered, since a frozen worker was at work.
    """
    # The ledger first: what it has was logged before, whatever is sent while we read on.
    ledger = stage.platform.ledger()
    with psycopg.connect(dsn) as db:
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        closed = db.execute(CLOSED).fetchall()
        still_open = db.execute(OPEN).fetchall()
        accounts = sorted({AccountId(account) for account, *_ in closed})
        known = known_state.read(db, accounts)
    check_logged(ledger, {row[1]: row[6] for row in closed} | dict(still_open))
    check_effects(ledger)
    check_alone(ledger, alone_after)
    check_order(ledger, closed)
    check_fold(closed, known)
    return len(ledger)


def check_logged(ledger: list[dict[str, Any]], body_by_number: dict[str, bytes]) -> None:
    """Nothing arrived that is not logged, and what arrived are the bytes that are logged."""
    digests = {number: hashlib.sha256(body).hexdigest() for number, body in body_by_number.items() if body}
    for entry in ledger:
        if entry["request_number"] not in body_by_number:
            raise Broken(f"sent without being logged: {entry}")
        if digests[entry["request_number"]] != entry["digest"]:
            raise Broken(f"sent with other bytes than those that are logged: {entry}")


def check_effects(ledger: list[dict[str, Any]]) -> None:
    """No number took effect twice."""
    effective = [entry["request_number"] for entry in ledger if entry["applied"] and not entry["replayed"]]
    if len(set(effective)) != len(effective):
        raise Broken(f"in effect twice: {sorted(one for one in effective if effective.count(one) > 1)}")


def check_alone(ledger: list[dict[str, Any]], after: int) -> None:
    """No command of an account comes while another one of it is unanswered.

    The same number may: its answer was not waited for any longer, and the platform has not seen yet who left.
    """
    latest: dict[str, str] = {}
    for entry in ledger:
        same = latest.get(entry["account"]) == entry["request_number"]
        if entry["n"] > after and entry["overlapping"] and not same:
            raise Broken(f"two commands of one account at once: {entry}")
        latest[entry["account"]] = entry["request_number"]


def check_order(ledger: list[dict[str, Any]], closed: list[tuple[Any, ...]]) -> None:
    """In each account what took effect did so in the order in which it is logged as done."""
    arrived: dict[str, list[str]] = defaultdict(list)
    for entry in ledger:
        if entry["applied"] and not entry["replayed"]:
            arrived[entry["account"]].append(entry["request_number"])
    done: dict[str, list[str]] = defaultdict(list)
    for account, number, _, _, state, *_ in closed:
        if state == "COMPLETED":
            done[account].append(number)
    for account, numbers in arrived.items():
        seen = [number for number in numbers if number in done[account]]
        said = [number for number in done[account] if number in numbers]
        if seen != said:
            raise Broken(f"{account}: Tucano was told {seen}, the log says {said}")


def check_fold(closed: list[tuple[Any, ...]], known: dict[AccountId, AccountState]) -> None:
    """What is known of an account is what its log adds up to."""
    folded: dict[str, AccountState] = defaultdict(AccountState)
    for account, _, name, parameters, state, error_code, _, _ in closed:
        if state == "COMPLETED":
            folded[account] = (
                AccountState(
                    exists=True, options=folded[account].options, materials=folded[account].materials
                )
                if name == "CREATE_ACCOUNT"
                else apply(folded[account], wire.decode(name, account, parameters))
            )
        elif error_code == "UNKNOWN_ACCOUNT" and name != "CREATE_ACCOUNT":
            folded[account] = AccountState()
    for account, state in folded.items():
        if known.get(AccountId(account), AccountState()) != state:
            raise Broken(f"{account}: known is {known.get(AccountId(account))}, the log adds up to {state}")

"""Why is this subscription as it is? The CRM's row of this moment, the rules, what is known, and what is open.

Read only: what is shown is what a reset would find now, by the reset's own pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from provisioner.adapters import case_file, crm, sql
from provisioner.adapters.pools import Pools
from provisioner.core import desired, explain
from provisioner.core.explain import Case
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    AccountId,
    AccountState,
    Command,
    Provider,
    RejectedRow,
    Subscription,
    SubscriptionNumber,
)
from provisioner.steps.drafting import commands_for, wish_of
from provisioner.steps.plan import maximum_devices, shown
from provisioner.steps.reset_subscription import in_words

OPEN_REQUEST = (
    *("request_number", "command", "distributor", "parameters", "state", "planned_at", "sent_at", "attempts"),
    "last_failure",
)
OPEN_PLAN = ("batch_id", "unknown_attempts", "parked_at", "parked_because")
HELD = ("batch_id", "removals", "held_because", "plan_held", "opened_at")
LAST_ITEM = ("batch_id", "opened_at", "outcome", "explanation", "withheld_because")
LAST_REJECTED_ROW = ("batch_id", "opened_at", "reason", "explanation")


def run(pools: Pools, provider: Provider, number: str) -> dict[str, Any] | None:
    """Return everything about one subscription but its timeline; None where nobody ever heard of it.

    Raises SourceError or PlatformUnavailable where a database cannot say.
    """
    with pools.crm() as source:
        rows = crm.read_by_number(source, [SubscriptionNumber(number)])
    own = next((row for row in rows if row.subscription_number == number), None)
    with pools.provisioning() as db:
        account = own.account if own is not None else None
        if account is None:
            # Not in the CRM, or a row that does not say whose it is.
            account = case_file.account_of(db, number) or (AccountId(number) if own is not None else None)
        if account is None:
            return None
        return _explained(db, provider, number, account, own, rows)


def _explained(
    db: sql.Connection,
    provider: Provider,
    number: str,
    account: AccountId,
    own: Subscription | RejectedRow | None,
    rows: Sequence[Subscription | RejectedRow],
) -> dict[str, Any]:
    known, known_since = case_file.known(db, account)
    plans = case_file.as_dicts(db, "pages/read_open_plan", OPEN_PLAN, account=account)
    requests = case_file.as_dicts(db, "pages/list_open_requests", OPEN_REQUEST, account=account)
    held = case_file.as_dicts(db, "pages/list_held", HELD, account=account)
    last = case_file.as_dicts(db, "pages/read_last_item", LAST_ITEM, account=account)
    rejected = case_file.as_dicts(
        db,
        "pages/read_last_rejected_row",
        LAST_REJECTED_ROW,
        account=account,
        subscription_number=number,
    )
    refusals = case_file.refusals(db, account)
    wish = wish_of(rows, provider) if rows else "not in the CRM"
    target = AccountState()
    commands: tuple[Command, ...] = ()
    withheld: tuple[str, ...] = ()
    if not isinstance(wish, str):
        target = desired.target(wish.desired, known, maximum_devices(provider))
        commands = commands_for(wish, known, account, provider)
        withheld = wish.desired.withhold_removals
    elif rows:
        # Nothing is given and nothing taken: what is known stays.
        target = known
    case = Case(
        subscription_number=number,
        account=account,
        provider=provider,
        state=own.state if isinstance(own, Subscription) else None,
        rejected_because=_rejected_because(own, provider),
        known=known,
        target=target,
        commands=commands,
        withheld_because=withheld,
        parked_because=plans[0]["parked_because"] if plans else None,
        pending=sum(one["state"] == "PENDING" for one in requests),
        unknown=sum(one["state"] == "UNKNOWN" for one in requests),
        held_in_batch=held[0]["batch_id"] if held else None,
        refusals=refusals,
    )
    return {
        "subscription_number": number,
        "account": account,
        "in_crm": own is not None,
        "headline": asdict(explain.headline(case)),
        "subscriptions": [_told(row, provider) for row in rows],
        "things": _things(target, known, withheld),
        "account_wanted": target.exists,
        "account_known": known.exists,
        "known_since": known_since,
        "difference": [{**shown(command), "in_words": in_words(command)} for command in commands],
        "withheld_because": list(withheld),
        "open_plan": plans[0] if plans else None,
        "open_requests": requests,
        "held": held,
        "refusals": [asdict(one) for one in refusals],
        "last_run": last[0] if last else None,
        "last_rejected_row": rejected[0] if rejected else None,
        "provider": {"name": provider.name, "state": provider.state.value, "hash": provider.hash},
    }


def _rejected_because(own: Subscription | RejectedRow | None, provider: Provider) -> str | None:
    wanted = desired.contribution(own, provider) if isinstance(own, Subscription) else own
    return wanted.explanation if isinstance(wanted, RejectedRow) else None


def _told(row: Subscription | RejectedRow, provider: Provider) -> dict[str, Any]:
    """Return one subscription of the account: each service and box, and what becomes of it. No personal data."""
    if isinstance(row, RejectedRow):
        return {
            "subscription_number": row.subscription_number,
            "rejected_because": row.explanation,
            "state": None,
            "active": False,
            "subscription_type": None,
            "created_at": None,
            "services": [],
            "items": [],
        }
    services = [(one, explain.of_service(row.state, one, provider)) for one in row.services]
    items = [(one, explain.of_item(row.state, one, provider)) for one in row.items]
    return {
        "subscription_number": row.subscription_number,
        "rejected_because": _rejected_because(row, provider),
        "state": row.state.value,
        "active": row.state in ACTIVE_SUBSCRIPTION,
        "subscription_type": row.subscription_type,
        "created_at": row.created_at,
        "services": [
            {
                "code": one.code,
                "type": one.type.value,
                "state": one.state.value,
                "distributors": list(one.distributors),
                "bundle": one.bundle,
                **asdict(becomes),
            }
            # What is on comes first: who is awake at night looks for it.
            for one, becomes in sorted(services, key=lambda pair: (not pair[1].things, pair[0].code))
        ],
        "items": [
            {
                "serial_number": one.serial_number,
                "type": one.type,
                "distributor": one.distributor,
                **asdict(becomes),
            }
            for one, becomes in items
        ],
    }


def _things(target: AccountState, known: AccountState, withheld: Sequence[str]) -> list[dict[str, Any]]:
    """Return wanted and known side by side, a row a thing; what differs first."""
    rows = [
        _thing(
            "option",
            place,
            option,
            wanted=(place, option) in target.options,
            known=(place, option) in known.options,
        )
        for place, option in sorted(target.options | known.options)
    ]
    rows += [
        _thing(
            f"box {box.material_type}".strip(),
            box.distributor,
            box.serial_number,
            wanted=box in target.materials,
            known=box in known.materials,
        )
        for box in sorted(target.materials | known.materials)
    ]
    if withheld:
        for row in rows:
            if row["wanted"] and row["known"]:
                row["verdict"] = "stays"
    return sorted(rows, key=lambda row: row["wanted"] == row["known"])


def _thing(kind: str, distributor: str, code: str, *, wanted: bool, known: bool) -> dict[str, Any]:
    verdict = "in step" if wanted and known else "missing at Tucano" if wanted else "too much at Tucano"
    return {
        "kind": kind,
        "distributor": distributor,
        "code": code,
        "wanted": wanted,
        "known": known,
        "verdict": verdict,
        "tone": explain.GOOD if wanted and known else explain.BAD if wanted else explain.WARN,
    }


def timeline(
    pools: Pools,
    account: AccountId,
    numbers: Sequence[str],
    *,
    kinds: Sequence[str] | None,
    before: case_file.Position | None,
    limit: int,
) -> tuple[list[dict[str, Any]], case_file.Position | None]:
    """Return what happened, the newest first, and the position before which more is to be found."""
    with pools.provisioning() as db:
        found = case_file.timeline(db, account, numbers, kinds=kinds, before=before, limit=limit + 1)
    page = found[:limit]
    more = None
    if len(found) > limit:
        more = case_file.Position(at=page[-1].at, kind=page[-1].kind, id=page[-1].id)
    return [asdict(one) for one in page], more


def single_run(pools: Pools, number: str, run_id: str) -> dict[str, Any] | None:
    """Return how far a reset of one subscription is, and its end; None where it has not begun."""
    columns = (
        "batch_id",
        "stage",
        "dry_run",
        "forced",
        "opened_at",
        "closed_at",
        "summary",
        "failures",
        "planned",
    )
    with pools.provisioning() as db:
        found = case_file.as_dicts(
            db, "pages/read_single_run", (*columns, "outcome"), run_id=run_id, subscription_number=number
        )
        if not found:
            return None
        (one,) = found
        requests = case_file.as_dicts(
            db,
            "batch/read_requests",
            (
                *("request_number", "account", "command", "distributor", "parameters", "state", "error_code"),
                *("error_description", "already"),
            ),
            batch_id=one["batch_id"],
        )
    for request in requests:
        if request["command"] == "CREATE_ACCOUNT" and request["error_description"]:
            request["error_description"] = "***"  # it may quote the name
    return {**one, "requests": requests}

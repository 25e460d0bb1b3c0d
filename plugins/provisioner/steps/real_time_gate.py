"""The real-time lane's gate: removals within a sliding hour, beyond it they are held for a person.

What a night or the lane has held already stays held, whatever an action says about the rest of the account.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from provisioner.adapters import batches, sql
from provisioner.core import guard, plan as planning, policy
from provisioner.core.model import AccountId, Command, Provider
from provisioner.core.packing import gift_keys, removal_keys
from provisioner.steps.drafting import Draft, Task, unanswered
from provisioner.steps.guard import hash_of
from provisioner.steps.plan import commands_of, shown

HOUR = timedelta(seconds=policy.REMOVALS_WINDOW_SECONDS)


@dataclass(slots=True)
class _Held:
    """What waits for a person already: all of it, and the lane's own by batch."""

    keys: set[str] = field(default_factory=set)
    ours: set[str] = field(default_factory=set)
    batch_ids: set[int] = field(default_factory=set)


class SlidingGate:
    """Judges the removals of the lane. *base*: the accounts that shares are counted of."""

    def __init__(self, provider: Provider, base: int) -> None:
        self._provider = provider
        self._base = base

    def judge(self, db: sql.Connection, task: Task, drafts: Iterable[Draft]) -> None:
        """Take out of fresh plans what may not go now, hold it and count what goes; commits."""
        fresh = [
            one
            for one in drafts
            if one.candidate.item.allowed_removals is None
            and one.ending is None
            and unanswered(one.open_plan) is None
        ]
        if not fresh:
            return
        with db.transaction():
            self._withhold_gifts(db, fresh)
            held = _read_held(db, fresh)
            takers = [one for one in fresh if _keys(one.commands)]
            # Most actions give: then nothing is asked and nothing is locked.
            if takers:
                self._judge(db, task, takers, held)
            _drop_outdated(db, task, fresh, held)

    def _withhold_gifts(self, db: sql.Connection, drafts: list[Draft]) -> None:
        """Take out what a night holds together with all that a new provider version gives."""
        found = sql.rows(
            db,
            "real_time/read_held_plans",
            accounts=[draft.account for draft in drafts],
            provider_hash=self._provider.hash,
        )
        held = {account: set(gift_keys(commands_of(account, planned))) for account, planned in found}
        for draft in drafts:
            if draft.account in held:
                released = guard.without_gifts(draft.commands, held[draft.account])
                draft.commands = released.commands
                draft.withheld = (*draft.withheld, *(f"{key} (whole plan held)" for key in released.withheld))

    def _judge(
        self, db: sql.Connection, task: Task, takers: list[Draft], held: dict[AccountId, _Held]
    ) -> None:
        sql.run(db, "real_time/lock_removals")
        pure, replacements = sql.one(db, "real_time/count_removals", hour=HOUR)
        used = guard.Used(pure=int(pure), replacements=int(replacements))
        before = used
        judged = {
            item.account: item.allowed_removals or frozenset()
            for item in batches.read_items_of(db, task.batch.batch_id, [draft.account for draft in takers])
        }
        for draft in takers:
            keys = set(_keys(draft.commands))
            replacement = bool(planning.removals(draft.commands).replacement)
            earlier = judged.get(draft.account, frozenset())
            free = keys - held[draft.account].keys if draft.account in held else keys
            if free - earlier:
                if guard.may_take(
                    used, replacement=replacement, base=self._base, settings=self._provider.settings
                ):
                    used = used.plus(replacement=replacement)
                else:
                    free = free & earlier
            planned = [shown(command) for command in draft.commands]
            sql.run(
                db,
                "real_time/write_judgement",
                batch_id=task.batch.batch_id,
                account=draft.account,
                planned=json.dumps(planned),
                removals=sorted(keys | earlier),
                replacement=replacement,
                allowed_removals=sorted(free | earlier),
            )
            released = guard.release(draft.commands, free)
            draft.commands, draft.withheld = released.commands, (*draft.withheld, *released.withheld)
            ours = (
                keys
                - free
                - (held[draft.account].keys - held[draft.account].ours if draft.account in held else set())
            )
            if ours:
                self._hold(db, draft, sorted(ours), planned, replacement=replacement)
        if used != before:
            sql.run(
                db,
                "real_time/add_removals",
                pure=used.pure - before.pure,
                replacements=used.replacements - before.replacements,
            )

    def _hold(
        self,
        db: sql.Connection,
        draft: Draft,
        keys: list[str],
        planned: list[dict[str, object]],
        *,
        replacement: bool,
    ) -> None:
        holding = self._holding_batch(db)
        sql.run(
            db,
            "real_time/hold_removal",
            batch_id=holding,
            account=draft.account,
            subscription_numbers=list(draft.candidate.item.subscription_numbers),
            planned=json.dumps(planned),
            removals=keys,
            replacement=replacement,
        )
        _name_held(db, holding)

    def _holding_batch(self, db: sql.Connection) -> int:
        found = sql.run(db, "real_time/find_holding_batch", provider_hash=self._provider.hash).fetchone()
        if found is None:
            settings = self._provider.settings
            because = (
                f"the actions of one hour would take service from more accounts than removals_count "
                f"{settings.removals_count} and removals_share {settings.removals_share:.2%} (where they give "
                f"something too, replacements_share {settings.replacements_share:.2%})"
            )
            found = sql.one(
                db,
                "real_time/open_holding_batch",
                run_id=f"held since {datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}",
                provider_hash=self._provider.hash,
                base=self._base,
                held_because=because,
                summary=f"Real time holds removals ({because}): a person decides, trigger tucano_release_removals; "
                "without an answer the next night plans anew.",
            )
        return int(found[0])


def _keys(commands: Iterable[Command]) -> list[str]:
    removals = planning.removals(commands)
    return removal_keys((*removals.replacement, *removals.pure))


def _read_held(db: sql.Connection, drafts: Iterable[Draft]) -> dict[AccountId, _Held]:
    found: dict[AccountId, _Held] = {}
    accounts = [draft.account for draft in drafts]
    for account, batch_id, removals, is_ours in sql.rows(db, "real_time/read_held_keys", accounts=accounts):
        held = found.setdefault(account, _Held())
        held.keys |= set(removals)
        if is_ours:
            held.ours |= set(removals)
            held.batch_ids.add(batch_id)
    return found


def _drop_outdated(
    db: sql.Connection, task: Task, drafts: Iterable[Draft], held: dict[AccountId, _Held]
) -> None:
    """Let go of what the lane held and the plan of this moment no longer has."""
    outdated = [
        (draft.account, batch_id)
        for draft in drafts
        if draft.account in held and not held[draft.account].ours & set(draft.withheld)
        for batch_id in sorted(held[draft.account].batch_ids)
    ]
    if outdated:
        sql.run(
            db,
            "real_time/drop_held",
            accounts=[account for account, _ in outdated],
            batch_ids=[batch_id for _, batch_id in outdated],
            replaced_by=task.batch.batch_id,
        )
        for holding in {batch_id for _, batch_id in outdated}:
            _name_held(db, holding)


def _name_held(db: sql.Connection, batch_id: int) -> None:
    """Name what a batch holds now, so that a person releases what was shown and nothing else."""
    held = batches.read_held(db, batch_id)
    sql.run(db, "batch/set_held_hash", batch_id=batch_id, held_hash=hash_of(held) if held else None)

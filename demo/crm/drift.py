"""What happens to the CRM while Tucano is down: a day of agents at work, all of it through crm.act.

Much is given and little is taken, as on any day: so much less is taken that the guard on removals stays open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from demo.crm.actions import Candidate, Choice, Desk
from demo.crm.generate import deliberate_cases
from demo.crm.showcase import BOX, EXAMPLES, NEW_BOX, NEXT_NUMBER, SHOWCASE

# Of the base, counted in requests at one viewing point. The product holds removals from 0.5 % on, and
# replacements from 5 %.
REMOVALS_SHARE = 0.004
REPLACEMENTS_SHARE = 0.035
SHOWCASE_REMOVALS = 3  # one goes to rest; a box and its channel leave for the other subscription
SHOWCASE_REPLACEMENTS = 3
BATCH_SIZE = 1000  # actions a transaction: few commits, and no lock is held for long
UNITS = 12

PlannedAction = tuple[str, str, dict[str, Any]]  # behaviour, subscription number, details


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What was done. *removals* and *replacements* count subscriptions that only lose, or lose and gain."""

    seed: int
    changed: tuple[str, ...]
    showcase: tuple[str, ...]
    by_behaviour: dict[str, int]
    removals: int
    replacements: int

    def __str__(self) -> str:
        kinds = ", ".join(f"{behaviour} {count:,}" for behaviour, count in sorted(self.by_behaviour.items()))
        return f"{len(self.changed):,} subscriptions changed ({kinds})"


def change(dsn: str, *, seed: int = 7, share: float = 0.3) -> DriftReport:
    """Change about *share* of the Active subscriptions, and the business examples, as agents would.

    *dsn* is of crm_owner. The same seed on the same base does the same. May be called again: business examples
    that had their action are left alone. The deliberate cases of the generator are never touched.
    """
    with psycopg.connect(dsn) as db:
        rng = Random(seed)
        total = _count(db, "SELECT count(*) FROM crm.subscriptions")
        desk = Desk(rng, _flexible_bundles(db), _last_new_box(db))
        showcase = list(_showcase_actions(db, desk))
        taken, replaced, given = _others(_candidates(db), desk, rng, total, share)
        actions = [*showcase, *taken, *replaced, *given]
        _perform(db, actions, rng)
    examples = {number for _, number, _ in showcase}
    return DriftReport(
        seed=seed,
        changed=tuple(sorted({number for _, number, _ in actions})),
        showcase=tuple(sorted(examples)),
        by_behaviour=dict(Counter(behaviour for behaviour, _, _ in actions)),
        removals=len({number for _, number, _ in taken}) + (SHOWCASE_REMOVALS - 1 if examples else 0),
        replacements=len({number for _, number, _ in replaced}) + (SHOWCASE_REPLACEMENTS if examples else 0),
    )


def _others(
    candidates: list[Candidate], desk: Desk, rng: Random, total: int, share: float
) -> tuple[list[PlannedAction], list[PlannedAction], list[PlannedAction]]:
    """Return what is taken, what is replaced and what is given, each subscription in one of them at most."""
    rng.shuffle(candidates)
    active = [one for one in candidates if one.state == "EFFECTIVE"]
    wanted = int(len(active) * share)
    taken, active = _spend(desk.take, active, max(int(total * REMOVALS_SHARE) - SHOWCASE_REMOVALS, 0))
    replacements = max(int(total * REPLACEMENTS_SHARE) - SHOWCASE_REPLACEMENTS, 0)
    replaced, active = _spend(desk.replace, active, min(replacements, wanted))
    changed = {number for _, number, _ in (*taken, *replaced)}
    given, _ = _spend(desk.give, active, max(wanted - len(changed), 0))
    waiting = [one for one in candidates if one.state != "EFFECTIVE"]
    returned, _ = _spend(desk.bring_back, waiting, int(len(waiting) * share))
    return taken, replaced, [*given, *returned]


def _spend(
    choose: Callable[[Candidate, int], Choice], candidates: list[Candidate], budget: int
) -> tuple[list[PlannedAction], list[Candidate]]:
    """Choose actions until the budget is spent; return them and the candidates that were not chosen.

    *choose* returns what an action costs and the actions for a candidate, or no action if none fits.
    """
    chosen: list[PlannedAction] = []
    left: list[Candidate] = []
    for candidate in candidates:
        cost, actions = choose(candidate, budget) if budget > 0 else (0, [])
        if actions:
            budget -= cost
            chosen.extend((behaviour, candidate.number, details) for behaviour, details in actions)
        else:
            left.append(candidate)
    return chosen, left


def _showcase_actions(db: psycopg.Connection, desk: Desk) -> Iterator[PlannedAction]:
    """Yield the actions of the business examples that had none yet."""
    untouched = db.execute(
        """
        SELECT subscription_number FROM crm.subscriptions AS subscription
        WHERE subscription_type = %s AND NOT EXISTS (
            SELECT FROM crm.subscription_actions AS action
            WHERE action.subscription_number = subscription.subscription_number AND performed_by <> 'IMPORT')
        ORDER BY subscription_number
        """,
        (SHOWCASE,),
    ).fetchall()
    numbers = [number for (number,) in untouched]
    if len(numbers) != len(EXAMPLES):
        return
    for position, example in enumerate(EXAMPLES):
        number = numbers[position]
        boxes = db.execute(
            "SELECT distributor, serial_number FROM crm.installed_items"
            " WHERE subscription_number = %s AND removed_at IS NULL",
            (number,),
        ).fetchall()
        stand_ins = {BOX + place: serial_number for place, serial_number in boxes}
        stand_ins[NEXT_NUMBER] = numbers[(position + 1) % len(numbers)]
        for behaviour, details in example.actions:
            yield behaviour, number, _filled_in(details, stand_ins | {NEW_BOX: desk.new_serial_number()})


def _filled_in(value: Any, stand_ins: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled_in(one, stand_ins) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled_in(one, stand_ins) for one in value]
    return stand_ins.get(value, value) if isinstance(value, str) else value


def _candidates(db: psycopg.Connection) -> list[Candidate]:
    deliberate = {number for _, number, _ in deliberate_cases(db)}
    statement = (Path(__file__).parent / "drift_candidates.sql").read_bytes()
    found = (Candidate(*row) for row in db.execute(statement))
    return [one for one in found if one.number not in deliberate]


def _last_new_box(db: psycopg.Connection) -> int:
    """Return the highest number that a desk gave to a box, removed ones included."""
    return _count(
        db,
        "SELECT COALESCE(max(substr(serial_number, 2)::bigint), 0) FROM crm.installed_items"
        " WHERE serial_number ~ '^N[0-9]{9}$'",
    )


def _flexible_bundles(db: psycopg.Connection) -> dict[str, dict[str, bool]]:
    """Return, by flexible bundle, its possible components and whether each is mandatory."""
    bundles: dict[str, dict[str, bool]] = {}
    for bundle, component, is_mandatory in db.execute(
        "SELECT bundle_code, component_code, is_mandatory FROM crm.bundle_components"
        " JOIN crm.products ON code = bundle_code WHERE composition = 'FLEXIBLE_BUNDLE' ORDER BY 1, 2"
    ):
        bundles.setdefault(bundle, {})[component] = is_mandatory
    return bundles


def _perform(db: psycopg.Connection, actions: list[PlannedAction], rng: Random) -> None:
    db.commit()  # the reads; each batch is a transaction of its own
    for start in range(0, len(actions), BATCH_SIZE):
        rows = [
            (behaviour, number, Jsonb(details), f"UNIT-{rng.randrange(1, UNITS + 1):02d}")
            for behaviour, number, details in actions[start : start + BATCH_SIZE]
        ]
        with db.transaction(), db.cursor() as cursor:
            cursor.executemany("SELECT crm.act(%s, %s, %s, %s)", rows)


def _count(db: psycopg.Connection, query: Any) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0

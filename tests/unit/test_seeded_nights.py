"""A thousand honest nights of many operators, of which at most one is held; and broken ones, of which none passes.

What is simulated is what the guard is given: counts. The seed is fixed, so that a change of a default shows here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from provisioner.core.guard import PlannedChange, Proof, judge, not_whole_because
from provisioner.core.policy import DEFAULT_SETTINGS

NIGHTS = 1_000
SEED = 20_260_301


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a night's extract gave and what its plan would do."""

    accounts: int
    last_accounts: int
    rejected: int
    pure_removals: int
    replacements: int
    gains: int


def drawn(chance: random.Random, number: int, share: float) -> int:
    """How many of *number* are of a *share*: by chance, as it comes in a night."""
    mean = number * share
    return max(0, round(chance.gauss(mean, mean**0.5)))


def honest(chance: random.Random) -> Night:
    """A night of an operator of 200 to 500,000 subscribers; month's ends and new line-ups are among them.

    A bad row stays until somebody mends it, so most operators have one or two of them every night.
    """
    last = round(200 * 2_500 ** chance.random())
    busy = chance.choice((1, 1, 1, 1, 1, 2, 3))
    return Night(
        last_accounts=last,
        accounts=last + drawn(chance, last, 0.0005 * busy),
        rejected=chance.choice((0, 0, 1, 1, 2)) + drawn(chance, last, 0.0001),
        pure_removals=drawn(chance, last, 0.0010 * busy),
        replacements=drawn(chance, last, 0.0030 * busy),
        gains=drawn(chance, last, 0.0020 * busy),
    )


def held(night: Night) -> bool:
    """Whether anything of a night waits for a person."""
    reasons = not_whole_because(
        Proof(
            filtered=False,
            extracted_rows=night.accounts,
            counted_rows=None,
            rejected_rows=night.rejected,
            landed_accounts=night.accounts,
            last_whole_accounts=night.last_accounts,
        ),
        DEFAULT_SETTINGS,
    )
    verdict = judge(
        PlannedChange(
            base=night.accounts,
            pure_removals=night.pure_removals,
            replacements=night.replacements,
            changed=night.pure_removals + night.replacements + night.gains,
        ),
        whole=not reasons,
        allow_removals=False,
        settings=DEFAULT_SETTINGS,
    )
    return bool(verdict.held_because)


def test_of_a_thousand_honest_nights_at_most_one_is_held() -> None:
    chance = random.Random(SEED)

    falsely_held = [night for night in (honest(chance) for _ in range(NIGHTS)) if held(night)]

    assert len(falsely_held) <= 1, falsely_held


def test_no_night_whose_extract_lost_a_tenth_or_more_takes_anything_away() -> None:
    chance = random.Random(SEED)
    for _ in range(NIGHTS):
        night = honest(chance)
        left = chance.randint(0, 9) / 10
        broken = Night(
            last_accounts=night.last_accounts,
            accounts=int(night.accounts * left),
            rejected=0,
            pure_removals=night.pure_removals,
            replacements=0,
            gains=0,
        )

        assert held(broken), broken


def test_no_night_of_which_a_twentieth_of_the_rows_or_more_is_rejected_takes_anything_away() -> None:
    chance = random.Random(SEED)
    for _ in range(NIGHTS):
        night = honest(chance)
        shifted = replace(night, rejected=math.ceil(night.accounts * chance.uniform(0.05, 1.0)))

        assert held(shifted), shifted


def test_no_night_whose_services_were_half_loaded_takes_them_away() -> None:
    chance = random.Random(SEED)
    for _ in range(NIGHTS):
        night = honest(chance)
        # Of fewer than removals_count the gate lets go: a small operator sets it lower (docs/provider.md).
        lost = drawn(chance, night.accounts, chance.uniform(0.3, 1.0))
        half_loaded = Night(
            last_accounts=night.last_accounts,
            accounts=night.accounts,
            rejected=0,
            pure_removals=max(lost, DEFAULT_SETTINGS.removals_count + 1),
            replacements=0,
            gains=0,
        )

        assert held(half_loaded), half_loaded

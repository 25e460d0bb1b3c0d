"""The business examples of the manual, by name: subscription type SHOWCASE, numbers S0000000001 and on.

Each stands as it does before its actions; `drift.py` performs them. New subscribers wait as drafts, so that their
activation is the first that the platform hears of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo.crm.households import BoxStore
from demo.crm.people import named
from demo.crm.sold import VIEWING_POINTS, Sold, SoldSubscription

SHOWCASE = "SHOWCASE"
ONE, TWO, FOUR = VIEWING_POINTS[:1], VIEWING_POINTS[:2], VIEWING_POINTS
# Stand-ins in the details of actions, filled in when they are performed.
BOX, NEW_BOX, NEXT_NUMBER = "$box at ", "$new box", "$next subscription"

Action = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One business example: how the subscription stands, and what is done to it while the platform is down."""

    name: str
    services: tuple[Sold, ...]
    actions: tuple[Action, ...]
    state: str = "EFFECTIVE"
    places: tuple[str, ...] = ONE
    same_customer: bool = False


def _at(places: tuple[str, ...], *codes: str) -> tuple[Sold, ...]:
    return tuple(Sold(code=code, distributors=places) for code in codes)


def _distributed(code: str, places: tuple[str, ...]) -> Action:
    return "CHANGESUBSCRIPTIONDISTRIBUTION", {"services": [{"code": code, "distributors": list(places)}]}


EXAMPLES = (
    Example(
        name="new subscriber with Bundle A",
        state="DRAFT",
        services=_at(ONE, "FLEX_A"),
        actions=(("ACTIVATESUBSCRIPTION", {}),),
    ),
    Example(
        name="from Bundle A to Agriculture",
        services=_at(ONE, "FLEX_A"),
        actions=(("SWAPSERVICE", {"from": "FLEX_A", "to": {"code": "AGRICULTURE"}}),),
    ),
    Example(
        name="from Bundle A to Bundle B",
        services=_at(ONE, "FLEX_A"),
        actions=(("SWAPSERVICE", {"from": "FLEX_A", "to": {"code": "FLEX_B"}}),),
    ),
    Example(
        name="four viewing points, same channels",
        state="DRAFT",
        services=_at(FOUR, "FLEX_A"),
        places=FOUR,
        actions=(("ACTIVATESUBSCRIPTION", {}),),
    ),
    Example(
        name="four viewing points, different channels",
        services=(*_at(FOUR, "NEWS"), *_at(ONE, "SPORT"), *_at(("VP3",), "KIDS")),
        places=FOUR,
        actions=(("ADD_SERVICE", {"services": [{"code": "NATURE", "distributors": ["VP3", "VP4"]}]}),),
    ),
    Example(
        name="second viewing point",
        services=_at(ONE, "ENTERTAIN"),
        actions=(
            (
                "ADD_INSTALLED_ITEM",
                {"items": [{"serial_number": NEW_BOX, "type": "STB_HD", "distributor": "VP2"}]},
            ),
            _distributed("ENTERTAIN", TWO),
        ),
    ),
    Example(
        name="box swapped under warranty",
        services=_at(ONE, "FLEX_B"),
        actions=(
            (
                "SWAP_INSTALLED_ITEM",
                {
                    "pairs": [{"from": BOX + "VP1", "to": {"serial_number": NEW_BOX, "type": "STB_UHD"}}],
                    "reason": "WARRANTY",
                },
            ),
        ),
    ),
    Example(
        name="box moved to the other subscription",
        services=_at(TWO, "SERIES"),
        places=TWO,
        actions=(
            (
                "MOVEINSTITEMTOANOTHERSUBSCRIPTION",
                {
                    "items": [{"serial_number": BOX + "VP2", "distributor": "VP2"}],
                    "to_subscription_number": NEXT_NUMBER,
                },
            ),
            _distributed("SERIES", ONE),
        ),
    ),
    Example(
        name="box came from the other subscription",
        same_customer=True,
        services=_at(ONE, "HISTORY"),
        actions=(_distributed("HISTORY", TWO),),
    ),
    Example(name="goes to rest", services=_at(ONE, "STARTER_PACK"), actions=(("RESTSUBSCRIPTION", {}),)),
    Example(
        name="back from rest",
        state="IN_RESTING",
        services=_at(ONE, "FLEX_A"),
        actions=(("ENDSUBSCRIPTIONRESTING", {}),),
    ),
    Example(
        name="pay-per-view for an evening",
        services=_at(ONE, "SPORT"),
        actions=(("ADD_SERVICE_USAGE", {"service": "PPV_FOOTBALL_FINAL", "distributors": ["VP1"]}),),
    ),
    Example(
        name="fixed bundle as one option",
        services=_at(ONE, "NEWS"),
        actions=(("ADD_SERVICE", {"services": [{"code": "FAMILY_PACK", "distributors": ["VP1"]}]}),),
    ),
    Example(
        name="fixed bundle as its components",
        services=_at(ONE, "TRAVEL"),
        actions=(("ADD_SERVICE", {"services": [{"code": "STARTER_PACK", "distributors": ["VP1"]}]}),),
    ),
    Example(
        name="two services, one option: dropping one sends nothing",
        services=_at(ONE, "SPORT", "SPORT_LITE"),
        actions=(("REMOVESERVICE", {"services": ["SPORT_LITE"]}),),
    ),
)


def showcase(rng: Random, boxes: BoxStore, now: datetime) -> Iterator[SoldSubscription]:
    """Yield the examples in their order, which is that of their subscription numbers."""
    for example in EXAMPLES:
        yield SoldSubscription(
            person=None if example.same_customer else named(rng, f"Business example: {example.name}"),
            type=SHOWCASE,
            state=example.state,
            created_at=now - timedelta(days=400),
            services=example.services,
            boxes=tuple(boxes.take(place) for place in example.places),
        )

"""Subscriptions that every base has, whatever its size: each state once, and the cases that must go wrong.

The deliberate cases: rows that break the contract, a channel nobody mapped, boxes typed in twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from demo.crm.households import STATES, BoxStore
from demo.crm.people import somebody
from demo.crm.sold import Box, Sold, SoldSubscription

BLOCK = 2000  # one malformed row and one fifth viewing point for every started block of subscriptions
REJECTED_SHARE = 1000  # at most one row in so many: the extract counts as whole up to 0.1 % of rejected rows
ONE = ("VP1",)
SHARED_ACCOUNT = "C-0000077"  # the customer's number at the platform, from before subscriptions had their own


@dataclass(frozen=True, slots=True)
class Faults:
    """How many rows of a base are wrong on purpose."""

    malformed: int
    fifth_distributor: int
    duplicated_serials: int


def faults(subscriptions: int) -> Faults:
    """Return how many rows of a base of that size are wrong on purpose."""
    started = -(-subscriptions // BLOCK)
    allowed = subscriptions // REJECTED_SHARE
    malformed = min(started, allowed)
    return Faults(
        malformed=malformed,
        fifth_distributor=min(started, allowed - malformed),
        duplicated_serials=3 if subscriptions >= 500 else 2,
    )


def scenes(rng: Random, boxes: BoxStore, now: datetime, wrong: Faults) -> Iterator[SoldSubscription]:
    """Yield them in an order that the seed does not change."""
    for state in STATES.values:
        yield _one(rng, boxes, now, "FLEX_B", state=state, ends_in=timedelta(days=30))
    yield from _lives(rng, boxes, now)
    yield _one(rng, boxes, now, "NEWS", "NEW_CHANNEL")
    yield from _shared_account(rng, boxes, now)
    for _ in range(wrong.duplicated_serials):
        first, second = _one(rng, boxes, now, "ENTERTAIN"), _one(rng, boxes, now, "MOVIES")
        yield first
        yield replace(second, boxes=first.boxes)


def malformed(rng: Random, boxes: BoxStore, now: datetime) -> SoldSubscription:
    """Return a subscription whose serial number was typed with a blank: no platform takes it."""
    sold = _one(rng, boxes, now, "NEWS")
    box = sold.boxes[0]
    return replace(
        sold, boxes=(replace(box, serial_number=f"{box.serial_number[:4]} {box.serial_number[4:]}"),)
    )


def fifth_distributor(rng: Random, boxes: BoxStore, now: datetime) -> SoldSubscription:
    """Return a subscription with a fifth viewing point, which the CRM sells and the platform does not know."""
    places = ("VP1", "VP2", "VP3", "VP4", "VP5")
    sold = _one(rng, boxes, now)
    return replace(
        sold,
        services=(Sold(code="KIDS", distributors=places),),
        boxes=(*sold.boxes, *(boxes.take(place) for place in places[1:])),
    )


def with_bundle_a(rng: Random, boxes: BoxStore, now: datetime) -> SoldSubscription:
    """Return the subscriber of the manual's samples: Active, with Bundle A in the living room."""
    return _one(rng, boxes, now, "FLEX_A")


def _one(
    rng: Random,
    boxes: BoxStore,
    now: datetime,
    *codes: str,
    state: str = "EFFECTIVE",
    ends_in: timedelta | None = None,
) -> SoldSubscription:
    return SoldSubscription(
        person=somebody(rng, business=False),
        type="RESIDENTIAL",
        state=state,
        created_at=now - timedelta(days=200),
        services=tuple(Sold(code=code, distributors=ONE) for code in codes),
        boxes=(boxes.take("VP1", is_removed=state in ("CANCELLED", "REGRETTED", "REPLACED")),),
        ends_in=ends_in,
    )


def _with(sold: SoldSubscription, *services: Sold) -> SoldSubscription:
    return replace(sold, services=(*sold.services, *services))


def _lives(rng: Random, boxes: BoxStore, now: datetime) -> Iterator[SoldSubscription]:
    """Yield what happens in the life of an ordinary subscription, one case each."""
    yield _one(rng, boxes, now, "SPORT", "SPORT_LITE")  # two services, one option
    yield replace(_one(rng, boxes, now, "SPORT"), grace=timedelta(days=10))
    yield _with(_one(rng, boxes, now, "NEWS"), Sold(code="PPV_CONCERT", distributors=ONE))
    yield _with(_one(rng, boxes, now, "NEWS"), Sold(code="MUSIC", distributors=ONE, state="DRAFT"))
    yield _with(_one(rng, boxes, now, "NEWS"), Sold(code="MOTORS", distributors=ONE, state="NOT_EFFECTIVE"))
    swapped = Sold(code="FLEX_A", distributors=ONE, state="SWAPPED", swapped_for="AGRICULTURE")
    regrettable = replace(_one(rng, boxes, now), created_at=now - timedelta(days=3))
    yield _with(regrettable, swapped, Sold(code="AGRICULTURE", distributors=ONE))
    # A box that moved from one subscription of a customer to the other.
    moved: Box = boxes.take("VP2")
    first = _one(rng, boxes, now, "FAMILY_PACK")
    yield replace(first, boxes=(*first.boxes, replace(moved, is_removed=True)))
    second = _one(rng, boxes, now)
    yield replace(second, person=None, location="Holiday home", boxes=(*second.boxes, moved),
                  services=(Sold(code="STARTER_PACK", distributors=("VP1", "VP2")),))  # fmt: skip


def _shared_account(rng: Random, boxes: BoxStore, now: datetime) -> Iterator[SoldSubscription]:
    """Yield two subscriptions that a customer has in one account of the platform, in different rooms."""
    first = _one(rng, boxes, now, "ENTERTAIN", "SPORT")
    yield replace(first, account=SHARED_ACCOUNT)
    yield replace(
        _one(rng, boxes, now),
        person=None,
        account=SHARED_ACCOUNT,
        services=(Sold(code="SPORT", distributors=("VP2",)),),
        boxes=(boxes.take("VP2"),),
    )

"""A random subscription: what homes, shops and bars have, in the shares a pay-TV base has them."""

from __future__ import annotations

from bisect import bisect
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from demo.crm.people import somebody
from demo.crm.sold import USAGE, VIEWING_POINTS, Box, Sold, SoldSubscription

Value = TypeVar("Value")

# The unmapped NEW_CHANNEL is not here: it is sold once, on purpose (scenes.py).
FLAT_CHANNELS = (
    "GEOLOGICAL", "ENTERTAIN", "RELIGION", "AGRICULTURE", "SPORT", "SPORT_LITE", "MOVIES", "SERIES", "NEWS", "KIDS",
    "MUSIC", "NATURE", "HISTORY", "SCIENCE", "COOKING", "TRAVEL", "FINANCE", "MOTORS",
)  # fmt: skip
YEARS = 6  # how far back the base goes


class Shares(Generic[Value]):
    """Values by weight. The sums are made once: a million subscriptions ask five times each."""

    def __init__(self, *weighted: tuple[Value, int]) -> None:
        self.values = [value for value, _ in weighted]
        self._sums = list(accumulate(weight for _, weight in weighted))

    def pick(self, rng: Random) -> Value:
        """Return one value, as often as its weight says."""
        return self.values[bisect(self._sums, rng.random() * self._sums[-1])]


BASE_PRODUCTS = Shares(("FLEX_A", 18), ("FLEX_B", 12), ("FAMILY_PACK", 12), ("STARTER_PACK", 16), ("", 42))
VIEWING_POINT_COUNTS = Shares((1, 62), (2, 24), (3, 9), (4, 5))
TYPES = Shares(("RESIDENTIAL", 88), ("BUSINESS", 7), ("HOSPITALITY", 5))
STATES = Shares(
    ("EFFECTIVE", 860), ("NOT_EFFECTIVE", 45), ("CANCELLED", 40), ("IN_RESTING", 15), ("DRAFT", 14),
    ("REGRETTED", 6), ("SHORT_TERM_EFFECTIVE", 6), ("SHORT_TERM_NOT_EFFECTIVE", 6), ("REPLACED", 4),
    ("PENDING_VERIFICATION", 4),
)  # fmt: skip
BOX_TYPES = Shares(("STB_HD", 55), ("STB_UHD", 30), ("STB_PVR", 15))
BOX_PREFIXES = {"STB_HD": "HD", "STB_UHD": "UHD", "STB_PVR": "PVR"}


class BoxStore:
    """Boxes never used before: the serial numbers come in no order a person would see, and never twice."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._taken = 0

    def take(self, distributor: str, *, type: str | None = None, is_removed: bool = False) -> Box:
        """Return a new box for *distributor*."""
        self._taken += 1
        kind = type or BOX_TYPES.pick(self._rng)
        # 7,919 has no factor in common with 10**9, so that the first 10**9 numbers differ.
        serial_number = f"{BOX_PREFIXES[kind]}{self._taken * 7919 % 10**9:09d}"
        return Box(serial_number=serial_number, type=kind, distributor=distributor, is_removed=is_removed)


def household(rng: Random, boxes: BoxStore, now: datetime) -> SoldSubscription:
    """Return a random subscription; one in sixteen is a further one of the customer before."""
    type_code, state = TYPES.pick(rng), STATES.pick(rng)
    places = VIEWING_POINTS[: VIEWING_POINT_COUNTS.pick(rng)]
    services = _channels(rng, places) + _extras(rng, places, state)
    person = None if rng.random() < 0.06 else somebody(rng, business=type_code != "RESIDENTIAL")
    return SoldSubscription(
        person=person,
        type=type_code,
        state=state,
        created_at=now - timedelta(seconds=int(rng.random() ** 1.5 * YEARS * 365 * 86400) + 86400),
        services=services,
        boxes=_boxes(rng, boxes, places, state),
        location="Holiday home" if person is None else None,
        ends_in=timedelta(days=rng.randrange(2, 90)),
        grace=timedelta(days=rng.randrange(1, 20)) if state == "EFFECTIVE" and rng.random() < 0.02 else None,
    )


def _channels(rng: Random, places: tuple[str, ...]) -> tuple[Sold, ...]:
    """Return what is watched at every viewing point, and a few channels that are not watched everywhere."""
    bundle = BASE_PRODUCTS.pick(rng)
    flat = rng.sample(FLAT_CHANNELS, rng.choice((0, 0, 1, 1, 2)) if bundle else rng.choice((1, 2, 2, 3, 4)))
    services = [Sold(code=bundle, distributors=places)] if bundle else []
    for position, code in enumerate(flat):
        # The first one is everywhere, so that no box stands in a room without a channel.
        everywhere = (not bundle and position == 0) or rng.random() < 0.7
        services.append(Sold(code=code, distributors=places if everywhere else (rng.choice(places),)))
    return tuple(services)


def _extras(rng: Random, places: tuple[str, ...], state: str) -> tuple[Sold, ...]:
    """Return what else a subscription gathers: work, paper, films by the evening, and channels it once had."""
    extras: list[Sold] = []
    if rng.random() < 0.35:
        extras.append(Sold(code="INSTALLATION"))
    if rng.random() < 0.15:
        extras.append(Sold(code=rng.choice(("BOX_INSURANCE", "PAPER_INVOICE"))))
    if state != "EFFECTIVE":
        return tuple(extras)
    if rng.random() < 0.06:
        extras.append(Sold(code=rng.choice(USAGE), distributors=(rng.choice(places),)))
    if rng.random() < 0.05:
        extras.append(Sold(code=rng.choice(USAGE), distributors=places[:1], state="REMOVED"))
    if rng.random() < 0.07:
        once = rng.choice(FLAT_CHANNELS)
        extras.append(Sold(code=once, distributors=places, state=rng.choice(("CANCELLED", "REGRETTED"))))
    return tuple(extras)


def _boxes(rng: Random, boxes: BoxStore, places: tuple[str, ...], state: str) -> tuple[Box, ...]:
    """Return one box a viewing point; an ended subscription has mostly given them back, some were replaced."""
    ended = state in ("CANCELLED", "REGRETTED", "REPLACED")
    installed = [boxes.take(place, is_removed=ended and rng.random() < 0.9) for place in places]
    if rng.random() < 0.05:
        installed.append(boxes.take(places[0], is_removed=True))
    return tuple(installed)

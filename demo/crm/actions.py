"""The desk: chooses for one subscription an action that the CRM allows and an agent might do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from demo.crm.households import FLAT_CHANNELS
from demo.crm.showcase import Action
from demo.crm.sold import USAGE, VIEWING_POINTS

MAXIMUM_COMPONENTS = 4  # of both flexible bundles, in demo/crm/catalogue.sql
# SPORT and SPORT_LITE are one option: to sell one beside the other would change nothing at the platform.
NEW_CHANNELS = tuple(code for code in FLAT_CHANNELS if code != "SPORT_LITE")

Choice = tuple[int, list[Action]]  # what it costs of the budget, and the actions; none if nothing fits
NOTHING: Choice = (0, [])


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subscription as drift_candidates.sql returns it."""

    number: str
    state: str
    codes: list[str]
    channels: list[str]
    bundle: str | None
    components: list[str]
    places: list[str]
    serial_numbers: list[str]


class Desk:
    """Chooses by *rng*; *bundles* says what flexible bundles may hold, new boxes are numbered from *last_box* on."""

    def __init__(self, rng: Random, bundles: dict[str, dict[str, bool]], last_box: int) -> None:
        self._rng = rng
        self._bundles = bundles
        self._last_box = last_box

    def new_serial_number(self) -> str:
        """Return the serial number of a box that nobody has."""
        self._last_box += 1
        return f"N{self._last_box:09d}"

    def take(self, candidate: Candidate, budget: int) -> Choice:
        """Choose what only takes away, at one viewing point: it costs the requests that it will need."""
        if len(candidate.places) != 1 or any(code in USAGE for code in candidate.codes):
            return NOTHING
        choices: list[Choice] = [(1, [("RESTSUBSCRIPTION", {})]), (1, [("DEACTIVATE_SUBSCRIPTION", {})])]
        if budget >= 2:
            choices.append((2, [("TERMINATE_SUBSCRIPTION", {"reason": "MOVED_AWAY"})]))
        if len(candidate.channels) > 1:
            gone = self._rng.choice(candidate.channels)
            choices.append((1, [("REMOVESERVICE", {"services": [gone]})]))
        return self._rng.choice(choices)

    def replace(self, candidate: Candidate, _budget: int) -> Choice:
        """Choose what takes away and gives in its place: another channel, another box, another component."""
        choices: list[Action] = []
        position = self._rng.randrange(len(candidate.places))
        new_box = {"serial_number": self.new_serial_number(), "type": self._rng.choice(("STB_HD", "STB_UHD"))}
        choices.append(
            ("SWAP_INSTALLED_ITEM", {"pairs": [{"from": candidate.serial_numbers[position], "to": new_box}]})
        )
        if candidate.channels:
            old = self._rng.choice(candidate.channels)
            choices.append(("SWAPSERVICE", {"from": old, "to": {"code": self._new_channel(candidate)}}))
        optional = [one for one in candidate.components if not self._bundles[candidate.bundle or ""][one]]
        unused = self._unused_components(candidate)
        if optional and unused:
            swap = {"remove": [self._rng.choice(optional)], "add": [self._rng.choice(unused)]}
            choices.append(("AMENDBUNDLEDSERVICE", {"bundle": candidate.bundle, **swap}))
        return 1, [self._rng.choice(choices)]

    def give(self, candidate: Candidate, _budget: int) -> Choice:
        """Choose what only gives: a channel, a film, a component, a viewing point."""
        draw = self._rng.random()
        if draw < 0.15 and len(candidate.places) < len(VIEWING_POINTS) and candidate.channels:
            return 1, list(self._another_viewing_point(candidate))
        if draw < 0.30 and not any(code in USAGE for code in candidate.codes):
            film, place = self._rng.choice(USAGE), self._rng.choice(candidate.places)
            return 1, [("ADD_SERVICE_USAGE", {"service": film, "distributors": [place]})]
        unused = self._unused_components(candidate)
        if draw < 0.5 and unused and len(candidate.components) < MAXIMUM_COMPONENTS:
            return 1, [
                ("AMENDBUNDLEDSERVICE", {"bundle": candidate.bundle, "add": [self._rng.choice(unused)]})
            ]
        places = candidate.places if self._rng.random() < 0.7 else [self._rng.choice(candidate.places)]
        channel = {"code": self._new_channel(candidate), "distributors": places}
        return 1, [("ADD_SERVICE", {"services": [channel]})]

    def bring_back(self, candidate: Candidate, _budget: int) -> Choice:
        """Choose what makes a subscription Active that is not."""
        behaviour = "ENDSUBSCRIPTIONRESTING" if candidate.state == "IN_RESTING" else "ACTIVATESUBSCRIPTION"
        return 1, [(behaviour, {})]

    def _another_viewing_point(self, candidate: Candidate) -> Iterator[Action]:
        place = next(one for one in VIEWING_POINTS if one not in candidate.places)
        box = {"serial_number": self.new_serial_number(), "type": "STB_HD", "distributor": place}
        service = {"code": candidate.channels[0], "distributors": [*candidate.places, place]}
        yield "ADD_INSTALLED_ITEM", {"items": [box]}
        yield "CHANGESUBSCRIPTIONDISTRIBUTION", {"services": [service]}

    def _new_channel(self, candidate: Candidate) -> str:
        has = {"SPORT" if code == "SPORT_LITE" else code for code in candidate.codes}
        return self._rng.choice([code for code in NEW_CHANNELS if code not in has])

    def _unused_components(self, candidate: Candidate) -> list[str]:
        possible = self._bundles.get(candidate.bundle or "", {})
        return [code for code in possible if code not in candidate.codes]

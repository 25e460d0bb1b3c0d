"""What happens in the CRM while a walk goes on, and what the CRM wants in the end, read from its own tables."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.integration.stage import Stage

SERVICES = ("GEOLOGICAL", "RELIGION", "NEWS", "SPORT", "KIDS")
OPTIONS = {"SPORT": "SPORT_CHANNELS"}
MOST_SUBSCRIBERS = 8


@dataclass(kw_only=True)
class Life:
    """The subscribers of a walk. What is done to them is told as a line of its trail."""

    stage: Stage
    chance: random.Random
    numbers: list[str] = field(default_factory=list)
    boxes: Any = field(default_factory=lambda: itertools.count(1))

    def subscribe(self) -> str:
        """Let somebody new become a subscriber, while there is room."""
        if len(self.numbers) == MOST_SUBSCRIBERS:
            return "nobody subscribes"
        places = self.chance.choice((("VP1",), ("VP1", "VP2")))
        services = self.chance.sample(SERVICES, self.chance.randint(1, 3))
        boxes = {place: self.box() for place in places}
        self.numbers.append(self.stage.subscriber(*services, boxes=boxes, at=places))
        return f"subscribe {self.numbers[-1]}"

    def act(self) -> str:
        """Let the CRM do something to somebody; it may refuse."""
        number = self.chance.choice(self.numbers)
        behaviour, details = self.chance.choice(self.possible(number))
        try:
            self.stage.act(behaviour, number, **details)
        except psycopg.errors.RaiseException:
            return f"{behaviour} refused"
        return f"{behaviour} {number}"

    def possible(self, number: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what somebody may do to a subscription as it is: behaviours and their details."""
        rows = self.stage.crm.execute(
            "SELECT p.product_code FROM crm.subscriptions s LEFT JOIN crm.subscription_services p"
            " ON p.subscription_number = s.subscription_number AND p.is_current AND p.state = 'EFFECTIVE'"
            " WHERE s.subscription_number = %s AND s.state = 'EFFECTIVE'",
            (number,),
        ).fetchall()
        if not rows:
            return [("ACTIVATESUBSCRIPTION", {})]
        has = sorted({code for (code,) in rows if code})
        gains = self.chance.choice([code for code in SERVICES if code not in has] or SERVICES)
        box = {"serial_number": self.box(), "type": "STB_HD", "distributor": "VP2"}
        found: list[tuple[str, dict[str, Any]]] = [
            ("ADD_SERVICE", {"services": [{"code": gains, "distributors": ["VP1"]}]}),
            ("SWAP_INSTALLED_ITEM", self.swap_of_a_box(number)),
            ("DEACTIVATE_SUBSCRIPTION", {}),
        ]
        if self.has_room(number):
            found.append(("ADD_INSTALLED_ITEM", {"items": [box]}))
        if has:
            goes = self.chance.choice(has)
            found += [
                ("SWAPSERVICE", {"from": goes, "to": {"code": gains}}),
            ]
        # The last one stays: without any, nobody can be activated again.
        if len(has) > 1:
            found.append(("REMOVESERVICE", {"services": [self.chance.choice(has)]}))
        return found

    def has_room(self, number: str) -> bool:
        """Say whether VP2 takes a box of this subscription; now and then one too many comes all the same."""
        there = self.stage.crm.execute(
            "SELECT 1 FROM crm.installed_items"
            " WHERE subscription_number = %s AND removed_at IS NULL AND distributor = 'VP2'",
            (number,),
        ).fetchall()
        return not there or self.chance.random() < 0.1

    def move_box(self) -> str:
        """Let a box go from one subscriber to another, in two actions of the CRM; it may refuse either."""
        row = self.stage.crm.execute(
            "SELECT subscription_number, serial_number FROM crm.installed_items"
            " WHERE removed_at IS NULL AND distributor = 'VP2' ORDER BY serial_number"
        ).fetchall()
        if not row:
            return "no box to move"
        old, serial = self.chance.choice(row)
        new = self.chance.choice([one for one in self.numbers if self.has_room(one)] or self.numbers)
        box = {"serial_number": serial, "type": "STB_HD", "distributor": "VP2"}
        try:
            self.stage.act("REMOVE_INSTALLED_ITEM", old, items=[serial])
            self.stage.act("ADD_INSTALLED_ITEM", new, items=[box])
        except psycopg.errors.RaiseException:
            return f"move of {serial} refused"
        return f"move {serial} from {old} to {new}"

    def swap_of_a_box(self, number: str) -> dict[str, Any]:
        row = self.stage.crm.execute(
            "SELECT serial_number, distributor FROM crm.installed_items"
            " WHERE subscription_number = %s AND removed_at IS NULL ORDER BY serial_number LIMIT 1",
            (number,),
        ).fetchone()
        old, place = row or ("none", "VP1")
        return {
            "pairs": [
                {"from": old, "to": {"serial_number": self.box(), "type": "STB_HD", "distributor": place}}
            ]
        }

    def box(self) -> str:
        """Return a serial number that no box had before."""
        return f"CHAOS-{self.numbers[0] if self.numbers else 'FIRST'}-{next(self.boxes)}"

    def mend(self) -> None:
        """Take out boxes beyond the one that VP2 takes: such a subscription is a rejected row and stays as it is."""
        surplus = self.stage.crm.execute(
            "SELECT subscription_number, (array_agg(serial_number ORDER BY serial_number))[2:] FROM crm.installed_items"
            " WHERE removed_at IS NULL AND distributor = 'VP2' GROUP BY 1 HAVING count(*) > 1"
        ).fetchall()
        for number, serials in surplus:
            self.stage.act("REMOVE_INSTALLED_ITEM", number, items=serials)

    def wanted(self, number: str) -> dict[str, Any]:
        """What the CRM's tables want Tucano to hold, in the shape of `Stage.holds`.

        Of an inactive subscription the boxes that are installed stay where Tucano has them, and no others come.
        """
        ((state,),) = self.stage.crm.execute(
            "SELECT state FROM crm.subscriptions WHERE subscription_number = %s", (number,)
        ).fetchall()
        services = self.stage.crm.execute(
            "SELECT product_code, unnest(distributors) FROM crm.subscription_services"
            " WHERE subscription_number = %s AND is_current AND state = 'EFFECTIVE'",
            (number,),
        ).fetchall()
        boxes = self.stage.crm.execute(
            "SELECT distributor, serial_number FROM crm.installed_items"
            " WHERE subscription_number = %s AND removed_at IS NULL",
            (number,),
        ).fetchall()
        installed = sorted(f"{place}:{serial}" for place, serial in boxes)
        held = self.stage.holds(number)
        active = state == "EFFECTIVE"
        return {
            "exists": active or held["exists"],
            "options": sorted({f"{place}:{OPTIONS.get(code, code)}" for code, place in services})
            if active
            else [],
            "boxes": installed if active else [box for box in held["boxes"] if box in installed],
        }

"""The doors to Tucano that a walk opens, each in a process of its own. A new door is one class here and in DOORS."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod

from tests.integration.nursery import Nursery, Worker
from tests.integration.stage import Stage

# Half a minute of lease and of waiting for an answer would be most of a walk.
HASTE = {"CLAIM": "4,1,1.5", "PATIENCE": "1.0,0.05,0.5"}
CLOCKS = ("", "-3600", "86400", "0,-3600,7200")
# Where a worker may be told to die; at which pass is left to chance.
FAILPOINTS = (
    *("extract.landed", "extract.committed", "plan.committed", "claim.committed", "requests.written"),
    *("requests.committed", "request.leaving", "request.answered", "outcome.written", "outcome.committed"),
    *("actions.written", "actions.committed", "group.written", "group.committed"),
)


class Door(ABC):
    """One way in which the product comes to send."""

    @abstractmethod
    def told(self, stage: Stage, chance: random.Random, numbers: list[str]) -> dict[str, str]:
        """Return what a worker of this door has to be told; *numbers* are all subscriptions."""

    def open(self, stage: Stage, nursery: Nursery, chance: random.Random, numbers: list[str]) -> Worker:
        """Start a worker, on a host whose clock may be wrong, and perhaps with a failpoint in its way."""
        environment = self.told(stage, chance, numbers) | HASTE | {"CLOCK_JUMPS": chance.choice(CLOCKS)}
        if chance.random() < 0.4:
            environment["PROVISIONING_FAILPOINT"] = f"{chance.choice(FAILPOINTS)}:{chance.randint(1, 6)}"
        return nursery.bear(environment)


class Night(Door):
    """The nightly reset run, from its extract to its summary."""

    def told(self, stage: Stage, chance: random.Random, numbers: list[str]) -> dict[str, str]:  # noqa: ARG002
        return stage.environment("run")


class Person(Door):
    """Somebody who resets one subscription."""

    def told(self, stage: Stage, chance: random.Random, numbers: list[str]) -> dict[str, str]:
        return stage.environment("single", SUBSCRIPTION=chance.choice(numbers))


class Lane(Door):
    """The real-time lane, which ends by itself as it does when it rotates."""

    def told(self, stage: Stage, chance: random.Random, numbers: list[str]) -> dict[str, str]:  # noqa: ARG002
        return stage.environment("lane", LANE_SECONDS=chance.uniform(1, 6))


DOORS: tuple[Door, ...] = (Night(), Night(), Person(), Lane(), Lane())

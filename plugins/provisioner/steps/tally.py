"""The plan of many accounts, counted one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Of a plan of a million accounts a person reads a few examples.
EXAMPLES = 5


@dataclass(slots=True)
class Tally:
    """Counts of one plan. *add* takes the accounts one by one; nothing of them is kept but a few examples."""

    out_of_sync: int = 0
    accounts: int = 0
    requests: int = 0
    withheld: int = 0
    pure_removals: int = 0
    replacements: int = 0
    by_command: Counter[str] = field(default_factory=Counter)
    by_distributor: Counter[str] = field(default_factory=Counter)
    activated: Counter[tuple[str, str]] = field(default_factory=Counter)
    suspended: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(
        self,
        numbers: Iterable[str],
        planned: Iterable[Mapping[str, Any]],
        *,
        removals: bool,
        replacement: bool,
        withheld: bool,
    ) -> None:
        """Count one account that is out of sync, with its plan as steps/plan.py shows it."""
        self.out_of_sync += 1
        commands = list(planned)
        self.accounts += bool(commands)
        self.requests += len(commands)
        self.withheld += withheld
        self.pure_removals += removals and not replacement
        self.replacements += removals and replacement
        for command in commands:
            name, place = command["command"], command.get("distributor")
            self.by_command[name] += 1
            if place is not None:
                self.by_distributor[place] += 1
            moved = {"ACTIVATE_OPTIONS": self.activated, "SUSPEND_OPTIONS": self.suspended}.get(name)
            if moved is not None:
                moved.update((place or "", option) for option in command["options"])
            shown = self.examples.setdefault(name, [])
            if len(shown) < EXAMPLES:
                shown.append(next(iter(numbers), ""))

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as they are kept; options as rows, since their pairs are no names."""
        pairs = sorted(self.activated.keys() | self.suspended.keys())
        return {
            "out_of_sync": self.out_of_sync,
            "accounts": self.accounts,
            "requests": self.requests,
            "accounts_withheld": self.withheld,
            "accounts_losing": self.pure_removals,
            "accounts_replacing": self.replacements,
            "by_command": dict(sorted(self.by_command.items())),
            "by_distributor": dict(sorted(self.by_distributor.items())),
            "by_option": [
                {
                    "distributor": place,
                    "option": option,
                    "activated": self.activated[place, option],
                    "suspended": self.suspended[place, option],
                }
                for place, option in pairs
            ],
            "examples": self.examples,
        }

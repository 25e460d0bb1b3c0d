"""The faults in force: what an operator asked for, which of them fires, and how often it did."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from demo.simulator.kinds import KINDS, Kind

ALL_FIELDS = frozenset({"kind"}).union(*(kind.fields for kind in KINDS.values()))


class BadFaultError(ValueError):
    """A fault cannot be understood; the message names the fault and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault as asked for; None or an empty set means not given."""

    kind: str
    status: int | None = None
    retry_after: int | float | str | None = None
    delay_ms: int | None = None
    error_code: str | None = None
    applied: bool | None = None
    probability: float = 1.0
    count: int | None = None
    commands: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()

    @property
    def rules(self) -> Kind:
        """What the kind of this fault does."""
        return KINDS[self.kind]

    @property
    def applies(self) -> bool:
        """Whether the request takes effect."""
        return self.rules.applied if self.applied is None else self.applied

    def delay_seconds(self, otherwise_ms: int = 0) -> float:
        """Give the delay in seconds."""
        return (otherwise_ms if self.delay_ms is None else self.delay_ms) / 1000

    def meets(self, *, command: str, account: str, options: Collection[str]) -> bool:
        """Say whether the filters by content let this request through to the fault."""
        return (
            (not self.commands or command in self.commands)
            and (not self.accounts or account in self.accounts)
            and (not self.options or not self.options.isdisjoint(options))
        )


@dataclass(slots=True)
class _Armed:
    fault: Fault
    fired: int = 0

    def is_spent(self) -> bool:
        return self.fault.count is not None and self.fired >= self.fault.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What happens to one request: at most one *fault* that decides it, and the modifiers that fired."""

    fault: Fault | None = None
    turn: int = 0
    slow_seconds: float = 0.0
    modifiers: frozenset[str] = frozenset()

    @property
    def name(self) -> str | None:
        """The kinds that fired, for the ledger."""
        kinds = sorted(self.modifiers) + ([self.fault.kind] if self.fault else [])
        return "+".join(kinds) or None


NOTHING = Chosen()


@dataclass(slots=True)
class Faults:
    """The faults in force, in the order given."""

    _armed: list[_Armed] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def replace(self, faults: Sequence[Fault], *, seed: int = 0) -> None:
        """Put *faults* in the place of all before; *seed* fixes what their probabilities will draw."""
        self._armed = [_Armed(fault) for fault in faults]
        self._random = random.Random(seed)

    def choose(self, *, command: str, account: str, options: Collection[str]) -> Chosen:
        """Draw what happens to one request. The first deciding fault that fires wins; modifiers add up."""
        if not self._armed:
            return NOTHING
        decisive: _Armed | None = None
        modifiers: list[Fault] = []
        for armed in self._armed:
            fault = armed.fault
            if fault.rules.connection or (decisive is not None and not fault.rules.modifier):
                continue
            if fault.meets(command=command, account=account, options=options) and self._fires(armed):
                if fault.rules.modifier:
                    modifiers.append(fault)
                else:
                    decisive = armed
        return Chosen(
            fault=decisive.fault if decisive else None,
            turn=decisive.fired if decisive else 0,
            slow_seconds=sum(fault.delay_seconds(1000) for fault in modifiers if fault.kind == "slow"),
            modifiers=frozenset(fault.kind for fault in modifiers),
        )

    def at_connect(self) -> str | None:
        """Draw what happens to a new connection: the kind of the fault that fires, or None."""
        for armed in self._armed:
            if armed.fault.rules.connection and self._fires(armed):
                return armed.fault.kind
        return None

    def is_down(self) -> bool:
        """Say whether every connection is refused for good, so that nothing should listen at all."""
        return any(
            armed.fault.kind == "refuse" and armed.fault.probability == 1 and armed.fault.count is None
            for armed in self._armed
        )

    def meet_connections(self) -> bool:
        """Say whether any fault is about connections."""
        return any(armed.fault.rules.connection for armed in self._armed)

    def listed(self) -> list[dict[str, Any]]:
        """Give the faults as asked for, each with how often it has *fired*."""
        return [{**_as_asked(armed.fault), "fired": armed.fired} for armed in self._armed]

    def _fires(self, armed: _Armed) -> bool:
        if armed.is_spent():
            return False
        # The draw is made for certain faults too: adding one must not shift what the others draw.
        if self._random.random() >= armed.fault.probability:
            return False
        armed.fired += 1
        return True


def read_faults(
    document: object, *, commands: Collection[str], error_codes: Collection[str]
) -> tuple[tuple[Fault, ...], int]:
    """Read the body of PUT /control/faults into faults and the seed; raises BadFaultError."""
    if not isinstance(document, dict) or not isinstance(document.get("faults"), list):
        raise BadFaultError('the body must be {"faults": [...]}')
    unknown = sorted(set(document) - {"faults", "seed"})
    if unknown:
        raise BadFaultError(f"unknown field {unknown[0]!r} beside faults")
    seed = document.get("seed", 0)
    if not _is_integer(seed):
        raise BadFaultError(f"seed: {seed!r} is not a whole number")
    faults = tuple(_read(n, each, commands, error_codes) for n, each in enumerate(document["faults"], 1))
    return faults, seed


def _read(n: int, asked: object, commands: Collection[str], error_codes: Collection[str]) -> Fault:
    if not isinstance(asked, dict):
        raise BadFaultError(f"fault {n}: not an object")
    kind = asked.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadFaultError(f"fault {n}: unknown kind {kind!r}; there are {', '.join(sorted(KINDS))}")
    given = {name: value for name, value in asked.items() if name != "kind" and value is not None}
    for name, value in given.items():
        if name not in ALL_FIELDS:
            raise BadFaultError(f"fault {n} ({kind}): unknown field {name!r}")
        if name not in KINDS[kind].fields:
            raise BadFaultError(
                f"fault {n} ({kind}): does not read {name!r}, only {_list(KINDS[kind].fields)}"
            )
        complaint = _complaint(kind, name, value, commands, error_codes)
        if complaint:
            raise BadFaultError(f"fault {n} ({kind}): {name}: {value!r} is not {complaint}")
    for name in given.keys() & {"commands", "accounts", "options"}:
        given[name] = frozenset(given[name])
    return Fault(kind=kind, **given)


def _complaint(
    kind: str, name: str, value: Any, commands: Collection[str], error_codes: Collection[str]
) -> str | None:
    match name:
        case "status" if not (_is_integer(value) and 200 <= value <= 599):
            return "a status from 200 to 599"
        case "retry_after" if not _is_retry_after(value, date_too=kind != "retry_after_date"):
            return "a number of seconds or an HTTP date"
        case "delay_ms" if not (_is_integer(value) and value >= 0):
            return "a number of milliseconds"
        case "count" if not (_is_integer(value) and value >= 1):
            return "a whole number from 1"
        case "probability" if not (_is_number(value) and 0 <= value <= 1):
            return "a number from 0 to 1"
        case "applied" if not isinstance(value, bool):
            return "true or false"
        case "error_code" if value not in error_codes:
            return f"one of {_list(error_codes)}"
        case "commands" if not (_is_texts(value) and set(value) <= set(commands)):
            return f"a list out of {_list(commands)}"
        case "accounts" | "options" if not _is_texts(value):
            return "a list of texts"
    return None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_retry_after(value: Any, *, date_too: bool) -> bool:
    if _is_number(value):
        return bool(value >= 0)
    if not isinstance(value, str) or not date_too:
        return False
    try:
        return value.isdecimal() or parsedate_to_datetime(value) is not None
    except ValueError:
        return False


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _as_asked(fault: Fault) -> Mapping[str, Any]:
    shown: dict[str, Any] = {"kind": fault.kind}
    for name in sorted(ALL_FIELDS - {"kind"}):
        value = getattr(fault, name)
        if value is not None and value != frozenset():
            shown[name] = sorted(value) if isinstance(value, frozenset) else value
    return shown

"""The asymmetric gate: giving is always allowed, taking away only in amounts a night can explain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from provisioner.core.model import (
    ActivateOptions,
    AddMaterial,
    Command,
    CreateAccount,
    RemoveMaterial,
    Settings,
    SuspendOptions,
)
from provisioner.core.packing import gift_keys, removal_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What a whole batch would do, in accounts. *base*: the accounts of the extract.

    *new_provider_version*: the last batch that sent used another provider file; on day one there is none.
    """

    base: int
    pure_removals: int
    replacements: int
    changed: int
    new_provider_version: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Which removals may go. *held_because* says what a person has to know when some may not.

    *whole_plan*: nothing goes at all, in either direction, until a person has looked.
    """

    pure: bool
    replacements: bool
    whole_plan: bool = False
    held_because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is known of an extract. *last_whole_accounts* is None on day one and for a filtered run.

    *newly_gone* are served accounts that the last whole extract had. Versions are 0 where the CRM has none.
    """

    filtered: bool
    extracted_rows: int
    counted_rows: int | None
    rejected_rows: int
    landed_accounts: int
    duplicate_keys: Sequence[str] = ()
    last_whole_accounts: int | None = None
    newly_gone: int = 0
    newest_version: int = 0
    last_newest_version: int = 0


# Rows whose version may be a slip of the pen: as many as the bad rows that wait for somebody in an ordinary CRM.
SLIPS = 5
# No CRM changes so much in a day, nor since all but a few of its newest subscriptions changed.
SLIP_FACTOR = 100


def newest_version(newest: Sequence[int]) -> int:
    """Return the newest version of an extract, of whose versions the SLIPS + 1 *newest* are given.

    Without those that are a slip: believed, they would make every later extract stale.
    """
    sure = min(newest)
    return max(version for version in newest if sure == 0 or version <= SLIP_FACTOR * sure)


def counts_otherwise(newest: int, last_newest: int) -> bool:
    """Tell whether versions grew by more than a CRM can change in a day: the next extract is not measured by them."""
    return newest > SLIP_FACTOR * last_newest > 0


def emptied_because(
    *, active: int, any_service: bool, any_box: bool, served: int, boxed: int, settings: Settings
) -> tuple[str, ...]:
    """Return what an unfiltered extract has nothing of at all, though Tucano has it for more than a few accounts.

    *served* accounts have options, *boxed* ones boxes. Of a small base the gate would let all of it go. That all
    subscribers rest or left is believed: only *active* subscriptions, when they are more than a few, tell a column that
    came empty.
    """
    few = settings.rejected_rows_count
    if active <= few:
        return ()
    return tuple(
        f"it has no {thing} at all, and Tucano has some for {accounts} accounts: an empty column is not read as an end"
        for thing, found, accounts in (
            ("Active service", any_service, served),
            ("installed item", any_box, boxed),
        )
        if not found and accounts > few
    )


def not_whole_because(proof: Proof, settings: Settings) -> tuple[str, ...]:
    """Return why an extract is not proven whole; () means that it is."""
    reasons = []
    if proof.extracted_rows == 0 and not proof.filtered:
        reasons.append("the extract is empty")
    if proof.duplicate_keys:
        shown = ", ".join(proof.duplicate_keys[:5])
        reasons.append(f"{len(proof.duplicate_keys)} subscription numbers came more than once ({shown})")
    if proof.counted_rows is not None and proof.counted_rows != proof.extracted_rows:
        reasons.append(
            f"{proof.extracted_rows} rows were read but {proof.counted_rows} counted in the same snapshot"
        )
    if not _within(
        proof.rejected_rows, proof.extracted_rows, settings.rejected_rows_count, settings.rejected_rows_share
    ):
        reasons.append(
            f"{proof.rejected_rows} of {proof.extracted_rows} rows were rejected, beyond rejected_rows_count "
            f"{settings.rejected_rows_count} and rejected_rows_share {settings.rejected_rows_share:.2%}"
        )
    if proof.last_whole_accounts is not None:
        least = proof.last_whole_accounts * settings.minimum_accounts_share
        if proof.landed_accounts < least:
            reasons.append(
                f"{proof.landed_accounts} accounts against {proof.last_whole_accounts} in the last whole extract, "
                f"less than minimum_accounts_share {settings.minimum_accounts_share:.0%}"
            )
        # As many others may have come in their place: accounts with another number, or of another CRM.
        # A handful may be: one account of a small base is more than its share.
        elif proof.newly_gone > max(settings.rejected_rows_count, proof.last_whole_accounts - least):
            reasons.append(
                f"{proof.newly_gone} served accounts of the last whole extract's {proof.last_whole_accounts} are gone "
                f"and others are there instead: less than minimum_accounts_share "
                f"{settings.minimum_accounts_share:.0%} are left"
            )
    if proof.newest_version < proof.last_newest_version:
        reasons.append(
            f"the newest version in it is {proof.newest_version}, but {proof.last_newest_version} in the last whole "
            "extract: the extract is stale, crm_db shows an older state of the CRM"
        )
    return tuple(reasons)


def judge(change: PlannedChange, *, whole: bool, allow_removals: bool, settings: Settings) -> Verdict:
    """Decide which removals of a batch may go.

    An extract that is not whole takes nothing away, whatever a person says: allowing removals needs an extract
    worth the name. Pure removals and replacements (the account gains something in the same plan) are measured
    apart, each held when it is beyond the count *and* beyond its share of the base.
    """
    share = settings.provider_change_share
    if change.new_provider_version and change.changed > share * change.base and not allow_removals:
        because = (
            f"a new version of the provider file changes {change.changed} of {change.base} accounts, more than "
            f"provider_change_share {share:.2%}: the whole plan is held, giving and taking"
        )
        not_whole = (
            () if whole else ("the extract is not proven whole: a release gives, and takes nothing away",)
        )
        return Verdict(pure=False, replacements=False, whole_plan=True, held_because=(because, *not_whole))
    if not whole:
        return Verdict(pure=False, replacements=False, held_because=("the extract is not proven whole",))
    if allow_removals:
        return Verdict(pure=True, replacements=True)
    reasons = []
    pure = _within(change.pure_removals, change.base, settings.removals_count, settings.removals_share)
    if not pure:
        reasons.append(
            f"{change.pure_removals} of {change.base} accounts would lose service and gain nothing, beyond "
            f"removals_count {settings.removals_count} and removals_share {settings.removals_share:.2%}"
        )
    replacements = _within(
        change.replacements, change.base, settings.removals_count, settings.replacements_share
    )
    if not replacements:
        reasons.append(
            f"{change.replacements} of {change.base} accounts would have service replaced, beyond "
            f"removals_count {settings.removals_count} and replacements_share {settings.replacements_share:.2%}"
        )
    return Verdict(pure=pure, replacements=replacements, held_because=tuple(reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How many accounts the lane took something from within the sliding hour."""

    pure: int = 0
    replacements: int = 0

    def plus(self, *, replacement: bool) -> Used:
        """Return it with one account more."""
        if replacement:
            return replace(self, replacements=self.replacements + 1)
        return replace(self, pure=self.pure + 1)


def may_take(used: Used, *, replacement: bool, base: int, settings: Settings) -> bool:
    """Tell whether the lane may take something from one account more, after what it *used* of its hour."""
    if replacement:
        return _within(used.replacements + 1, base, settings.removals_count, settings.replacements_share)
    return _within(used.pure + 1, base, settings.removals_count, settings.removals_share)


def _within(count: int, base: int, most: int, share: float) -> bool:
    return count <= most or count <= share * base


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The part of a plan that may be sent, and the keys (core.packing.removal_keys) of what was withheld."""

    commands: tuple[Command, ...]
    withheld: tuple[str, ...] = ()


def release(commands: Sequence[Command], allowed: Collection[str]) -> Released:
    """Return the plan of one account with only the *allowed* removals in it.

    A box whose way had to be cleared first waits too: its serial number, or room at its distributor, is not free.
    """
    kept: list[Command] = []
    withheld: list[str] = []
    not_cleared: set[str] = set()
    for command in commands:
        match command:
            case RemoveMaterial(distributor=distributor, serial_number=serial_number):
                (key,) = removal_keys([command])
                if key in allowed:
                    kept.append(command)
                else:
                    withheld.append(key)
                    not_cleared |= {f"distributor {distributor}", f"box {serial_number}"}
            case SuspendOptions(distributor=distributor, options=options):
                going = tuple(option for option in options if f"option {distributor}:{option}" in allowed)
                withheld.extend(key for key in removal_keys([command]) if key not in allowed)
                if going:
                    kept.append(replace(command, options=going))
            case AddMaterial(material=material):
                if not {f"distributor {material.distributor}", f"box {material.serial_number}"} & not_cleared:
                    kept.append(command)
            case CreateAccount() | ActivateOptions():
                kept.append(command)
            case _:
                assert_never(command)
    return Released(commands=tuple(kept), withheld=tuple(withheld))


def without_gifts(commands: Sequence[Command], held: Collection[str]) -> Released:
    """Return the plan of one account without what of it gives a thing that is *held* (core.packing.gift_keys)."""
    kept: list[Command] = []
    for command in commands:
        match command:
            case ActivateOptions(distributor=distributor, options=options):
                given = tuple(option for option in options if f"option {distributor}:{option}" not in held)
                if given:
                    kept.append(replace(command, options=given))
            case AddMaterial():
                if not set(gift_keys([command])) & set(held):
                    kept.append(command)
            case CreateAccount() | SuspendOptions() | RemoveMaterial():
                kept.append(command)
            case _:
                assert_never(command)
    return Released(commands=tuple(kept), withheld=tuple(key for key in gift_keys(commands) if key in held))

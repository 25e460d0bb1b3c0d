"""From what Tucano has to what it should have: the fewest commands, in the order that is never dark.

Decision 5 to the letter: CREATE_ACCOUNT; ADD_MATERIAL; ACTIVATE_OPTIONS; SUSPEND_OPTIONS; REMOVE_MATERIAL,
inside each kind by distributor, then code or serial number. Delta only: what stays is not touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias, assert_never

from provisioner.core import policy, wire
from provisioner.core.model import (
    AccountId,
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    CreateAccount,
    DistributorCode,
    Material,
    Option,
    OptionCode,
    RemoveMaterial,
    Subscriber,
    SuspendOptions,
)

Removal: TypeAlias = SuspendOptions | RemoveMaterial


def plan(
    *,
    account: AccountId,
    target: AccountState,
    known: AccountState,
    subscriber: Subscriber,
    maximum_devices: Mapping[DistributorCode, int | None],
    swap_order: str,
    single_options: bool = False,
    maybe: AccountState | None = None,
) -> tuple[Command, ...]:
    """Return the commands that lead *known* to *target*, in the order in which they must be sent.

    *maximum_devices* by distributor; a distributor that is not named has none. *single_options* sends each
    option as its own request. Nothing is planned for an account that neither exists nor should.
    *maybe* is what Tucano may hold where *known* is only what it surely holds (core.distrust): what of it is not
    in *target* is taken away.
    """
    if maybe is None:
        if not known.exists:
            if not target.exists:
                return ()
            known = AccountState()  # what does not exist holds nothing
        maybe = known
    size = 1 if single_options else wire.OPTIONS_A_REQUEST
    created = (
        () if known.exists or not target.exists else (CreateAccount(account=account, subscriber=subscriber),)
    )
    added, removed = _box_commands(
        account, target.materials, known.materials, maybe.materials, maximum_devices
    )
    activated = tuple(
        ActivateOptions(account=account, distributor=distributor, options=options)
        for distributor, options in _lists(target.options - known.options, size)
    )
    suspended = tuple(
        SuspendOptions(account=account, distributor=distributor, options=options)
        for distributor, options in _lists(maybe.options - target.options, size)
    )
    if swap_order == policy.SUSPEND_FIRST:
        return (*created, *added, *suspended, *activated, *removed)
    return (*created, *added, *activated, *suspended, *removed)


def plan_everything(
    *,
    account: AccountId,
    target: AccountState,
    ever: AccountState,
    subscriber: Subscriber,
    swap_order: str,
) -> tuple[Command, ...]:
    """Return the commands that bring an account to *target* whatever Tucano holds: all of it is asked for again.

    *ever* is everything that was ever acknowledged for the account; what of it is not wanted is taken away. The cure
    when the platform lost its data: "already so" answers then show how much was really missing.

    One request an option: of a list that is refused as "already so" without naming its options nobody knows which of
    them were missing, and known state, which may be wrong here, cannot tell.
    """
    unlimited: Mapping[DistributorCode, int | None] = {}
    given = plan(
        account=account,
        target=target,
        known=AccountState(),
        subscriber=subscriber,
        maximum_devices=unlimited,
        swap_order=swap_order,
        single_options=True,
    )
    held = AccountState(
        exists=True, options=ever.options | target.options, materials=ever.materials | target.materials
    )
    taken = [
        command
        for command in plan(
            account=account,
            target=replace(target, exists=True),
            known=held,
            subscriber=subscriber,
            maximum_devices=unlimited,
            swap_order=swap_order,
            single_options=True,
        )
        if isinstance(command, SuspendOptions | RemoveMaterial)
    ]
    moving = {material.serial_number for material in target.materials}
    first = [one for one in taken if isinstance(one, RemoveMaterial) and one.serial_number in moving]
    created = [one for one in given if isinstance(one, CreateAccount)]
    rest = [one for one in given if not isinstance(one, CreateAccount)]
    return (*created, *first, *rest, *(one for one in taken if one not in first))


def _lists(options: Iterable[Option], size: int) -> Iterator[tuple[DistributorCode, tuple[OptionCode, ...]]]:
    for distributor, group in groupby(sorted(options), key=itemgetter(0)):
        codes = tuple(code for _, code in group)
        for start in range(0, len(codes), size):
            yield distributor, codes[start : start + size]


def _box_commands(
    account: AccountId,
    target: frozenset[Material],
    known: frozenset[Material],
    maybe: frozenset[Material],
    maximum_devices: Mapping[DistributorCode, int | None],
) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
    """Return the additions, each directly after the removals it needs, and the removals that can wait."""
    leaving = sorted(maybe - target)
    arriving = sorted(target - known)
    moving = {material.serial_number for material in arriving}
    devices = Counter(material.distributor for material in maybe)
    additions: list[Command] = []

    def take_out(material: Material) -> None:
        leaving.remove(material)
        devices[material.distributor] -= 1
        additions.append(_remove(account, material))

    for material in arriving:
        # A box is registered once: it leaves its old place (or its old type) before it enters the new one.
        for old in [one for one in leaving if one.serial_number == material.serial_number]:
            take_out(old)
        maximum = maximum_devices.get(material.distributor)
        # Room is made by boxes that leave for good before boxes that will be seen again at another place.
        replaced = [one for one in leaving if one.distributor == material.distributor]
        replaced.sort(key=lambda one: one.serial_number in moving)
        while replaced and maximum is not None and devices[material.distributor] >= maximum:
            take_out(replaced.pop(0))
        devices[material.distributor] += material not in maybe
        additions.append(AddMaterial(account=account, material=material))
    return tuple(additions), tuple(_remove(account, material) for material in leaving)


def _remove(account: AccountId, material: Material) -> RemoveMaterial:
    return RemoveMaterial(
        account=account, distributor=material.distributor, serial_number=material.serial_number
    )


def apply(known: AccountState, command: Command) -> AccountState:
    """Return what Tucano holds once it has acknowledged *command*: done, or already so."""
    match command:
        case CreateAccount():
            return replace(known, exists=True)
        case ActivateOptions(distributor=distributor, options=options):
            gained = {(distributor, option) for option in options}
            return AccountState(exists=True, options=known.options | gained, materials=known.materials)
        case SuspendOptions(distributor=distributor, options=options):
            lost = {(distributor, option) for option in options}
            return AccountState(exists=True, options=known.options - lost, materials=known.materials)
        case AddMaterial(material=material):
            others = _without(known.materials, material.distributor, material.serial_number)
            return AccountState(exists=True, options=known.options, materials=others | {material})
        case RemoveMaterial(distributor=distributor, serial_number=serial_number):
            others = _without(known.materials, distributor, serial_number)
            return AccountState(exists=True, options=known.options, materials=others)
        case _:
            assert_never(command)


def _without(materials: frozenset[Material], distributor: str, serial_number: str) -> frozenset[Material]:
    return frozenset(
        one for one in materials if (one.distributor, one.serial_number) != (distributor, serial_number)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Removals:
    """What a plan takes away. *replacement*: the same plan gives something too; *pure*: it does not."""

    replacement: tuple[Removal, ...] = ()
    pure: tuple[Removal, ...] = ()


def removals(commands: Iterable[Command]) -> Removals:
    """Return what *commands*, the plan of one account, take away, counted apart as the gate wants it."""
    planned = tuple(commands)
    taken = tuple(one for one in planned if isinstance(one, SuspendOptions | RemoveMaterial))
    if any(isinstance(one, ActivateOptions | AddMaterial) for one in planned):
        return Removals(replacement=taken)
    return Removals(pure=taken)


def blocked_by_rejection(rejected: Command, later: Command) -> bool:
    """Tell whether *later*, of the same plan, must not be sent because *rejected* was refused.

    CREATE_ACCOUNT blocks the rest of the plan; ACTIVATE_OPTIONS the SUSPEND_OPTIONS of the same distributor,
    so that a swap that failed leaves the old channels on; a refused ADD_MATERIAL parks that box alone.
    """
    match rejected:
        case CreateAccount():
            return True
        case ActivateOptions(distributor=distributor):
            return isinstance(later, SuspendOptions) and later.distributor == distributor
        case AddMaterial() | SuspendOptions() | RemoveMaterial():
            return False
        case _:
            assert_never(rejected)

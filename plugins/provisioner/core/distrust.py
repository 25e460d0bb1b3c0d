"""What a platform that was put back to a backup may hold otherwise than is known: asked for again until it answers.

And what one that forgets request numbers may hold, since it refused a request that was in doubt.

Known state is not touched by distrust: it stays the fold of the log. What is wanted and distrusted is given again, what
is not wanted and distrusted is taken again, and "already so" settles it as well as "done" (decision 9). What one answer
left open about options is a question and no distrust: core/questions.py says how they differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from provisioner.core.model import (
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    CreateAccount,
    Desired,
    DistributorCode,
    Material,
    MaterialType,
    Option,
    RemoveMaterial,
    SerialNumber,
    SuspendOptions,
)
from provisioner.core.outcome import Completed, Outcome, Rejected
from provisioner.core.wire import ErrorCode

Place: TypeAlias = tuple[DistributorCode, SerialNumber]

# Of a box that was taken away nobody remembers the type, and REMOVE_MATERIAL does not need it.
NO_TYPE = MaterialType("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrust:
    """What of one account is not known. *account*: even whether it exists. *batch_id* is the run that was told so."""

    account: bool = False
    options: frozenset[Option] = frozenset()
    places: frozenset[Place] = frozenset()
    batch_id: int = 0

    @property
    def any(self) -> bool:
        """Tell whether anything is distrusted at all."""
        return self.account or bool(self.options or self.places)


NOTHING = Distrust()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What Tucano holds *surely* and what it *may* hold: one and the same where nothing is distrusted."""

    surely: AccountState
    maybe: AccountState


def assume(known: AccountState, distrust: Distrust, wanted: Desired, target: AccountState) -> Assumed:
    """Return between which states the platform is, so that a plan of *target* asks for what is distrusted.

    What the CRM wants is not sure, so it is given again; what is not in *target* may be there, so it is taken again.
    What only stays where it is known (a box that an Inactive subscription keeps, anything while removals are withheld)
    is neither: it is asked when the CRM wants it, or wants it gone.
    """
    if not distrust.any:
        return Assumed(surely=known, maybe=known)
    wanted_places = {place_of(one) for one in wanted.materials}
    surely = replace(
        known,
        exists=known.exists and not (distrust.account and wanted.active),
        options=known.options - (distrust.options & wanted.options),
        materials=frozenset(
            one
            for one in known.materials
            if place_of(one) not in distrust.places or place_of(one) not in wanted_places
        ),
    )
    if wanted.withhold_removals:
        return Assumed(surely=surely, maybe=known)
    staying = {place_of(one) for one in (*known.materials, *target.materials, *wanted.kept)}
    back = frozenset(
        Material(distributor=distributor, serial_number=serial_number, material_type=NO_TYPE)
        for distributor, serial_number in distrust.places - staying
    )
    maybe = replace(known, options=known.options | distrust.options, materials=known.materials | back)
    return Assumed(surely=surely, maybe=maybe)


def settle(distrust: Distrust, command: Command, outcome: Outcome) -> Distrust:
    """Return the part of *distrust* that an answer to *command* settles: done and already so alike.

    A platform that does not know the account holds nothing for it: that settles all.
    """
    if not distrust.any:
        return NOTHING
    match outcome:
        case Completed():
            named = _named(command)
            return replace(
                distrust,
                # Whatever it acknowledged, the account is there.
                account=distrust.account,
                options=distrust.options & named.options,
                places=distrust.places & named.places,
            )
        case Rejected(forget_account=True):
            return distrust
        case _:
            return NOTHING


def left_open(command: Command, outcome: Outcome, *, in_doubt: bool, replayed: bool) -> Distrust:
    """Return what the refusal of *command* leaves open where it was *in_doubt*.

    A platform that keeps its numbers says *replayed* where it refused the first sending too. One that forgets them may
    have applied that, and refuses the second one for a reason of its own: whether the thing is there is then not known.
    Nothing is left open by what says where things are (no such account, a box that somebody else has), nor by a refusal
    of the bytes themselves: they were no better the first time.
    """
    match outcome:
        case Rejected(forget_account=True):
            return NOTHING
        case Rejected(error_code=ErrorCode.MATERIAL_REGISTERED_ELSEWHERE | ErrorCode.INVALID_REQUEST):
            return NOTHING
        case Rejected() if in_doubt and not replayed and not isinstance(command, CreateAccount):
            return _named(command)
        case _:
            return NOTHING


def both(one: Distrust, other: Distrust, *, batch_id: int) -> Distrust:
    """Return what either of them distrusts, as told to a batch."""
    return Distrust(
        account=one.account or other.account,
        options=one.options | other.options,
        places=one.places | other.places,
        batch_id=batch_id,
    )


def without(distrust: Distrust, settled: Distrust) -> Distrust:
    """Return what is left of *distrust*."""
    return replace(
        distrust,
        account=distrust.account and not settled.account,
        options=distrust.options - settled.options,
        places=distrust.places - settled.places,
    )


def _named(command: Command) -> Distrust:
    match command:
        case CreateAccount():
            return Distrust(account=True)
        case ActivateOptions(distributor=distributor, options=options):
            return Distrust(options=frozenset((distributor, option) for option in options))
        case SuspendOptions(distributor=distributor, options=options):
            return Distrust(options=frozenset((distributor, option) for option in options))
        case AddMaterial(material=material):
            return Distrust(places=frozenset({place_of(material)}))
        case RemoveMaterial(distributor=distributor, serial_number=serial_number):
            return Distrust(places=frozenset({(distributor, serial_number)}))
        case _:
            assert_never(command)


def place_of(material: Material) -> Place:
    """Return where a box is, whatever its type."""
    return material.distributor, material.serial_number


def pack_places(places: Iterable[Place]) -> list[str]:
    """Return *places* as the database keeps them: sorted 'distributor:serial number'."""
    return sorted(f"{distributor}:{serial_number}" for distributor, serial_number in places)


def unpack_places(packed: Iterable[str]) -> frozenset[Place]:
    """Return the places that *packed* texts name."""
    pairs = (text.split(":") for text in packed)
    return frozenset((DistributorCode(distributor), SerialNumber(number)) for distributor, number in pairs)

"""An account's state as the database keeps it: sorted texts 'distributor:option', 'distributor:serial:type'.

No code, serial number or type of the southbound contract may hold a colon, so the texts read back exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provisioner.core.model import (
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    DistributorCode,
    Material,
    MaterialType,
    Option,
    OptionCode,
    RemoveMaterial,
    SerialNumber,
    SuspendOptions,
)


def pack_options(options: Iterable[Option]) -> list[str]:
    """Return *options* as sorted texts."""
    return sorted([f"{distributor}:{option}" for distributor, option in options])


def pack_materials(materials: Iterable[Material]) -> list[str]:
    """Return *materials* as sorted texts."""
    return sorted([f"{m.distributor}:{m.serial_number}:{m.material_type}" for m in materials])


def unpack_options(packed: Iterable[str]) -> frozenset[Option]:
    """Return the options that *packed* texts name."""
    pairs = (text.split(":") for text in packed)
    return frozenset((DistributorCode(distributor), OptionCode(option)) for distributor, option in pairs)


def unpack_materials(packed: Iterable[str]) -> frozenset[Material]:
    """Return the materials that *packed* texts name."""
    triples = (text.split(":") for text in packed)
    return frozenset(
        Material(
            distributor=DistributorCode(distributor),
            serial_number=SerialNumber(serial_number),
            material_type=MaterialType(material_type),
        )
        for distributor, serial_number, material_type in triples
    )


def unpack_state(
    exists: bool | None, options: Sequence[str] | None, materials: Sequence[str] | None
) -> AccountState:
    """Return the state kept in a row of known_state; None all through where there is no row."""
    if not exists:
        return AccountState()
    return AccountState(
        exists=True, options=unpack_options(options or ()), materials=unpack_materials(materials or ())
    )


def removal_keys(removals: Iterable[SuspendOptions | RemoveMaterial]) -> list[str]:
    """Return what *removals* take away, one sorted text a thing, by which the guard's word is kept.

    'option VP1:ENTERTAIN' or 'box VP1:S1': a later plan may group options differently and still be recognised.
    """
    keys: list[str] = []
    for removal in removals:
        match removal:
            case SuspendOptions(distributor=distributor, options=options):
                keys.extend(f"option {distributor}:{option}" for option in options)
            case RemoveMaterial(distributor=distributor, serial_number=serial_number):
                keys.append(f"box {distributor}:{serial_number}")
    return sorted(keys)


def gift_keys(commands: Iterable[Command]) -> list[str]:
    """Return what *commands* give, one sorted text a thing, in the spelling of `removal_keys`."""
    keys: list[str] = []
    for command in commands:
        match command:
            case ActivateOptions(distributor=distributor, options=options):
                keys.extend(f"option {distributor}:{option}" for option in options)
            case AddMaterial(material=material):
                keys.append(f"box {material.distributor}:{material.serial_number}")
            case _:
                pass  # an account is no service, and what takes is the other function's
    return sorted(keys)

"""Decide ordinary rows of the extract by the patterns seen before; the others are left to the full rules.

A million rows have a few thousand patterns: the options of a (state, services) pair, and the boxes of a (state, items)
pair with the serial numbers taken out. Both are decided once, by the rules of core/desired.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioner.adapters import crm_rows
from provisioner.core import desired, wire
from provisioner.core.model import ACTIVE_SUBSCRIPTION, Provider, Service
from provisioner.core.packing import pack_materials, pack_options

# Row patterns remembered before the memory starts again; a base has a few thousand.
PATTERNS = 200_000

# What a pattern may hold to be written without quotes.
_PLAIN_TEMPLATE = re.compile(r"[A-Za-z0-9._+-]+:\{\d+\}:[A-Za-z0-9._+-]*")
_SERIAL_NUMBER = re.compile(r'("serial_number": ?")([A-Za-z0-9-]{1,64})"')


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of a (state, services) pattern, packed for COPY."""

    packed: str
    wanted: desired.WantedOptions


@dataclass(frozen=True, slots=True)
class _Boxes:
    """The boxes of a (state, items) pattern, with {0}, {1} .. in place of serial numbers."""

    templates: tuple[str, ...]
    kept_templates: tuple[str, ...]
    wanted: desired.WantedMaterials


class Patterns:
    """Decides a row by the patterns seen before; rows that are out of the ordinary are left to the full rules."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._options: dict[tuple[str | None, str | None], _Options | None] = {}
        self._boxes: dict[tuple[str | None, str], _Boxes | None] = {}
        self._allowed: dict[tuple[int, int], bool] = {}
        self._services: dict[str, tuple[Service, ...]] = {}

    def line(self, row: list[str | None], batch_id: int) -> str | None:
        """Return the COPY line of an ordinary row, or None."""
        number, account, state, services, items = row[0], row[1], row[7], row[9], row[10]
        if not items or not _ordinary(row):
            return None
        if max(len(self._options), len(self._boxes)) > PATTERNS:
            self._forget()
        options_key = (state, services)
        options = self._options.get(options_key, _MISSING)
        if isinstance(options, _Missing):
            options = self._options_of(options_key)
        parts = _SERIAL_NUMBER.split(items)
        serials = parts[2::3]
        # What is left when the serial numbers are taken out is the pattern.
        del parts[2::3]
        boxes_key = (state, "".join(parts))
        boxes = self._boxes.get(boxes_key, _MISSING)
        if isinstance(boxes, _Missing):
            boxes = self._boxes_of(boxes_key, items, len(serials))
        if options is None or boxes is None or (len(serials) > 1 and len(set(serials)) < len(serials)):
            return None
        active = state in ACTIVE_SUBSCRIPTION
        if active and not self._distributors_allow(options, boxes):
            return None
        materials = ",".join(sorted([template.format(*serials) for template in boxes.templates]))
        kept = ",".join(sorted([template.format(*serials) for template in boxes.kept_templates]))
        head = f'{batch_id}\t{account}\t{{"{number}"}}\tt\t{"t" if active else "f"}'
        return f"{head}\t{{{options.packed}}}\t{{{materials}}}\t{{{kept}}}\t{{}}\n"

    def _forget(self) -> None:
        # All three together and between two rows: the third is keyed by the identity of the others' members, and
        # an identity is given to something new as soon as its bearer is gone.
        self._options.clear()
        self._boxes.clear()
        self._allowed.clear()
        self._services.clear()

    def _options_of(self, key: tuple[str | None, str | None]) -> _Options | None:
        result = None
        try:
            state, services = crm_rows.parse_state(key[0]), self._services_of(key[1])
        except crm_rows.RowError:
            pass
        else:
            wanted = desired.desired_options(state, services, self._provider)
            if wanted.fault is None and not wanted.unmapped:
                result = _Options(",".join(pack_options(wanted.options)), wanted)
        self._options[key] = result
        return result

    def _services_of(self, packed: str | None) -> tuple[Service, ...]:
        """Parse *packed* service by service: their sets are many, the services are few."""
        if packed is None or not packed.startswith("[{") or not packed.endswith("}]"):
            return crm_rows.parse_services(packed)
        services: list[Service] = []
        # A cut within a text or within something nested leaves no JSON, and so a row for the full rules.
        for text in packed[2:-2].split("}, {"):
            found = self._services.get(text)
            if found is None:
                found = self._services[text] = crm_rows.parse_services(f"[{{{text}}}]")
            services += found
        return tuple(services)

    def _boxes_of(self, key: tuple[str | None, str], items: str, serials: int) -> _Boxes | None:
        result = None
        # The rules see placeholders that are valid serial numbers and cannot be mistaken for each other.
        marks = [f"SERIAL-{n}-" for n in range(serials)]
        remaining = iter(marks)
        try:
            state = crm_rows.parse_state(key[0])
            parsed = crm_rows.parse_items(
                _SERIAL_NUMBER.sub(lambda found: f'{found[1]}{next(remaining)}"', items)
            )
        except crm_rows.RowError:
            pass
        else:
            wanted = desired.desired_materials(state, parsed, self._provider)
            materials, kept = map(_templates, map(pack_materials, (wanted.materials, wanted.kept)))
            # Each mark is an item's serial number, and each item has one: nothing else in the row looks like it.
            plain = [item.serial_number for item in parsed] == marks and all(
                map(_PLAIN_TEMPLATE.fullmatch, (*materials, *kept))
            )
            if plain and wanted.fault is None and not wanted.unmapped:
                result = _Boxes(materials, kept, wanted)
        self._boxes[key] = result
        return result

    def _distributors_allow(self, options: _Options, boxes: _Boxes) -> bool:
        key = (id(options), id(boxes))
        allowed = self._allowed.get(key)
        if allowed is None:
            fault = desired.check_distributors(options.wanted.services, boxes.wanted.devices, self._provider)
            allowed = self._allowed[key] = fault is None
        return allowed


class _Missing:
    """Stands for 'never seen', where None means 'seen, and not ordinary'."""


_MISSING = _Missing()


def _ordinary(row: list[str | None]) -> bool:
    """Tell whether the values outside services and items are surely allowed; the full rules judge the others."""
    number, account, name, email, phone, address = (text or "" for text in row[:6])
    created_at = row[8] or ""
    return (
        number.isalnum()
        and number.isascii()
        and len(number) <= wire.ACCOUNT_CHARACTERS
        # A year of four digits and no BC: what a date of the other path can hold.
        and (not created_at or (created_at[4:5] == "-" and created_at[-1] != "C"))
        and wire.ACCOUNT.fullmatch(account) is not None
        and 0 < len(name) <= wire.NAME_CHARACTERS
        and len(email) <= wire.EMAIL_CHARACTERS
        and len(phone) <= wire.PHONE_CHARACTERS
        and len(address) <= wire.ADDRESS_CHARACTERS
    )


def _templates(packed: list[str]) -> tuple[str, ...]:
    return tuple(re.sub(r"SERIAL-(\d+)-", r"{\1}", text) for text in packed)

"""Read the CRM in one snapshot and land what it wants, one packed row a subscription.

A million rows pass through here, so what repeats among subscribers is decided once: the options of a (state,
services) pair, and the boxes of a (state, items) pair with the serial numbers taken out. The rules themselves stand
in core/desired.py and are the ones by which each account is planned again before it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapreplace

from provisioner.adapters import batches, crm, crm_rows, inbox, sql
from provisioner.adapters.connections import Connections
from provisioner.core import desired, faults, guard, wire
from provisioner.core.model import ACTIVE_SUBSCRIPTION, Provider, RejectedRow, Service
from provisioner.core.packing import pack_materials, pack_options
from provisioner.failpoint import failpoint
from provisioner.steps.load_provider import of_batch

# Lines are joined to blocks of this many before they are written: a call a row costs as much as the row.
LINES_A_BLOCK = 2_000
# Row patterns remembered before the memory starts again; a base has a few thousand.
PATTERNS = 200_000

# What a pattern may hold to be written without quotes.
_PLAIN_TEMPLATE = re.compile(r"[A-Za-z0-9._+-]+:\{\d+\}:[A-Za-z0-9._+-]*")
_SERIAL_NUMBER = re.compile(r'("serial_number": ?")([A-Za-z0-9-]{1,64})"')


@dataclass(slots=True)
class Landing:
    """What the extract gave, counted while it passes through."""

    rows: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    duplicates: set[str] = field(default_factory=set)
    merged: bool = False
    newest_versions: list[int] = field(default_factory=lambda: [0] * (guard.SLIPS + 1))


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


def run(connections: Connections, batch_id: int) -> dict[str, int]:
    """Land the extract of a batch; return counts of rows, rejected rows and accounts.

    All or nothing: the landing is committed when the CRM's snapshot was read to its end. Raises SourceError when
    the contract is broken or the CRM breaks off.
    """
    landing = Landing()
    with connections.provisioning() as db, connections.crm() as source:
        batch = batches.read(db, batch_id)
        provider, filters = of_batch(batch), crm.filters_of(batch.parameters)
        # Before the snapshot begins: whatever the lane was told by now is in it, unless it is an old one.
        newest = inbox.newest_actions(db, batch_id)
        crm.begin_snapshot(source)
        crm.check_contract(source, filters)
        sql.run(db, "batch/clear_extract", batch_id=batch_id)
        sql.run(db, "desired_state/truncate_desired_state")
        copy_in(db, land(crm.stream(source, filters), batch_id, provider, landing, newest))
        # A filter has no yesterday to be compared with, so it is counted again in the same snapshot.
        counted = crm.count_rows(source, filters) if filters.any else None
        # Before the first join of what is landed: the planner still believes in the last landing.
        sql.run(db, "desired_state/analyze_desired_state")
        if landing.merged:
            sql.run(db, "desired_state/merge_accounts", batch_id=batch_id)
        batches.insert_rejected_rows(db, batch_id, landing.rejected)
        (accounts,) = sql.one(db, "desired_state/count_landed", batch_id=batch_id)
        failpoint("extract.landed")
        sql.run(
            db,
            "batch/set_extracted",
            batch_id=batch_id,
            extracted_rows=landing.rows,
            rejected_rows=len({row.subscription_number for row in landing.rejected}),
            counted_rows=counted,
            landed_accounts=accounts,
            duplicate_keys=sorted(landing.duplicates),
            newest_version=guard.newest_version(landing.newest_versions),
        )
    failpoint("extract.committed")
    return {"rows": landing.rows, "rejected": len(landing.rejected), "accounts": accounts}


def copy_in(db: sql.Connection, lines: Iterable[str]) -> None:
    """Write *lines* of `land` to desired_state, which was emptied or made in this transaction."""
    with db.cursor() as cursor, cursor.copy(sql.statement("desired_state/copy_desired_state")) as copy:
        for block in _blocks(lines):
            copy.write(block)


def land(
    rows: Iterable[list[str | None]],
    batch_id: int,
    provider: Provider,
    landing: Landing,
    newest_actions: Mapping[str, int] | None = None,
) -> Iterator[str]:
    """Yield a COPY line of desired_state for each row of the extract; count and reject on the way.

    *newest_actions* says of subscriptions which action the CRM has told of: an older row is of another day.
    """
    newest = newest_actions or {}
    patterns = _Patterns(provider)
    for row in rows:
        landing.rows += 1
        number, account = row[0], row[1]
        if number in landing.numbers:
            landing.duplicates.add(number or "")
        landing.numbers.add(number or "")
        landing.merged |= number != account
        version = int(row[11] or 0)
        if version > landing.newest_versions[0]:
            heapreplace(landing.newest_versions, version)
        # 0: a CRM without versions, of which nothing is known.
        if newest and 0 < version < (known := newest.get(number or "", 0)):
            refused = faults.stale(number or "", account, version=version, known=known)
            line: str | None = _refused_line(refused, batch_id, landing)
        else:
            line = patterns.line(row, batch_id)
        if line is None:
            line = _slow_line(row, batch_id, provider, landing)
        if line:
            yield line


class _Patterns:
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


def _slow_line(row: list[str | None], batch_id: int, provider: Provider, landing: Landing) -> str:
    """Decide a row by the full rules; return its COPY line, '' where there is no account to land it for."""
    subscription = crm_rows.parse_row(row)
    wanted = (
        subscription
        if isinstance(subscription, RejectedRow)
        else desired.contribution(subscription, provider)
    )
    if isinstance(wanted, RejectedRow):
        return _refused_line(wanted, batch_id, landing)
    return _copy_line(
        batch_id,
        row[1] or "",
        row[0] or "",
        "t",
        "t" if wanted.active else "f",
        pack_options(wanted.options),
        pack_materials(wanted.materials),
        pack_materials(wanted.kept),
        list(wanted.withhold_removals),
    )


def _refused_line(refused: RejectedRow, batch_id: int, landing: Landing) -> str:
    landing.rejected.append(refused)
    # What is no account's number is no account that is served.
    if not refused.account or not wire.ACCOUNT.fullmatch(refused.account):
        return ""
    # Landed without a wish: it withholds the removals of an account it shares, and is not taken for gone.
    number = batches.cut(refused.subscription_number) or ""
    return _copy_line(batch_id, refused.account, number, "f", "f", [], [], [], [refused.explanation])


def _copy_line(
    batch_id: int, account: str, number: str, understood: str, active: str, *arrays: list[str]
) -> str:
    texts = [str(batch_id), account, _array([number]), understood, active, *map(_array, arrays)]
    return "\t".join(map(_escaped, texts)) + "\n"


def _array(members: list[str]) -> str:
    quoted = (member.replace("\\", "\\\\").replace('"', '\\"') for member in members)
    return "{" + ",".join(f'"{member}"' for member in quoted) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == LINES_A_BLOCK:
            yield "".join(block)
            block.clear()
    yield "".join(block)

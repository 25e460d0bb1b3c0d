"""Holds what Tucano itself holds against what the CRM wants: the end of the story, told by neither of our tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import psycopg

from demo.launcher.settings import Environment
from demo.launcher.simulator import Control
from provisioner.adapters import crm, provider_file
from provisioner.adapters.crm_rows import parse_row
from provisioner.core import desired
from provisioner.core.model import AccountId, Desired, RejectedRow
from provisioner.core.packing import pack_materials, pack_options
from provisioner.steps.load_provider import PROVIDER_FILE

SHOWN = 20


def compare(environment: Environment) -> list[str]:
    """Return how the platform differs from the CRM, a sentence an account; [] if it does not.

    A box that two Active subscriptions have at once can be at one of them only: it must be at either. Accounts with
    rows that break the contract or a rule are left out: nothing may be sent for them.
    """
    wanted, left_out = read_wanted(environment.crm_dsn)
    held = Control(environment.tucano_control_url).accounts()
    twice = _boxes_claimed_twice(wanted)
    differences = []
    for account, want in sorted(wanted.items()):
        state = held.pop(account, {"exists": False, "options": [], "materials": []})
        differences += [f"{account}: {difference}" for difference in _differences(want, state, twice)]
    differences += [
        f"{account}: Tucano serves it, the CRM does not know it"
        for account, state in sorted(held.items())
        if account not in left_out and (state["options"] or state["materials"])
    ]
    return differences[:SHOWN]


def read_wanted(crm_dsn: str) -> tuple[dict[AccountId, Desired], set[AccountId | None]]:
    """Return what the CRM wants for each account whose rows are all understood, and the other accounts."""
    provider = provider_file.read(PROVIDER_FILE).provider
    contributions: dict[AccountId, list[Desired]] = defaultdict(list)
    left_out: set[AccountId | None] = set()
    with psycopg.connect(crm_dsn, options="-c default_transaction_read_only=on") as db:
        for fields in crm.stream(db, crm.Filters()):
            row = parse_row(fields)
            one = row if isinstance(row, RejectedRow) else desired.contribution(row, provider)
            if isinstance(one, RejectedRow):
                left_out.add(one.account)
            elif not isinstance(row, RejectedRow):
                contributions[row.account].append(one)
    merged = {account: desired.merge(ones) for account, ones in contributions.items()}
    left_out |= {account for account, one in merged.items() if one.withhold_removals}
    return {account: one for account, one in merged.items() if account not in left_out}, left_out


def _boxes_claimed_twice(wanted: dict[AccountId, Desired]) -> set[str]:
    counts = Counter(material.serial_number for want in wanted.values() for material in want.materials)
    return {serial_number for serial_number, count in counts.items() if count > 1}


def _differences(want: Desired, state: dict[str, Any], twice: set[str]) -> list[str]:
    found = []
    if want.active and not state["exists"]:
        found.append("should exist and does not")
    options = sorted(f"{one['distributor']}:{one['option']}" for one in state["options"])
    if options != pack_options(want.options):
        found.append(f"should have options {pack_options(want.options)}, has {options}")
    materials = {
        f"{one['distributor']}:{one['serial_number']}:{one['material_type']}" for one in state["materials"]
    }
    required = set(pack_materials(one for one in want.materials if one.serial_number not in twice))
    places = {f"{one.distributor}:{one.serial_number}" for one in want.materials | want.kept}
    extra = [one for one in materials if one.rpartition(":")[0] not in places]
    if not required <= materials or extra:
        found.append(f"should have boxes {sorted(required)}, has {sorted(materials)}")
    return found

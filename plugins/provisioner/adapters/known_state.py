"""Known state: what Tucano is known to hold, one row an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.adapters import sql
from provisioner.core.model import AccountId, AccountState, SerialNumber
from provisioner.core.packing import pack_materials, pack_options, unpack_state


def read(db: sql.Connection, accounts: Iterable[AccountId]) -> dict[AccountId, AccountState]:
    """Return the known state of those of *accounts* that have one."""
    found = sql.rows(db, "known_state/read_known_state", accounts=list(accounts))
    return {
        account: unpack_state(exists, options, materials) for account, exists, options, materials in found
    }


def find_serial_holders(
    db: sql.Connection, serial_numbers: Iterable[SerialNumber]
) -> list[tuple[SerialNumber, AccountId]]:
    """Return which accounts are known to have boxes of these *serial_numbers*."""
    return [
        (serial_number, account)
        for serial_number, account in sql.rows(
            db, "known_state/find_serial_holders", serial_numbers=list(serial_numbers)
        )
    ]


def write(db: sql.Connection, state_by_account: Mapping[AccountId, AccountState]) -> None:
    """Write the new state of accounts, in the transaction of the outcomes that taught it."""
    sql.run(
        db,
        "known_state/write_known_state",
        accounts=list(state_by_account),
        account_exists=[state.exists for state in state_by_account.values()],
        options=[_array(pack_options(state.options)) for state in state_by_account.values()],
        materials=[_array(pack_materials(state.materials)) for state in state_by_account.values()],
    )


def _array(packed: list[str]) -> str:
    # Codes and serial numbers hold no quote, comma, brace or blank (core/wire.py), so no quoting is needed.
    return "{" + ",".join(packed) + "}"

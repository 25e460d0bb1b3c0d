"""Fold the log again and compare it with known state; where they differ, rebuild known state from the log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.adapters import archive, batches, sql, told_whole
from provisioner.adapters.connections import Connections
from provisioner.adapters.told_whole import Difference
from provisioner.core.errors import PlatformUnavailable, ProvisioningError
from provisioner.core.model import AccountId, AccountState
from provisioner.core.packing import pack_materials, pack_options
from provisioner.failpoint import failpoint
from provisioner.steps import claiming
from provisioner.steps.reset_run import Run

SAMPLES = 20
# Ten times what a platform takes in a day at the shipped rate: beyond anything sent since a backup.
NUMBERS_BEYOND = 10_000_000


class KnownStateDiffers(ProvisioningError):
    """The log and known state do not say the same; the message says of whom and what to do."""


def run(connections: Connections, run: Run, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Compare and return the counts; raises KnownStateDiffers where there are differences and no rebuild.

    *parameters*: rebuild writes what the log says into known state, account by account under its claim, and logs that
    it did; renew_request_numbers draws no number any more that Tucano may have seen (this database was restored).
    """
    result: dict[str, Any] = {}
    with connections.provisioning() as db:
        db.autocommit = True
        if parameters.get("renew_request_numbers"):
            result["first_new_number"] = renew(db)
        with db.transaction():
            archive.spend_memory(db)
            found = told_whole.differences(db)
            accounts, options, materials = sql.one(db, "known_state/count_known_state")
        result |= {
            "accounts": accounts,
            "options": int(options),
            "materials": int(materials),
            "differences": len(found),
            "shown": [in_words(one) for one in found[:SAMPLES]],
        }
        if found and not parameters.get("rebuild"):
            raise KnownStateDiffers(
                f"{len(found)} of {accounts} accounts are known otherwise than the log says: "
                + "; ".join(result["shown"])
                + ". Trigger tucano_verify_known_state with rebuild to write what the log says (docs/day-one.md)"
            )
        if found:
            result |= _rebuild(db, run, parameters, [one.account for one in found])
    return result


def renew(db: sql.Connection) -> int:
    """Begin request numbers anew, beyond what Tucano may have seen; return the first one.

    Raises PlatformUnavailable while somebody sends.
    """
    try:
        with db.transaction():
            (first,) = sql.one(db, "request_log/renew_numbers", beyond=NUMBERS_BEYOND)
    except sql.RaisedByUs as error:
        raise PlatformUnavailable(
            f"{error.diag.message_primary}: pause the runs that send, wait half a minute and trigger again"
        ) from error
    return int(first)


def _rebuild(
    db: sql.Connection, run: Run, parameters: Mapping[str, Any], accounts: Sequence[AccountId]
) -> dict[str, Any]:
    with db.transaction():
        sql.run(db, "batch/make_partitions")
        batch_id = batches.open_batch(
            db,
            cause=batches.IMPORT,
            run_id=f"rebuild {run.run_id}",
            requested_by=run.requested_by,
            parameters=dict(parameters),
            filtered=False,
            dry_run=False,
        )
    rebuilt: list[AccountId] = []

    def write(block: Sequence[AccountId]) -> None:
        # Folded again under the claims: somebody may have been at work since they were compared.
        states = {one.account: one.folded for one in told_whole.differences(db, block)}
        told_whole.write(
            db,
            states,
            batch_id=batch_id,
            caused_by=f"VERIFY_KNOWN_STATE {run.run_id}",
            numbers=told_whole.numbers_of(db, list(states)),
        )
        rebuilt.extend(states)
        failpoint("rebuild.written")

    busy = claiming.in_blocks(db, accounts, write)
    failpoint("rebuild.committed")
    with db.transaction():
        summary = f"Known state of {len(rebuilt)} accounts was rebuilt from the log."
        if busy:
            summary += f" {len(busy)} were in other hands all the time (e.g. {busy[0]}): run again."
        counts = json.dumps({"rebuilt": len(rebuilt), "busy": len(busy)})
        sql.run(db, "batch/close_batch", batch_id=batch_id, counts=counts, summary=summary)
    return {"rebuilt": len(rebuilt), "busy": len(busy), "batch_id": batch_id}


def in_words(one: Difference) -> str:
    """Say how an account differs: what only the log has, and what only known state has."""
    folded, known = _things(one.folded), _things(one.known)
    return f"{one.account}: only the log has {sorted(folded - known)}, only known_state has {sorted(known - folded)}"


def _things(state: AccountState) -> set[str]:
    account = {"the account"} if state.exists else set()
    return account | set(pack_options(state.options)) | set(pack_materials(state.materials))

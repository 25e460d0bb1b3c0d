"""Begin with what Tucano holds already: fold an operator's export or old request log into log and known state.

Each account is an entry of the log of its own kind, written with its known state in one commit, under its claim. A
file is known by its content: the same one again goes on where it was left, and one that was finished does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from provisioner.adapters import batches, distrust, import_folder, imports, sql, told_whole
from provisioner.adapters.batches import Batch
from provisioner.adapters.connections import Connections
from provisioner.core import import_file
from provisioner.core.errors import PlatformUnavailable
from provisioner.core.import_file import FileKind, Folded
from provisioner.core.import_row import BadRow
from provisioner.core.model import AccountId
from provisioner.failpoint import failpoint
from provisioner.steps import claiming, load_provider
from provisioner.steps.reset_run import Run

OPEN_REQUEST = "OPEN_REQUEST"


def run(
    connections: Connections,
    run: Run,
    folder: Path | None,
    parameters: Mapping[str, Any],
    *,
    provider_file: Path = load_provider.PROVIDER_FILE,
    patience: float = claiming.PATIENCE_SECONDS,
) -> dict[str, Any]:
    """Import the file that *parameters* name and return the counts.

    *parameters*: file, its name in *folder*; replace lets it overwrite what is known already (an export that was taken
    after everything was restored). Without it only accounts of which nothing is known are imported.

    Raises ConfigurationError for a file that is none of the documented ones, and PlatformUnavailable where somebody
    else held accounts all the time: what is left is imported by the same file again.
    """
    replace = bool(parameters.get("replace"))
    with import_folder.open_file(folder, str(parameters["file"])) as file:
        kind = import_file.kind_of(file.columns)
        with connections.provisioning() as db:
            begun = imports.find(db, file.sha256)
        if begun is not None and begun.finished_at is not None and not replace:
            return {"batch_id": begun.batch_id, "finished_before": begun.finished_at.isoformat()}
        batch = _batch(connections, run, parameters, file, kind, begun, provider_file)
        provider = load_provider.of_batch(batch)
        folded = import_file.fold(kind, file.columns, file.rows(), provider.distributors)
    failpoint("import.folded")
    return _Import(connections, batch, file.sha256, kind, folded, replace=replace).run(patience)


def _batch(
    connections: Connections,
    run: Run,
    parameters: Mapping[str, Any],
    file: import_folder.ImportFile,
    kind: FileKind,
    begun: imports.Begun | None,
    provider_file: Path,
) -> Batch:
    """Open the batch of a file, or return the one that was left in the middle of it."""
    if begun is not None and begun.finished_at is None:
        batch_id = begun.batch_id
    else:
        with connections.provisioning() as db:
            sql.run(db, "batch/make_partitions")
            batch_id = batches.open_batch(
                db,
                cause=batches.IMPORT,
                run_id=run.run_id,
                requested_by=run.requested_by,
                parameters={**parameters, "sha256": file.sha256},
                filtered=False,
                dry_run=False,
            )
            imports.begin(db, sha256=file.sha256, name=file.name, kind=kind, batch_id=batch_id)
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
    if batch.document is None:
        load_provider.run(connections, batch_id, provider_file)
        with connections.provisioning() as db:
            batch = batches.read(db, batch_id)
    return batch


class _Import:
    """One file on its way into the log."""

    def __init__(
        self,
        connections: Connections,
        batch: Batch,
        sha256: str,
        kind: FileKind,
        folded: Folded,
        *,
        replace: bool,
    ) -> None:
        self._connections = connections
        self._batch = batch
        self._sha256 = sha256
        self._kind = kind
        self._folded = folded
        self._replace = replace

    def run(self, patience: float) -> dict[str, Any]:
        """Write what is not yet written, block by block, and close the batch."""
        batch_id, folded = self._batch.batch_id, self._folded
        with self._connections.under_claims() as db:
            db.autocommit = True
            with db.transaction():
                imports.forget_bad_rows(db, batch_id)
                imports.keep_bad_rows(db, batch_id, folded.bad)
                done = imports.imported(db, batch_id)
            left = sorted(account for account in folded.states if account not in done)
            refused: list[BadRow] = []

            def write(block: Sequence[AccountId]) -> None:
                refused_here = self._write(db, block)
                imports.keep_bad_rows(db, batch_id, refused_here)
                refused.extend(refused_here)
                failpoint("import.written")

            busy = claiming.in_blocks(db, left, write, patience=patience)
            failpoint("import.committed")
            if busy:
                raise PlatformUnavailable(
                    f"{len(busy)} accounts (e.g. {busy[0]}) were in other hands all the time: the others are imported; "
                    "pause the runs that send and import the same file again"
                )
            return self._close(db, refused)

    def _write(self, db: sql.Connection, block: Sequence[AccountId]) -> list[BadRow]:
        """Write those of *block* against which nothing stands; return why the others are not."""
        refused = {
            one.account: why for one in imports.standing(db, block) if (why := self._refusal(one)) is not None
        }
        states = {account: self._folded.states[account] for account in block if account not in refused}
        if states:
            told_whole.write(
                db,
                states,
                batch_id=self._batch.batch_id,
                caused_by=f"{batches.IMPORT} {self._sha256[:12]}",
                numbers=self._folded.numbers,
            )
        if states and self._kind is FileKind.EXPORT:
            # What Tucano itself says of an account now leaves nothing to be distrusted.
            distrust.forget(db, states)
        return list(refused.values())

    def _refusal(self, one: imports.Standing) -> BadRow | None:
        if one.has_open_request:
            reason = OPEN_REQUEST
            why = "has a request without an answer: let the next reset run settle it, then import the file again"
        elif one.is_known and not self._replace:
            reason = "ALREADY_KNOWN"
            why = "is known by its own requests, which count more: import with replace to overwrite them"
        else:
            return None
        return BadRow(line=0, account=one.account, reason=reason, explanation=f"account {one.account} {why}")

    def _close(self, db: sql.Connection, refused: Sequence[BadRow]) -> dict[str, Any]:
        batch_id, folded = self._batch.batch_id, self._folded
        with db.transaction():
            not_exported = 0
            if self._kind is FileKind.EXPORT and self._replace:
                not_exported = imports.keep_not_exported(db, batch_id)
            counts = {
                "rows": folded.rows,
                "accounts": len(imports.imported(db, batch_id)),
                "rows_rejected": len(folded.bad),
                "rows_not_completed": folded.not_completed,
                "accounts_refused": len(refused),
                "accounts_not_exported": not_exported,
            }
            # Those with an open request are imported by the same file, once it is settled.
            if not any(one.reason == OPEN_REQUEST for one in refused):
                imports.finish(db, self._sha256)
            sql.run(
                db, "batch/close_batch", batch_id=batch_id, counts=json.dumps(counts), summary=_told(counts)
            )
        return {"batch_id": batch_id, **counts}


def _told(counts: Mapping[str, int]) -> str:
    said = [f"{counts['accounts']} accounts were imported from {counts['rows']} rows."]
    for name, what in (
        ("rows_rejected", "rows could not be used: see rejected_row"),
        ("rows_not_completed", "requests had not been completed and say nothing"),
        ("accounts_refused", "accounts were left as they are: see rejected_row"),
        ("accounts_not_exported", "known accounts are not in the export: see rejected_row"),
    ):
        if counts[name]:
            said.append(f"{counts[name]} {what}.")
    return " ".join(said)

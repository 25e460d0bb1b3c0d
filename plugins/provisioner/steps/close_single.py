"""Closes the batch of one subscription: each request with its answer, and what was left undone, in words."""

from __future__ import annotations

import json
from typing import Any

from provisioner.adapters import batches, sql
from provisioner.adapters.connections import Connections
from provisioner.core.model import AccountId
from provisioner.steps.close_batch import RunFailed


def run(connections: Connections, batch_id: int) -> dict[str, Any]:
    """Close the batch of a single reset; return its summary and each request with its answer.

    Raises RunFailed, with the summary, when something failed or was refused.
    """
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        requests = [
            {
                "request_number": row[0],
                "account": row[1],
                "command": row[2],
                "parameters": row[4],
                "state": row[5],
                "error_code": row[6],
                "error_description": row[7],
                "already": row[8],
            }
            for row in sql.rows(db, "batch/read_requests", batch_id=batch_id)
        ]
        said = [_told(request) for request in requests]
        problems = list(batch.failures)
        problems += [
            told for request, told in zip(requests, said, strict=True) if request["state"] != "COMPLETED"
        ]
        undone = [] if batch.dry_run else sql.rows(db, "batch/list_undone", batch_id=batch_id)
        said += [
            _undone(*row) for row in undone if row[1] != "REJECTED" and not (row[1] is None and problems)
        ]
        if not problems:
            problems = [_undone(*row) for row in undone if row[1] != "WITHHELD"]
        number = batch.parameters.get("subscription_number")
        if batch.dry_run:
            head = f"Dry run for {number}: nothing was sent."
        elif not requests and not problems and not undone:
            head = f"{number} is in step: nothing had to be sent."
        else:
            head = f"{number}: {len(requests)} requests, {len(problems)} not done."
        summary = " ".join(
            [head, *(f"{told}." for told in said), *(f"FAILED: {one}." for one in batch.failures)]
        )
        if not batch.dry_run:
            sql.run(db, "real_time/settle_by_batch", batch_id=batch_id)
        counts = {"sent": len(requests), "already": sum(one["already"] for one in requests)}
        sql.run(db, "batch/close_batch", batch_id=batch_id, counts=json.dumps(counts), summary=summary)
    if problems:
        raise RunFailed(summary)
    return {"summary": summary, "requests": requests, **counts}


def _undone(account: AccountId, outcome: str | None, explanation: str | None) -> str:
    if outcome is None:
        return f"{account} is not finished: somebody else was sending for it all the time; run it again"
    return f"{account} {outcome}: {explanation}"


def _told(request: dict[str, Any]) -> str:
    error = f" {request['error_code']}" if request["error_code"] else ""
    already = " (already so)" if request["already"] else ""
    return f"{request['request_number']} {request['command']} {request['state']}{error}{already}"

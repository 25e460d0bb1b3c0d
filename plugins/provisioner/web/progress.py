"""How far a run is, how fast, and when it will have ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from provisioner.adapters import page_batches, sql
from provisioner.adapters.page_batches import BatchRow

WINDOW_SECONDS = 60.0
STAGES = {
    "OPENED": "reads the provider file",
    "PROVIDER_LOADED": "reads the CRM",
    "EXTRACTED": "proves that the extract is whole",
    "PROVED": "finds what is out of sync",
    "DETECTED": "plans",
    "PLANNED": "asks the guard",
    "GUARDED": "sends",
    "CLOSED": "has ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """*share* of the accounts that are finished; speeds of the last minute; *seconds_left* where there is a speed."""

    doing: str
    share: float | None
    requests_per_second: float
    accounts_per_second: float
    seconds_left: float | None


def progress_of(db: sql.Connection, batch: BatchRow) -> Progress | None:
    """Return the progress of a batch that is open; None of one that has ended."""
    if batch.closed_at is not None:
        return None
    speed = page_batches.read_speed(db, batch.batch_id)
    window = min(WINDOW_SECONDS, max(1.0, (datetime.now(UTC) - batch.opened_at).total_seconds()))
    accounts_per_second = speed.accounts / window
    left = batch.accounts - batch.accounts_finished
    return Progress(
        doing=STAGES.get(batch.stage, batch.stage),
        share=batch.accounts_finished / batch.accounts
        if batch.accounts and batch.stage == "GUARDED"
        else None,
        requests_per_second=speed.requests / window,
        accounts_per_second=accounts_per_second,
        seconds_left=left / accounts_per_second if accounts_per_second and left > 0 else None,
    )

"""Close a batch whatever happened before: count, say in one paragraph what happened and what to do, judge the run."""

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg

from provisioner.adapters import batches, sql
from provisioner.adapters.batches import Batch
from provisioner.adapters.connections import Connections
from provisioner.core.errors import ProvisioningError
from provisioner.failpoint import failpoint
from provisioner.steps.load_provider import of_batch


class RunFailed(ProvisioningError):
    """The run did not do its work; the message is the batch's summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a batch closes with. The first five are the RESULT of a run.

    *rejected_again* are those of the rejected that were refused alike when an earlier batch last asked.
    """

    subscriptions: int
    out_of_sync_before: int
    requests_completed: int
    requests_rejected: int
    out_of_sync_after: int
    requests_not_sent: int
    requests_pending: int
    requests_unknown: int
    accounts_unfinished: int
    accounts_parked: int
    accounts_withheld: int
    accounts_held: int
    rows_rejected: int
    accounts_gone: int
    stray_requests: int
    rejected_again: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def run(connections: Connections, batch_id: int) -> dict[str, int]:
    """Close the batch and return its counts.

    Raises RunFailed when a step or a dispatch failed, the platform was unreachable, accounts were left unfinished or
    more requests were rejected than rejections_share allows. The batch is closed and its summary written first.
    """
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        counts = count(db, batch)
        problems = problems_of(batch, counts)
        failpoint("close.counted")
        summary = tell(batch, counts, problems, sql.rows(db, "batch/count_rejections", batch_id=batch_id))
        if batch.cause == batches.RESET_RUN:
            summary = " ".join([summary, *tell_unknowable(db, batch)])
        if refused := sql.run(db, "batch/read_refused_rate", batch_id=batch_id).fetchone():
            summary += (
                f" Tucano refused more than about {refused[0]:.0f} requests a second: requests_per_second "
                "of the provider file asks for more."
            )
        if not batch.dry_run:
            sql.run(db, "real_time/settle_by_batch", batch_id=batch_id)
        sql.run(
            db, "batch/close_batch", batch_id=batch_id, counts=json.dumps(counts.as_dict()), summary=summary
        )
        failpoint("close.written")
    failpoint("close.committed")
    if problems:
        raise RunFailed(summary)
    return counts.as_dict()


def count(db: sql.Connection, batch: Batch) -> Counts:
    """Count how the batch ended; what is out of sync now is asked of the landed extract once more."""
    batch_id = batch.batch_id
    (
        completed,
        rejected,
        not_sent,
        pending,
        unknown,
        unfinished,
        parked,
        withheld,
        held,
        rows,
        gone,
        stray,
        again,
    ) = sql.one(db, "batch/count_outcomes", batch_id=batch_id)
    (after,) = sql.one(db, "desired_state/count_out_of_sync", batch_id=batch_id, by_fingerprint=True)
    return Counts(
        subscriptions=batch.extracted_rows or 0,
        out_of_sync_before=batch.out_of_sync or 0,
        requests_completed=completed,
        requests_rejected=rejected,
        out_of_sync_after=after,
        requests_not_sent=not_sent,
        requests_pending=pending,
        requests_unknown=unknown,
        accounts_unfinished=0 if batch.dry_run else unfinished,
        accounts_parked=parked,
        accounts_withheld=withheld,
        accounts_held=held,
        rows_rejected=rows,
        accounts_gone=gone,
        stray_requests=stray,
        rejected_again=again,
    )


def problems_of(batch: Batch, counts: Counts) -> list[str]:
    """Return what makes the run a failure."""
    problems = list(batch.failures)
    if batch.stage != "GUARDED" and not problems:
        problems.append(f"the run stopped after {batch.stage}: see the first red task's log")
    if batch.platform_down:
        problems.append(batch.platform_down)
    elif counts.accounts_unfinished:
        problems.append(f"{counts.accounts_unfinished} accounts were not finished: run again")
    if batch.document is not None:
        problems += refused_too_much(counts, of_batch(batch).settings.rejections_share)
    return problems


def refused_too_much(counts: Counts, share: float) -> list[str]:
    """Say that more than *share* was rejected: of what was asked for the first time, or, with the rest, of the base.

    In step, a night asks for little else than what was refused the night before. That is told each time, and is no
    alarm of its own unless it concerns many.
    """
    rejected, again = counts.requests_rejected, counts.rejected_again
    answered = counts.requests_completed + rejected
    if rejected - again > share * (answered - again):
        asked = f"{rejected - again} of {answered - again} requests"
    elif rejected > share * max(counts.subscriptions, answered):
        asked = f"{rejected} requests of {counts.subscriptions} subscriptions"
    else:
        return []
    return [f"{asked} were rejected, more than rejections_share {share:.0%}"]


def tell(batch: Batch, counts: Counts, problems: list[str], refusals: list[sql.Row]) -> str:
    """Write the paragraph that the night shift reads: what happened, then what to do."""
    limited = "filtered extract" if batch.filtered else "extract"
    if batch.cause == batches.RELEASE_REMOVALS:
        held = batch.parameters.get("held_batch_id")
        said = [
            f"Batch {batch.batch_id} released what batch {held} held: {counts.out_of_sync_before} accounts."
        ]
    else:
        said = [
            f"Batch {batch.batch_id}: the {limited} gave {counts.subscriptions:,} subscriptions, "
            f"{counts.out_of_sync_before:,} accounts were out of sync, {counts.out_of_sync_after:,} still are."
        ]
    if batch.dry_run:
        said.append("It was a dry run: nothing was sent.")
    else:
        as_before = f", {counts.rejected_again:,} of them as before" if counts.rejected_again else ""
        said.append(
            f"Tucano completed {counts.requests_completed:,} requests and rejected {counts.requests_rejected:,}"
            f"{as_before}; {counts.requests_not_sent:,} were closed unsent, {counts.requests_pending:,} wait, "
            f"{counts.requests_unknown:,} have no answer."
        )
    said += [f"FAILED: {problem}." for problem in problems]
    if refusals:
        shown = ", ".join(f"{code} {number}x (e.g. {example})" for code, number, example in refusals)
        said.append(f"Look at the refusals: {shown}.")
    if batch.held_because and batch.extract_whole and counts.accounts_held:
        said.append(
            f"{counts.accounts_held} accounts are held ({batch.held_because}): a person decides, trigger "
            f"tucano_release_removals with batch_id {batch.batch_id}."
        )
    if batch.not_whole_because:
        said.append(
            f"The extract is not proven whole: {'; '.join(batch.not_whole_because)}. Nothing was taken away: find out "
            "why; the next whole extract goes on."
        )
    for number, what, where in (
        (
            counts.accounts_parked,
            "Accounts parked",
            "no answer of Tucano, or a CRM row that stays too old: the account's explanation says which",
        ),
        (
            counts.accounts_withheld,
            "Accounts that keep service that may be too much",
            "batch_item.withheld_because",
        ),
        (counts.rows_rejected, "Rows rejected", "rejected_row"),
        (counts.accounts_gone, "Accounts served but gone from the CRM", "rejected_row"),
        (counts.stray_requests, "Closed requests outside all monthly partitions", "docs/operations.md"),
    ):
        if number:
            said.append(f"{what}: {number:,} ({where}).")
    return " ".join(said)


def tell_unknowable(db: sql.Connection, batch: Batch) -> list[str]:
    """Say what our log cannot tell of Tucano: on day one, and after a restore (docs/day-one.md)."""
    nothing_before, found_there, distrusted, waiting = sql.one(
        db, "batch/count_unknowable", batch_id=batch.batch_id
    )
    said = []
    if nothing_before:
        said.append(
            "Tucano acknowledged nothing to us before this run and no export was imported: accounts, options and boxes "
            "that it has besides are not known and are left as they are (docs/day-one.md, tucano_import_known_state)."
        )
    if found_there:
        said.append(
            f"{found_there} accounts were on Tucano before our log knew of them: what else they hold is not known."
        )
    if distrusted is not None:
        verb = "would be" if batch.dry_run else "were"
        said.append(
            f"{distrusted} accounts {verb} distrusted since {batch.parameters['distrust_since']} and asked for again."
        )
    if waiting:
        said.append(f"{waiting} accounts are distrusted until Tucano answers: see the view distrusted.")
    return said


def refuse(connections: Connections, batch_id: int, error: BaseException) -> None:
    """Close a batch for which nothing may be sent, with the reason."""
    reason = in_words(error)
    with connections.provisioning() as db:
        sql.run(db, "batch/close_batch", batch_id=batch_id, counts="{}", summary=f"Refused: {reason}")


def in_words(error: BaseException) -> str:
    """Say what went wrong without the text of a driver, which may hold a password or a person."""
    name = type(error).__name__
    match error:
        case ProvisioningError():
            return str(error)
        case psycopg.OperationalError() | psycopg.InternalError():
            return f"{name}: a database broke off: look at its log, and run again when it is back"
        case psycopg.Error():
            return f"{name}: a database refused a statement: look at the log of the task"
        case OSError():
            return f"{name}: {error.strerror or 'no reason given'}: look at the log of the task"
        case _:
            return f"{name}: look at the log of the task"


def record_failure(connections: Connections, batch_id: int, step: str, error: BaseException) -> None:
    """Remember that a step failed, so that the summary can say it; called where the failure is met."""
    text = in_words(error)
    with connections.provisioning() as db:
        sql.run(db, "batch/add_failure", batch_id=batch_id, failure=f"{step}: {text}")


def clear_failure(connections: Connections, batch_id: int, step: str) -> None:
    """Forget the failures of a step that succeeded in a later attempt."""
    with connections.provisioning() as db:
        sql.run(db, "batch/clear_failure", batch_id=batch_id, step=step)

"""What would this provider file do? A fresh read of the CRM, landed and planned by the run's own code, and counted.

Two landings in one snapshot of the CRM: under the file that is in use, and under the one that is asked about, so that
what is out of sync anyhow is not laid to the new file. Nothing is sent, no run sees it, and what is written is the
question and its answer, which names no more than a few examples.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provisioner.adapters import batches, crm, provider_file, sql
from provisioner.adapters.connections import Connections
from provisioner.core import guard
from provisioner.core.errors import ProvisioningError
from provisioner.core.model import LifeCycleState, Provider
from provisioner.steps import extract, load_provider
from provisioner.steps.plan import plan_item
from provisioner.steps.reset_run import Run
from provisioner.steps.tally import Tally

# Of no batch: the landing is in tables of the session's own.
LANDING = 0
# As a batch that is opened now: beyond all that there are.
NOW = 9_223_372_036_854_775_807
# Who waits is told no more often than this: each telling is a commit.
PROGRESS_SECONDS = 1.0
# A text in a run's configuration; a provider file of a large operator has half of it.
LONGEST_CHARACTERS = 1_000_000

Tell = Callable[[str], None]


def run(
    connections: Connections,
    question: Run,
    text: str,
    *,
    in_use: Path = load_provider.PROVIDER_FILE,
) -> dict[str, Any]:
    """Return what the provider file *text* would do now, and keep it under the run's id.

    Raises ConfigurationError for a file with mistakes and SourceError where the CRM cannot be read; both are kept.
    """
    with connections.provisioning() as db:
        sql.run(db, "what_if/insert_question", run_id=question.run_id, requested_by=question.requested_by)
    hash_of_it: str | None = None
    try:
        given = provider_file.parse(text.encode(), "the file")
        hash_of_it = given.provider.hash
        answer = _answer(connections, question, given.provider, in_use)
    except ProvisioningError as error:
        _keep(connections, question, hash_of_it, refused=str(error))
        raise
    except Exception as error:
        _keep(connections, question, hash_of_it, refused=type(error).__name__)
        raise
    _keep(connections, question, hash_of_it, answer=answer)
    return answer


def _keep(
    connections: Connections,
    question: Run,
    hash_of_it: str | None,
    *,
    answer: dict[str, Any] | None = None,
    refused: str | None = None,
) -> None:
    with connections.provisioning() as db:
        sql.run(
            db,
            "what_if/set_answer",
            run_id=question.run_id,
            hash=hash_of_it,
            answer=None if answer is None else json.dumps(answer),
            refused=refused,
        )


def _answer(connections: Connections, question: Run, given: Provider, in_use: Path) -> dict[str, Any]:
    with (
        connections.provisioning() as telling,
        connections.provisioning() as db,
        connections.crm() as source,
    ):
        telling.autocommit = True

        def tell(progress: str) -> None:
            sql.run(telling, "what_if/set_progress", run_id=question.run_id, progress=progress)

        sql.run(db, "what_if/create_landing")
        sql.run(db, "what_if/create_items")
        # Made like those of a run, which stay locked until this: the night must not wait for a question.
        db.commit()
        crm.begin_snapshot(source)
        filters = crm.Filters()
        crm.check_contract(source, filters)
        read_at = datetime.now(UTC)
        present, why_not = _in_use(in_use)
        # One snapshot of known state as well: what a run acknowledges meanwhile must not differ between the two.
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = None if present is None else _measure(db, source, present, tell, "the file in use")
        after = _measure(db, source, given, tell, "the file in question")
        db.rollback()
    return {
        "crm_read_at": read_at.isoformat(),
        "with_file": after,
        "in_use": before,
        "in_use_missing_because": why_not,
        "same_as_in_use": present is not None and present.hash == given.hash,
    }


def _in_use(path: Path) -> tuple[Provider | None, str | None]:
    try:
        return provider_file.read(path).provider, None
    except ProvisioningError as error:
        return None, str(error)


def _measure(
    db: sql.Connection, source: sql.Connection, provider: Provider, tell: Tell, which: str
) -> dict[str, Any]:
    """Land, detect and plan under *provider* in tables of this session, and return the counts."""
    landing = extract.Landing()
    sql.run(db, "what_if/truncate_landing")
    rows = _telling(crm.stream(source, crm.Filters()), tell, which)
    extract.copy_in(db, extract.land(rows, LANDING, provider, landing))
    tell(f"{which}: {landing.rows:,} subscriptions read, comparing")
    sql.run(db, "what_if/analyze_landing")
    if landing.merged:
        sql.run(db, "desired_state/merge_accounts", batch_id=LANDING)
    (base,) = sql.one(db, "desired_state/count_landed", batch_id=LANDING)
    sql.run(db, "desired_state/insert_out_of_sync", batch_id=LANDING, by_fingerprint=True)
    tally = Tally()
    for landed in batches.read_landed(db, LANDING):
        item = plan_item(landed, provider, chunk_number=0)
        tally.add(
            landed.subscription_numbers,
            item.planned,
            removals=bool(item.removals),
            replacement=item.replacement,
            withheld=bool(item.withheld_because),
        )
    judged = _judged(db, provider, landing, base, tally)
    reasons: dict[str, int] = {}
    for row in landing.rejected:
        reasons[row.reason.value] = reasons.get(row.reason.value, 0) + 1
    return {
        "hash": provider.hash,
        "subscriptions": landing.rows,
        "base": base,
        "rejected_rows": len({row.subscription_number for row in landing.rejected}),
        "rejected_by_reason": dict(sorted(reasons.items())),
        "rejected_examples": [row.explanation for row in landing.rejected[:3]],
        **tally.as_dict(),
        **judged,
    }


def _judged(
    db: sql.Connection, provider: Provider, landing: extract.Landing, base: int, tally: Tally
) -> dict[str, Any]:
    """Return what the gate would say of this plan tonight."""
    last = sql.run(db, "batch/read_last_whole", batch_id=NOW).fetchone()
    applied = sql.run(db, "batch/read_applied_provider", batch_id=NOW).fetchone()
    not_whole = guard.not_whole_because(
        guard.Proof(
            filtered=False,
            extracted_rows=landing.rows,
            counted_rows=None,
            rejected_rows=len({row.subscription_number for row in landing.rejected}),
            landed_accounts=base,
            duplicate_keys=sorted(landing.duplicates),
            last_whole_accounts=None if last is None else last[1],
        ),
        provider.settings,
    )
    verdict = guard.judge(
        guard.PlannedChange(
            base=base,
            pure_removals=tally.pure_removals,
            replacements=tally.replacements,
            changed=tally.accounts,
            new_provider_version=applied is not None and applied[0] != provider.hash,
        ),
        whole=not not_whole,
        allow_removals=False,
        settings=provider.settings,
    )
    effective = provider.state is LifeCycleState.EFFECTIVE and bool(provider.distributors)
    return {
        "would_send": effective,
        "not_whole_because": list(not_whole),
        "held_because": list(verdict.held_because),
        "whole_plan_held": verdict.whole_plan,
        "seconds_to_send": round(tally.requests / provider.settings.requests_per_second, 1),
    }


def _telling(rows: Iterable[list[str | None]], tell: Tell, which: str) -> Iterator[list[str | None]]:
    due = 0.0
    for count, row in enumerate(rows):
        if count % 1_000 == 0 and time.monotonic() >= due:
            tell(f"{which}: {count:,} subscriptions read")
            due = time.monotonic() + PROGRESS_SECONDS
        yield row

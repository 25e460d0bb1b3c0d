"""What needs a person, each with what it means and what to do: the first thing that somebody who is woken reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from provisioner.adapters.page_batches import BatchRow
from provisioner.web.words import counted, duration

# A lane writes each second that it is alive (include/sql/schema, real_time_lane).
LANE_SILENT_SECONDS = 10.0
# Between two runs of the lane a few seconds pass.
LANE_ROTATES_SECONDS = 60.0
GONE = "GONE_FROM_CRM"
# Where pages/read_attention.sql stops counting.
COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One thing that needs a person. *action* starts a run: a DAG, its parameters, the button's word and question."""

    key: str
    tone: str
    title: str
    means: str
    cure: str
    link: str | None = None
    action: dict[str, Any] | None = field(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A sign of life, in one line."""

    tone: str
    says: str
    more: str


def needs_a_person(
    found: Mapping[str, Any],
    last: BatchRow | None,
    refused: Mapping[str, int],
    provider_problem: str | None,
) -> list[Attention]:
    """Return what needs a person, the worst first. *last* is the last run over all, *refused* its rows by reason."""
    things = [*_broken(found, last, provider_problem), *_waiting(found), *_of_the_crm(last, refused)]
    return sorted(things, key=lambda one: one.tone != "bad")


def _broken(
    found: Mapping[str, Any], last: BatchRow | None, provider_problem: str | None
) -> Iterator[Attention]:
    if provider_problem:
        yield Attention(
            key="provider",
            tone="bad",
            title="The provider file cannot be used",
            means=provider_problem,
            cure="Mend include/provider/tucano.yaml: no run sends anything until then.",
            link="/provider",
        )
    if last is not None and last.failed:
        yield Attention(
            key="last-run",
            tone="bad",
            title=f"The last run over all, batch {last.batch_id}, failed",
            means=last.platform_down or "; ".join(last.failures) or last.summary or "",
            cure="Its page says what to do. Triggering it again is always safe.",
            link=f"/batches/{last.batch_id}",
        )
    if last is not None and last.extract_whole is False and not last.filtered:
        yield Attention(
            key="not-whole",
            tone="warn",
            title="The last extract was not proven whole",
            means="; ".join(last.not_whole_because),
            cure="Activations went out, removals did not. Find out why the extract is short.",
            link=f"/batches/{last.batch_id}",
        )
    if found["stray"]:
        yield Attention(
            key="stray",
            tone="bad",
            title=f"{_at_least(found['stray'], 'closed request')} outside all monthly partitions",
            means="A partition was missing when they were closed; archiving is red until they are moved.",
            cure="As archivist: SELECT * FROM rehome_stray_requests(); (docs/operations.md)",
        )
    for one in found["unverified"]:
        yield Attention(
            key=f"archive-{one['month']}-{one['operation']}",
            tone="bad",
            title=f"{one['operation']} of {one['month']} was done but not looked back at",
            means=f"Since {one['since'][:16].replace('T', ' ')} UTC its check has not succeeded.",
            cure="The next run of any archive task takes it up: trigger tucano_archive_requests, and read its log.",
        )


def _waiting(found: Mapping[str, Any]) -> Iterator[Attention]:
    for one in found["held"]:
        yield Attention(
            key=f"held-{one['batch_id']}",
            tone="bad",
            title=f"Removals of {counted(one['accounts'], 'account')} wait for approval",
            means=f"Batch {one['batch_id']} held them: {one['because'] or 'beyond the gate'}.",
            cure="Look at whom it concerns. Then ask for the release: Airflow shows it under Required actions.",
            link=f"/batches/{one['batch_id']}?outcome=HELD",
            action={
                "dag_id": "tucano_release_removals",
                "conf": {"batch_id": one["batch_id"]},
                "word": "Ask for the release",
                "question": f"Start tucano_release_removals for batch {one['batch_id']}? Nothing is released before "
                "somebody approves it under Required actions.",
            },
        )
    if found["parked"]:
        example = found["parked_examples"][0]
        yield Attention(
            key="parked",
            tone="bad",
            title=f"{_at_least(found['parked'], 'account')} parked",
            means=f"Tucano gave no answer again and again. Oldest: {example['account']}, {example['because']}.",
            cure="Ask Tucano's operators about the request number. It is asked again each night.",
            link=f"/requests?state=UNKNOWN&subscription={example['account']}",
        )
    if found["actions_parked"]:
        yield Attention(
            key="actions-parked",
            tone="warn",
            title=f"{_at_least(found['actions_parked'], 'action')} of the CRM parked",
            means="The real-time lane could not do what they ask for; the nightly run tries again.",
            cure="The subscription's page says why.",
        )


def _of_the_crm(last: BatchRow | None, refused: Mapping[str, int]) -> Iterator[Attention]:
    if last is None:
        return
    if gone := refused.get(GONE, 0):
        yield Attention(
            key="gone",
            tone="warn",
            title=f"{counted(gone, 'account')} served but gone from the CRM",
            means="We never cut them off by ourselves.",
            cure="End the subscription in the CRM, or find out why it is no longer extracted.",
            link=f"/batches/{last.batch_id}/rows?reason={GONE}",
        )
    if rows := sum(count for reason, count in refused.items() if reason != GONE):
        yield Attention(
            key="rows",
            tone="warn",
            title=f"{counted(rows, 'row')} of the CRM could not be used",
            means="Nothing is sent for them.",
            cure="Each names the rule it breaks and the cure.",
            link=f"/batches/{last.batch_id}/rows",
        )
    if last.requests_rejected:
        yield Attention(
            key="rejected",
            tone="warn",
            title=f"Tucano refused {counted(last.requests_rejected, 'request')} of batch {last.batch_id}",
            means="Those accounts are not as the CRM wants them.",
            cure="The errors are grouped: mend the cause, then retry the group.",
            link=f"/batches/{last.batch_id}/errors",
        )


def _at_least(count: int, thing: str) -> str:
    return f"10,000 or more {thing}s" if count >= COUNTED else counted(count, thing)


def platform(found: Mapping[str, Any], last: BatchRow | None, now: datetime) -> Sign:
    """Say whether Tucano answers, as far as our own requests tell: it has no call that only asks."""
    answered = datetime.fromisoformat(found["answered_at"]) if found["answered_at"] else None
    more = f"Last answer {duration(now - answered)} ago." if answered else "It was never asked yet."
    ended = last.closed_at if last else None
    if last is not None and last.platform_down and not (answered and ended and answered > ended):
        return Sign(tone="bad", says="Not reachable", more=f"{last.platform_down}. {more}")
    if found["unknown"]:
        since = datetime.fromisoformat(found["unknown_since"])
        return Sign(
            tone="warn",
            says="Answers are missing",
            more=f"{_at_least(found['unknown'], 'request')} without an answer, "
            f"the oldest for {duration(now - since)}. {more}",
        )
    return Sign(
        tone="good" if answered else "plain", says="Answers" if answered else "No request yet", more=more
    )


def real_time(found: Mapping[str, Any]) -> Sign:
    """Say whether the real-time lane is alive, and how far behind it is."""
    lane, waiting = found["lane"], found["actions_waiting"]
    behind = found["actions_behind_seconds"]
    queue = f"{_at_least(waiting, 'action')} waiting" + (
        f", the oldest for {duration(behind)}." if waiting and behind is not None else "."
    )
    if lane is None:
        return Sign(tone="plain", says="Never started", more="Unpause tucano_real_time to start it.")
    silent = float(lane["alive_seconds"])
    trouble = f" {lane['last_error']}" if lane["last_error"] else ""
    if silent > (LANE_ROTATES_SECONDS if lane["ended_at"] else LANE_SILENT_SECONDS):
        ended = "It ended in good order." if lane["ended_at"] else "It should write each second."
        return Sign(
            tone="warn" if lane["ended_at"] else "bad",
            says=f"Silent for {duration(silent)}",
            more=f"{ended} Is tucano_real_time unpaused and running? {queue}{trouble}",
        )
    if trouble:
        return Sign(tone="warn", says="Alive, in trouble", more=f"{trouble.strip()} {queue}")
    return Sign(
        tone="good", says="Alive", more=f"{queue} It {'listens' if lane['mode'] == 'LISTEN' else 'polls'}."
    )

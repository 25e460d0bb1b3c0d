"""Read the CRM in one snapshot and land what it wants, one packed row a subscription.

A million rows pass through here, so ordinary ones are decided by patterns (row_patterns.py). The rules themselves stand
in core/desired.py and are the ones by which each account is planned again before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapreplace

from provisioner.adapters import batches, crm, crm_rows, inbox, sql
from provisioner.adapters.connections import Connections
from provisioner.core import desired, faults, guard, wire
from provisioner.core.model import ACTIVE_SERVICE, ACTIVE_SUBSCRIPTION, Provider, RejectedRow
from provisioner.core.packing import pack_materials, pack_options
from provisioner.failpoint import failpoint
from provisioner.steps.load_provider import of_batch
from provisioner.steps.row_patterns import Patterns

# Lines are joined to blocks of this many before they are written: a call a row costs as much as the row.
LINES_A_BLOCK = 2_000


@dataclass(slots=True)
class Landing:
    """What the extract gave, counted while it passes through."""

    rows: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    numbers: set[str] = field(default_factory=set)
    duplicates: set[str] = field(default_factory=set)
    merged: bool = False
    active: int = 0
    any_service: bool = False
    any_box: bool = False
    newest_versions: list[int] = field(default_factory=lambda: [0] * (guard.SLIPS + 1))


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
        emptied = () if filters.any else _emptied(db, landing, provider)
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
            not_whole_because=list(emptied),
        )
    failpoint("extract.committed")
    return {"rows": landing.rows, "rejected": len(landing.rejected), "accounts": accounts}


def _has_active_service(services: str | None) -> bool:
    # As it is written: what cannot be read counts among the rejected rows.
    return services is None or any(f'"{state}"' in services for state in ACTIVE_SERVICE)


def _emptied(db: sql.Connection, landing: Landing, provider: Provider) -> tuple[str, ...]:
    if landing.any_service and landing.any_box:
        return ()
    served, boxed = sql.one(db, "known_state/count_served")
    return guard.emptied_because(
        active=landing.active,
        any_service=landing.any_service,
        any_box=landing.any_box,
        served=served,
        boxed=boxed,
        settings=provider.settings,
    )


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
    patterns = Patterns(provider)
    for row in rows:
        landing.rows += 1
        number, account = row[0], row[1]
        if number in landing.numbers:
            landing.duplicates.add(number or "")
        landing.numbers.add(number or "")
        landing.merged |= number != account
        version = int(row[11] or 0)
        if not (landing.any_service and landing.any_box):
            active = row[7] in ACTIVE_SUBSCRIPTION
            landing.active += active
            landing.any_service |= active and _has_active_service(row[9])
            landing.any_box |= row[10] != "[]"
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

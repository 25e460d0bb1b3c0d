"""Detection against a scan of what it compares, and detection of a few changed accounts against a join of all rows."""

from __future__ import annotations

from benchmarks.alternating import compare, seconds
from benchmarks.bars import Ratio, Tell
from benchmarks.ground import Database, one, rows
from benchmarks.population import Population


class WrongListError(Exception):
    """Two ways to the same list found different accounts: a wrong answer has no speed."""


def detection_per_scan(population: Population, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare the list of out-of-sync accounts of all with a sequential scan of the tables it compares."""
    batch_id = population.batch_id
    with population.database() as db:
        listed = check_list(db, batch_id)
        if len(listed) != population.different:
            raise WrongListError(
                f"{population.different} accounts were made to differ, {len(listed)} are listed"
            )
        tell(f"detection_per_scan: {len(listed):,} accounts listed, by fingerprint and by rows alike")
        medians = compare(
            tell,
            "detection_per_scan",
            seconds(lambda: out_of_sync(db, batch_id)),
            seconds(lambda: one(db, "scan_tables")),
            repetitions=repetitions,
            unit="s",
        )
    return Ratio(
        name="detection_per_scan",
        value=medians.ratio,
        sides=f"{medians.ours:.3g} s / {medians.floor:.3g} s",
    )


def changed_per_row_join(population: Population, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare detection after a filtered landing of the newest 1 %, all of them changed, with a join of all rows.

    Changes what is known of those accounts, so that whoever needs the population as it was comes before.
    """
    with population.ground.admin(population.ground.crm_name) as crm:
        (created_from,) = one(crm, "newest_percent")
    with population.database() as db:
        tell("changed_per_row_join: laying out one row an option or material")
        one(db, "fill_desired_rows")
        batch_id = population.land({"created_from": created_from})
        one(db, "change_known_state")
        one(db, "fill_known_rows")
        population.ground.settle()
        listed = check_list(db, batch_id)
        tell(f"changed_per_row_join: {len(listed):,} accounts listed, by fingerprint and by rows alike")
        medians = compare(
            tell,
            "changed_per_row_join",
            seconds(lambda: out_of_sync(db, batch_id)),
            seconds(lambda: rows(db, "join_rows")),
            repetitions=repetitions,
            unit="s",
        )
    return Ratio(
        name="changed_per_row_join",
        value=medians.ratio,
        sides=f"{medians.ours:.3g} s ({len(listed):,} accounts) / {medians.floor:.3g} s",
    )


def check_list(db: Database, batch_id: int) -> set[str]:
    """Return the out-of-sync accounts; raise WrongListError unless rows alone find the same."""
    by_fingerprint, by_rows = out_of_sync(db, batch_id), out_of_sync(db, batch_id, by_fingerprint=False)
    if by_fingerprint != by_rows:
        raise WrongListError(
            f"fingerprints list {len(by_fingerprint)} accounts and rows {len(by_rows)}; in one list only: "
            f"{sorted(by_fingerprint ^ by_rows)[:10]}"
        )
    return by_rows


def out_of_sync(db: Database, batch_id: int, *, by_fingerprint: bool = True) -> set[str]:
    """Return the accounts that the shipped function lists, found as the detect step finds them."""
    with db.transaction():
        # That step's INSERT is never spread over several processes, as this SELECT would be.
        db.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        found = rows(db, "list_out_of_sync", {"batch_id": batch_id, "by_fingerprint": by_fingerprint})
    return {account for account, _ in found}

"""Which months of the request log leave the hot tier, and what must be true of a move. No clock: *now* is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from provisioner.core.errors import ConfigurationError, ProvisioningError

# Days that attempts to authenticate are kept: as long as what they led to can be disputed. They tell when somebody
# watched, so no longer than that.
KEEP_ATTEMPTS_DAYS: Final = 90
# Nobody deletes what a search for a guesser, or this month's dispute, still needs; the database refuses it as well.
LEAST_ATTEMPTS_DAYS: Final = 30
# A month is left alone until it has been over for this long: a transaction that closed its last request may still
# be on its way to its commit.
SETTLED: Final = timedelta(days=1)

# Whoever reads the log for longer than this is let through first; a writer behind us waits no longer than this.
LOCK_MILLISECONDS: Final = 100
# Between two tries, so that the writers who waited with us catch up; then patience grows to two seconds.
LOCK_PAUSE_SECONDS: Final = 0.2
LOCK_PAUSE_LONGEST_SECONDS: Final = 2.0
# A task that is stopped or loses its machine while it holds the log: the server ends its session after this long, and
# what it did is undone. A live one is idle for milliseconds.
FROZEN_SECONDS: Final = 3
# A reader that holds the log for ten minutes is a report that somebody forgot: a person ends it.
LOCK_PATIENCE_SECONDS: Final = 600.0
# The second session of a proof waits so long for a lock. Somebody who waits for the first session (a new month's
# partition is made) and whom the second one waits for would be a circle that no server sees.
WITNESS_LOCK_SECONDS: Final = 2


class NotProven(ProvisioningError):
    """What must be the same before and after was not. Nothing was moved, or the message says what was."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Month:
    """A calendar month in UTC, by its first day; the log is partitioned by it."""

    first_day: date

    def __post_init__(self) -> None:
        if self.first_day.day != 1:
            raise ConfigurationError(f"{self.first_day} is not the first day of a month")

    @property
    def begins_at(self) -> datetime:
        """Return the first moment of the month."""
        return datetime(self.first_day.year, self.first_day.month, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """Return the first moment that is no longer of the month."""
        return (self.begins_at + timedelta(days=32)).replace(day=1)

    @property
    def suffix(self) -> str:
        """Return what its tables' names end with: 2026_08."""
        return f"{self.first_day:%Y_%m}"

    def __str__(self) -> str:
        return f"{self.first_day:%Y-%m}"


def parse_month(text: str) -> Month:
    """Return the month written as 2026-08. Raises ConfigurationError for anything else."""
    try:
        year, month = text.split("-")
        return Month(first_day=date(int(year), int(month), 1))
    except ValueError as error:
        raise ConfigurationError(f"month {text!r} is not one: write it as 2026-08") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HotMonth:
    """A month in the hot log. *strays*: rows of it lie in the default partition, so that it is not whole."""

    month: Month
    bytes: int
    strays: bool


def cutoff(*, before: datetime | None, keep_days: int, now: datetime) -> datetime:
    """Return the time before which whole months leave the hot tier; *before* wins over *keep_days*.

    Raises ConfigurationError for a time without a zone or in the future, and for fewer days than one.
    """
    if before is None:
        if keep_days < 1:
            raise ConfigurationError(f"keep_days is {keep_days}: keep at least one day hot")
        return now - timedelta(days=keep_days)
    if before.tzinfo is None:
        raise ConfigurationError(f"before is {before} without a time zone: write 2026-08-01T00:00:00Z")
    if before > now:
        raise ConfigurationError(
            f"before is {before}, in the future: what is not closed yet cannot be archived"
        )
    return before


def attempts_cutoff(*, keep_days: int | None, now: datetime) -> datetime:
    """Return the time before which attempts to authenticate are deleted.

    Raises ConfigurationError for fewer days than LEAST_ATTEMPTS_DAYS.
    """
    days = KEEP_ATTEMPTS_DAYS if keep_days is None else keep_days
    if days < LEAST_ATTEMPTS_DAYS:
        raise ConfigurationError(
            f"keep_attempts_days is {days}: keep attempts for at least {LEAST_ATTEMPTS_DAYS} days"
        )
    # An hour more than the least: the database's clock may be behind ours.
    return now - timedelta(days=days, hours=1)


def months_to_move(months: Iterable[HotMonth], *, cutoff: datetime, now: datetime) -> tuple[HotMonth, ...]:
    """Return the whole months that ended before *cutoff* and are settled, oldest first. Never the current one."""
    latest = min(cutoff, now - SETTLED)
    return tuple(sorted((one for one in months if one.month.ends_at <= latest), key=lambda one: one.month))


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What names the rows of a month, free of order."""

    rows: int
    checksum: int
    first_log_number: int | None
    last_log_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What Tucano is known to have, as numbers free of order; things are options and boxes."""

    accounts: int
    accounts_digest: int
    things: int
    things_digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfSync:
    """Which accounts are out of sync with the CRM as last landed, as numbers; *landing* tells landings apart."""

    accounts: int
    digest: int
    landing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A table of the log. The same file, with no row touched, has in one snapshot the same rows."""

    parent: str
    table: int
    file: int
    touched: int


def refuse_another_fold(folded: Fold, known: Fold, differences: Sequence[str], *, when: str) -> None:
    """Raise NotProven unless the closed requests add up to known state; *differences* are shown."""
    if folded != known:
        shown = "; ".join(differences) or "none by rows: only the digests differ"
        raise NotProven(
            f"{when} the closed requests add up to {folded.accounts} accounts with {folded.things} options and boxes, "
            f"known_state has {known.accounts} with {known.things}. Different: {shown}. "
            "Nothing is moved until they do: docs/archive.md says how"
        )


def refuse_other_partitions(
    before: Iterable[Partition], after: Iterable[Partition], *, moved: int, to: str
) -> None:
    """Raise NotProven unless *after* is *before* with the table *moved* below *to*, every file and row as it was.

    So, in one snapshot, hot and cold together hold the same rows, and their fold is what it was.
    """
    expected = {(one.table, one.file, to if one.table == moved else one.parent) for one in before}
    found = {(one.table, one.file, one.parent) for one in after}
    # What the session did shortly before may still be counted, so that only what came since counts.
    counted = {one.table: one.touched for one in before}
    touched = [one.table for one in after if one.touched != counted.get(one.table, 0)]
    if expected != found or touched:
        raise NotProven(
            f"the move changed more than the place of one month (tables {sorted(expected ^ found)}, "
            f"rows of {touched}): it is rolled back. Is there a trigger on the log or on ALTER TABLE?"
        )


def refuse_other_content(rows: int, checksum: int, found: Content, *, month: Month) -> None:
    """Raise NotProven unless a month holds the *rows* with the *checksum* that it held."""
    if (rows, checksum) != (found.rows, found.checksum):
        raise NotProven(
            f"month {month} had {rows} rows with checksum {checksum} and now has {found.rows} with {found.checksum}: "
            "see docs/archive.md"
        )

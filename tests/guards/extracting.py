"""The guards of what an extract, or one row of it, is taken for: architecture 4.6."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, CORE, INTEGRATION, SQL, STEPS, UNIT, Guard

EXTRACTING = (
    Guard(
        section="4.6",
        rule="a service or box without a key is not one of the default place",
        file=f"{ADAPTERS}/crm_rows.py",
        text='        raise RowError(f"has {of_it} without its {key}")\n',
        instead='        return [] if key == "distributors" else None\n',
        tests=(f"{UNIT}/test_crm_rows.py",),
    ),
    Guard(
        section="4.6",
        rule="a CRM in another encoding is read as it is meant",
        file=f"{ADAPTERS}/connections.py",
        text=', client_encoding="utf8"',
        instead="",
        tests=(f"{INTEGRATION}/test_crm_encodings.py",),
    ),
    Guard(
        section="4.6",
        rule="a version that is a slip makes no later extract stale",
        file=f"{CORE}/guard.py",
        text=" if sure == 0 or version <= SLIP_FACTOR * sure)",
        instead=")",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="an empty column is not read as an end",
        file=f"{CORE}/guard.py",
        text="        if not found and accounts > few\n",
        instead="        if False\n",
        tests=(f"{INTEGRATION}/test_broken_extracts.py", "-k", "base_that_is_empty"),
    ),
    Guard(
        section="4.6",
        rule="versions that jump make no later extract stale",
        file=f"{SQL}/batch/set_proof.sql",
        text="CASE WHEN %(version_counts)s THEN newest_version END",
        instead="CASE WHEN %(version_counts)s THEN newest_version ELSE newest_version END",
        tests=(f"{INTEGRATION}/test_odd_extracts.py", "-k", "is_a_slip"),
    ),
    Guard(
        section="4.6",
        rule="a fresh row older than an action that its account was told of is waited for",
        file=f"{STEPS}/drafting.py",
        text="            if 0 < row.version < known:\n",
        instead="            if False:\n",
        tests=(f"{INTEGRATION}/test_stale_rows.py",),
    ),
    Guard(
        section="4.6",
        rule="an action whose subscription is not there yet is looked at again",
        file=f"{SQL}/real_time/park_actions.sql",
        text="CASE WHEN a.attempts <= %(attempts)s THEN clock_timestamp()",
        instead="CASE WHEN a.attempts > %(attempts)s THEN clock_timestamp()",
        tests=(f"{INTEGRATION}/test_stale_rows.py", "-k", "not_there_yet"),
    ),
    Guard(
        section="4.6",
        rule="what is released of an extract that is not whole takes nothing away",
        file=f"{SQL}/batch/release_held.sql",
        text="CASE WHEN b.extract_whole IS FALSE THEN '{}' ELSE i.removals END",
        instead="i.removals",
        tests=(f"{INTEGRATION}/test_provider_version.py", "-k", "not_whole_gives"),
    ),
    Guard(
        section="4.7",
        rule="a missing subscription withholds the removals of the account that it shares",
        file=f"{STEPS}/prepare.py",
        text="    missing.withhold(db, source, task, drafts.values())\n",
        instead="",
        tests=(f"{INTEGRATION}/test_missing_subscriptions.py",),
    ),
)

"""Guards of files and folds that must prove themselves: architecture 4.1, 4.9 and 4.10."""

from __future__ import annotations

from tests.guards.guard import CORE, INTEGRATION, STEPS, Guard

EXPORT = f"{INTEGRATION}/test_archive_export.py"
KNOWN_STATE = f"{INTEGRATION}/test_known_state.py"

PROVING = (
    Guard(
        section="4.1",
        rule="known state that the log does not add up to is told",
        file=f"{STEPS}/verify_known_state.py",
        text='        if found and not parameters.get("rebuild"):\n',
        instead="        if False:\n",
        tests=(KNOWN_STATE, "-k", "differences_are_listed"),
    ),
    Guard(
        section="4.1",
        rule="a month that somebody changed is not exported",
        file=f"{STEPS}/export_month.py",
        text="            _refuse_unless_as_kept(content, kept, month_text)\n",
        instead="",
        tests=(EXPORT, "-k", "behind_our_back"),
    ),
    Guard(
        section="4.1",
        rule="no exported file is trusted but the one of the manifest",
        file=f"{STEPS}/exported_file.py",
        text="    if archive_file.sha256(path) != kept.file_sha256:\n",
        instead="    if False:\n",
        tests=(EXPORT, "-k", "reads_back"),
    ),
    Guard(
        section="4.1",
        rule="a deletion that was approved for one file is not done for another",
        file=f"{STEPS}/delete_month.py",
        text='        if kept.file_sha256 != exported["sha256"]:\n',
        instead="        if False:\n",
        tests=(EXPORT, "-k", "reads_back"),
    ),
    Guard(
        section="4.1",
        rule="nothing is deleted that its export does not hold",
        file=f"{STEPS}/delete_month.py",
        text="            retention.refuse_other_content(in_file.rows, in_file.checksum, content, month=month)\n",
        instead="",
        tests=(EXPORT, "-k", "changed_after_its_export"),
    ),
    Guard(
        section="4.1",
        rule="only a deleted month is brought back from its file",
        file=f"{STEPS}/exported_file.py",
        text="    if kept is None or kept.tier != tier:\n",
        instead="    if kept is None:\n",
        tests=(EXPORT, "-k", "was_not_deleted"),
    ),
    # -- what an operator brings
    Guard(
        section="4.9",
        rule="an account of an old log of which a row cannot be used is not imported",
        file=f"{CORE}/import_file.py",
        text="        if account in spoilt:\n",
        instead="        if False:\n",
        tests=(KNOWN_STATE, "-k", "is_bad_is_not_imported"),
    ),
    Guard(
        section="4.9",
        rule="an export that has a box in two places is not believed there",
        file=f"{CORE}/import_file.py",
        text="                if holder != (account, material):\n",
        instead="                if False:\n",
        tests=(KNOWN_STATE, "-k", "bad_rows_are_kept"),
    ),
    Guard(
        section="4.10",
        rule="a file that was imported is not imported again",
        file=f"{STEPS}/import_known_state.py",
        text="        if begun is not None and begun.finished_at is not None and not replace:\n",
        instead="        if False:\n",
        tests=(KNOWN_STATE, "-k", "same_file_again"),
    ),
    Guard(
        section="4.10",
        rule="new request numbers begin beyond those that Tucano may have seen",
        file=f"{STEPS}/verify_known_state.py",
        text="NUMBERS_BEYOND = 10_000_000\n",
        instead="NUMBERS_BEYOND = 0\n",
        tests=(f"{INTEGRATION}/test_database_restored.py", "-k", "new_numbers"),
    ),
)

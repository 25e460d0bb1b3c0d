"""The provider as a person asks about it: the file as it is now, what was used before, and what a changed one says."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

from provisioner.adapters import case_file, provider_file
from provisioner.adapters.pools import Pools
from provisioner.adapters.provider_file import ProviderFileError
from provisioner.core.provider_changes import changes
from provisioner.steps.load_provider import PROVIDER_FILE

VERSION = ("hash", "name", "state", "first_loaded_at", "document", "batches", "last_batch_id", "last_used_at")
WHAT_IF = ("run_id", "requested_by", "hash", "asked_at", "answered_at", "accounts", "requests", "refused")
ANSWER = (
    "run_id",
    "requested_by",
    "hash",
    "asked_at",
    "told_at",
    "progress",
    "answered_at",
    "answer",
    "refused",
)
# A year of weekly changes.
VERSIONS = 50
WHAT_IFS = 10
# Of a line of the file beside its mistake.
SHOWN_CHARACTERS = 200


def run(pools: Pools, path: Path = PROVIDER_FILE) -> dict[str, Any]:
    """Return the file's document or its mistakes, the versions used before, and the newest questions about others."""
    current = _current(path)
    with pools.provisioning() as db:
        versions = case_file.as_dicts(db, "pages/list_provider_versions", VERSION, limit=VERSIONS)
        what_ifs = case_file.as_dicts(db, "what_if/list_answers", WHAT_IF, limit=WHAT_IFS)
    for newer, older in zip_longest(versions, versions[1:]):
        newer["changes"] = None if older is None else changes(older["document"], newer["document"])
        newer["in_file"] = newer["hash"] == current["hash"]
    # What a page shows where the file has mistakes: what the last run used.
    last_used = max(
        (one for one in versions if one["last_used_at"]), key=lambda one: one["last_used_at"], default=None
    )
    return {
        "file": current,
        "document": current["document"] or (last_used["document"] if last_used else None),
        "document_of": None if current["document"] or last_used is None else last_used["hash"],
        "new_since_last_run": bool(
            current["hash"] and last_used is not None and last_used["hash"] != current["hash"]
        ),
        "changes_since_last_run": (
            changes(last_used["document"], current["document"])
            if current["document"] and last_used is not None
            else []
        ),
        "versions": [{name: one[name] for name in one if name != "document"} for one in versions],
        "what_ifs": what_ifs,
    }


def check(text: str, path: Path = PROVIDER_FILE) -> dict[str, Any]:
    """Return whether *text* is a provider file, its mistakes by line, and what it changes in the one in use."""
    given = _checked(text.encode(), "the file")
    in_use = _current(path)
    told = None
    if given["document"] is not None and in_use["document"] is not None:
        told = changes(in_use["document"], given["document"])
    return {name: given[name] for name in ("valid", "hash", "problems")} | {"changes": told}


def answer(pools: Pools, run_id: str) -> dict[str, Any] | None:
    """Return how far a question "what would this file do?" is, or its answer; None where it has not begun."""
    with pools.provisioning() as db:
        found = case_file.as_dicts(db, "what_if/read_answer", ANSWER, run_id=run_id)
    return found[0] if found else None


def _current(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        text = f"the file cannot be read ({error.strerror}): put it there, see docs/provider.md"
        problems = [{"line": 1, "text": text, "shown": ""}]
        return {"valid": False, "hash": None, "problems": problems, "document": None, "text": ""}
    return _checked(content, path.name) | {"text": content.decode(errors="replace")}


def _checked(content: bytes, name: str) -> dict[str, Any]:
    try:
        read = provider_file.parse(content, name)
    except ProviderFileError as error:
        lines = content.decode(errors="replace").splitlines()
        return {
            "valid": False,
            "hash": None,
            "problems": [
                {
                    "line": one.line,
                    "text": one.text,
                    "shown": lines[one.line - 1][:SHOWN_CHARACTERS] if 0 < one.line <= len(lines) else "",
                }
                for one in error.problems
            ],
            "document": None,
        }
    return {"valid": True, "hash": read.provider.hash, "problems": [], "document": read.document}

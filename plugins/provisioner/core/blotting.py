"""A request and its answer as a person may see them: verbatim, with personal data blotted out."""

from __future__ import annotations

import json
from typing import Any, Final

from provisioner.core import wire
from provisioner.core.model import CommandName

# Those of the contract have some hundred bytes; what is longer is cut.
SHOWN_CHARACTERS: Final = 20_000
# Of an answer about a name: everything that cannot quote it.
_IMPERSONAL: Final = ("status", "error_code", "reference_number", "already", "replayed")


def request(body: bytes | None) -> str | None:
    """Return what was sent; None where nothing is kept (a person was forgotten)."""
    text = "" if body is None else body.decode(errors="replace")
    if not text.strip():
        return None
    given = _object(text)
    parameters = None if given is None else given.get("parameters")
    if given is None or not isinstance(parameters, dict):
        return "(not shown: it is not a request of the contract)"
    if wire.PERSONAL & parameters.keys():
        text = _written({**given, "parameters": wire.masked(parameters)})
    return text[:SHOWN_CHARACTERS]


def answer(body: bytes | None, command: str | None) -> str | None:
    """Return what was answered; of an answer about a name only what cannot quote it."""
    text = "" if body is None else body.decode(errors="replace")
    if not text:
        return None
    if command != CommandName.CREATE_ACCOUNT:
        return text[:SHOWN_CHARACTERS]
    given = _object(text)
    if given is None:
        return "(not shown: it is not an answer of the contract, and may quote personal data)"
    if all(name in _IMPERSONAL for name in given):
        return text[:SHOWN_CHARACTERS]
    shown = {name: value if name in _IMPERSONAL else wire.MASK for name, value in given.items()}
    return _written(shown)[:SHOWN_CHARACTERS]


def _object(text: str) -> dict[str, Any] | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or nested to drown the parser
        return None
    return given if isinstance(given, dict) else None


def _written(given: dict[str, Any]) -> str:
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))

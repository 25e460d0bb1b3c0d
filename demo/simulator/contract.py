"""The southbound contract, read from its OpenAPI file: what a request must look like, which codes exist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

CONTRACT_FILE = Path(__file__).resolve().parents[2] / "include" / "tucano-api.yaml"
REQUESTS_PATH = "/api/v1/requests"
LONGEST_COMPLAINT = 300  # validators quote what they complain about, and that may be a megabyte


class NotJsonError(ValueError):
    """The body is not JSON in UTF-8; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that keeps its schema."""

    request_number: str
    command: str
    account: str
    parameters: Mapping[str, Any]


class Contract:
    """The validators of the contract, compiled once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        self.commands: tuple[str, ...] = tuple(schemas["Request"]["properties"]["command"]["enum"])
        self.error_codes: tuple[str, ...] = tuple(schemas["Answer"]["properties"]["error_code"]["enum"])
        self._components = document["components"]
        self._request = self._compile({"$ref": "#/components/schemas/Request"})
        self._number = self._compile({"$ref": "#/components/schemas/RequestNumber"})
        # The whole schema decides; these only explain, since "matches none of oneOf" helps nobody.
        outline = {word: rule for word, rule in schemas["Request"].items() if word != "oneOf"}
        self._outline = self._compile(outline)
        self._branch_by_command = {
            command: self._compile(branch)
            for branch in schemas["Request"]["oneOf"]
            for command in _commands_of(branch)
        }

    @classmethod
    def read(cls, path: Path = CONTRACT_FILE) -> Contract:
        """Read and compile the OpenAPI file at *path*."""
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    def is_request_number(self, key: str) -> bool:
        """Say whether *key* may be a request number at all."""
        return bool(self._number.is_valid(key))

    def breach(self, document: object) -> str | None:
        """Say in one sentence how *document* breaks the schema of a request, or None if it keeps it."""
        try:
            if self._request.is_valid(document):
                return _unsorted(document)
            return self._explain(document)
        except ValueError as too_deep:  # nested deeper than the validator goes
            return f"the body: {too_deep}"

    def _explain(self, document: object) -> str:
        for validator in (self._outline, self._branch_by_command.get(_command_of(document))):
            for error in validator.iter_errors(document) if validator else ():
                where = "/".join(str(step) for step in error.instance_path) or "the body"
                return f"{where}: {error.message}"[:LONGEST_COMPLAINT]
        return "the body matches no command of the contract"

    def _compile(self, schema: Mapping[str, Any]) -> Any:
        return jsonschema_rs.Draft202012Validator({**schema, "components": self._components})


def read_json(raw: bytes) -> object:
    """Parse *raw* as strict JSON in UTF-8; raises NotJsonError.

    NaN and Infinity, which Python would let through, and halves of surrogate pairs, which no other
    system could store, are refused.
    """
    try:
        text = raw.decode("utf-8")
        document = json.loads(text, parse_constant=_refuse_constant)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"the body is not JSON in UTF-8: {error}") from None
    return document


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _unsorted(document: Any) -> str | None:
    # JSON Schema has no word for "sorted", the contract's description of Options has.
    options = document["parameters"].get("options")
    if options is not None and options != sorted(options):
        return "parameters/options: not sorted"
    return None


def _command_of(document: object) -> str:
    command = document.get("command") if isinstance(document, dict) else None
    return command if isinstance(command, str) else ""


def _commands_of(branch: Mapping[str, Any]) -> tuple[str, ...]:
    rule = branch["properties"]["command"]
    return (rule["const"],) if "const" in rule else tuple(rule["enum"])

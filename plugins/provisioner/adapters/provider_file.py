"""The provider file: read, checked whole, and named by its hash. Every mistake is told at once, with its line."""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from provisioner.adapters import yaml_lines
from provisioner.adapters.yaml_lines import Lines, Place, Problem
from provisioner.core import policy
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import (
    Distributor,
    DistributorCode,
    LifeCycleState,
    MaterialType,
    OptionCode,
    Provider,
    ServiceMapping,
    Settings,
)

SCHEMA = Path(__file__).resolve().parents[3] / "include" / "provider" / "tucano.schema.json"
# A value that is longer than this is cut in a message.
SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDocument:
    """A provider file that was accepted: as values, and as the document to be kept under its hash."""

    provider: Provider
    document: dict[str, Any]


class ProviderFileError(ConfigurationError):
    """A provider file with mistakes; *problems* are these, in the order of their lines."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        several = "s" if len(self.problems) > 1 else ""
        told = "\n".join(f"{name}:{one.line}: {one.text}" for one in self.problems)
        super().__init__(f"the provider file has {len(self.problems)} mistake{several}:\n{told}")


def read(path: Path) -> ProviderDocument:
    """Read and check the provider file at *path*, as `parse` does."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the provider file {path} cannot be read ({error.strerror}): put it there, see docs/provider.md"
        ) from error
    return parse(content, str(path))


def parse(content: bytes, name: str) -> ProviderDocument:
    """Check *content*, a provider file that messages call *name*.

    Guarantees that `build(document)` gives the same provider again, also after a journey through PostgreSQL.
    Raises ProviderFileError that names every mistake as file:line, the value and the cure.
    """
    document, lines, unreadable = yaml_lines.load(content)
    problems = set(unreadable)
    if document is not None:
        # What could not be read has no value, so what a rule says of that line is not to be believed.
        lost = {one.line for one in unreadable}
        judged = (*_against_schema(document, lines), *_across_sections(document, lines))
        problems.update(one for one in judged if one.line not in lost)
    if problems:
        raise ProviderFileError(name, problems)
    completed = {**document, "settings": asdict(policy.DEFAULT_SETTINGS) | (document.get("settings") or {})}
    return ProviderDocument(provider=build(completed), document=completed)


def build(document: Mapping[str, Any]) -> Provider:
    """Return the provider that an accepted *document* describes; settings it leaves out have their defaults."""
    about = document["provider"]
    return Provider(
        name=about["name"],
        alternative_code=about["alternative_code"],
        state=LifeCycleState(about["state"]),
        distributors={
            DistributorCode(code): _distributor(code, rules)
            for code, rules in document["distributors"].items()
        },
        services={code: _mapping(target) for code, target in document["services"].items()},
        physical_goods={
            code: MaterialType(target["material_type"]) if "material_type" in target else None
            for code, target in document["physical_goods"].items()
        },
        settings=_settings(document.get("settings") or {}),
        hash=hashlib.sha256(canonical(document)).hexdigest(),
    )


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return *document* as the one JSON text that all equal documents share: order and 1.0 for 1 do not count."""
    return json.dumps(
        _plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _distributor(code: str, rules: Mapping[str, Any]) -> Distributor:
    services = rules.get("services", "all")
    return Distributor(
        code=DistributorCode(code),
        name=rules["name"],
        services=None if services == "all" else frozenset(services),
        minimum_services=rules.get("minimum_services", 0),
        maximum_services=rules.get("maximum_services"),
        minimum_devices=rules.get("minimum_devices", 0),
        maximum_devices=rules.get("maximum_devices"),
    )


def _mapping(target: Mapping[str, Any]) -> ServiceMapping:
    option = target.get("option")
    return ServiceMapping(
        option=None if option is None else OptionCode(option),
        covers_components=target.get("covers_components", False),
    )


def _settings(given: Mapping[str, Any]) -> Settings:
    """Return *given* settings over the defaults, each number of the kind the default has."""
    changed: dict[str, Any] = {}
    for field in fields(Settings):
        if field.name in given:
            default = getattr(policy.DEFAULT_SETTINGS, field.name)
            number = isinstance(default, int | float) and not isinstance(default, bool)
            changed[field.name] = type(default)(given[field.name]) if number else given[field.name]
    return replace(policy.DEFAULT_SETTINGS, **changed)


def _against_schema(document: Any, lines: Lines) -> Iterator[Problem]:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for error in validator.iter_errors(document):
        place: Place = tuple(error.absolute_path)
        rule: Any = error.schema
        match error.validator:
            case "additionalProperties":
                yield from _unknown_keys(error.instance, sorted(rule["properties"]), place, lines)
            case "required":
                for key in error.validator_value:
                    if key not in error.instance:
                        cure = rule["properties"][key]["description"]
                        yield lines.problem(place, f"{_name(place)} has no {key!r}: add it ({cure})")
            case _:
                value, expected = error.instance, rule["description"]
                if "propertyNames" in error.absolute_schema_path:
                    told = f"{_name(place)} has the key {_shown(value)}: {expected}"
                    yield lines.problem((*place, value), told)
                else:
                    yield lines.problem(place, f"{_name(place)} is {_shown(value)}: it must be {expected}")


def _unknown_keys(
    section: Mapping[str, Any], known: list[str], place: Place, lines: Lines
) -> Iterator[Problem]:
    for key in section:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            cure = f"did you mean {close[0]!r}?" if close else f"remove it; known are {', '.join(known)}"
            yield lines.problem((*place, key), f"{_name(place)} has an unknown key {_shown(key)}: {cure}")


def _across_sections(document: Any, lines: Lines) -> Iterator[Problem]:
    """Yield what a schema cannot see: names that must exist elsewhere in the file, numbers that exclude each other.

    What the schema finds wrong is passed over, so that both can speak at once.
    """
    distributors, services = _section(document, "distributors"), _section(document, "services")
    for code, rules in distributors.items():
        if isinstance(rules, dict):
            yield from _of_a_distributor(code, rules, services, lines)
    for code, target in services.items():
        if isinstance(target, dict) and target.get("covers_components") and target.get("option") is None:
            yield lines.problem(
                ("services", code, "covers_components"),
                f"services.{code} covers its components but has no option, so nothing would be sent for them: "
                "give it an option, or remove covers_components",
            )
    settings = _section(document, "settings")
    default, address = settings.get("default_distributor"), settings.get("api_ip")
    if isinstance(default, str) and default not in distributors:
        yield lines.problem(
            ("settings", "default_distributor"),
            f"settings.default_distributor is {_shown(default)}, which is not under distributors: "
            f"choose among {', '.join(sorted(distributors)) or 'none yet'}, or null",
        )
    if isinstance(address, str) and not _is_address(address):
        yield lines.problem(
            ("settings", "api_ip"),
            f"settings.api_ip is {_shown(address)}: it must be an IPv4 or IPv6 address",
        )


def _section(document: Any, name: str) -> dict[str, Any]:
    section = document.get(name) if isinstance(document, dict) else None
    return section if isinstance(section, dict) else {}


def _of_a_distributor(
    code: str, rules: Mapping[str, Any], services: Mapping[str, Any], lines: Lines
) -> Iterator[Problem]:
    listed = rules.get("services")
    for position, service in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(service, str) and service not in services:
            yield lines.problem(
                ("distributors", code, "services", position),
                f"distributors.{code}.services names {_shown(service)}, which is not under services: "
                "add it there, or take it out here",
            )
    for counted in ("services", "devices"):
        least, most = rules.get(f"minimum_{counted}", 0), rules.get(f"maximum_{counted}")
        if isinstance(least, int) and isinstance(most, int) and 0 <= most < least:
            yield lines.problem(
                ("distributors", code, f"minimum_{counted}"),
                f"distributors.{code}.minimum_{counted} is {least}, more than maximum_{counted} {most}: "
                "no subscription could use this distributor; change one of them",
            )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _name(place: Place) -> str:
    return ".".join(str(part) for part in place) or "the file"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."

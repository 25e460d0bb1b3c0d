"""Reads docker-compose.yaml as docker-compose does, as far as the tests need it: variables, anchors, profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = PROJECT / "docker-compose.yaml"
ENV_EXAMPLE = PROJECT / ".env.example"
HOME = "/opt/airflow"  # where the Dockerfile puts the project's folders

VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?:(?P<separator>:[-?])(?P<rest>[^}]*))?\}")
AIRFLOW_SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
ONE_SHOT = ("databases", "migrate", "demo-crm")


@cache
def document() -> dict[str, Any]:
    """Return the file with its anchors resolved and its variables as they stand."""
    return dict(yaml.safe_load(COMPOSE_FILE.read_text()))


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    return dict(document()["services"])


def example() -> dict[str, str]:
    """Return the variables of .env.example with their values."""
    return variables(ENV_EXAMPLE.read_text())


def variables(text: str) -> dict[str, str]:
    """Return the variables of a .env with their values."""
    return dict(re.findall(r"^([A-Z]\w*)=(.*)$", text, re.MULTILINE))


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Return *text* with its variables replaced; raises KeyError for a required one that is missing or empty."""

    def value(found: re.Match[str]) -> str:
        given = environment.get(found["name"], "")
        if not given and found["separator"] != ":-":
            raise KeyError(found["name"])
        return given or found["rest"]

    return VARIABLE.sub(value, text).replace("$$", "$")


def strings(node: Any) -> Iterator[str]:
    """Yield every string of a YAML node, keys left out."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)

"""What differs between two versions of the provider file, one line a value, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def changes(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[str]:
    """Return the differences of two documents as "services.SPORT.option: "SPORT" -> "SPORTS"", sorted."""
    before, after = dict(_flat(older)), dict(_flat(newer))
    told = []
    for place in sorted(before.keys() | after.keys()):
        if place not in before:
            told.append(f"{place}: added, {_shown(after[place])}")
        elif place not in after:
            told.append(f"{place}: removed, was {_shown(before[place])}")
        elif before[place] != after[place]:
            told.append(f"{place}: {_shown(before[place])} → {_shown(after[place])}")
    return told


def _flat(document: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        name = f"{place}.{key}" if place else str(key)
        if isinstance(value, Mapping) and value:
            yield from _flat(value, name)
        else:
            yield name, value


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

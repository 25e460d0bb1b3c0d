"""YAML that remembers its lines, limited to what JSON can say: no aliases, no tags, no duplicate keys.

The limits are the defence as well: a file cannot unfold to something larger than itself, nor make anything but
mappings, lists, texts, numbers, truths and null.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

Place: TypeAlias = tuple[str | int, ...]

# A provider file of a large operator has some ten thousand lines; beyond a megabyte it is something else.
LONGEST_BYTES = 1_048_576
# Our sections are four levels deep; a file nested deeper than this was made to drown the parser.
DEEPEST = 20

_KINDS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "null",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: the line it stands on, counted from 1, and what it is."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Where each member of the document stands."""

    line_by_place: dict[Place, int] = field(default_factory=dict)

    def problem(self, place: Place, text: str) -> Problem:
        """Return a problem at *place*, or at the nearest thing around it."""
        while place and place not in self.line_by_place:
            place = place[:-1]
        return Problem(self.line_by_place.get(place, 1), text)


def load(content: bytes) -> tuple[Any, Lines, list[Problem]]:
    """Return the document in *content*, its lines, and what is wrong with it; never raises."""
    lines = Lines()
    if len(content) > LONGEST_BYTES:
        return (
            None,
            lines,
            [Problem(1, f"has {len(content)} bytes, more than {LONGEST_BYTES}: make it shorter")],
        )
    try:
        node = yaml.compose(content.decode("utf-8-sig"), Loader=_PlainLoader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, lines, [Problem(line, "is not UTF-8: save the file in that encoding")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return None, lines, [Problem(line, f"is not YAML we read: {error.problem or error.context}")]
    except yaml.YAMLError as error:
        return None, lines, [Problem(1, f"is not YAML we read: {' '.join(str(error).split())}")]
    if node is None:
        return None, lines, [Problem(1, "is empty: copy include/provider/tucano.yaml and adapt it")]
    if not isinstance(node, yaml.MappingNode):
        return None, lines, [Problem(node.start_mark.line + 1, "is not a mapping: begin with `provider:`")]
    reader = _Reader(lines)
    return reader.value(node, ()), lines, reader.problems


class _PlainLoader(yaml.SafeLoader):
    """Refuses while parsing what could unfold or drown us: aliases and depth."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        # The stubs leave peek_event bare.
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise ConstructorError(
                None, None, f"the alias *{event.anchor} is not allowed: write the value out", event.start_mark
            )
        if self.depth >= DEEPEST:
            raise ConstructorError(
                None, None, f"nested deeper than {DEEPEST} levels: flatten it", event.start_mark
            )
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Reader:
    """Turns nodes into plain values, and collects what is wrong on the way."""

    def __init__(self, lines: Lines) -> None:
        self.problems: list[Problem] = []
        self._lines = lines
        self._constructor = SafeConstructor()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._lines.line_by_place.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(member, (*place, position)) for position, member in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _KINDS:
            return self._scalar(node)
        self._wrong(
            node, f"{_cut(node)} is read as {node.tag.rpartition(':')[2]}: write plain text in quotes"
        )
        return None

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                kind = _KINDS.get(key_node.tag, key_node.tag.rpartition(":")[2])
                self._wrong(key_node, f"the key {_cut(key_node)} is read as {kind}: write text in quotes")
                continue
            key = self._scalar(key_node)
            if key in members:
                first = self._lines.line_by_place[(*place, key)]
                self._wrong(
                    key_node, f"the key {_cut(key_node)} stands on line {first} already: keep one of them"
                )
                continue
            self._lines.line_by_place[(*place, key)] = key_node.start_mark.line + 1
            members[key] = self.value(value_node, (*place, key))
        return members

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            value = self._constructor.construct_object(node)
        except (ValueError, LookupError, OverflowError, ConstructorError):  # `!!int ''`, `!!bool x`
            self._wrong(node, f"{_cut(node)} is read as {_KINDS[node.tag]} and is none: put it in quotes")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._wrong(node, f"{_cut(node)} is not a finite number: write a finite one")
            return None
        if isinstance(value, str) and not _storable(value):
            self._wrong(
                node, f"{_cut(node)} holds a line break or a character that cannot be kept: take it out"
            )
            return None
        return value

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, text))


def _storable(text: str) -> bool:
    """Tell whether *text* is one line that PostgreSQL can keep: no control character, no half surrogate pair.

    A line break would slip past the patterns of a JSON Schema, whose `$` allows one at the end.
    """
    return not any(character < " " or "\ud800" <= character <= "\udfff" for character in text)


def _cut(node: yaml.Node) -> str:
    text = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
    return text if len(text) <= 80 else f"{text[:80]}..."

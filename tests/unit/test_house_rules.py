"""Who may import whom, read from every file's syntax tree; and the names and files the house insists on.

Data flows left to right, imports point inwards (docs/architecture.md). A new import that fails here is either in
the wrong room, or a new way through the house that wants a reason beside it in ROOMS.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("plugins", "dags", "include", "demo", "benchmarks", "tests")
FILES = sorted(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))


@dataclass(frozen=True, slots=True)
class Room:
    """A part of the house: the files below *folder*, and the modules outside the standard library they may import."""

    folder: str
    may_import: frozenset[str]


def room(folder: str, *may_import: str) -> Room:
    return Room(folder, frozenset(may_import))


CORE, ADAPTERS, STEPS = "provisioner.core", "provisioner.adapters", "provisioner.steps"
# Where a test lets a step die; nothing but steps has such places.
FAILPOINT = "provisioner.failpoint"
# The innermost room that holds a file decides.
ROOMS = (
    room("plugins/provisioner/core", CORE),
    room("plugins/provisioner/adapters", CORE, ADAPTERS, "psycopg"),
    room("plugins/provisioner/adapters/tucano.py", CORE, "aiohttp"),
    room("plugins/provisioner/adapters/provider_file.py", CORE, ADAPTERS, "jsonschema"),
    room("plugins/provisioner/adapters/yaml_lines.py", "yaml"),
    room("plugins/provisioner/adapters/pools.py", CORE, ADAPTERS, "psycopg", "psycopg_pool"),
    room("plugins/provisioner/adapters/tokens.py", CORE, "jwt", "cryptography"),
    room("plugins/provisioner/adapters/pass_codes.py", CORE, "argon2"),
    room("plugins/provisioner/adapters/archive_file.py", CORE, ADAPTERS, "pyarrow"),
    # psycopg for its errors and its type of a connection, uvloop for the loop that the sender runs in.
    room("plugins/provisioner/steps", CORE, ADAPTERS, STEPS, FAILPOINT, "psycopg", "uvloop"),
    room("plugins/provisioner/failpoint.py"),
    room(
        "plugins/provisioner/web",
        *(CORE, ADAPTERS, STEPS, "provisioner.web", "provisioner.wiring"),
        *("fastapi", "starlette", "pydantic", "pydantic_core", "airflow", "psycopg", "yaml", "jinja2"),
    ),
    room("plugins/provisioner/wiring.py", CORE, ADAPTERS, STEPS, "airflow", "psycopg"),
    # Runs before there is an Airflow to ask for a connection.
    room("plugins/provisioner/migrate.py", CORE, "alembic", "psycopg", "sqlalchemy"),
    room("plugins/provisioner/real_time.py", CORE, STEPS, "provisioner.wiring"),
    room("plugins/provisioning_plugin.py", "airflow", "provisioner.web"),
    room("plugins/airflow_local_settings.py"),
    room("dags", STEPS, "provisioner.wiring", "airflow", "pendulum"),
    room("include/sql/schema", "alembic", "sqlalchemy", "psycopg"),
)
ALL_MAY = ("demo", "benchmarks", "tests")

NOT_PURE = {
    *("asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil"),
    *("signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid"),
}
DRAWERS = {"utils", "util", "common", "helpers", "helper", "base", "manager", "managers", "misc"}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """The line and dotted name of each import, also of those inside functions and TYPE_CHECKING."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=0) if module is not None:
                # `from provisioner import steps` names a room, `from provisioner.core.model import X` a thing in it.
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case ast.ImportFrom():
                yield node.lineno, "a relative import"


def room_of(path: Path) -> Room | None:
    holding = [one for one in ROOMS if f"{shown(path)}/".startswith(f"{one.folder}/")]
    return max(holding, key=lambda one: len(one.folder), default=None)


def is_of_the_standard_library(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def is_within(name: str, modules: frozenset[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_imports_point_inwards(path):
    home = room_of(path)
    if home is None:
        assert path.name == "__init__.py" or path.relative_to(ROOT).parts[0] in ALL_MAY, "a file in no room"
        return
    strangers = [
        f"{shown(path)}:{line} imports {name}"
        for line, name in imports_of(path)
        if not is_of_the_standard_library(name) and not is_within(name, home.may_import)
    ]

    assert not strangers, f"{strangers}; {home.folder} may import {sorted(home.may_import)}"


@pytest.mark.parametrize("path", [one for one in FILES if one.is_relative_to(ROOT / "plugins")], ids=shown)
def test_nothing_of_the_product_imports_the_demo_the_tests_or_the_benchmarks(path):
    assert not [name for _, name in imports_of(path) if name.partition(".")[0] in ALL_MAY]


def core_files() -> list[Path]:
    return [path for path in FILES if path.is_relative_to(ROOT / "plugins/provisioner/core")]


@pytest.mark.parametrize("path", core_files(), ids=shown)
def test_the_core_knows_no_clock_no_chance_and_no_world(path):
    impure = [f"line {line}: {name}" for line, name in imports_of(path) if name.partition(".")[0] in NOT_PURE]
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Call(func=ast.Name(id="open" | "print" | "input" | "__import__" as name)):
                impure.append(f"line {node.lineno}: {name}()")
            case ast.Call(func=ast.Attribute(attr="now" | "today" | "utcnow" as name)):
                impure.append(f"line {node.lineno}: .{name}()")
            case ast.Global() | ast.Nonlocal():
                impure.append(f"line {node.lineno}: changes what is outside")

    assert not impure


@pytest.mark.parametrize("path", core_files(), ids=shown)
def test_every_noun_of_the_core_is_frozen_slotted_and_keyword_only(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                if "dataclass" in ast.unparse(decorator):
                    words = {one.arg for one in getattr(decorator, "keywords", [])}
                    assert {"frozen", "slots", "kw_only"} <= words, f"{node.name} in line {node.lineno}"


@pytest.mark.parametrize(
    "path", [one for one in FILES if one.is_relative_to(ROOT / "plugins/provisioner/adapters")], ids=shown
)
def test_adapters_never_commit(path):
    calls = [
        f"line {node.lineno}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("commit", "rollback")
    ]

    assert not calls, "whoever decides commits, and adapters do not decide"


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_file_is_a_drawer_for_anything(path):
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}

    assert not words & DRAWERS, "name it by what it knows"


@pytest.mark.parametrize(
    "path",
    [
        one
        for one in FILES
        if one.relative_to(ROOT).parts[0] in ("plugins", "dags") and one.stem != "__init__"
    ],
    ids=shown,
)
def test_no_module_shadows_the_standard_library(path):
    assert path.stem not in sys.stdlib_module_names, "Airflow puts these folders on the path"


def test_the_package_is_importable_and_never_scanned_for_plugins():
    assert "provisioner/" in (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_every_file_says_what_it_holds(path):
    tree = tree_of(path)

    assert not tree.body or ast.get_docstring(tree), "begin with a docstring"


# SQL: one statement a file, named verb_object, under a header that is its contract.

SCHEMA_FOLDER = ROOT / "include" / "sql" / "schema"
STATEMENTS = sorted(
    path for path in (ROOT / "include" / "sql").rglob("*.sql") if not path.is_relative_to(SCHEMA_FOLDER)
)


@pytest.mark.parametrize("path", STATEMENTS, ids=shown)
def test_a_statement_says_its_name_first_and_is_named_verb_object(path):
    name = path.relative_to(ROOT / "include" / "sql").as_posix()

    assert path.read_text(encoding="utf-8").splitlines()[0].startswith(f"-- {name}")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+\.sql", path.name)


@pytest.mark.parametrize("path", STATEMENTS, ids=shown)
def test_a_statement_names_its_columns(path):
    text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))

    for source in re.findall(r"\bselect\s+\*\s+from\s+(\w+)", text, re.IGNORECASE):
        # What this statement names itself has the columns it was given here; a table's may change.
        assert source == "unnest" or re.search(rf"\b{source} AS \(", text), f"all columns of {source}"


@pytest.mark.parametrize("path", [one for one in FILES if one.is_relative_to(ROOT / "plugins")], ids=shown)
def test_no_sql_is_put_together_in_python(path):
    statement = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s", re.IGNORECASE)
    made = []
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(first)), *_]) if statement.match(first):
                made.append(f"line {node.lineno}: an f-string")
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")) if (
                statement.match(text)
            ):
                made.append(f"line {node.lineno}: .format()")

    assert not made

"""The list of guards is about the code as it stands, and docs/guards.md is the list."""

from __future__ import annotations

import ast

import pytest

from tests.guards.guard import Guard
from tests.guards.guards import GUARDS
from tests.guards.page import PAGE, ROOT, page


def named(guard: Guard) -> str:
    return guard.rule


@pytest.mark.parametrize("guard", GUARDS, ids=named)
def test_a_guard_stands_once_where_the_list_says_and_can_be_taken_away(guard: Guard) -> None:
    code = (ROOT / guard.file).read_text(encoding="utf-8")

    assert code.count(guard.text) == 1
    without = code.replace(guard.text, guard.instead)
    assert without != code
    if guard.file.endswith(".py"):
        ast.parse(without)


@pytest.mark.parametrize("guard", GUARDS, ids=named)
def test_the_tests_that_hold_a_guard_exist(guard: Guard) -> None:
    files = [one for one in guard.tests if one.startswith("tests/")]

    assert files
    assert [one for one in files if not (ROOT / one).is_file()] == []
    if "-k" in guard.tests:
        words = guard.tests[guard.tests.index("-k") + 1].split(" or ")
        text = "".join((ROOT / one).read_text(encoding="utf-8") for one in files)
        # A word that is in no test's name chooses nothing; a name of a failpoint is a parameter.
        assert [word for word in words if word not in text and "." not in word] == []


def test_every_rule_is_named_once() -> None:
    assert len({guard.rule for guard in GUARDS}) == len(GUARDS) >= 25


def test_the_page_is_the_list() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.guards page"

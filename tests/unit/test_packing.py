"""How the database keeps an account: sorted texts that read back exactly."""

from __future__ import annotations

from hypothesis import given, strategies as st

from provisioner.core import wire
from provisioner.core.model import AccountState
from provisioner.core.packing import (
    pack_materials,
    pack_options,
    removal_keys,
    unpack_materials,
    unpack_options,
    unpack_state,
)
from tests.factories import a_material, an_account, options, remove, suspend

codes = st.from_regex(wire.CODE, fullmatch=True)
serial_numbers = st.from_regex(wire.SERIAL_NUMBER, fullmatch=True)


@given(st.frozensets(st.tuples(codes, codes), max_size=8))
def test_options_of_the_contract_read_back_exactly(held) -> None:
    packed = pack_options(held)

    assert unpack_options(packed) == held
    assert packed == sorted(set(packed), key=str.encode)  # as the database's check has them


@given(st.frozensets(st.builds(a_material, serial_numbers, codes, st.one_of(codes, st.just(""))), max_size=8))
def test_boxes_of_the_contract_read_back_exactly_those_of_any_type_too(held) -> None:
    packed = pack_materials(held)

    assert unpack_materials(packed) == held
    assert packed == sorted(set(packed), key=str.encode)


def test_an_account_that_is_not_known_holds_nothing() -> None:
    assert unpack_state(None, None, None) == AccountState()


def test_an_account_that_was_forgotten_holds_nothing() -> None:
    assert unpack_state(False, [], []) == AccountState()


def test_a_known_account_is_read_whole() -> None:
    known = unpack_state(True, ["VP1:NEWS"], ["VP1:S1:HD"])

    assert known == an_account(a_material("S1"), VP1=["NEWS"])
    assert known.options == options(VP1=["NEWS"])


def test_removals_are_named_by_the_thing_however_they_are_grouped() -> None:
    together = removal_keys([suspend("VP1", "KIDS", "NEWS"), remove("S1", "VP2")])
    apart = removal_keys([remove("S1", "VP2"), suspend("VP1", "NEWS"), suspend("VP1", "KIDS")])

    assert together == apart == ["box VP2:S1", "option VP1:KIDS", "option VP1:NEWS"]


def test_an_option_and_a_box_of_the_same_name_are_told_apart() -> None:
    assert removal_keys([suspend("VP1", "X1")]) != removal_keys([remove("X1", "VP1")])

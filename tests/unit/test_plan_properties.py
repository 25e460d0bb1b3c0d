"""What holds of every plan, by generated accounts: it arrives, it rests, it is ordered, it is never dark."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from itertools import pairwise

from hypothesis import given, strategies as st

from provisioner.core import policy
from provisioner.core.guard import release
from provisioner.core.model import (
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    CreateAccount,
    RemoveMaterial,
    SuspendOptions,
)
from provisioner.core.plan import apply, plan, removals
from tests.factories import ACCOUNT, SUBSCRIBER, a_material

POINTS = ("VP1", "VP2", "VP3")
SERIALS = ("S1", "S2", "S3", "S4", "S5", "S6")

all_options = st.frozensets(st.tuples(st.sampled_from(POINTS), st.sampled_from("ABCDE")))
# A box is registered once, so its serial number is the key.
places = st.tuples(st.sampled_from(POINTS), st.sampled_from(("HD", "UHD")))
materials = st.dictionaries(st.sampled_from(SERIALS), places).map(
    lambda place_by_serial: frozenset(a_material(serial, *place) for serial, place in place_by_serial.items())
)
existing = st.builds(AccountState, exists=st.just(True), options=all_options, materials=materials)
known_states = st.one_of(st.just(AccountState()), existing)
limits = st.dictionaries(st.sampled_from(POINTS), st.one_of(st.none(), st.integers(0, 3)))
swap_orders = st.sampled_from((policy.ACTIVATE_FIRST, policy.SUSPEND_FIRST))


def planned(target, known, maximum_devices=None, swap_order=policy.ACTIVATE_FIRST, single_options=False):
    return plan(
        account=ACCOUNT,
        target=target,
        known=known,
        subscriber=SUBSCRIBER,
        maximum_devices=maximum_devices or {},
        swap_order=swap_order,
        single_options=single_options,
    )


def states_on_the_way(known: AccountState, commands: tuple[Command, ...]) -> list[AccountState]:
    states = [known]
    for command in commands:
        states.append(apply(states[-1], command))
    return states


@given(existing, known_states, limits, swap_orders, st.booleans())
def test_applying_the_plan_to_what_is_known_gives_the_target(target, known, maximum, swap_order, single):
    commands = planned(target, known, maximum, swap_order, single)

    assert reduce(apply, commands, known) == target


@given(existing, known_states, limits, swap_orders)
def test_planning_again_after_the_plan_gives_nothing(target, known, maximum, swap_order):
    arrived = reduce(apply, planned(target, known, maximum, swap_order), known)

    assert planned(target, arrived, maximum, swap_order) == ()


@given(known_states, limits, swap_orders)
def test_a_state_that_is_as_it_should_be_needs_nothing(state, maximum, swap_order):
    assert planned(state, state, maximum, swap_order) == ()


@given(existing, known_states, limits, swap_orders)
def test_no_command_is_in_vain(target, known, maximum, swap_order):
    states = states_on_the_way(known, planned(target, known, maximum, swap_order))

    assert all(before != after for before, after in pairwise(states))


@given(existing, existing, limits)
def test_no_prefix_switches_off_an_option_that_stays_nor_any_before_the_new_ones_are_on(
    target, known, maximum
):
    for state in states_on_the_way(known, planned(target, known, maximum)):
        assert state.options >= known.options & target.options
        if not state.options >= known.options:
            assert state.options >= target.options


@given(existing, existing, limits, swap_orders)
def test_no_prefix_takes_out_a_box_that_stays(target, known, maximum, swap_order):
    for state in states_on_the_way(known, planned(target, known, maximum, swap_order)):
        assert state.materials >= known.materials & target.materials


@given(existing, existing, limits)
def test_a_box_leaves_before_the_new_ones_are_in_only_when_it_must_move_or_make_room(target, known, maximum):
    states = states_on_the_way(known, planned(target, known, maximum))
    for before, after in pairwise(states):
        for box in before.materials - after.materials:
            moves = box.serial_number in {one.serial_number for one in target.materials}
            limit = maximum.get(box.distributor)
            at_its_place = sum(one.distributor == box.distributor for one in before.materials)
            makes_room = limit is not None and at_its_place >= limit
            assert moves or makes_room or before.materials >= target.materials


@given(existing, existing, limits)
def test_no_step_brings_a_distributor_over_its_maximum_unless_the_target_itself_does(target, known, maximum):
    at_last = Counter(one.distributor for one in target.materials)
    states = states_on_the_way(known, planned(target, known, maximum))
    for before, after in pairwise(states):
        for box in after.materials - before.materials:
            count = sum(one.distributor == box.distributor for one in after.materials)
            limit = maximum.get(box.distributor)
            assert limit is None or count <= max(limit, at_last[box.distributor])


@given(existing, known_states, swap_orders)
def test_without_limits_and_moves_the_kinds_stand_in_their_order(target, known, swap_order):
    stays_put = frozenset(
        one
        for one in target.materials
        if one in known.materials or one.serial_number not in {old.serial_number for old in known.materials}
    )
    target = AccountState(exists=True, options=target.options, materials=stays_put)
    options = (ActivateOptions, SuspendOptions)
    if swap_order == policy.SUSPEND_FIRST:
        options = (SuspendOptions, ActivateOptions)
    order = (CreateAccount, AddMaterial, *options, RemoveMaterial)

    commands = planned(target, known, swap_order=swap_order)

    assert list(commands) == sorted(commands, key=lambda command: (order.index(type(command)), key(command)))


def key(command: Command) -> tuple[str, ...]:
    match command:
        case ActivateOptions() | SuspendOptions():
            return command.distributor, *command.options
        case AddMaterial(material=material):
            return material.distributor, material.serial_number
        case RemoveMaterial():
            return command.distributor, command.serial_number
        case CreateAccount():
            return ()


@given(existing, known_states, limits, swap_orders)
def test_without_removals_nothing_is_lost_and_no_distributor_overflows(target, known, maximum, swap_order):
    commands = planned(target, known, maximum, swap_order)
    arrived = reduce(apply, release(commands, allowed=()).commands, known)
    gained = Counter(one.distributor for one in arrived.materials - known.materials)
    at_last = Counter(one.distributor for one in target.materials)
    in_the_end = Counter(one.distributor for one in arrived.materials)

    assert arrived.options == known.options | target.options
    assert arrived.materials >= known.materials
    assert len({one.serial_number for one in arrived.materials}) == len(arrived.materials)
    for distributor in gained:
        limit = maximum.get(distributor)
        assert limit is None or in_the_end[distributor] <= max(limit, at_last[distributor])


@given(existing, known_states)
def test_removals_are_counted_once_each(target, known):
    commands = planned(target, known)
    counted = removals(commands)

    taken = [one for one in commands if isinstance(one, SuspendOptions | RemoveMaterial)]
    assert [*counted.replacement, *counted.pure] == taken
    assert not (counted.replacement and counted.pure)

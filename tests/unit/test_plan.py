"""The plan, command by command: the business examples to the letter, the order, the steps that must come first."""

from __future__ import annotations

import pytest

from provisioner.core import desired, policy
from provisioner.core.guard import release
from provisioner.core.model import AccountState, Command, Desired
from provisioner.core.plan import (
    apply,
    blocked_by_rejection,
    plan,
    removals,
)
from tests.factories import (
    ACCOUNT,
    SUBSCRIBER,
    a_bundle,
    a_material,
    a_provider,
    a_service,
    a_subscription,
    activate,
    add,
    an_account,
    an_item,
    create_account,
    remove,
    suspend,
)

NOTHING = AccountState()


def planned(
    target: AccountState,
    known: AccountState = NOTHING,
    *,
    swap_order: str = policy.ACTIVATE_FIRST,
    maximum_devices: dict | None = None,
    single_options: bool = False,
) -> tuple[Command, ...]:
    return plan(
        account=ACCOUNT,
        target=target,
        known=known,
        subscriber=SUBSCRIBER,
        maximum_devices=maximum_devices or {},
        swap_order=swap_order,
        single_options=single_options,
    )


def wanted(*services, items=()) -> AccountState:
    """The target of one Effective subscription with *services*, as the whole core decides it."""
    contribution = desired.contribution(a_subscription(services=services, items=items), a_provider())
    assert isinstance(contribution, Desired), contribution
    return desired.target(desired.merge([contribution]), NOTHING)


BUNDLE_A = a_bundle("FLEX_A", "GEOLOGICAL", "ENTERTAIN")
BUNDLE_B = a_bundle("FLEX_B", "GEOLOGICAL", "RELIGION")


# Decision 13: the business examples.


def test_decision_13_a_new_subscriber_with_bundle_a():
    commands = planned(wanted(*BUNDLE_A, items=[an_item("S")]))

    assert commands == (create_account(), add("S"), activate("VP1", "ENTERTAIN", "GEOLOGICAL"))


def test_decision_13_from_bundle_a_to_agriculture():
    commands = planned(wanted(a_service("AGRICULTURE")), known=wanted(*BUNDLE_A))

    assert commands == (activate("VP1", "AGRICULTURE"), suspend("VP1", "ENTERTAIN", "GEOLOGICAL"))


def test_decision_13_from_bundle_a_to_bundle_b():
    commands = planned(wanted(*BUNDLE_B), known=wanted(*BUNDLE_A))

    assert commands == (activate("VP1", "RELIGION"), suspend("VP1", "ENTERTAIN"))


def test_decision_13_four_viewing_points_with_the_same_channels():
    points = ("VP1", "VP2", "VP3", "VP4")
    items = [an_item(f"S{n}", point) for n, point in enumerate(points, start=1)]

    commands = planned(wanted(a_service("KIDS", *points), a_service("SPORT", *points), items=reversed(items)))

    assert commands == (
        create_account(),
        add("S1", "VP1"),
        add("S2", "VP2"),
        add("S3", "VP3"),
        add("S4", "VP4"),
        activate("VP1", "KIDS", "SPORT_CHANNELS"),
        activate("VP2", "KIDS", "SPORT_CHANNELS"),
        activate("VP3", "KIDS", "SPORT_CHANNELS"),
        activate("VP4", "KIDS", "SPORT_CHANNELS"),
    )


# Decisions 3 and 4: what hangs on what, and only the difference.


def test_decision_3_an_option_active_on_two_distributors_and_dropped_from_one_stays_on_the_other():
    commands = planned(an_account(VP1=["KIDS"]), known=an_account(VP1=["KIDS"], VP2=["KIDS"]))

    assert commands == (suspend("VP2", "KIDS"),)


def test_decision_3_an_option_of_two_services_stays_until_both_are_gone():
    both = wanted(a_service("SPORT"), a_service("SPORT_LITE"))
    one = wanted(a_service("SPORT_LITE"))

    assert planned(one, known=both) == ()
    assert planned(wanted(a_service("KIDS")), known=one) == (
        activate("VP1", "KIDS"),
        suspend("VP1", "SPORT_CHANNELS"),
    )


def test_decision_4_what_stays_is_not_touched():
    commands = planned(wanted(*BUNDLE_B), known=wanted(*BUNDLE_A))

    assert not any("GEOLOGICAL" in command.options for command in commands)


# Decision 5: the order.


def test_decision_5_the_kinds_come_in_their_order_and_each_by_distributor():
    target = an_account(a_material("N2", "VP2"), a_material("N1", "VP1"), VP1=["KIDS"], VP2=["KIDS"])
    known = an_account(a_material("O2", "VP2"), a_material("O1", "VP1"), VP1=["SPORT"], VP2=["SPORT"])

    assert planned(target, known) == (
        add("N1", "VP1"),
        add("N2", "VP2"),
        activate("VP1", "KIDS"),
        activate("VP2", "KIDS"),
        suspend("VP1", "SPORT"),
        suspend("VP2", "SPORT"),
        remove("O1", "VP1"),
        remove("O2", "VP2"),
    )


def test_decision_5_suspend_first_turns_the_options_around_and_nothing_else():
    target = an_account(a_material("N"), VP1=["KIDS"])
    known = an_account(a_material("O"), VP1=["SPORT"])

    assert planned(target, known, swap_order=policy.SUSPEND_FIRST) == (
        add("N"),
        suspend("VP1", "SPORT"),
        activate("VP1", "KIDS"),
        remove("O"),
    )


def test_decision_5_a_box_that_changes_its_distributor_leaves_directly_before_it_enters():
    target = an_account(a_material("A", "VP1"), a_material("S", "VP2"))
    known = an_account(a_material("S", "VP1"))

    assert planned(target, known) == (add("A", "VP1"), remove("S", "VP1"), add("S", "VP2"))


def test_decision_5_a_box_that_is_registered_as_another_type_leaves_directly_before_it_enters():
    target = an_account(a_material("S", material_type="UHD"))

    assert planned(target, known=an_account(a_material("S"))) == (remove("S"), add("S", material_type="UHD"))


def test_decision_5_a_full_distributor_lets_one_box_go_directly_before_the_new_one():
    target = an_account(a_material("N1"), a_material("N2"))
    known = an_account(a_material("O1"), a_material("O2"))

    commands = planned(target, known, maximum_devices={"VP1": 3})

    assert commands == (add("N1"), remove("O1"), add("N2"), remove("O2"))


def test_decision_5_a_distributor_with_room_gets_the_new_box_before_the_old_one_leaves():
    commands = planned(an_account(a_material("N")), an_account(a_material("O")), maximum_devices={"VP1": 2})

    assert commands == (add("N"), remove("O"))


def test_two_boxes_that_change_places_at_full_distributors_both_arrive():
    target = an_account(a_material("A", "VP2"), a_material("B", "VP1"))
    known = an_account(a_material("A", "VP1"), a_material("B", "VP2"))

    commands = planned(target, known, maximum_devices={"VP1": 1, "VP2": 1})

    assert commands == (remove("B", "VP2"), remove("A", "VP1"), add("B", "VP1"), add("A", "VP2"))


def test_room_is_made_by_the_box_that_leaves_for_good_rather_than_by_one_that_only_moves():
    target = an_account(a_material("N", "VP1"), a_material("A", "VP2"))
    known = an_account(a_material("A", "VP1"), a_material("Z", "VP1"))

    commands = planned(target, known, maximum_devices={"VP1": 2})

    assert commands == (remove("Z", "VP1"), add("N", "VP1"), remove("A", "VP1"), add("A", "VP2"))


def test_an_account_that_neither_exists_nor_should_gets_nothing():
    assert planned(NOTHING, NOTHING) == ()


def test_known_options_of_an_account_that_does_not_exist_are_not_believed():
    commands = planned(an_account(VP1=["KIDS"]), an_account(VP1=["KIDS", "SPORT"], exists=False))

    assert commands == (create_account(), activate("VP1", "KIDS"))


def test_a_hundred_and_one_options_take_two_requests():
    codes = [f"OPTION_{n:03}" for n in range(101)]

    commands = planned(an_account(VP1=codes), known=an_account())

    assert commands == (activate("VP1", *codes[:100]), activate("VP1", codes[100]))


def test_single_options_are_sent_each_as_a_request_of_its_own():
    commands = planned(an_account(VP1=["B", "A"]), known=an_account(VP1=["D", "C"]), single_options=True)

    assert commands == (
        activate("VP1", "A"),
        activate("VP1", "B"),
        suspend("VP1", "C"),
        suspend("VP1", "D"),
    )


# What the gate asks of a plan.


def test_removals_beside_an_activation_are_a_replacement():
    commands = (activate("VP1", "KIDS"), suspend("VP1", "SPORT"), remove("S"))

    assert removals(commands).replacement == (suspend("VP1", "SPORT"), remove("S"))
    assert removals(commands).pure == ()


def test_removals_alone_are_pure():
    commands = (suspend("VP1", "SPORT"), remove("S"))

    assert removals(commands).pure == commands
    assert removals(commands).replacement == ()


def test_without_removals_the_account_still_gains():
    commands = planned(
        an_account(a_material("N"), VP1=["KIDS"]), known=an_account(a_material("O"), VP1=["SPORT"])
    )

    assert release(commands, allowed=()).commands == (add("N"), activate("VP1", "KIDS"))


@pytest.mark.parametrize(
    ("target", "known", "maximum"),
    [
        pytest.param(
            a_material("S", "VP2"), a_material("S", "VP1"), None, id="the box itself must leave first"
        ),
        pytest.param(a_material("N"), a_material("O"), 1, id="the distributor is full"),
    ],
)
def test_without_removals_a_box_whose_way_is_not_cleared_waits_too(target, known, maximum):
    commands = planned(an_account(target), known=an_account(known), maximum_devices={"VP1": maximum})

    assert release(commands, allowed=()).commands == ()


# Decision 5: what a rejection blocks.


def test_decision_5_a_rejected_create_account_blocks_the_rest_of_the_plan():
    for later in (add("S"), activate("VP1", "KIDS"), suspend("VP1", "KIDS"), remove("S")):
        assert blocked_by_rejection(create_account(), later)


def test_decision_5_a_rejected_add_material_blocks_no_channel():
    for later in (add("T"), activate("VP1", "KIDS"), suspend("VP1", "KIDS"), remove("S")):
        assert not blocked_by_rejection(add("S"), later)


def test_decision_5_a_rejected_activation_withholds_the_suspension_of_the_same_swap():
    rejected = activate("VP1", "KIDS")

    assert blocked_by_rejection(rejected, suspend("VP1", "SPORT"))
    assert not blocked_by_rejection(rejected, suspend("VP2", "SPORT"))
    assert not blocked_by_rejection(rejected, activate("VP1", "MOVIES"))
    assert not blocked_by_rejection(rejected, remove("S"))


def test_a_rejected_suspension_or_removal_blocks_nothing():
    for rejected in (suspend("VP1", "KIDS"), remove("S")):
        for later in (create_account(), add("S"), activate("VP1", "KIDS"), suspend("VP1", "A"), remove("T")):
            assert not blocked_by_rejection(rejected, later)


# What an acknowledgement teaches.


def test_an_acknowledged_box_replaces_what_was_known_of_it_at_that_place():
    known = apply(an_account(a_material("S")), add("S", material_type="UHD"))

    assert known == an_account(a_material("S", material_type="UHD"))


def test_an_acknowledged_command_shows_that_the_account_exists():
    for command in (create_account(), add("S"), activate("VP1", "KIDS"), suspend("VP1", "KIDS"), remove("S")):
        assert apply(NOTHING, command).exists

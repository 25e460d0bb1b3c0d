"""What a restored platform may hold: what is asked for again, and what an answer settles."""

from __future__ import annotations

import pytest

from provisioner.core import desired
from provisioner.core.distrust import (
    NOTHING,
    Distrust,
    assume,
    left_open,
    pack_places,
    settle,
    unpack_places,
    without,
)
from provisioner.core.model import AccountState, Desired
from provisioner.core.outcome import Completed, Rejected, Unknown
from provisioner.core.plan import plan
from tests.factories import (
    ACCOUNT,
    SUBSCRIBER,
    a_material,
    activate,
    add,
    an_account,
    create_account,
    options,
    remove,
    suspend,
)


def distrust(*places: tuple[str, str], account: bool = False, **codes: list[str]) -> Distrust:
    return Distrust(
        account=account, options=options(**codes), places=unpack_places(f"{p}:{s}" for p, s in places)
    )


def planned(known: AccountState, distrusted: Distrust, wanted: Desired) -> tuple[object, ...]:
    target = desired.target(wanted, known)
    assumed = assume(known, distrusted, wanted, target)
    return plan(
        account=ACCOUNT,
        target=target,
        known=assumed.surely,
        maybe=assumed.maybe if distrusted.any else None,
        subscriber=SUBSCRIBER,
        maximum_devices={},
        swap_order="activate_first",
    )


def wish(*materials, active: bool = True, kept=(), withhold=(), **codes) -> Desired:
    return Desired(
        active=active,
        options=options(**codes),
        materials=frozenset(materials),
        kept=frozenset(kept),
        withhold_removals=withhold,
    )


def test_what_is_wanted_and_distrusted_is_given_again_and_nothing_else():
    known = an_account(a_material("S1"), a_material("S2"), VP1=["KIDS", "RELIGION"])
    wanted = wish(a_material("S1"), a_material("S2"), VP1=["KIDS", "RELIGION"])

    assert planned(known, distrust(("VP1", "S1"), VP1=["KIDS"]), wanted) == (
        add("S1"),
        activate("VP1", "KIDS"),
    )


def test_what_is_not_wanted_and_distrusted_is_taken_again_though_it_is_known_to_be_gone():
    commands = planned(
        an_account(VP1=["KIDS"]), distrust(("VP1", "S1"), VP1=["RELIGION"]), wish(VP1=["KIDS"])
    )

    assert commands == (suspend("VP1", "RELIGION"), remove("S1"))


def test_an_account_that_may_be_gone_is_created_again_before_anything_else():
    commands = planned(an_account(VP1=["KIDS"]), distrust(account=True, VP1=["KIDS"]), wish(VP1=["KIDS"]))

    assert commands == (create_account(), activate("VP1", "KIDS"))


def test_an_account_that_nobody_wants_is_not_created_to_take_something_from_it():
    assert planned(AccountState(), distrust(account=True, VP1=["KIDS"]), wish(active=False)) == (
        suspend("VP1", "KIDS"),
    )


def test_a_box_that_moved_leaves_its_old_place_again_before_it_enters_the_new_one():
    known = an_account(a_material("S1", "VP2"))
    commands = planned(known, distrust(("VP1", "S1"), ("VP2", "S1")), wish(a_material("S1", "VP2")))

    assert commands == (remove("S1", "VP1"), add("S1", "VP2"))


def test_a_box_that_is_only_kept_is_neither_given_nor_taken():
    known = an_account(a_material("S1"))
    inactive = wish(active=False, kept=[a_material("S1")])

    assert planned(known, distrust(("VP1", "S1")), inactive) == ()
    assert planned(an_account(), distrust(("VP1", "S1")), inactive) == ()


def test_where_removals_are_withheld_distrust_takes_nothing_and_still_gives_what_is_wanted():
    known = an_account(VP1=["KIDS", "RELIGION"])
    wanted = wish(VP1=["KIDS"], withhold=("an unmapped code",))

    assert planned(known, distrust(VP1=["KIDS", "RELIGION", "SPORT"]), wanted) == (activate("VP1", "KIDS"),)


def test_without_distrust_a_plan_is_what_it_always_was():
    known, wanted = an_account(VP1=["KIDS"]), wish(VP1=["RELIGION"])

    assert planned(known, NOTHING, wanted) == (activate("VP1", "RELIGION"), suspend("VP1", "KIDS"))


@pytest.mark.parametrize("already", [True, False])
def test_done_and_already_so_settle_what_the_command_names_and_that_the_account_is_there(already):
    distrusted = distrust(("VP1", "S1"), account=True, VP1=["KIDS", "RELIGION"])

    settled = settle(distrusted, activate("VP1", "KIDS"), Completed(already=already))

    assert without(distrusted, settled) == distrust(("VP1", "S1"), VP1=["RELIGION"])


def test_a_platform_that_does_not_know_the_account_settles_everything():
    distrusted = distrust(("VP1", "S1"), account=True, VP1=["KIDS"])
    answer = Rejected(error_code="UNKNOWN_ACCOUNT", forget_account=True)

    assert not without(distrusted, settle(distrusted, remove("S1"), answer)).any


@pytest.mark.parametrize("answer", [Rejected(error_code="UNKNOWN_OPTION"), Unknown(reason="silence")])
def test_no_other_answer_settles_anything(answer):
    assert not settle(distrust(VP1=["KIDS"]), activate("VP1", "KIDS"), answer).any


def test_places_read_back_as_they_were_packed():
    assert unpack_places(pack_places({("VP2", "S1"), ("VP1", "S9")})) == {("VP1", "S9"), ("VP2", "S1")}


REFUSED = Rejected(error_code="UNKNOWN_OPTION")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (activate("VP1", "KIDS", "NEWS"), distrust(VP1=["KIDS", "NEWS"])),
        (suspend("VP1", "KIDS"), distrust(VP1=["KIDS"])),
        (add("S1"), distrust(("VP1", "S1"))),
        (remove("S1"), distrust(("VP1", "S1"))),
        (create_account(), NOTHING),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_refusal_of_what_was_in_doubt_leaves_open_what_it_names(command, named):
    assert left_open(command, REFUSED, in_doubt=True, replayed=False) == named


@pytest.mark.parametrize(
    ("outcome", "in_doubt", "replayed"),
    [
        (REFUSED, False, False),
        (REFUSED, True, True),
        (Rejected(error_code="UNKNOWN_ACCOUNT", forget_account=True), True, False),
        (Rejected(error_code="MATERIAL_REGISTERED_ELSEWHERE"), True, False),
        (Rejected(error_code="INVALID_REQUEST"), True, False),
        (Completed(), True, False),
        (Completed(already=True), True, False),
    ],
)
def test_nothing_is_left_open_by_an_answer_that_says_how_things_are(outcome, in_doubt, replayed):
    assert left_open(add("S1"), outcome, in_doubt=in_doubt, replayed=replayed) == NOTHING

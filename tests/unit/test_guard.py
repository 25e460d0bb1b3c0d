"""The gate: when an extract may be believed, which removals may go, and what of a plan is left without them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from provisioner.core.guard import (
    PlannedChange,
    Proof,
    counts_otherwise,
    judge,
    newest_version,
    not_whole_because,
    release,
)
from provisioner.core.model import RemoveMaterial, SuspendOptions
from provisioner.core.packing import removal_keys
from provisioner.core.plan import plan
from tests.factories import (
    ACCOUNT,
    SUBSCRIBER,
    a_material,
    activate,
    add,
    an_account,
    create_account,
    remove,
    settings,
    suspend,
)

WHOLE = Proof(
    filtered=False,
    extracted_rows=1_000,
    counted_rows=None,
    rejected_rows=0,
    landed_accounts=1_000,
    last_whole_accounts=1_000,
)


def test_an_extract_that_is_like_yesterdays_is_whole() -> None:
    assert not_whole_because(WHOLE, settings()) == ()


def test_on_day_one_there_is_no_yesterday_to_fall_short_of() -> None:
    assert not_whole_because(replace(WHOLE, last_whole_accounts=None, landed_accounts=1), settings()) == ()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"extracted_rows": 0, "landed_accounts": 0, "last_whole_accounts": None}, "the extract is empty"),
        ({"duplicate_keys": ("S1", "S2")}, "2 subscription numbers came more than once (S1, S2)"),
        ({"counted_rows": 999}, "1000 rows were read but 999 counted"),
        (
            {"rejected_rows": 6},
            "6 of 1000 rows were rejected, beyond rejected_rows_count 5 and rejected_rows_share 0.10%",
        ),
        ({"landed_accounts": 979}, "979 accounts against 1000 in the last whole extract"),
        ({"newly_gone": 21}, "21 served accounts of the last whole extract's 1000 are gone"),
        ({"newest_version": 7, "last_newest_version": 8}, "the extract is stale"),
    ],
)
def test_an_extract_is_not_whole_for_a_reason_that_is_said(broken: dict[str, object], said: str) -> None:
    (reason,) = not_whole_because(replace(WHOLE, **broken), settings())  # type: ignore[arg-type]

    assert said in reason


@pytest.mark.parametrize(
    ("rows", "rejected", "whole"),
    [
        (200, 5, True),  # the count lets them be, though they are 2.5 %
        (200, 6, False),
        (5_000, 5, True),
        (100_000, 100, True),  # 0.1 % of the rows
        (100_000, 101, False),
    ],
)
def test_rejected_rows_spoil_an_extract_beyond_a_count_and_a_share(
    rows: int, rejected: int, whole: bool
) -> None:
    proof = replace(WHOLE, extracted_rows=rows, rejected_rows=rejected)

    assert (not_whole_because(proof, settings()) == ()) is whole


@pytest.mark.parametrize(("gone", "whole"), [(5, True), (6, False)])
def test_a_handful_of_accounts_may_go_from_a_small_base(gone: int, whole: bool) -> None:
    small = replace(WHOLE, extracted_rows=12, counted_rows=None, landed_accounts=12, last_whole_accounts=12)

    assert (not_whole_because(replace(small, newly_gone=gone), settings()) == ()) is whole


@pytest.mark.parametrize(
    "just",
    [{"landed_accounts": 980}, {"rejected_rows": 5}, {"counted_rows": 1_000}, {"newly_gone": 19}],
    ids=str,
)
def test_what_is_just_within_its_share_is_whole(just: dict[str, int]) -> None:
    assert not_whole_because(replace(WHOLE, **just), settings()) == ()  # type: ignore[arg-type]


def test_a_filter_may_find_nobody() -> None:
    found = replace(WHOLE, filtered=True, extracted_rows=0, counted_rows=0, last_whole_accounts=None)

    assert not_whole_because(found, settings()) == ()


def test_several_reasons_are_all_said() -> None:
    assert len(not_whole_because(replace(WHOLE, duplicate_keys=("S1",), landed_accounts=1), settings())) == 2


def a_change(**changed: int | bool) -> PlannedChange:
    quiet = PlannedChange(base=100_000, pure_removals=0, replacements=0, changed=0)
    return replace(quiet, **changed)


def verdict(change: PlannedChange, *, whole: bool = True, allow: bool = False):
    return judge(change, whole=whole, allow_removals=allow, settings=settings())


@pytest.mark.parametrize(
    ("base", "removals", "goes"),
    [
        (100_000, 500, True),  # 0.5 % of the base
        (100_000, 501, False),
        (1_000, 50, True),  # the count lets them go, though they are 5 %
        (1_000, 51, False),
        (0, 51, False),
    ],
)
def test_removals_are_held_beyond_a_count_and_a_share(base: int, removals: int, goes: bool) -> None:
    judged = verdict(a_change(base=base, pure_removals=removals))

    assert judged.pure is goes
    assert judged.replacements
    assert bool(judged.held_because) is not goes


@pytest.mark.parametrize(("replacements", "goes"), [(5_000, True), (5_001, False)])
def test_replacements_are_measured_apart_and_more_freely(replacements: int, goes: bool) -> None:
    judged = verdict(a_change(replacements=replacements))

    assert (judged.pure, judged.replacements) == (True, goes)


def test_what_is_held_says_how_many_of_how_many_and_by_which_setting() -> None:
    (because,) = verdict(a_change(pure_removals=501)).held_because

    assert "501 of 100000" in because
    assert "removals_count 50 and removals_share 0.50%" in because


def test_a_person_may_allow_removals_of_a_whole_extract() -> None:
    judged = verdict(a_change(pure_removals=90_000, replacements=10_000), allow=True)

    assert (judged.pure, judged.replacements, judged.held_because) == (True, True, ())


@pytest.mark.parametrize("allow", [False, True])
def test_an_extract_that_is_not_whole_takes_nothing_away_whoever_allows_it(allow: bool) -> None:
    judged = verdict(a_change(pure_removals=1, replacements=1), whole=False, allow=allow)

    assert (judged.pure, judged.replacements) == (False, False)
    assert judged.held_because


@pytest.mark.parametrize(("changed", "held"), [(5_000, False), (5_001, True)])
def test_a_new_provider_version_that_changes_more_than_its_share_is_held_whole(
    changed: int, held: bool
) -> None:
    assert verdict(a_change(changed=changed, new_provider_version=True)).whole_plan is held


def test_the_same_provider_version_may_change_any_share() -> None:
    assert not verdict(a_change(changed=100_000)).whole_plan


def test_a_plan_without_its_removals_gives_what_it_can() -> None:
    commands = (activate("VP1", "KIDS"), suspend("VP1", "NEWS"), remove("S1"))

    released = release(commands, allowed=())

    assert released.commands == (activate("VP1", "KIDS"),)
    assert released.withheld == ("option VP1:NEWS", "box VP1:S1")


def test_of_a_list_only_the_allowed_options_go() -> None:
    released = release((suspend("VP1", "KIDS", "NEWS"),), allowed={"option VP1:NEWS", "option VP2:KIDS"})

    assert released.commands == (suspend("VP1", "NEWS"),)
    assert released.withheld == ("option VP1:KIDS",)


@pytest.mark.parametrize(
    "arriving", [add("S1", "VP2"), add("S2", "VP1")], ids=["the same box", "the same place"]
)
def test_a_box_whose_way_is_not_cleared_waits(arriving) -> None:
    assert release((remove("S1", "VP1"), arriving), allowed=()).commands == ()


def test_a_box_whose_way_is_cleared_goes() -> None:
    commands = (remove("S1", "VP1"), add("S1", "VP2"))

    assert release(commands, allowed={"box VP1:S1"}).commands == commands


def test_giving_is_never_held() -> None:
    commands = (create_account(), add("S1"), activate("VP1", "NEWS"))

    assert release(commands, allowed=()).commands == commands


CODES = st.frozensets(st.tuples(st.sampled_from(("VP1", "VP2")), st.sampled_from("ABC")))
BOXES = st.dictionaries(st.sampled_from(("S1", "S2", "S3")), st.sampled_from(("VP1", "VP2")))
KEYS = [f"option {vp}:{code}" for vp in ("VP1", "VP2") for code in "ABC"]
KEYS += [f"box {vp}:{serial}" for vp in ("VP1", "VP2") for serial in ("S1", "S2", "S3")]


@given(CODES, CODES, BOXES, BOXES, st.frozensets(st.sampled_from(KEYS)))
def test_what_is_released_takes_away_exactly_what_was_planned_and_allowed(
    wanted, known, to, at, allowed
) -> None:
    commands = plan(
        account=ACCOUNT,
        target=replace(an_account(*(a_material(*one) for one in to.items())), options=wanted),
        known=replace(an_account(*(a_material(*one) for one in at.items())), options=known),
        subscriber=SUBSCRIBER,
        maximum_devices={"VP2": 1},
        swap_order="activate_first",
    )

    released = release(commands, allowed)

    taken = removals_of(commands)
    assert removals_of(released.commands) == taken & allowed
    assert set(released.withheld) == taken - allowed


def removals_of(commands) -> set[str]:
    return set(removal_keys(one for one in commands if isinstance(one, RemoveMaterial | SuspendOptions)))


@pytest.mark.parametrize(
    ("newest", "believed"),
    [
        ([4_711, 4_712, 4_713, 4_714, 4_715, 4_716], 4_716),
        ([4_711, 4_712, 4_713, 4_714, 4_715, 2**63 - 1], 4_715),
        ([4_711, 1_700_000_000, 1_700_000_000, 1_700_000_000, 1_700_000_000, 1_700_000_000], 4_711),
        ([7, 7, 7, 7, 7, 600], 600),
        ([0, 0, 0, 0, 5, 9_000], 9_000),  # fewer rows than could tell
        ([0, 0, 0, 0, 0, 0], 0),
    ],
)
def test_the_newest_version_is_one_that_others_come_near(newest: list[int], believed: int) -> None:
    assert newest_version(newest) == believed


@pytest.mark.parametrize(
    ("newest", "last", "otherwise"),
    [
        (4_800, 4_700, False),
        (470_000, 4_700, False),
        (470_001, 4_700, True),
        (2**63 - 1, 0, False),
        (0, 4_700, False),
    ],
)
def test_versions_that_jump_measure_no_later_extract(newest: int, last: int, otherwise: bool) -> None:
    assert counts_otherwise(newest, last) is otherwise

"""What a list refused as mixed leaves open, and how it is asked again: nobody dark, nothing on unknown to us."""

from __future__ import annotations

from hypothesis import given, strategies as st

from provisioner.core import plan as planning
from provisioner.core.model import AccountState
from provisioner.core.questions import NO_QUESTIONS, Questions
from tests.factories import activate, add, an_account, create_account, remove, suspend

OPTION_SETS = st.frozensets(st.sampled_from([("VP1", "A"), ("VP1", "B"), ("VP2", "A"), ("VP2", "C")]))


def test_a_list_to_be_suspended_leaves_its_options_open_though_it_was_sent_once():
    left = Questions(to_suspend=frozenset({("VP1", "A"), ("VP1", "B")}))

    assert Questions.of(suspend("VP1", "A", "B"), in_doubt=False) == left
    assert Questions.of(suspend("VP1", "A", "B"), in_doubt=True) == left


def test_a_list_to_be_activated_leaves_its_options_open_where_it_was_in_doubt():
    assert Questions.of(activate("VP1", "A"), in_doubt=True) == Questions(
        to_activate=frozenset({("VP1", "A")})
    )
    assert not Questions.of(activate("VP1", "A"), in_doubt=False)


def test_no_other_command_leaves_options_open():
    for command in (create_account(), add("S"), remove("S")):
        assert not Questions.of(command, in_doubt=True)


@given(OPTION_SETS, OPTION_SETS)
def test_questions_outlive_a_journey_through_the_database(on, off):
    questions = Questions(to_activate=on, to_suspend=off)

    assert Questions.unpack(questions.pack()) == questions
    assert questions.pack() == sorted(questions.pack())


@given(OPTION_SETS, OPTION_SETS, OPTION_SETS, OPTION_SETS)
def test_every_question_is_asked_and_afterwards_the_truth_is_known(wanted, known, on, off):
    questions = Questions(to_activate=on, to_suspend=off & known)
    target, from_known = questions.ask(
        AccountState(exists=True, options=wanted), AccountState(exists=True, options=known)
    )

    asked = set()
    end = from_known
    for command in planning.plan(
        account="S1",
        target=target,
        known=from_known,
        subscriber=create_account().subscriber,
        maximum_devices={},
        swap_order="activate_first",
        single_options=True,
    ):
        asked |= {(command.distributor, option) for option in command.options}
        end = planning.apply(end, command)

    assert asked >= questions.to_activate | questions.to_suspend
    assert end.options == wanted | on
    assert end.options >= wanted


def test_where_nothing_is_open_the_plan_is_what_it_was():
    target, known = an_account(VP1=["A"]), an_account(VP1=["B"])

    assert NO_QUESTIONS.ask(target, known) == (target, known)

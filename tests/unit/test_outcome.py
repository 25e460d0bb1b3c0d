"""What an answer means: the whole table, and what known state learns from each row of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

from provisioner.core.model import AccountState
from provisioner.core.outcome import (
    Completed,
    NumberUsed,
    Outcome,
    Rejected,
    Retry,
    SplitOptions,
    TransportFailure,
    Unauthorised,
    Unknown,
    classify,
    learn,
)
from provisioner.core.wire import ErrorCode, parse_answer
from tests.factories import (
    a_material,
    activate,
    add,
    an_account,
    create_account,
    remove,
    suspend,
)

NOW = datetime(2026, 3, 29, tzinfo=UTC)
COMMANDS = (create_account(), add("S"), activate("VP1", "A", "B"), suspend("VP1", "A", "B"), remove("S"))


def outcome_of(command, status: int = 200, body: Any = None, **headers: str) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return classify(command, parse_answer(status, named, content, now=NOW))


def refused(command, code: str, **more: Any) -> Outcome:
    return outcome_of(
        command, body={"status": "REJECTED", "error_code": code, "error_description": "no", **more}
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
class TestOfEveryCommand:
    """Rows of the table that do not ask which command it was."""

    def test_accepted_is_completed(self, command):
        outcome = outcome_of(command, body={"status": "ACCEPTED", "reference_number": "T-1"})

        assert outcome == Completed(already=False, reference_number="T-1")

    def test_a_code_the_contract_does_not_know_is_still_a_refusal(self, command):
        assert refused(command, "CARD_EXPIRED") == Rejected(error_code="CARD_EXPIRED", error_description="no")

    def test_a_refusal_without_a_code_is_still_a_refusal(self, command):
        assert outcome_of(command, body={"status": "REJECTED"}) == Rejected(error_code="NO_ERROR_CODE")

    @pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"status": "ACC', b"{}", b'{"status": "OK"}'])
    def test_a_200_that_is_not_the_contracts_is_unknown(self, command, body):
        assert isinstance(outcome_of(command, body=body), Unknown)

    @pytest.mark.parametrize("status", [401, 403])
    def test_refused_credentials_stop_the_run(self, command, status):
        assert outcome_of(command, status) == Unauthorised(status=status)

    @pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 404, 405, 408, 413, 422, 499])
    def test_other_4xx_and_redirects_are_refusals(self, command, status):
        outcome = outcome_of(command, status, {"error_description": "why"}, Location="https://elsewhere/")

        assert outcome == Rejected(error_code=f"HTTP_{status}", error_description="why")

    @pytest.mark.parametrize("status", [301, 307, 400, 404, 409, 422, 499])
    def test_decision_8_what_is_in_doubt_is_not_settled_by_an_answer_without_a_verdict(self, command, status):
        answer = parse_answer(status, {}, b'{"error_description": "why"}', now=NOW)

        assert classify(command, answer, in_doubt=True) == Unknown(reason=f"HTTP {status}")

    def test_a_number_that_was_used_for_another_request_stops_the_run(self, command):
        outcome = outcome_of(command, 409, {"error_description": "why"})

        assert outcome == NumberUsed(error_code="HTTP_409", error_description="why")

    def test_too_many_requests_were_not_applied(self, command):
        assert outcome_of(command, 429, Retry_After="7") == Retry(
            after=7.0, maybe_applied=False, reached=True, reason="HTTP 429"
        )
        assert outcome_of(command, 429) == Retry(
            after=None, maybe_applied=False, reached=True, reason="HTTP 429"
        )

    def test_503_with_retry_after_waits_and_may_have_been_applied(self, command):
        assert outcome_of(command, 503, Retry_After="Sun, 29 Mar 2026 00:00:05 GMT") == Retry(
            after=5.0, maybe_applied=True, reached=True, reason="HTTP 503"
        )
        assert outcome_of(command, 503, Retry_After="0") == Retry(
            after=0.0, maybe_applied=True, reached=True, reason="HTTP 503"
        )

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 201, 202, 204])
    def test_other_5xx_and_a_2xx_that_is_not_the_contracts_are_unknown(self, command, status):
        assert outcome_of(command, status, {"status": "ACCEPTED"}) == Unknown(reason=f"HTTP {status}")

    def test_503_with_a_retry_after_nobody_understands_is_unknown(self, command):
        assert isinstance(outcome_of(command, 503, Retry_After="later"), Unknown)

    def test_decision_8_bytes_that_may_have_arrived_make_it_unknown(self, command):
        failure = TransportFailure(sent=True, reason="no answer in 30 s")

        assert classify(command, failure) == Unknown(reason="no answer in 30 s")

    def test_decision_8_what_provably_never_left_is_not_unknown(self, command):
        failure = TransportFailure(sent=False, reason="connection refused")

        assert classify(command, failure) == Retry(
            after=None, maybe_applied=False, reached=False, reason="connection refused"
        )


ALREADY_SO = {
    (create_account(), ErrorCode.ACCOUNT_EXISTS),
    (activate("VP1", "A"), ErrorCode.OPTION_ALREADY_ACTIVE),
    (suspend("VP1", "A"), ErrorCode.OPTION_NOT_ACTIVE),
    (add("S"), ErrorCode.MATERIAL_ALREADY_REGISTERED),
    (remove("S"), ErrorCode.UNKNOWN_MATERIAL),
}
EVERY_PAIR = [
    (command, code)
    for command in (create_account(), activate("VP1", "A"), suspend("VP1", "A"), add("S"), remove("S"))
    for code in ErrorCode
]


@pytest.mark.parametrize(
    ("command", "code"), EVERY_PAIR, ids=[f"{type(command).__name__}-{code}" for command, code in EVERY_PAIR]
)
def test_decision_9_only_this_is_already_so(command, code):
    assert isinstance(refused(command, code), Completed) is ((command, code) in ALREADY_SO)


ANOTHER_THING = {
    "CreateAccount": ("OPTION", "MATERIAL"),
    "ActivateOptions": ("ACCOUNT_EXISTS", "MATERIAL"),
    "SuspendOptions": ("ACCOUNT_EXISTS", "MATERIAL"),
    "AddMaterial": ("ACCOUNT_EXISTS", "OPTION"),
    "RemoveMaterial": ("ACCOUNT_EXISTS", "OPTION"),
}


@pytest.mark.parametrize(
    ("command", "code"), EVERY_PAIR, ids=[f"{type(command).__name__}-{code}" for command, code in EVERY_PAIR]
)
def test_a_refusal_of_another_thing_than_the_command_is_the_answer_to_another_request(command, code):
    of_another = any(thing in code for thing in ANOTHER_THING[type(command).__name__])

    assert isinstance(refused(command, code), Unknown) is of_another


def test_decision_9_an_account_that_is_not_known_is_forgotten():
    for command in COMMANDS[1:]:
        assert refused(command, "UNKNOWN_ACCOUNT") == Rejected(
            error_code="UNKNOWN_ACCOUNT", error_description="no", forget_account=True
        )


def test_a_create_account_refused_as_unknown_account_forgets_nothing():
    assert refused(create_account(), "UNKNOWN_ACCOUNT") == Rejected(
        error_code="UNKNOWN_ACCOUNT", error_description="no"
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [(activate("VP1", "A", "B"), "OPTION_ALREADY_ACTIVE"), (suspend("VP1", "A", "B"), "OPTION_NOT_ACTIVE")],
    ids=["activate", "suspend"],
)
def test_decision_9_a_list_is_already_so_only_where_every_option_of_it_is_named(command, code):
    split = SplitOptions(error_code=code, error_description="no")

    assert refused(command, code) == split
    assert refused(command, code, already=["A"]) == split
    assert refused(command, code, already=["A", "C"]) == split
    assert refused(command, code, already=["A", "B", "C"]) == Completed(already=True)


def test_an_acceptance_in_which_everything_already_was_so_says_so():
    body = {"status": "ACCEPTED", "reference_number": "T-1"}

    assert outcome_of(activate("VP1", "A", "B"), body={**body, "already": ["A", "B"]}).already
    assert not outcome_of(activate("VP1", "A", "B"), body={**body, "already": ["A"]}).already


@given(
    st.sampled_from(COMMANDS),
    st.integers(0, 1_000),
    st.binary(max_size=60),
    st.dictionaries(st.just("Retry-After"), st.text(max_size=10)),
)
def test_every_answer_has_an_outcome(command, status, body, headers):
    outcome = classify(command, parse_answer(status, headers, body, now=NOW))

    assert isinstance(outcome, get_args(Outcome))


# What is learnt.

KNOWN = an_account(a_material("OLD"), VP1=["OLD"])


def test_an_acknowledgement_teaches_what_was_asked():
    assert learn(KNOWN, activate("VP1", "A", "B"), Completed()) == an_account(
        a_material("OLD"), VP1=["OLD", "A", "B"]
    )
    assert learn(KNOWN, suspend("VP1", "OLD"), Completed()) == an_account(a_material("OLD"))
    assert learn(KNOWN, add("S"), Completed(already=True)) == an_account(
        a_material("OLD"), a_material("S"), VP1=["OLD"]
    )
    assert learn(KNOWN, remove("OLD"), Completed(already=True)) == an_account(VP1=["OLD"])


def test_account_exists_teaches_that_it_exists_and_not_what_it_holds():
    assert learn(AccountState(), create_account(), Completed(already=True)) == AccountState(exists=True)


def test_decision_9_unknown_account_takes_everything_out_of_known_state():
    assert (
        learn(KNOWN, add("S"), Rejected(error_code="UNKNOWN_ACCOUNT", forget_account=True)) == AccountState()
    )


@pytest.mark.parametrize(
    "outcome",
    [
        Rejected(error_code="UNKNOWN_OPTION"),
        SplitOptions(error_code="OPTION_ALREADY_ACTIVE"),
        Retry(after=None, maybe_applied=True, reached=True, reason="HTTP 503"),
        Unknown(reason="silence"),
        Unauthorised(status=401),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_nothing_else_teaches_anything(outcome):
    for command in COMMANDS:
        assert learn(KNOWN, command, outcome) == KNOWN

"""Holds the rules, a pure function, to the contract: one table, one line a sentence of it."""

from __future__ import annotations

from typing import Any

import pytest

from demo.simulator.contract import Request
from demo.simulator.rules import Accepted, Holder, Rejected, Seen, apply

HERE = Holder(account="S1", distributor="VP1")
OTHER_DISTRIBUTOR = Holder(account="S1", distributor="VP2")
OTHER_ACCOUNT = Holder(account="S2", distributor="VP1")


def a_request(command: str, **parameters: Any) -> Request:
    return Request(request_number="PR-1", command=command, account="S1", parameters=parameters)


def options(command: str, *codes: str) -> Request:
    return a_request(command, distributor="VP1", options=list(codes))


def material(command: str) -> Request:
    return a_request(command, distributor="VP1", serial_number="BOX1", material_type="HD")


def seen(*active: str, holder: Holder | None = None) -> Seen:
    return Seen(account_exists=True, active=frozenset(active), holder=holder)


@pytest.mark.parametrize(
    ("before", "request_", "outcome"),
    [
        (Seen(), a_request("CREATE_ACCOUNT", name="Anna"), Accepted()),
        (seen(), a_request("CREATE_ACCOUNT", name="Anna"), "ACCOUNT_EXISTS"),
        (Seen(), options("ACTIVATE_OPTIONS", "A"), "UNKNOWN_ACCOUNT"),
        (Seen(), options("SUSPEND_OPTIONS", "A"), "UNKNOWN_ACCOUNT"),
        (Seen(), material("ADD_MATERIAL"), "UNKNOWN_ACCOUNT"),
        (Seen(), material("REMOVE_MATERIAL"), "UNKNOWN_ACCOUNT"),
        # even if the box is known somewhere, or the option nowhere: the account comes first
        (Seen(holder=OTHER_ACCOUNT), material("ADD_MATERIAL"), "UNKNOWN_ACCOUNT"),
        (Seen(), options("ACTIVATE_OPTIONS", "NOT-OFFERED"), "UNKNOWN_ACCOUNT"),
        (seen(), options("ACTIVATE_OPTIONS", "A", "B"), Accepted(changed=("A", "B"))),
        (seen("A"), options("ACTIVATE_OPTIONS", "A", "B"), Accepted(changed=("B",), already=("A",))),
        (seen("A", "B"), options("ACTIVATE_OPTIONS", "A", "B"), "OPTION_ALREADY_ACTIVE"),
        (seen("A", "B"), options("SUSPEND_OPTIONS", "A", "B"), Accepted(changed=("A", "B"))),
        (seen("A"), options("SUSPEND_OPTIONS", "A", "B"), Accepted(changed=("A",), already=("B",))),
        (seen(), options("SUSPEND_OPTIONS", "A", "B"), "OPTION_NOT_ACTIVE"),
        # whole or not at all: one unknown option refuses the list
        (seen(), options("ACTIVATE_OPTIONS", "A", "NOT-OFFERED"), "UNKNOWN_OPTION"),
        (seen("A"), options("SUSPEND_OPTIONS", "A", "NOT-OFFERED"), "UNKNOWN_OPTION"),
        (seen("A"), options("ACTIVATE_OPTIONS", "A", "NOT-OFFERED"), "UNKNOWN_OPTION"),
        (seen(), material("ADD_MATERIAL"), Accepted()),
        (seen(holder=HERE), material("ADD_MATERIAL"), "MATERIAL_ALREADY_REGISTERED"),
        (seen(holder=OTHER_DISTRIBUTOR), material("ADD_MATERIAL"), "MATERIAL_REGISTERED_ELSEWHERE"),
        (seen(holder=OTHER_ACCOUNT), material("ADD_MATERIAL"), "MATERIAL_REGISTERED_ELSEWHERE"),
        (seen(holder=HERE), material("REMOVE_MATERIAL"), Accepted()),
        (seen(), material("REMOVE_MATERIAL"), "UNKNOWN_MATERIAL"),
        (seen(holder=OTHER_DISTRIBUTOR), material("REMOVE_MATERIAL"), "UNKNOWN_MATERIAL"),
        (seen(holder=OTHER_ACCOUNT), material("REMOVE_MATERIAL"), "UNKNOWN_MATERIAL"),
    ],
)
def test_each_sentence_of_the_contract_decides_as_it_says(
    before: Seen, request_: Request, outcome: Accepted | str
) -> None:
    decided = apply(before, request_, unknown_options=frozenset({"NOT-OFFERED"}))

    assert (decided.error_code if isinstance(decided, Rejected) else decided) == outcome


@pytest.mark.parametrize(
    ("before", "request_", "code"),
    [
        (seen("A"), options("ACTIVATE_OPTIONS", "A", "B"), "OPTION_ALREADY_ACTIVE"),
        (seen("A"), options("SUSPEND_OPTIONS", "A", "B"), "OPTION_NOT_ACTIVE"),
    ],
)
def test_a_platform_that_rejects_mixed_lists_refuses_what_the_contract_lets_pass(
    before: Seen, request_: Request, code: str
) -> None:
    decided = apply(before, request_, mixed_list_rejects=True)

    assert isinstance(decided, Rejected)
    assert decided.error_code == code


def test_a_platform_that_rejects_mixed_lists_accepts_an_unmixed_one() -> None:
    decided = apply(seen(), options("ACTIVATE_OPTIONS", "A", "B"), mixed_list_rejects=True)

    assert decided == Accepted(changed=("A", "B"))

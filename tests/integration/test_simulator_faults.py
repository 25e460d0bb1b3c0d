"""Holds each kind of fault to what a client sees, what the platform then holds, what the ledger says."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from demo.simulator.kinds import KINDS
from tests.simulator_client import Answer, a_request, an_account, an_existing_account, ask, basic, send
from tests.simulator_process import ControlError, SimulatorProcess

SOON = 0.5  # seconds after which a client gives up on a platform that answers in milliseconds
NOT_IN_TIME = (TimeoutError,)


@pytest.fixture(scope="module")
def shared() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture
def platform(shared: SimulatorProcess) -> Iterator[SimulatorProcess]:
    yield shared
    shared.clear_faults()


def create(platform: SimulatorProcess, account: str, *, timeout: float = 5) -> Answer:
    return ask(platform, "CREATE_ACCOUNT", account, name="Anna", timeout=timeout)


def exists(platform: SimulatorProcess, account: str) -> bool:
    return bool(platform.account(account)["exists"])


def last(platform: SimulatorProcess, account: str) -> dict[str, Any]:
    """The ledger's last entry, which must be about *account*."""
    entry = platform.ledger()[-1]
    assert entry["account"] == account
    return entry


# -- connections ----------------------------------------------------------------------------------


def test_refuse_closes_the_listening_socket_until_it_is_cleared(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "refuse"})

    with pytest.raises(ConnectionRefusedError):
        create(platform, an_account())

    platform.clear_faults()
    assert create(platform, an_account()).status == 200


def test_refuse_resets_the_connections_that_were_open(platform: SimulatorProcess) -> None:
    address = platform.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1000)

        platform.set_faults({"kind": "refuse"})

        with pytest.raises(ConnectionResetError):
            connection.recv(1000)


def test_refuse_with_a_count_resets_so_many_connections_as_they_arrive(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "refuse", "count": 2})

    for _ in range(2):
        with pytest.raises((ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)):
            create(platform, an_account())
    assert create(platform, an_account()).status == 200


def test_accept_never_read_connects_and_then_nothing(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "accept_never_read"})
    account = an_account()

    with pytest.raises(NOT_IN_TIME):
        create(platform, account, timeout=SOON)

    platform.clear_faults()
    assert not exists(platform, account)
    assert create(platform, account).body["status"] == "ACCEPTED"


def test_a_kept_alive_connection_does_not_escape_a_fault_about_connecting(platform: SimulatorProcess) -> None:
    connection = http.client.HTTPConnection(platform.url.removeprefix("http://"), timeout=SOON)
    connection.request("GET", "/")
    connection.getresponse().read()

    platform.set_faults({"kind": "accept_never_read"})

    # The response of a closed connection is the end of the file; that of an unread one never comes.
    assert connection.sock.recv(1) == b""


# -- no answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "seen", "applied"),
    [
        ({"kind": "hang_before"}, TimeoutError, False),
        ({"kind": "hang_before", "delay_ms": 50}, ConnectionResetError, False),
        ({"kind": "hang_after"}, TimeoutError, True),
        ({"kind": "hang_after", "delay_ms": 50}, ConnectionResetError, True),
        ({"kind": "reset_after"}, ConnectionResetError, True),
    ],
)
def test_a_request_without_an_answer_is_applied_or_not_as_the_kind_says(
    platform: SimulatorProcess, fault: dict[str, Any], seen: type[Exception], applied: bool
) -> None:
    account = an_account()
    platform.set_faults(fault)

    with pytest.raises(seen):
        create(platform, account, timeout=SOON)

    assert exists(platform, account) is applied
    entry = last(platform, account)
    assert (entry["applied"], entry["status"], entry["body"]) == (applied, None, None)
    assert entry["fault"] == fault["kind"]


def test_a_request_lost_after_it_was_applied_is_replayed_to_the_resend(platform: SimulatorProcess) -> None:
    body = a_request("CREATE_ACCOUNT", an_account(), name="Anna")
    platform.set_faults({"kind": "reset_after", "count": 1})
    with pytest.raises(ConnectionResetError):
        send(platform, body)

    answer = send(platform, body)

    assert (answer.body["status"], answer.body["replayed"]) == ("ACCEPTED", True)


def test_apply_late_applies_after_the_client_gave_up(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "apply_late", "delay_ms": 400})

    with pytest.raises(NOT_IN_TIME):
        create(platform, account, timeout=SOON)
    at_once = exists(platform, account)
    time.sleep(0.8)

    assert at_once is False
    assert exists(platform, account)
    entry = last(platform, account)
    assert (entry["applied"], entry["status"], entry["fault"]) == (True, None, "apply_late")


def test_a_late_application_meets_the_resend_and_has_one_effect_in_all(platform: SimulatorProcess) -> None:
    account = an_account()
    body = a_request("CREATE_ACCOUNT", account, name="Anna")
    platform.set_faults({"kind": "apply_late", "delay_ms": 300, "count": 1})
    with pytest.raises(NOT_IN_TIME):
        send(platform, body, timeout=SOON)

    resent = send(platform, body)
    time.sleep(0.6)

    assert resent.body["status"] == "ACCEPTED"
    assert sum(entry["applied"] for entry in platform.ledger() if entry["account"] == account) == 1


# -- half an answer -------------------------------------------------------------------------------


def test_headers_then_silence_sends_a_status_and_never_a_body(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "headers_then_silence"})
    connection = http.client.HTTPConnection(platform.url.removeprefix("http://"), timeout=SOON)
    body = a_request("CREATE_ACCOUNT", account, name="Anna")
    right = {"Content-Type": "application/json", "Idempotency-Key": json.loads(body)["request_number"]}
    connection.request(
        "POST",
        "/api/v1/requests",
        body=body,
        headers=right | {"Authorization": basic(platform.user, platform.password)},
    )
    response = connection.getresponse()

    assert response.status == 200
    with pytest.raises(NOT_IN_TIME):
        response.read()
    assert exists(platform, account)


def test_half_body_breaks_off_in_the_middle(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "half_body"})

    with pytest.raises(http.client.IncompleteRead) as broken:
        create(platform, account)

    assert broken.value.partial.startswith(b'{"status": "ACC')
    assert exists(platform, account)
    assert last(platform, account)["body"] == broken.value.partial.decode()


def test_slow_drip_sends_a_right_answer_byte_by_byte(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "slow_drip", "delay_ms": 10})
    began = time.monotonic()

    answer = create(platform, an_account(), timeout=SOON)

    assert answer.body["status"] == "ACCEPTED"
    assert time.monotonic() - began >= 0.01 * len(answer.raw)


# -- wrong answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("applied", [False, True])
def test_status_answers_with_it_and_applies_only_if_told_so(
    platform: SimulatorProcess, applied: bool
) -> None:
    account = an_account()
    platform.set_faults({"kind": "status", "status": 500, "applied": applied})

    assert create(platform, account).status == 500
    assert exists(platform, account) is applied


@pytest.mark.parametrize(("asked", "sent"), [(3, "3"), (0.2, "1"), (0, "0"), ("7", "7")])
def test_status_carries_retry_after_in_seconds(platform: SimulatorProcess, asked: Any, sent: str) -> None:
    platform.set_faults({"kind": "status", "status": 429, "retry_after": asked})

    answer = create(platform, an_account())

    assert (answer.status, answer.headers["Retry-After"]) == (429, sent)


def test_retry_after_date_names_a_moment_as_far_away_as_asked(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "retry_after_date", "retry_after": 5})

    answer = create(platform, an_account())

    away = parsedate_to_datetime(answer.headers["Retry-After"]) - datetime.now(UTC)
    assert answer.status == 503
    assert timedelta(seconds=4.5) < away <= timedelta(seconds=6)


def test_status_but_applied_denies_what_it_did(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "status_but_applied"})

    assert create(platform, account).status == 503
    assert exists(platform, account)
    assert last(platform, account)["applied"] is True


def test_a_redirect_points_somewhere_so_that_following_it_would_show(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "status", "status": 307})

    answer = create(platform, an_account())

    assert (answer.status, answer.headers["Location"]) == (307, "/api/v1/requests/elsewhere")


def test_unauthorised_turns_right_credentials_away(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "unauthorised"})

    answer = create(platform, account)

    assert (answer.status, answer.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    assert not exists(platform, account)


def test_reject_refuses_with_the_code_asked_for_and_remembers_it(platform: SimulatorProcess) -> None:
    account = an_account()
    body = a_request("CREATE_ACCOUNT", account, name="Anna")
    platform.set_faults({"kind": "reject", "error_code": "UNKNOWN_OPTION", "accounts": [account], "count": 1})

    first, again = send(platform, body), send(platform, body)

    assert first.error_code == "UNKNOWN_OPTION"
    assert again.body == first.body | {"replayed": True}
    assert not exists(platform, account)


def test_garbage_is_never_an_answer_of_the_contract(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "garbage"})

    bodies = [create(platform, an_account()).raw for _ in range(6)]

    assert bodies == [b"{not json", b"[]", b'{"status": "MAYBE"}', b"", b"42", b"{not json"]


def test_html_200_is_a_page_and_nothing_was_applied(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "html_200"})

    answer = create(platform, account)

    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert answer.raw.startswith(b"<!DOCTYPE html>")
    assert not exists(platform, account)


def test_compressed_body_is_gzip_nobody_asked_for(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "compressed_body"})

    answer = create(platform, an_account())

    assert answer.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.raw))["status"] == "ACCEPTED"


# -- another mind ---------------------------------------------------------------------------------


def test_slow_decides_late_even_if_the_client_has_left(platform: SimulatorProcess) -> None:
    account = an_account()
    platform.set_faults({"kind": "slow", "delay_ms": 700})

    with pytest.raises(NOT_IN_TIME):
        create(platform, account, timeout=0.2)
    at_once = (exists(platform, account), last(platform, account)["status"])
    time.sleep(0.9)

    assert at_once == (False, None)
    assert (exists(platform, account), last(platform, account)["status"]) == (True, 200)


def test_slow_delays_a_right_answer(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "slow", "delay_ms": 200})
    began = time.monotonic()

    assert create(platform, an_account()).body["status"] == "ACCEPTED"
    assert time.monotonic() - began >= 0.2


def test_ignore_keys_decides_a_resend_anew(platform: SimulatorProcess) -> None:
    body = a_request("CREATE_ACCOUNT", an_account(), name="Anna")
    platform.set_faults({"kind": "ignore_keys"})

    first, again = send(platform, body), send(platform, body)

    assert first.body["status"] == "ACCEPTED"
    assert again.error_code == "ACCOUNT_EXISTS"
    assert "replayed" not in again.body


def test_ignore_keys_forgets_what_was_answered_before_it_and_keeps_nothing_for_after(
    platform: SimulatorProcess,
) -> None:
    before = a_request("CREATE_ACCOUNT", an_account(), name="Anna")
    meanwhile = a_request("CREATE_ACCOUNT", an_account(), name="Anna")
    send(platform, before)

    platform.set_faults({"kind": "ignore_keys"})
    forgotten = send(platform, before)
    send(platform, meanwhile)
    platform.clear_faults()

    assert forgotten.error_code == "ACCOUNT_EXISTS"
    assert send(platform, meanwhile).error_code == "ACCOUNT_EXISTS"
    assert send(platform, before).body["replayed"] is True


def test_mixed_list_rejects_refuses_a_list_of_which_some_are_so(platform: SimulatorProcess) -> None:
    account = an_existing_account(platform)
    ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=["A"])
    platform.set_faults({"kind": "mixed_list_rejects"})

    refused = ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=["A", "B"])

    assert refused.error_code == "OPTION_ALREADY_ACTIVE"
    assert [each["option"] for each in platform.account(account)["options"]] == ["A"]


# -- all kinds ------------------------------------------------------------------------------------


def test_a_modifier_and_a_deciding_fault_work_together(platform: SimulatorProcess) -> None:
    account = an_existing_account(platform)
    body = a_request("ACTIVATE_OPTIONS", account, distributor="VP1", options=["A"])
    platform.set_faults({"kind": "ignore_keys"}, {"kind": "reset_after", "count": 1})
    with pytest.raises(ConnectionResetError):
        send(platform, body)

    assert send(platform, body).error_code == "OPTION_ALREADY_ACTIVE"
    assert [entry["fault"] for entry in platform.ledger()[-2:]] == ["ignore_keys+reset_after", "ignore_keys"]


def test_filters_keep_a_fault_from_everybody_else(platform: SimulatorProcess) -> None:
    struck, spared = an_existing_account(platform), an_existing_account(platform)
    platform.set_faults(
        {
            "kind": "status",
            "status": 500,
            "accounts": [struck],
            "options": ["B"],
            "commands": ["ACTIVATE_OPTIONS"],
        }
    )

    def activate(account: str, *options: str) -> int:
        return ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=list(options)).status

    assert (activate(struck, "A", "B"), activate(struck, "A"), activate(spared, "A", "B")) == (500, 200, 200)
    assert create(platform, struck).status == 200
    assert platform.faults()[0]["fired"] == 1


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_after_a_fault_is_cleared_the_platform_is_well_again(platform: SimulatorProcess, kind: str) -> None:
    platform.set_faults({"kind": kind})
    with contextlib.suppress(OSError, http.client.HTTPException):
        create(platform, an_account(), timeout=0.1)
    platform.clear_faults()

    assert create(platform, an_account()).body["status"] == "ACCEPTED"


def test_a_fault_that_is_not_understood_leaves_those_in_force(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "unauthorised"})

    with pytest.raises(ControlError, match="unknown kind 'explode'") as refusal:
        platform.set_faults({"kind": "explode"})

    assert refusal.value.status == 400
    assert create(platform, an_account()).status == 401

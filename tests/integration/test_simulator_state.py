"""Holds the simulator to its word across restart, SIGKILL and restore; its ledger and its capacity."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.simulator_client import a_request, an_account, an_existing_account, ask, send
from tests.simulator_process import ControlError, SimulatorProcess

LEDGER_FIELDS = {
    *("n", "received_at", "request_number", "command", "account", "parameters", "applied", "replayed"),
    *("status", "body", "fault", "overlapping", "digest"),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[SimulatorProcess]:
    """One platform for tests that mind nobody else's accounts: a start costs half a second."""
    with SimulatorProcess() as simulator:
        yield simulator


# -- the ledger -----------------------------------------------------------------------------------


def test_the_ledger_has_every_request_in_order_of_receipt_whatever_became_of_it(
    platform: SimulatorProcess,
) -> None:
    account = an_account()
    body = a_request("CREATE_ACCOUNT", account, request_number="PR-1", name="Anna")
    send(platform, body, headers={"Authorization": None})
    send(platform, body)
    send(platform, body)
    send(platform, b"not json", headers={"Idempotency-Key": "PR-2"})

    entries = platform.ledger()

    assert [entry["n"] for entry in entries] == [1, 2, 3, 4]
    assert [entry["status"] for entry in entries] == [401, 200, 200, 400]
    assert [entry["applied"] for entry in entries] == [False, True, False, False]
    assert [entry["replayed"] for entry in entries] == [False, False, True, False]
    assert [entry["request_number"] for entry in entries] == ["PR-1", "PR-1", "PR-1", "PR-2"]
    assert set(entries[1]) == LEDGER_FIELDS
    assert (entries[1]["account"], entries[1]["parameters"]) == (account, {"name": "Anna"})
    assert entries[1]["body"]["status"] == "ACCEPTED"
    assert entries[1]["digest"] == entries[2]["digest"] != entries[3]["digest"]


def test_the_ledger_is_paged_by_after_and_says_where_to_go_on(platform: SimulatorProcess) -> None:
    for _ in range(5):
        an_existing_account(platform)

    page = platform.control("GET", "/control/ledger?after=1&limit=2")

    assert [entry["n"] for entry in page["entries"]] == [2, 3]
    assert page["next"] == 3
    assert platform.control("GET", "/control/ledger?after=5") == {"entries": [], "next": 5}


def test_the_ledger_shows_requests_of_one_account_that_overlapped(platform: SimulatorProcess) -> None:
    account = an_existing_account(platform)
    platform.set_faults({"kind": "slow", "delay_ms": 300})

    with ThreadPoolExecutor(2) as clients:
        asked = [
            clients.submit(ask, platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=[option])
            for option in ("A", "B")
        ]
        assert [each.result().status for each in asked] == [200, 200]

    assert [entry["overlapping"] for entry in platform.ledger()] == [0, 0, 1]


def test_all_accounts_are_read_page_by_page(platform: SimulatorProcess) -> None:
    accounts = sorted(an_existing_account(platform) for _ in range(5))

    first = platform.control("GET", "/control/accounts?limit=3")
    second = platform.control("GET", f"/control/accounts?limit=3&after={first['next']}")

    assert [state["account"] for state in first["accounts"] + second["accounts"]] == accounts
    assert second["next"] is None
    assert first["accounts"][0] == {"account": accounts[0], "exists": True, "options": [], "materials": []}


# -- durability -----------------------------------------------------------------------------------


def test_a_restart_keeps_accounts_answers_and_ledger(platform: SimulatorProcess) -> None:
    account = an_account()
    body = a_request("CREATE_ACCOUNT", account, name="Anna")
    first = send(platform, body)
    ask(platform, "ADD_MATERIAL", account, distributor="VP1", serial_number="BOX1", material_type="HD")
    before = platform.accounts(), platform.ledger()

    platform.restart()

    assert (platform.accounts(), platform.ledger()) == before
    assert send(platform, body).body == first.body | {"replayed": True}
    assert platform.ledger()[-1]["n"] == 3


def test_a_restart_forgets_faults_and_capacity(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "refuse"})
    platform.capacity(1, 1)

    platform.restart()

    assert platform.faults() == []
    assert [ask(platform, "CREATE_ACCOUNT", an_account(), name="A").status for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("kill_after", [30, 150, 400])
def test_sigkill_loses_no_acknowledged_request_and_halves_none(
    platform: SimulatorProcess, kill_after: int
) -> None:
    acknowledged: list[str] = []
    sent: list[bytes] = []

    def subscribe_without_end() -> None:
        while True:
            account = an_account()
            try:
                for body in (
                    a_request("CREATE_ACCOUNT", account, name="Anna"),
                    a_request("ACTIVATE_OPTIONS", account, distributor="VP1", options=["A", "B", "C"]),
                ):
                    sent.append(body)
                    answer = send(platform, body)
                    assert answer.body["status"] == "ACCEPTED"
                    acknowledged.append(json.loads(body)["request_number"])
            except (OSError, http.client.HTTPException):
                return  # the process died under it

    clients = [threading.Thread(target=subscribe_without_end) for _ in range(16)]
    for client in clients:
        client.start()
    while len(acknowledged) < kill_after:
        time.sleep(0.001)
    platform.kill()
    for client in clients:
        client.join()
    platform.start()

    applied = [entry["request_number"] for entry in platform.ledger() if entry["applied"]]
    assert set(acknowledged) <= set(applied)
    assert max(Counter(applied).values()) == 1
    assert {len(state["options"]) for state in platform.accounts().values()} <= {0, 3}
    # Every request, answered or lost, has one effect in all once it is sent again.
    for body in sent[-40:]:
        send(platform, body)
    assert max(Counter(e["request_number"] for e in platform.ledger() if e["applied"]).values()) == 1


def test_sixty_four_connections_at_once_get_their_own_answers(platform: SimulatorProcess) -> None:
    def live(n: int) -> tuple[str, list[str]]:
        account = f"S-{n:04}"
        answers = [
            ask(platform, "CREATE_ACCOUNT", account, name="Anna"),
            ask(
                platform,
                "ADD_MATERIAL",
                account,
                distributor="VP1",
                serial_number=f"B-{n:04}",
                material_type="HD",
            ),
            ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=["A", f"B{n}"]),
        ]
        return account, [answer.body["status"] for answer in answers]

    with ThreadPoolExecutor(64) as clients:
        lives = dict(clients.map(live, range(256)))

    assert set(map(tuple, lives.values())) == {("ACCEPTED",) * 3}
    states = platform.accounts()
    assert states.keys() == lives.keys()
    assert all(
        {option["option"] for option in states[f"S-{n:04}"]["options"]} == {"A", f"B{n}"}
        and states[f"S-{n:04}"]["materials"][0]["serial_number"] == f"B-{n:04}"
        for n in range(256)
    )
    assert [entry["n"] for entry in platform.ledger()] == list(range(1, 769))


# -- snapshot and restore -------------------------------------------------------------------------


def test_restore_brings_back_the_platform_and_its_memory_of_keys_but_not_the_ledger(
    platform: SimulatorProcess,
) -> None:
    kept = an_existing_account(platform)
    platform.snapshot()
    as_of_snapshot = platform.accounts()
    later = a_request("ACTIVATE_OPTIONS", kept, distributor="VP1", options=["A"])
    send(platform, later)
    lost = an_existing_account(platform)

    platform.restore()

    assert platform.accounts() == as_of_snapshot
    assert (
        ask(platform, "ACTIVATE_OPTIONS", lost, distributor="VP1", options=["A"]).error_code
        == "UNKNOWN_ACCOUNT"
    )
    assert "replayed" not in send(platform, later).body, (
        "a platform restored from a backup forgot the key too"
    )
    assert len(platform.ledger()) == 5


def test_a_snapshot_survives_a_restart_and_can_be_restored_twice(platform: SimulatorProcess) -> None:
    kept = an_existing_account(platform)
    platform.snapshot()
    platform.restart()
    for _ in range(2):
        an_existing_account(platform)

        platform.restore()

        assert list(platform.accounts()) == [kept]


def test_restore_without_a_snapshot_is_refused(platform: SimulatorProcess) -> None:
    with pytest.raises(ControlError, match="no snapshot") as refusal:
        platform.restore()

    assert refusal.value.status == 409


# -- capacity -------------------------------------------------------------------------------------


def test_beyond_its_capacity_the_platform_answers_429_and_applies_nothing(shared: SimulatorProcess) -> None:
    shared.capacity(0.01, 2)
    accounts = [an_account() for _ in range(3)]

    answers = [ask(shared, "CREATE_ACCOUNT", account, name="Anna") for account in accounts]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 60 < int(answers[2].headers["Retry-After"]) <= 100
    assert [shared.account(account)["exists"] for account in accounts] == [True, True, False]
    assert shared.ledger()[-1]["applied"] is False


def test_capacity_lets_no_more_than_its_rate_through(shared: SimulatorProcess) -> None:
    shared.capacity(20, 1)
    ends = time.monotonic() + 1

    statuses: Counter[int] = Counter()
    while time.monotonic() < ends or statuses[200] < 5:
        statuses[ask(shared, "CREATE_ACCOUNT", an_account(), name="Anna").status] += 1
    seconds = 1 + time.monotonic() - ends

    # The lower bound is the unit test's: here a busy machine may not even ask that often.
    assert 5 <= statuses[200] <= 20 * seconds + 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"requests_per_second": 0},
        {"requests_per_second": "5"},
        {"requests_per_second": 5, "burst": 0.5},
        [],
    ],
)
def test_a_capacity_that_is_not_understood_is_refused(shared: SimulatorProcess, body: object) -> None:
    with pytest.raises(ControlError) as refusal:
        shared.control("PUT", "/control/capacity", body)

    assert refusal.value.status == 400

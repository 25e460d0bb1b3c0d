"""The pages of one subscription and of the provider in a real API server: who may, what is escaped, what is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import yaml

from provisioner.steps.load_provider import PROVIDER_FILE
from tests.integration.pages_server import PagesServer, rows

NUMBER = "S0000000309"
HOSTILE = "<img src=x onerror=alert(1)>"
FILE = PROVIDER_FILE.read_text(encoding="utf-8")
READ = [
    ("GET", f"/provisioning/subscriptions/{NUMBER}", None),
    ("GET", "/provisioning/subscriptions", None),
    ("GET", f"/provisioning/api/subscriptions/{NUMBER}", None),
    ("GET", f"/provisioning/api/subscriptions/{NUMBER}/runs/manual__1", None),
    ("GET", "/provisioning/provider", None),
    ("GET", "/provisioning/api/provider", None),
    ("POST", "/provisioning/api/provider/check", {"provider_file": FILE}),
    ("GET", "/provisioning/api/what-ifs/manual__1", None),
]


@pytest.fixture(scope="module")
def server(pages: PagesServer) -> Iterator[PagesServer]:
    """The session's server, with a hostile story in its database as long as these tests run."""
    hostile_story(pages.owner_dsn)
    yield pages
    with psycopg.connect(pages.owner_dsn) as db:
        db.execute("DELETE FROM request_log WHERE distributor = %s", (HOSTILE,))
        db.execute("DELETE FROM action_inbox WHERE transaction_reference = %s", (HOSTILE,))
        db.execute("DELETE FROM authentication_attempt WHERE asked_by = %s", (HOSTILE,))
        db.execute("DELETE FROM batch WHERE run_id = %s", (HOSTILE,))


def hostile_story(dsn: str) -> None:
    """Write what an attacker could get into our database, about the subscription NUMBER and about one named so."""
    with psycopg.connect(dsn) as db:
        row = db.execute(
            "INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', %s, %s) RETURNING batch_id",
            (HOSTILE, HOSTILE),
        ).fetchone()
        for number in (NUMBER, HOSTILE):
            db.execute(
                "INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account,"
                " command, distributor, parameters, state, error_code, error_description, caused_by, planned_at,"
                " sent_at, closed_at, attempts, body, response) VALUES (1, %s, %s, %s, %s, 'ACTIVATE_OPTIONS', %s, %s,"
                " 'REJECTED', %s, %s, %s, now(), now(), now(), 1, %s, %s)",
                (
                    *(f"PR-{len(number)}", (row or (0,))[0], number, number, HOSTILE),
                    json.dumps({"distributor": HOSTILE, "options": [HOSTILE]}),
                    *(HOSTILE, HOSTILE, HOSTILE),
                    json.dumps({"parameters": {"options": [HOSTILE]}}).encode(),
                    HOSTILE.encode(),
                ),
            )
        db.execute(
            "INSERT INTO action_inbox (transaction_reference, action_id, behaviour, subscription_number, performed_by,"
            " performed_at) VALUES (%s, 1, %s, %s, %s, now())",
            (HOSTILE, HOSTILE, NUMBER, HOSTILE),
        )
        db.execute(
            "INSERT INTO authentication_attempt (asked_by, identifier_kind, identifier_mark, subscription_number,"
            " outcome) VALUES (%s, 'SUBSCRIPTION', sha256('x'), %s, 'GRANTED')",
            (HOSTILE, NUMBER),
        )


@pytest.mark.parametrize(("method", "path", "body"), READ)
def test_reading_needs_a_log_in_and_a_viewer_may(
    server: PagesServer, method: str, path: str, body: Any
) -> None:
    assert server.call(method, path, body=body).status == 401
    assert server.call(method, path, headers={"Authorization": "Bearer x.y.z"}, body=body).status == 403
    assert server.call(method, path, "viewer", body=body).status == 200


@pytest.mark.parametrize("path", [f"/provisioning/subscriptions/{NUMBER}", "/provisioning/provider"])
@pytest.mark.parametrize(("user", "may"), [("viewer", False), ("user", True)])
def test_buttons_are_for_those_who_may_trigger_and_others_are_told_why_not(
    server: PagesServer, path: str, user: str, may: bool
) -> None:
    text = server.page(path, user).text

    assert ("needs the right to" in text) is not may
    assert ('aria-describedby="why-not"' in text) is not may
    assert ("data-reset=" in text or "what-if-run" in text) is may


@pytest.mark.parametrize("dag", ["tucano_reset_subscription", "tucano_what_if"])
@pytest.mark.parametrize(("user", "status"), [(None, 401), ("viewer", 403), ("user", 200)])
def test_what_the_buttons_trigger_is_airflows_to_allow(
    server: PagesServer, dag: str, user: str | None, status: int
) -> None:
    conf = (
        {"provider_file": "x"}
        if dag == "tucano_what_if"
        else {"subscription_number": NUMBER, "dry_run": True}
    )
    answer = server.call(
        "POST", f"/api/v2/dags/{dag}/dagRuns", user, body={"logical_date": None, "conf": conf}
    )

    assert answer.status == status


def test_a_check_from_another_origin_is_refused(server: PagesServer) -> None:
    answer = server.call(
        "POST",
        "/provisioning/api/provider/check",
        "user",
        body={"provider_file": FILE},
        headers={"Origin": "https://elsewhere.example"},
    )

    assert (answer.status, answer.json()["error_code"]) == (403, "FOREIGN_ORIGIN")


@pytest.mark.parametrize("number", [NUMBER, HOSTILE])
def test_nothing_that_is_shown_can_become_markup(server: PagesServer, number: str) -> None:
    answer = server.page(f"/provisioning/subscriptions/{quote(number, safe='')}")

    assert answer.status == 200
    assert "<img" not in answer.text
    assert answer.text.count("&lt;img src=x onerror=alert(1)&gt;") >= 8
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "number",
    [
        "S4040404040",
        "%00",
        "%0a",
        "..",
        "%2e%2e%2fapi",
        "'%3b%20DROP%20TABLE%20batch--",
        "x" * 101,
        "%F0%9F%99%82",
    ],
)
def test_a_number_that_nobody_knows_is_a_clear_page_and_never_a_failure(
    server: PagesServer, number: str
) -> None:
    page = server.page(f"/provisioning/subscriptions/{number}")
    as_json = server.call("GET", f"/provisioning/api/subscriptions/{number}", "viewer")

    assert (page.status, as_json.status) == (404, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert as_json.json()["error_code"] in ("UNKNOWN_SUBSCRIPTION", "NOT_FOUND")


def test_an_unknown_number_is_named_with_a_way_on(server: PagesServer) -> None:
    text = server.page("/provisioning/subscriptions/S4040404040").text

    assert "No subscription has the number" in text
    assert "S4040404040" in text
    assert "Check it digit by digit" in text


def test_a_typed_number_leads_to_its_page(server: PagesServer) -> None:
    answer = server.page("/provisioning/subscriptions?number=%20S0000000309%20")

    assert (answer.status, answer.headers["location"]) == (303, f"/provisioning/subscriptions/{NUMBER}")


@pytest.mark.parametrize("before", ["x", "2026-01-01~REQUEST~1", "2026-01-01T00:00:00+00:00~OTHER~1", "~~"])
def test_a_position_that_is_none_is_refused(server: PagesServer, before: str) -> None:
    answer = server.call("GET", f"/provisioning/api/subscriptions/{NUMBER}?before={quote(before)}", "viewer")

    assert (answer.status, answer.json()["error_code"]) == (422, "INVALID_REQUEST")


def test_no_personal_datum_of_the_crm_is_on_the_page(server: PagesServer) -> None:
    ((name, email, phone, address),) = rows(
        server.crm_dsn,
        "SELECT name, email, phone, address FROM crm.accounts JOIN crm.subscriptions USING (account_number)"
        " WHERE subscription_number = %s",
        NUMBER,
    )
    text = server.page(f"/provisioning/subscriptions/{NUMBER}").text
    text += server.call("GET", f"/provisioning/api/subscriptions/{NUMBER}", "viewer").text

    assert [one for one in (name, email, phone, address) if one and one in text] == []


def test_mistakes_of_a_changed_file_are_told_by_line_and_changes_by_value(server: PagesServer) -> None:
    document = yaml.safe_load(FILE)
    document["services"]["GEOLOGICAL"] = {"option": "GEOLOGY"}

    changed = server.call(
        "POST", "/provisioning/api/provider/check", "viewer", body={"provider_file": yaml.safe_dump(document)}
    ).json()
    broken = server.call(
        "POST",
        "/provisioning/api/provider/check",
        "viewer",
        body={"provider_file": FILE.replace("maximum_devices: 2", "maximum_devices: two")},
    ).json()

    assert changed["valid"]
    assert 'services.GEOLOGICAL.option: "GEOLOGICAL" → "GEOLOGY"' in changed["changes"]
    assert not broken["valid"]
    (problem,) = broken["problems"]
    assert FILE.splitlines()[problem["line"] - 1].replace("2", "two") == problem["shown"]
    assert 'is "two"' in problem["text"]


@pytest.mark.parametrize(
    "body", [{}, {"provider_file": ""}, {"provider_file": 5}, {"provider_file": "x", "y": 1}, []]
)
def test_a_check_of_something_else_is_refused(server: PagesServer, body: Any) -> None:
    assert server.call("POST", "/provisioning/api/provider/check", "viewer", body=body).status == 422

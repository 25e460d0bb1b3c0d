"""The pages in a real API server: what is shown, filtered, paged and retried."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.integration import pages_server
from tests.integration.pages_data import FORMULA, HOSTILE, SECRET, Story
from tests.integration.pages_server import PagesServer, rows
from tests.integration.test_pages_rights import READ, address

SIGNATURE = "0" * 32


# -- what is shown ----------------------------------------------------------------------------------

SHOWN = [
    "/",
    "/batches",
    "/batches/{bad}",
    "/batches/{bad}/requests",
    "/batches/{bad}/errors",
    "/batches/{bad}/rows",
    "/requests",
]


@pytest.mark.parametrize("path", SHOWN)
def test_every_value_is_escaped(pages: PagesServer, story: Story, path: str) -> None:
    assert "<img" not in pages.page(address(pages, story, path)).text


def test_the_hostile_subscription_is_really_on_the_pages(pages: PagesServer, story: Story) -> None:
    escaped = "&lt;img src=x onerror=document.title=&#39;pwned&#39;&gt;"
    for path in (
        f"/batches/{story.bad}?outcome=REJECTED",
        f"/batches/{story.bad}/errors",
        f"/batches/{story.bad}/rows",
    ):
        assert escaped in pages.page(f"/provisioning{path}").text, path


@pytest.mark.parametrize("path", SHOWN + [one for one in READ if "/api/" in one or ".csv" in one])
def test_no_personal_datum_and_no_secret_is_on_a_page(pages: PagesServer, story: Story, path: str) -> None:
    text = pages.page(address(pages, story, path)).text

    assert "Ada Lovelace" in SECRET
    assert "Lovelace" not in text
    assert pages_server.PASSWORD not in text
    for secret in (
        part for part in pages.log.with_name("passwords.json").read_text().split('"') if len(part) > 20
    ):
        assert secret not in text


def test_a_hostile_question_is_answered_as_a_question(pages: PagesServer, story: Story) -> None:
    for asked, status in (
        ("/requests?subscription=%27%20OR%201%3D1--", 200),
        ("/requests?subscription=%00", 422),
        ("/batches/99999999999999999999", 422),
        ("/batches?before=-1", 422),
        (f"/batches/{story.bad}/requests?state=%3Cscript%3E", 200),
        ("/api/requests?limit=100000", 422),
    ):
        answer = pages.page(f"/provisioning{asked}")
        assert answer.status == status, asked
        assert "<script>" not in answer.text


def test_the_overview_says_what_needs_a_person(pages: PagesServer, story: Story) -> None:
    seen = pages.call("GET", "/provisioning/api/overview", "viewer").json()

    assert {one["key"] for one in seen["needs"]} == {
        f"held-{story.bad}",
        "parked",
        "gone",
        "rows",
        "rejected",
    }
    assert (seen["platform"]["says"], seen["real_time"]["says"]) == ("Answers are missing", "Alive")
    assert seen["last_whole"]["batch_id"] == story.bad
    assert seen["progress"][str(story.running)]["share"] == 0.25


def test_stray_requests_and_an_archive_that_did_not_look_back_need_a_person(pages: PagesServer) -> None:
    rows(
        pages.owner_dsn,
        "INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, "
        "parameters, state, caused_by, planned_at, sent_at, closed_at, attempts) "
        "VALUES (1, 'PR-stray', 0, 'S', 'S', 'CREATE_ACCOUNT', '{}', 'COMPLETED', 'x', '1999-01-01', '1999-01-01', "
        "'1999-01-01', 1)",
    )
    rows(
        pages.owner_dsn,
        "INSERT INTO archive_manifest (month, operation, tier, closed_from, closed_to, rows_before, checksum_before, "
        "bytes, performed_by, run_id, performed_at) "
        "VALUES ('2025-01-01', 'ARCHIVE', 'cold', '2025-01-01', '2025-02-01', 1, 1, 1, "
        "'x', 'x', now() - interval '2 h')",
    )
    try:
        needs = pages.call("GET", "/provisioning/api/overview", "viewer").json()["needs"]
    finally:
        rows(pages.owner_dsn, "DELETE FROM request_log WHERE request_number = 'PR-stray'")
        rows(pages.owner_dsn, "DELETE FROM archive_manifest")

    assert {"stray", "archive-2025-01-ARCHIVE"} <= {one["key"] for one in needs}


@pytest.mark.usefixtures("story")
@pytest.mark.parametrize(("ended", "tone"), [(False, "bad"), (True, "warn")])
def test_a_silent_lane_is_told_from_one_that_ended_in_good_order(
    pages: PagesServer, ended: bool, tone: str
) -> None:
    silent = "UPDATE real_time_lane SET alive_at = now() - interval '5 min', ended_at = CASE WHEN %s THEN now() END"
    rows(pages.owner_dsn, silent, ended)
    seen = pages.call("GET", "/provisioning/api/overview", "viewer").json()["real_time"]
    rows(pages.owner_dsn, "UPDATE real_time_lane SET alive_at = now() + interval '10 min', ended_at = NULL")

    assert seen["tone"] == tone
    assert "5 min" in seen["says"]


# -- requests: filters and pages --------------------------------------------------------------------


def walk(pages: PagesServer, path: str, kind: str = "requests") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = ""
    for _ in range(100):
        answer = pages.call("GET", f"/provisioning{path}{after}", "viewer").json()
        found += answer[kind]
        if answer["next"] is None:
            return found
        after = f"&{'after' if kind == 'items' else 'before'}={answer['next']}"
    raise AssertionError("the pages do not end")


def test_the_pages_of_a_batch_hold_each_request_once_in_order(pages: PagesServer, story: Story) -> None:
    found = walk(pages, f"/api/batches/{story.bad}/requests?limit=17")

    numbers = [one["request_number"] for one in found]
    assert len(numbers) == len(set(numbers)) == 300 + 14 + 11 + 12 + 2 + 1
    assert [one["position"] for one in found] == sorted((one["position"] for one in found), reverse=True)
    assert found[0]["tier"] == "open"


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("state=COMPLETED", 300),
        ("state=REJECTED", 27),
        ("state=NOT_SENT", 12),
        ("state=UNKNOWN", 1),
        ("state=PENDING", 0),
        ("command=ADD_MATERIAL", 11),
        ("command=ADD_MATERIAL&state=COMPLETED", 0),
        ("error=UNKNOWN_OPTION", 14),
        ("distributor=VP1&state=REJECTED", 26),
        ("distributor=VP9", 0),
        ("subscription=S0000010003", 2),
        ("subscription=S0000010003&state=REJECTED", 1),
    ],
)
def test_a_filter_keeps_what_it_says(pages: PagesServer, story: Story, asked: str, count: int) -> None:
    of_batch = walk(pages, f"/api/batches/{story.bad}/requests?limit=100&{asked}")
    of_all = [one for one in walk(pages, f"/api/requests?limit=100&{asked}") if one["batch_id"] == story.bad]

    assert (len(of_batch), len(of_all)) == (count, count)


def test_the_plan_is_walked_in_pages_and_filtered_by_its_end(pages: PagesServer, story: Story) -> None:
    all_items = walk(pages, f"/api/batches/{story.bad}/items?limit=50", "items")
    held = walk(pages, f"/api/batches/{story.bad}/items?limit=50&outcome=HELD", "items")

    assert len({one["account"] for one in all_items}) == len(all_items) == 231
    assert len(held) == 64
    plan = pages.call("GET", f"/provisioning/api/batches/{story.bad}", "viewer").json()["plan"]
    assert [(one["command"], one["accounts"]) for one in plan] == [
        ("CREATE_ACCOUNT", 1),
        ("ACTIVATE_OPTIONS", 167),
        ("SUSPEND_OPTIONS", 64),
    ]


def test_the_plan_of_a_new_subscriber_is_shown(pages: PagesServer, story: Story) -> None:
    page = pages.call("GET", f"/provisioning/batches/{story.bad}?outcome=PARKED", "viewer")

    assert page.status == 200
    assert "<b>CREATE_ACCOUNT</b>" in page.text


def test_errors_are_grouped_by_what_is_alike_in_them(pages: PagesServer, story: Story) -> None:
    groups = pages.call("GET", f"/provisioning/api/batches/{story.bad}/errors", "viewer").json()["errors"]

    assert [(one["error_code"], one["requests"]) for one in groups][:3] == [
        ("UNKNOWN_OPTION", 14),
        ("EARLIER_REQUEST_REJECTED", 12),
        ("MATERIAL_REGISTERED_ELSEWHERE", 11),
    ]
    assert groups[0]["first_at"] < groups[0]["last_at"]
    of_group = walk(pages, f"/api/batches/{story.bad}/requests?signature={groups[0]['signature']}")
    assert {one["error_code"] for one in of_group} == {"UNKNOWN_OPTION"}
    assert len(of_group) == 14


def test_a_group_is_retried_as_one_run_that_airflow_accepts(pages: PagesServer, story: Story) -> None:
    (group,) = [
        one
        for one in pages.call("GET", f"/provisioning/api/batches/{story.bad}/errors", "viewer").json()[
            "errors"
        ]
        if one["error_code"] == "MATERIAL_REGISTERED_ELSEWHERE"
    ]
    retry = pages.call(
        "GET", f"/provisioning/api/batches/{story.bad}/retry?signature={group['signature']}", "user"
    ).json()

    assert retry["conf"] == {"subscription_numbers": [f"S{20_000 + n:010d}" for n in range(11)]}
    path, body = f"/api/v2/dags/{retry['dag_id']}/dagRuns", {"logical_date": None, "conf": retry["conf"]}
    assert pages.call("POST", path, "viewer", body=body).status == 403
    assert pages.call("POST", path, "user", body=body).status == 200
    unknown = f"/provisioning/api/batches/{story.bad}/retry?signature={SIGNATURE}"
    assert pages.call("GET", unknown, "user").status == 404


def test_the_csv_holds_every_request_and_no_formula(pages: PagesServer, story: Story) -> None:
    answer = pages.call("GET", f"/provisioning/batches/{story.bad}/requests.csv", "viewer")

    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(found) == 340
    assert answer.headers["content-disposition"].startswith("attachment")
    assert f"'{FORMULA}" in {one["subscription_number"] for one in found}
    assert HOSTILE in {one["subscription_number"] for one in found}
    assert not [
        value for one in found for value in one.values() if value.startswith(("=", "+", "-", "@", "\t"))
    ]
    refused = pages.call(
        "GET", f"/provisioning/batches/{story.bad}/requests.csv?state=REJECTED", "viewer"
    ).text
    assert len(list(csv.DictReader(io.StringIO(refused)))) == 27


def test_a_run_of_airflow_shows_its_batch_or_says_that_there_is_none(
    pages: PagesServer, story: Story
) -> None:
    shown = pages.page("/provisioning/runs/tucano_reset_run/manual__2026-01-01T02%3A00%3A00%2B00%3A00").text
    none_yet = pages.page("/provisioning/runs/tucano_reset_run/manual__later").text
    not_ours = pages.page("/provisioning/runs/tucano_archive_requests/x").text

    assert f"Batch {story.running}" in shown
    assert "no batch yet" in none_yet and "data-live" in none_yet
    assert "sends nothing to Tucano" in not_ours and "data-live" not in not_ours


def test_what_does_not_exist_is_a_page_that_says_so(pages: PagesServer) -> None:
    answer = pages.page("/provisioning/batches/999999")

    assert answer.status == 404
    assert "There is no batch 999999" in answer.text
    assert pages.call("GET", "/provisioning/api/batches/999999", "viewer").json()["error_code"] == "NOT_FOUND"

"""The pages in a real Chromium, by themselves and inside the Airflow UI: what a person sees, types and presses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.integration import pages_data
from tests.integration.pages_data import Story
from tests.integration.pages_server import PASSWORD, PagesServer

# A loaded machine draws Airflow's own UI in ten seconds.
PATIENCE_MS = 60_000
AXE = (Path(__file__).parent / "axe" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
PHONE = 360
# Airflow answers 404 for the runs of a DAG that this project may not have yet, and Chromium tells its console.
OPEN_AS = Callable[..., Page]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def open_as(browser: Browser, pages: PagesServer) -> Iterator[OPEN_AS]:
    """Open a page as a user; at the end, no script may have failed and nothing may have been stopped by the policy."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(user: str | None, path: str, *, width: int = 1280, theme: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
        contexts.append(context)
        if user is not None:
            context.add_cookies([{"name": "_token", "value": pages.token(user), "url": pages.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None,
        )
        page.goto(pages.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def own_run(pages: PagesServer, run_id: str) -> int:
    """Begin a run of this test's own, so that others find theirs as it was."""
    with psycopg.connect(pages.owner_dsn) as db:
        return pages_data.begin_run(db, 40, run_id)


def end(pages: PagesServer, batch_id: int) -> None:
    """End a test's own run without a trace."""
    with psycopg.connect(pages.owner_dsn) as db:
        for table in ("batch_item", "request_log", "batch"):
            db.execute(f"DELETE FROM {table} WHERE batch_id = %s".encode(), (batch_id,))  # noqa: S608 our names


def paths(story: Story) -> list[str]:
    """Every page, with the story's trouble on it."""
    of_batch = [
        f"/batches/{story.bad}{part}" for part in ("", "/requests?state=REJECTED", "/errors", "/rows")
    ]
    return ["/", "/batches", *of_batch, f"/batches/{story.running}", "/requests", "/batches/999999"]


def test_nothing_that_a_subscription_is_called_is_ever_run(open_as: OPEN_AS, story: Story) -> None:
    page = open_as("user", "/provisioning/")
    for path in paths(story):
        page.goto(page.url.partition("/provisioning")[0] + "/provisioning" + path)
        expect(page.locator("h1")).to_be_visible()

        assert page.title() != "pwned", path
        assert page.locator("main img").count() == 0, path


def test_the_pages_pass_an_accessibility_checker_in_light_and_dark(open_as: OPEN_AS, story: Story) -> None:
    for theme in ("light", "dark"):
        page = open_as("user", "/provisioning/", theme=theme)
        for path in paths(story):
            page.goto(page.url.partition("/provisioning")[0] + "/provisioning" + path)
            expect(page.locator("h1")).to_be_visible()
            page.evaluate(AXE)
            found = page.evaluate("axe.run({resultTypes: ['violations']})")

            wrong = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]]
            assert wrong == [], (theme, path)


def test_no_page_is_wider_than_a_phone(open_as: OPEN_AS, story: Story) -> None:
    page = open_as("user", "/provisioning/", width=PHONE)
    for path in paths(story):
        page.goto(page.url.partition("/provisioning")[0] + "/provisioning" + path)
        expect(page.locator("h1")).to_be_visible()

        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, path


def test_the_overview_draws_the_days_and_follows_the_reader_into_the_dark(open_as: OPEN_AS) -> None:
    page = open_as("viewer", "/provisioning/")
    expect(page.locator(".plot canvas")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_contain_text("need a person")

    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    other = page.context.new_page()
    other.goto(page.url)
    other.evaluate("localStorage.setItem('theme', 'dark')")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground


def test_progress_is_live_and_takes_nothing_from_who_is_typing(open_as: OPEN_AS, pages: PagesServer) -> None:
    batch_id = own_run(pages, "manual__live")
    try:
        page = open_as("viewer", f"/provisioning/batches/{batch_id}")
        expect(page.locator("main")).to_contain_text("25.0%")
        page.evaluate("window.loadedOnce = true")
        field = page.get_by_label("Subscription or account")
        field.fill("S00000")

        pages_data.finish(pages.owner_dsn, batch_id, 10)

        expect(page.locator("main")).to_contain_text("50.0%")
        expect(page.locator("main")).to_contain_text("left")
        expect(page.locator("#live-state")).to_contain_text("Live, as of")
        assert page.evaluate("window.loadedOnce") is True
        expect(field).to_have_value("S00000")
        expect(field).to_be_focused()
    finally:
        end(pages, batch_id)


def test_a_filter_is_an_address_that_can_be_sent_to_a_colleague(open_as: OPEN_AS, story: Story) -> None:
    page = open_as("viewer", f"/provisioning/batches/{story.bad}/requests")
    page.get_by_label("State").select_option("REJECTED")
    page.wait_for_url(re.compile(r"state=REJECTED"))
    page.get_by_label("Error code").fill("UNKNOWN_OPTION")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"error=UNKNOWN_OPTION"))

    assert page.url.endswith("/requests?state=REJECTED&error=UNKNOWN_OPTION")
    expect(page.locator("tbody tr")).to_have_count(14)
    colleague = open_as("viewer", page.url.partition("://")[2].partition("/")[2].join(["/", ""]))
    expect(colleague.locator("tbody tr")).to_have_count(14)


def test_the_next_page_goes_on_where_this_one_ends(open_as: OPEN_AS, story: Story) -> None:
    page = open_as("viewer", f"/provisioning/batches/{story.bad}/requests?state=COMPLETED")
    last = page.locator("tbody th").last.inner_text()
    page.get_by_role("link", name="Next 50").click()
    page.wait_for_url(re.compile("before="))

    first = page.locator("tbody th").first.inner_text()
    assert int(first.removeprefix("PR-")) < int(last.removeprefix("PR-"))


def test_a_group_of_errors_is_retried_by_a_button_that_asks_first(
    open_as: OPEN_AS, pages: PagesServer
) -> None:
    page = open_as("user", f"/provisioning/batches/{pages.story.bad}/errors")
    page.get_by_role("button", name="Retry 14").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("14 subscriptions")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    before = runs(pages)

    page.get_by_role("button", name="Retry 14").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry 14").click()
    expect(page.get_by_role("alert")).to_contain_text("Started tucano_reset_run")

    (started,) = [one for one in runs(pages) if one not in before]
    assert json.loads(started)["subscription_numbers"] == [f"S{10_000 + n:010d}" for n in range(14)]
    page.get_by_role("link", name="See the run").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This run has no batch yet")


def test_a_button_pressed_before_the_page_is_complete_is_answered_when_it_is(
    open_as: OPEN_AS, story: Story
) -> None:
    page = open_as("user", f"/provisioning/batches/{story.bad}")
    waiting: list[Route] = []
    page.route("**/static/runs.js", lambda route: waiting.append(route))
    page.get_by_role("link", name="Errors").click(no_wait_after=True)
    page.get_by_role("button", name="Retry 14").click()
    assert page.get_by_role("dialog").count() == 0

    for route in waiting:
        route.continue_()
    expect(page.get_by_role("dialog")).to_contain_text("14 subscriptions")


def runs(pages: PagesServer) -> list[str]:
    answer = pages.call("GET", "/api/v2/dags/tucano_reset_run/dagRuns?limit=100", "user").json()
    return [json.dumps(one["conf"]) for one in answer["dag_runs"]]


def test_who_may_not_trigger_is_offered_nothing(open_as: OPEN_AS, story: Story) -> None:
    page = open_as("viewer", f"/provisioning/batches/{story.bad}/errors")

    expect(page.get_by_text("needs the right to trigger").first).to_be_visible()
    expect(page.locator("button[data-run]")).to_have_count(0)


def test_the_pages_live_inside_the_airflow_ui(open_as: OPEN_AS, story: Story) -> None:
    page = open_as("user", "/plugin/provisioning")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_contain_text("need a person")

    frame.get_by_role("navigation").first.get_by_role("link", name="Batches").click()
    frame.get_by_role("link", name=str(story.bad), exact=True).first.click()
    frame.get_by_role("link", name="Errors").click()
    frame.get_by_role("button", name="Retry 11").click()
    frame.get_by_role("dialog").get_by_role("button", name="Retry 11").click()
    expect(frame.get_by_role("alert")).to_contain_text("Started tucano_reset_run")

    # Out of the frame, which may not change the window's address by itself.
    frame.get_by_role("link", name="This page on its own address").click()
    page.wait_for_url(re.compile(rf"/provisioning/batches/{story.bad}/errors$"))


def test_a_dag_run_has_its_batch_as_a_tab(open_as: OPEN_AS, pages: PagesServer) -> None:
    run_id = "manual__2026-02-01T02:00:00+00:00"
    body = {"logical_date": None, "dag_run_id": run_id, "conf": {}}
    assert pages.call("POST", "/api/v2/dags/tucano_reset_run/dagRuns", "user", body=body).status == 200
    batch_id = own_run(pages, run_id)
    try:
        page = open_as("viewer", f"/dags/tucano_reset_run/runs/{run_id}")
        page.locator("a[href*='provisioning-run']").click()
        heading = page.frame_locator("iframe").get_by_role("heading", level=1)
        expect(heading).to_contain_text(f"Batch {batch_id}")

        page.frame_locator("iframe").locator("summary").first.click()
        page.frame_locator("iframe").get_by_role("link", name=run_id).click()
        page.wait_for_url(re.compile(r"/dags/tucano_reset_run/runs/[^/]*$"))
    finally:
        end(pages, batch_id)


def test_who_is_logged_out_logs_in_and_comes_back(open_as: OPEN_AS, story: Story) -> None:
    page = open_as(None, f"/provisioning/batches/{story.bad}/errors")
    page.get_by_role("link", name="Log in").click()
    page.locator("input[name=username]").fill("viewer")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(rf"/provisioning/batches/{story.bad}/errors$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Batch {story.bad}")

"""One case in a real Chromium against the running platform: what the page says, and what each button does."""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.conftest import RUN_SECONDS, StartedStack

NUMBER = "S0000000309"
# A loaded machine takes a minute for a run that an idle one does in five seconds.
PATIENCE_MS = RUN_SECONDS * 1000
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium of $CHROMIUM or PATH."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.fail("no Chromium: install Debian's package `chromium`, or let CHROMIUM name the program")
    with sync_playwright() as playwright:
        # Its own sandbox refuses to run as root, which CI is.
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_as(chromium: Browser, stack: StartedStack) -> Iterator[Open]:
    """Open a page with a role; at the end no script may have failed and nothing been stopped by the policy."""
    wrong: list[str] = []
    contexts = []
    secret = stack.runtime.secret("airflow_jwt_secret")
    log_in = {"username": stack.environment.airflow_user, "password": stack.environment.airflow_password}
    asked = urllib.request.Request(  # noqa: S310 our own server
        f"{stack.environment.airflow_url}/auth/token",
        json.dumps(log_in).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        admin = json.load(answer)["access_token"]

    def opened(path: str, *, role: str = "ADMIN", width: int = 1280) -> Page:
        given = jwt.decode(admin, options={"verify_signature": False}) | {"sub": f"a-{role}", "role": role}
        token = jwt.encode(given, secret, algorithm=jwt.get_unverified_header(admin)["alg"])
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        context.add_cookies([{"name": "_token", "value": token, "url": stack.environment.airflow_url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.goto(f"{stack.environment.airflow_url}/provisioning{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module", autouse=True)
def dags(stack: StartedStack) -> None:
    """The DAGs that the buttons trigger are known to Airflow."""
    for dag in ("tucano_reset_subscription", "tucano_what_if"):
        stack.client.wait_for_dag(dag)


def press(page: Page, name: str) -> None:
    page.locator("#actions").get_by_role("button", name=name, exact=True).click()


def result(page: Page) -> Any:
    """Wait for the end of the run that a button began."""
    ended = page.locator("#run.good, #run.bad")
    expect(ended).to_be_visible(timeout=PATIENCE_MS)
    return ended


def sent(stack: StartedStack, account: str) -> int:
    with psycopg.connect(stack.pages_dsn) as db:
        row = db.execute("SELECT count(*) FROM request_history WHERE account = %s", (account,)).fetchone()
    return int((row or (0,))[0])


def test_a_preview_shows_its_result_on_the_page_and_sends_nothing(stack: StartedStack, open_as: Open) -> None:
    page = open_as(f"/subscriptions/{NUMBER}")
    before, address = sent(stack, NUMBER), page.url

    press(page, "Preview")

    expect(result(page)).to_contain_text("nothing was sent")
    expect(page.locator("#run a")).to_have_attribute("href", re.compile("tucano_reset_subscription/runs/"))
    assert (page.url, sent(stack, NUMBER)) == (address, before)


def test_force_is_asked_about_first_and_then_sends_everything_again(
    stack: StartedStack, open_as: Open
) -> None:
    page = open_as(f"/subscriptions/{NUMBER}")
    before = sent(stack, NUMBER)

    press(page, "Force")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.locator("#run").is_hidden()

    press(page, "Force")
    page.get_by_role("dialog").get_by_role("button", name="Force").click()
    expect(result(page)).to_contain_text("CREATE_ACCOUNT")
    assert sent(stack, NUMBER) > before
    # What it changed is shown without loading the page again.
    expect(page.locator("#case")).to_contain_text(f"{NUMBER} should not be black")
    expect(page.locator("ol.timeline li.request").first).to_be_visible()


def test_reset_now_brings_a_black_screen_in_step(stack: StartedStack, open_as: Open) -> None:
    with psycopg.connect(stack.environment.crm_dsn) as crm:
        row = crm.execute(
            "SELECT subscription_number FROM crm.subscriptions s WHERE state = 'EFFECTIVE' AND subscription_number > %s"
            " AND subscription_type <> 'SHOWCASE' ORDER BY 1 LIMIT 1",
            ("S0000000150",),
        ).fetchone()
    number = str((row or ("",))[0])
    page = open_as(f"/subscriptions/{number}")

    press(page, "Reset now")
    page.get_by_role("dialog").get_by_role("button", name="Reset now").click()

    expect(result(page)).to_contain_text(number)
    expect(page.locator("#case")).to_contain_text("should not be black")


def test_a_viewer_sees_the_answer_and_why_the_buttons_are_not_for_him(open_as: Open) -> None:
    page = open_as(f"/subscriptions/{NUMBER}", role="VIEWER")

    expect(page.locator(".answer")).to_contain_text(NUMBER)
    for name in ("Preview", "Reset now", "Force"):
        expect(page.locator("#actions").get_by_role("button", name=name, exact=True)).to_be_disabled()
    expect(page.locator("#why-not")).to_contain_text("needs the right to trigger")


def test_mistakes_of_a_file_are_told_by_line_before_anything_is_asked(open_as: Open) -> None:
    page = open_as("/provider", role="VIEWER")
    field = page.locator("#changed-file")
    text = field.input_value()
    field.fill(text.replace("state: EFFECTIVE", "state: ON"))

    page.get_by_role("button", name="Check", exact=True).click()

    line = next(n for n, one in enumerate(text.splitlines(), 1) if "state: EFFECTIVE" in one)
    expect(page.locator("#told-of-file .bad")).to_contain_text(f"line {line}: provider.state")
    expect(page.get_by_role("button", name="What if", exact=True)).to_be_disabled()


def test_what_if_tells_accounts_and_requests_by_option(open_as: Open) -> None:
    page = open_as("/provider")
    field = page.locator("#changed-file")
    field.fill(field.input_value().replace("option: GEOLOGICAL", "option: GEOLOGY"))

    page.get_by_role("button", name="What if", exact=True).click()

    told = page.locator("#told-of-file")
    expect(told).to_contain_text("accounts of", timeout=PATIENCE_MS)
    expect(told).to_contain_text("GEOLOGY")
    expect(told).to_contain_text("read from the CRM at")


@pytest.mark.parametrize("path", [f"/subscriptions/{NUMBER}", "/provider", "/subscriptions/S4040404040"])
def test_a_phone_shows_a_page_without_scrolling_sideways(open_as: Open, path: str) -> None:
    page = open_as(path, width=360)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360

"""The pages in a real API server under SimpleAuthManager: who may see what, and what a browser is told."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.integration.pages_data import Story
from tests.integration.pages_server import PagesServer
from tests.integration.test_provisioning_plugin import MOUNTED, run

# -- rights -----------------------------------------------------------------------------------------

READ = [
    "/",
    "/batches",
    "/batches/{bad}",
    "/batches/{bad}/requests",
    "/batches/{bad}/errors",
    "/batches/{bad}/rows",
    "/batches/{bad}/requests.csv",
    "/requests",
    "/runs/tucano_reset_run/manual__dry",
    "/static/pages.css",
    "/static/vendor/uPlot-1.6.32.esm.js",
    "/api/overview",
    "/api/days",
    "/api/batches",
    "/api/batches/{bad}",
    "/api/batches/{bad}/items",
    "/api/batches/{bad}/requests",
    "/api/batches/{bad}/errors",
    "/api/requests",
]
ACT = ["/api/batches/{bad}/retry?signature={signature}"]


def address(pages: PagesServer, story: Story, path: str) -> str:
    signature = ""
    if "{signature}" in path:
        errors = pages.call("GET", f"/provisioning/api/batches/{story.bad}/errors", "viewer").json()
        signature = errors["errors"][0]["signature"]
    return "/provisioning" + path.format(bad=story.bad, signature=signature)


@pytest.mark.parametrize("path", READ + ACT)
def test_nobody_sees_anything_without_logging_in(pages: PagesServer, story: Story, path: str) -> None:
    asked = address(pages, story, path)

    assert pages.call("GET", asked).status == 401
    assert pages.call("GET", asked, headers={"Authorization": "Bearer forged"}).status in (401, 403)


@pytest.mark.parametrize("path", READ)
def test_who_may_see_runs_may_read(pages: PagesServer, story: Story, path: str) -> None:
    assert pages.call("GET", address(pages, story, path), "viewer").status == 200


@pytest.mark.parametrize("path", ACT)
def test_only_who_may_trigger_runs_may_act(pages: PagesServer, story: Story, path: str) -> None:
    statuses = {
        user: pages.call("GET", address(pages, story, path), user).status for user in ("viewer", "user", "op")
    }

    assert statuses == {"viewer": 403, "user": 200, "op": 200}


@pytest.mark.parametrize("path", READ + ACT)
def test_a_page_of_another_origin_may_not_ask(pages: PagesServer, story: Story, path: str) -> None:
    cookie = {"Cookie": f"_token={pages.token('admin')}"}
    asked = address(pages, story, path)

    assert pages.call("GET", asked, headers=cookie | {"Origin": "https://elsewhere.example"}).status == 403
    assert pages.call("GET", asked, headers=cookie | {"Origin": pages.url}).status == 200


def test_no_route_answers_who_is_not_logged_in_or_asks_from_another_origin(
    pages: PagesServer, tmp_path: Path
) -> None:
    _, _, routes = run(MOUNTED, tmp_path)  # type: ignore[misc]
    asked = [
        (method, "/provisioning" + re.sub(r"{[^}]*}", "1", path))
        for methods, path in routes
        for method in methods
    ]
    cookie = {"Cookie": f"_token={pages.token('admin')}", "Origin": "https://elsewhere.example"}

    assert len(asked) >= 20
    assert [one for one in asked if pages.call(*one).status != 401] == []
    assert [one for one in asked if pages.call(*one, headers=cookie).status != 403] == []


def test_the_buttons_that_start_runs_are_offered_to_who_may_press_them(
    pages: PagesServer, story: Story
) -> None:
    asked = f"/provisioning/batches/{story.bad}/errors"

    assert "<button" in pages.page(asked, "user").text.partition("<main")[2]
    assert "data-run=" not in pages.page(asked, "viewer").text
    assert "data-run=" not in pages.page("/provisioning/", "viewer").text


def test_a_browser_that_is_not_logged_in_is_shown_the_way_and_comes_back(pages: PagesServer) -> None:
    answer = pages.page("/provisioning/batches?cause=RESET_RUN", None)

    assert answer.status == 401
    (log_in,) = re.findall(r'href="([^"]*auth/login[^"]*)"', answer.text)
    assert log_in.endswith("next=%2Fprovisioning%2Fbatches%3Fcause%3DRESET_RUN")
    sent_on = pages.call("GET", log_in)
    assert sent_on.status in (302, 307)
    assert "%2Fprovisioning%2Fbatches" in sent_on.headers["location"]


# -- what a browser is told -------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*READ, "/nowhere", "/batches/999999", "/batches/none"])
def test_a_browser_runs_no_script_that_stands_in_a_page(pages: PagesServer, story: Story, path: str) -> None:
    answer = pages.page(address(pages, story, path))

    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if "static" not in path:
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", [one for one in READ if "/api/" not in one and "/static/" not in one and ".csv" not in one]
)
def test_no_page_holds_script_or_style_of_its_own(pages: PagesServer, story: Story, path: str) -> None:
    text = pages.page(address(pages, story, path)).text

    elements = Elements()
    elements.feed(text)
    assert elements.found > 10
    assert elements.offending == []


class Elements(HTMLParser):
    """Reads a page as a browser does; *offending* are elements that the policy would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0
        self.offending: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += 1
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.offending.append(tag)
        self.offending += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]


def test_a_script_is_sent_again_only_when_it_changed(pages: PagesServer) -> None:
    first = pages.call("GET", "/provisioning/static/frame.js", "viewer")
    again = pages.call(
        "GET", "/provisioning/static/frame.js", "viewer", headers={"If-None-Match": first.headers["etag"]}
    )

    assert (first.status, again.status, again.text) == (200, 304, "")


@pytest.mark.parametrize(
    "path", ["../app.py", "..%2fapp.py", "vendor/../../app.py", "pages.css/../../rights.py", "none.js"]
)
def test_no_file_but_a_script_or_a_style_is_given(pages: PagesServer, path: str) -> None:
    assert pages.call("GET", f"/provisioning/static/{path}", "viewer").status == 404

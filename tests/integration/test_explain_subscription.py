"""Why is S0000000309 black? The one sentence, what it follows from, and what happened, on a real stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import sql

from provisioner.adapters import provider_file
from provisioner.adapters.case_file import Position
from provisioner.adapters.pools import Pools
from provisioner.steps import explain_subscription, reset_subscription
from tests.integration.old_requests import OLD, OldRequests
from tests.integration.stage import Stage

Asked = Callable[[str], dict[str, Any]]


@pytest.fixture
def pools(stage: Stage, dsn_as: Callable[[str, str], str]) -> Iterator[Pools]:
    """As the API server has them: roles that read."""
    opened = Pools(
        provisioning_dsn=dsn_as(stage.connections.provisioning_dsn, "pages"),
        crm_dsn=stage.connections.crm_dsn,
    )
    yield opened
    opened.close()


@pytest.fixture
def explain(stage: Stage, pools: Pools) -> Asked:
    """Explain a subscription under the stage's provider file of this moment."""

    def asked(number: str) -> dict[str, Any]:
        found = explain_subscription.run(pools, provider_file.read(stage.write_provider()).provider, number)
        assert found is not None
        return found

    return asked


def happened(pools: Pools, number: str, *kinds: str, limit: int = 50, **how: Any) -> list[dict[str, Any]]:
    page, _ = explain_subscription.timeline(
        pools, number, [number], kinds=list(kinds) or None, before=how.get("before"), limit=limit
    )
    return page


# -- the one sentence --------------------------------------------------------------------------------


def test_who_has_everything_should_not_be_black(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()

    found = explain(number)

    assert found["headline"]["tone"] == "good"
    assert f"{number} should not be black" in found["headline"]["text"]
    assert {row["verdict"] for row in found["things"]} == {"in step"}
    assert found["difference"] == []


def test_who_lacks_a_channel_is_told_which_and_what_would_be_sent(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()
    stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])

    found = explain(number)

    assert "not known to have 1 channel option (RELIGION)" in found["headline"]["text"]
    assert found["things"][0] == {
        "kind": "option",
        "distributor": "VP1",
        "code": "RELIGION",
        "wanted": True,
        "known": False,
        "verdict": "missing at Tucano",
        "tone": "bad",
    }
    assert [one["command"] for one in found["difference"]] == ["ACTIVATE_OPTIONS"]


def test_the_difference_is_what_a_reset_of_this_moment_plans(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL", "ENTERTAIN")
    stage.run()
    stage.act("SWAPSERVICE", number, **{"from": "ENTERTAIN", "to": {"code": "RELIGION"}})

    found = explain(number)

    look = reset_subscription.look(
        stage.connections,
        stage.next_run(),
        {"subscription_number": number, "dry_run": True},
        provider_file=stage.write_provider(),
    )
    assert [one["in_words"] for one in found["difference"]] == look.as_dict()["difference"]


def test_who_rests_is_black_because_of_the_crm(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.act("RESTSUBSCRIPTION", number)
    stage.run()

    found = explain(number)

    assert found["headline"]["text"].startswith(f"{number} is black because it is IN_RESTING in the CRM")
    (service,) = found["subscriptions"][0]["services"]
    assert service["because"] == "nothing: the subscription is IN_RESTING, not Active"


def test_a_row_that_breaks_a_rule_says_the_rule(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL", at=("VP2",))
    del stage.provider["distributors"]["VP2"]

    found = explain(number)

    assert "its row in the CRM cannot be used" in found["headline"]["text"]
    assert "VP2" in found["headline"]["text"]


def test_a_service_without_mapping_shows_and_withholds(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL", "NEWS")
    stage.run()
    del stage.provider["services"]["NEWS"]

    found = explain(number)

    by_code = {one["code"]: one for one in found["subscriptions"][0]["services"]}
    assert by_code["NEWS"]["because"].startswith("has no option in the provider file")
    assert by_code["GEOLOGICAL"]["things"] == ("VP1:GEOLOGICAL",)
    assert "NEWS" in found["withheld_because"][0]
    assert found["difference"] == []


def test_a_provider_that_is_not_effective_hides_every_other_cause(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.provider["provider"]["state"] = "NOT_EFFECTIVE"

    assert "Nothing is sent for" in explain(number)["headline"]["text"]


def test_a_parked_account_says_that_nobody_answered_and_shows_the_open_requests(
    stage: Stage, explain: Asked
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.set(unknown_attempts=1)
    stage.platform.set_faults({"kind": "reset_after", "accounts": [number], "commands": ["ACTIVATE_OPTIONS"]})
    stage.run()

    found = explain(number)

    assert f"{number} is parked" in found["headline"]["text"]
    assert [(one["command"], one["state"]) for one in found["open_requests"]] == [
        ("ACTIVATE_OPTIONS", "UNKNOWN")
    ]


def test_a_refusal_is_named_with_its_code(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults(
        {
            "kind": "reject",
            "error_code": "UNKNOWN_OPTION",
            "accounts": [number],
            "commands": ["ACTIVATE_OPTIONS"],
        }
    )
    stage.run()

    found = explain(number)

    assert "because Tucano refused ACTIVATE_OPTIONS with UNKNOWN_OPTION" in found["headline"]["text"]


def test_held_removals_name_the_batch_that_a_person_releases(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.run()
    stage.set(removals_count=0, removals_share=0.0)
    stage.act("REMOVESERVICE", number, services=["NEWS"])
    stage.run()

    found = explain(number)

    ((batch_id,),) = stage.rows("SELECT max(batch_id) FROM batch")
    assert [one["batch_id"] for one in found["held"]] == [batch_id]
    assert f"held by batch {batch_id}" in found["headline"]["next_step"]


def test_the_subscriptions_of_one_account_are_shown_together(stage: Stage, explain: Asked) -> None:
    first = stage.subscriber("GEOLOGICAL")
    second = stage.subscriber("RELIGION")
    stage.crm.execute(
        "UPDATE crm.subscriptions SET provisioning_account = %s WHERE subscription_number = %s",
        (first, second),
    )

    found = explain(second)

    assert found["account"] == first
    assert sorted(one["subscription_number"] for one in found["subscriptions"]) == [first, second]
    assert {row["code"] for row in found["things"] if row["kind"] == "option"} == {"GEOLOGICAL", "RELIGION"}


def test_who_left_the_crm_but_is_served_is_still_found(stage: Stage, explain: Asked) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()
    for table in ("subscription_services", "installed_items", "subscription_actions", "subscriptions"):
        stage.crm.execute(
            sql.SQL("DELETE FROM {} WHERE subscription_number = %s").format(sql.Identifier("crm", table)),
            (number,),
        )

    found = explain(number)

    assert not found["in_crm"]
    assert "is not in the CRM any more, and Tucano still serves" in found["headline"]["text"]


@pytest.mark.parametrize("number", ["S4040404040", "' OR 1=1 --", "<img onerror=x>", "%", "🙂", "S" * 100])
def test_a_number_that_nobody_knows_is_nobodys(stage: Stage, pools: Pools, number: str) -> None:
    provider = provider_file.read(stage.write_provider()).provider

    assert explain_subscription.run(pools, provider, number) is None


# -- what happened --------------------------------------------------------------------------------


def test_requests_stand_there_verbatim_and_without_personal_data(stage: Stage, pools: Pools) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()

    requests = happened(pools, number, "REQUEST")

    assert [one["told"]["command"] for one in requests] == [
        "ACTIVATE_OPTIONS",
        "ADD_MATERIAL",
        "CREATE_ACCOUNT",
    ]
    ((body, response),) = stage.rows(
        "SELECT body, response FROM request_log WHERE account = %s AND command = 'ACTIVATE_OPTIONS'", number
    )
    assert (requests[0]["request"], requests[0]["response"]) == (body.decode(), response.decode())
    assert '"name":"***"' in requests[-1]["request"]
    assert f"Ada {number}" not in str(requests)


def test_runs_actions_and_attempts_stand_between_the_requests(stage: Stage, pools: Pools) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()
    stage.db.execute(
        "INSERT INTO action_inbox (transaction_reference, action_id, behaviour, subscription_number, performed_by,"
        " performed_at) VALUES (%s, 1, 'ADD_SERVICE', %s, 'agent 7', now())",
        (f"T-{number}", number),
    )
    with pools.provisioning() as db:
        db.execute(
            "INSERT INTO authentication_attempt (asked_by, identifier_kind, identifier_mark, subscription_number,"
            " outcome) VALUES ('film-portal', 'SUBSCRIPTION', sha256('x'), %s, 'GRANTED')",
            (number,),
        )

    everything = happened(pools, number)

    assert [one["kind"] for one in everything][:2] == ["ATTEMPT", "ACTION"]
    assert {one["kind"] for one in everything} == {"ATTEMPT", "ACTION", "REQUEST", "RUN"}
    (attempt,) = happened(pools, number, "ATTEMPT")
    assert (attempt["told"]["asked_by"], attempt["told"]["outcome"]) == ("film-portal", "GRANTED")
    (action,) = happened(pools, number, "ACTION")
    assert (action["told"]["behaviour"], action["told"]["performed_by"]) == ("ADD_SERVICE", "agent 7")


def test_pages_follow_each_other_without_a_gap_or_a_repetition(stage: Stage, pools: Pools) -> None:
    number = stage.subscriber("GEOLOGICAL", "ENTERTAIN", "NEWS")
    stage.run()
    for code in ("GEOLOGICAL", "ENTERTAIN"):
        stage.act("REMOVESERVICE", number, services=[code])
        stage.run()
    everything = [(one["kind"], one["id"]) for one in happened(pools, number)]

    paged: list[tuple[str, str]] = []
    before: Position | None = None
    while True:
        page, before = explain_subscription.timeline(
            pools, number, [number], kinds=None, before=before, limit=2
        )
        paged += [(one["kind"], one["id"]) for one in page]
        if before is None:
            break

    assert len(everything) == 8
    assert paged == everything


def test_archived_requests_are_still_there_and_say_so(old_requests: OldRequests) -> None:
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    ((number,),) = old_requests.rows("SELECT account FROM request_log ORDER BY log_number LIMIT 1")
    opened = Pools(provisioning_dsn=old_requests.dsn_of("pages"), crm_dsn=old_requests.dsn_of("pages"))
    try:
        hot = [one["id"] for one in happened(opened, number, "REQUEST", limit=500)]
        for table in ("request_log_2026_01", "request_archive"):
            assert old_requests.rows("SELECT to_regclass(%s) IS NOT NULL", table) == [(True,)]
        old_requests.owner.execute("ALTER TABLE request_log DETACH PARTITION request_log_2026_01")
        old_requests.owner.execute(
            "ALTER TABLE request_archive ATTACH PARTITION request_log_2026_01"
            " FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')"
        )

        moved = happened(opened, number, "REQUEST", limit=500)
    finally:
        opened.close()

    assert [one["id"] for one in moved] == hot
    assert {one["told"]["tier"] for one in moved} >= {"archived"}


# -- the result of a button -----------------------------------------------------------------------


def test_the_result_of_a_run_is_told_and_only_to_its_own_subscription(stage: Stage, pools: Pools) -> None:
    number = stage.subscriber("GEOLOGICAL")
    run = stage.next_run()
    found = reset_subscription.look(
        stage.connections, run, {"subscription_number": number}, provider_file=stage.write_provider()
    )
    reset_subscription.send(stage.connections, found.batch_id)

    told = explain_subscription.single_run(pools, number, run.run_id)

    assert told is not None
    assert re.search("3 requests, 0 not done", told["summary"])
    assert [one["state"] for one in told["requests"]] == ["COMPLETED"] * 3
    assert explain_subscription.single_run(pools, "S0000000001", run.run_id) is None
    assert explain_subscription.single_run(pools, number, "another run") is None

"""The CRM contract: the three statements of include/sql/crm/ against the demo CRM, read as crm_reader reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.adapters import crm, crm_rows, sql
from provisioner.adapters.connections import Connections
from provisioner.adapters.pools import Pools
from provisioner.adapters.tucano import Endpoint
from provisioner.core.model import RejectedRow, ServiceState, ServiceType, Subscription, SubscriptionState
from tests.integration.crm_at_work import OTHER, SUBSCRIBER, TODAY, Crm, open_crm

COLUMNS = [
    "subscription_number", "account_id", "name", "email", "phone", "address", "subscription_type", "state",
    "created_at", "services", "items", "version",
]  # fmt: skip
ALL = crm.Filters().parameters()
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "crm-contract.md").read_text(encoding="utf-8")


@pytest.fixture
def agents(crm_db: str) -> Iterator[Crm]:
    with open_crm(crm_db) as opened:
        yield opened


@pytest.fixture
def reader(crm_db: str, dsn_as: Callable[[str, str], str]) -> Iterator[sql.Connection]:
    """A connection as the product has it: crm_reader."""
    with psycopg.connect(dsn_as(crm_db, "crm_reader"), autocommit=True) as db:
        yield db


def extract(db: sql.Connection, **filters: Any) -> list[dict[str, Any]]:
    cursor = db.execute(sql.statement("crm/extract_subscriptions"), ALL | filters)
    return [dict(zip(COLUMNS, row, strict=True)) for row in cursor]


def by_number(db: sql.Connection, *numbers: str) -> list[dict[str, Any]]:
    rows = sql.rows(db, "crm/extract_by_number", subscription_numbers=list(numbers))
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def as_text(db: sql.Connection, number: str = SUBSCRIBER) -> tuple[str, str]:
    """Return services and items of a subscription as the COPY of the extract would send them."""
    wrapped = sql.around(
        "SELECT services::text, items::text FROM ({}) AS extract WHERE subscription_number = %(number)s",
        "crm/extract_subscriptions",
    )
    row = db.execute(wrapped, ALL | {"number": number}).fetchone()
    assert row is not None
    return row[0], row[1]


def test_the_extract_has_the_columns_and_types_of_the_contract(reader: sql.Connection) -> None:
    crm.check_contract(reader, crm.Filters())


def test_the_two_extracts_have_the_same_columns(reader: sql.Connection) -> None:
    whole = reader.execute(sql.statement("crm/extract_subscriptions"), ALL).description or []
    some = sql.run(reader, "crm/extract_by_number", subscription_numbers=[]).description or []

    assert [column.name for column in whole] == COLUMNS
    assert [(one.name, one.type_code) for one in whole] == [(one.name, one.type_code) for one in some]


def test_the_extract_gives_every_subscription_once(reader: sql.Connection) -> None:
    numbers = [row["subscription_number"] for row in extract(reader)]

    assert len(numbers) == len(set(numbers)) == 200


def test_every_value_is_one_that_the_contract_allows(reader: sql.Connection) -> None:
    rows = extract(reader)

    assert {row["state"] for row in rows} <= set(SubscriptionState)
    assert {service["state"] for row in rows for service in row["services"]} <= set(ServiceState)
    assert {service["type"] for row in rows for service in row["services"]} == set(ServiceType)
    assert {tuple(sorted(service)) for row in rows for service in row["services"]} == {
        ("bundle", "code", "distributors", "state", "type")
    }
    assert {tuple(sorted(item)) for row in rows for item in row["items"]} == {
        ("distributor", "serial_number", "type")
    }


def test_a_bundle_is_a_service_of_its_own_and_its_components_name_it(
    agents: Crm, reader: sql.Connection
) -> None:
    agents.subscriber("FLEX_A", boxes={"BOX-1": "VP1"})

    (row,) = by_number(reader, SUBSCRIBER)

    assert [(one["code"], one["bundle"], one["distributors"]) for one in row["services"]] == [
        ("ENTERTAIN", "FLEX_A", ["VP1"]),
        ("FLEX_A", None, ["VP1"]),
        ("GEOLOGICAL", "FLEX_A", ["VP1"]),
    ]
    assert row["items"] == [{"serial_number": "BOX-1", "type": "STB_HD", "distributor": "VP1"}]


def test_a_subscription_without_services_or_items_has_empty_arrays_not_nulls(
    agents: Crm, reader: sql.Connection
) -> None:
    agents.subscriber()

    assert as_text(reader) == ("[]", "[]")
    assert by_number(reader, SUBSCRIBER)[0]["services"] == []


def test_removed_boxes_and_ended_services_are_not_in_the_row(agents: Crm, reader: sql.Connection) -> None:
    agents.subscriber("NEWS", "SPORT", boxes={"BOX-1": "VP1", "BOX-2": "VP2"})
    agents.act("REMOVESERVICE", services=["SPORT"])
    agents.act("REMOVE_INSTALLED_ITEM", items=["BOX-1"])

    (row,) = by_number(reader, SUBSCRIBER)

    assert [one["code"] for one in row["services"]] == ["NEWS"]
    assert [one["serial_number"] for one in row["items"]] == ["BOX-2"]


def test_equal_content_is_equal_text_in_whatever_order_it_was_entered(
    agents: Crm, reader: sql.Connection
) -> None:
    agents.subscriber("NEWS", "FLEX_B", "SPORT", boxes={"BOX-1": "VP1", "BOX-2": "VP2"})
    agents.subscriber("SPORT", number=OTHER)
    agents.act("ADD_SERVICE", OTHER, services=[{"code": "FLEX_B", "distributors": ["VP1"]}])
    agents.act("ADD_SERVICE", OTHER, services=[{"code": "NEWS", "distributors": ["VP1"]}])
    agents.act("REMOVE_INSTALLED_ITEM", items=["BOX-1", "BOX-2"])
    services, _ = as_text(reader)
    for serial, place in (("BOX-2", "VP2"), ("BOX-1", "VP1")):
        agents.act(
            "ADD_INSTALLED_ITEM",
            OTHER,
            items=[{"serial_number": serial, "type": "STB_HD", "distributor": place}],
        )

    assert as_text(reader, OTHER)[0] == services
    serials = [item["serial_number"] for item in by_number(reader, OTHER)[0]["items"]]
    assert serials == ["BOX-1", "BOX-2"]


def test_both_extracts_pack_every_subscription_alike(reader: sql.Connection) -> None:
    whole = {row["subscription_number"]: row for row in extract(reader)}

    some = by_number(reader, *whole)

    assert {row["subscription_number"]: row for row in some} == whole


def test_a_code_with_quotes_and_backslashes_is_still_json(agents: Crm, reader: sql.Connection) -> None:
    odd = 'ODD "\\ CODE'
    agents.db.execute(
        "INSERT INTO crm.products (code, name, classification, service_type, used_for_provisioning)"
        " VALUES (%s, 'Odd', 'SERVICE', 'TERMED', true)",
        (odd,),
    )
    agents.subscriber(odd)

    (found,) = [row for row in extract(reader) if row["subscription_number"] == SUBSCRIBER]

    assert found["services"][0]["code"] == odd


def test_by_number_gives_all_subscriptions_of_the_account(agents: Crm, reader: sql.Connection) -> None:
    agents.subscriber("NEWS")
    agents.subscriber("NEWS", number=OTHER)
    agents.db.execute(
        "UPDATE crm.subscriptions SET provisioning_account = 'C-1' WHERE subscription_number = ANY (%s)",
        ([SUBSCRIBER, OTHER],),
    )

    rows = by_number(reader, OTHER)

    assert {(row["subscription_number"], row["account_id"]) for row in rows} == {
        (SUBSCRIBER, "C-1"),
        (OTHER, "C-1"),
    }


def test_by_number_gives_nothing_for_a_number_the_crm_does_not_know(reader: sql.Connection) -> None:
    assert by_number(reader, "S9999999999") == []


def test_the_period_includes_its_begin_and_excludes_its_end(agents: Crm, reader: sql.Connection) -> None:
    agents.subscriber("NEWS")
    later = TODAY + timedelta(seconds=1)

    def found(**filters: Any) -> bool:
        return SUBSCRIBER in {row["subscription_number"] for row in extract(reader, **filters)}

    assert found(created_from=TODAY)
    assert not found(created_from=later)
    assert found(created_to=later)
    assert not found(created_to=TODAY)


def test_the_types_filter_finds_just_the_business_examples(reader: sql.Connection) -> None:
    rows = extract(reader, subscription_types=["SHOWCASE"])

    assert {row["subscription_type"] for row in rows} == {"SHOWCASE"}
    assert 10 <= len(rows) <= 20


def test_the_version_grows_when_the_subscription_changes(agents: Crm, reader: sql.Connection) -> None:
    agents.subscriber("NEWS")
    (before,) = by_number(reader, SUBSCRIBER)
    agents.act("RESTSUBSCRIPTION")
    (after,) = by_number(reader, SUBSCRIBER)

    assert after["version"] > before["version"] > 0


def test_actions_are_read_in_order_after_a_cursor_up_to_a_limit(agents: Crm, reader: sql.Connection) -> None:
    cursor = agents.one("SELECT max(action_id) FROM crm.subscription_actions")
    agents.subscriber("NEWS")
    references = [agents.act("RESTSUBSCRIPTION"), agents.act("ENDSUBSCRIPTIONRESTING")]

    first = sql.rows(reader, "crm/read_actions", after=cursor, limit=2, from_transaction=None)
    rest = sql.rows(reader, "crm/read_actions", after=first[-1][0], limit=2, from_transaction=None)

    assert [row[3] for row in first] == ["BECOMESUBSCRIBER", "RESTSUBSCRIPTION"]
    assert [row[1] for row in (first[1], *rest)] == references
    assert all(row[5:7] == (SUBSCRIBER, "AGENT") for row in rest)


def test_actions_are_read_from_a_transaction_on(agents: Crm, reader: sql.Connection) -> None:
    before = agents.one("SELECT max(action_id) FROM crm.subscription_actions")
    from_transaction = agents.one("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    agents.subscriber("NEWS")

    rows = sql.rows(reader, "crm/read_actions", after=0, limit=9, from_transaction=from_transaction)

    assert rows and all(row[0] > before for row in rows)


def test_an_action_tells_the_transaction_that_wrote_it(agents: Crm, reader: sql.Connection) -> None:
    cursor = agents.one("SELECT max(action_id) FROM crm.subscription_actions")
    with agents.db.transaction():
        agents.subscriber("NEWS")
        agents.act("RESTSUBSCRIPTION")
        written_by = agents.one("SELECT pg_current_xact_id()::text")

    assert {
        row[2] for row in sql.rows(reader, "crm/read_actions", after=cursor, limit=9, from_transaction=None)
    } == {written_by}


def test_the_reader_may_not_write(reader: sql.Connection) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("UPDATE crm.subscriptions SET state = 'CANCELLED'")
    reader.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("UPDATE crm.subscriptions SET state = 'CANCELLED'")


@pytest.mark.parametrize("of", ["tasks", "pages"])
def test_the_product_does_not_write_though_its_role_could(crm_db: str, of: str) -> None:
    nowhere = Endpoint(url="http://127.0.0.1:9", user="nobody", password="none")
    tasks = Connections(provisioning_dsn=crm_db, crm_dsn=crm_db, tucano=nowhere)
    pools = Pools(provisioning_dsn=crm_db, crm_dsn=crm_db)
    opened = tasks.crm if of == "tasks" else pools.crm

    with closing(pools), opened() as db, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        db.execute("UPDATE crm.subscriptions SET state = 'CANCELLED'")


def test_the_page_lists_every_behaviour_and_says_which_codes_are_ours(agents: Crm) -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| `[A-Z_]+`.*\| (manual|ours) \|", line)]
    listed = {
        code: line.split("|")[3].strip() == "ours"
        for line in lines
        for code in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    }

    assert listed == dict(agents.db.execute("SELECT code, is_ours FROM crm.behaviours").fetchall())


def test_the_worked_example_keeps_the_contract(agents: Crm) -> None:
    tables, example = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    with agents.db.transaction(force_rollback=True):
        agents.db.execute(tables.encode())
        agents.db.execute(
            """
            INSERT INTO customer VALUES (1, 'Somebody Else', NULL, NULL, 'Mill Lane 1');
            INSERT INTO contract VALUES (7, 1, 'HOME', 'A', now(), 1), (8, 1, 'HOME', '?', now(), 2);
            INSERT INTO contract_line VALUES (1, 7, 'NEWS', false, true, NULL), (2, 7, 'FILM', true, false, NULL);
            INSERT INTO line_room VALUES (1, 2), (1, 1);
            INSERT INTO decoder VALUES ('BOX-1', 7, 'STB_HD', 1);
            """
        )
        packed = example.strip().rstrip(";")
        cursor = agents.db.execute(packed.encode(), ALL)
        columns = [(column.name, column.type_code) for column in cursor.description or ()]
        with agents.db.cursor() as copying, copying.copy(f"COPY ({packed}) TO STDOUT".encode(), ALL) as copy:
            rows = sorted(copy.rows())
    names = {name: agents.db.adapters.types[code].name for name, code in columns}

    assert list(names) == COLUMNS
    assert all(names[name] in kinds for name, kinds in crm.CONTRACT)
    understood, unknown = (crm_rows.parse_row(row) for row in rows)
    assert isinstance(understood, Subscription)
    assert understood.services[1].distributors == ("VP1", "VP2")
    assert isinstance(unknown, RejectedRow)
    assert "'?'" in unknown.explanation

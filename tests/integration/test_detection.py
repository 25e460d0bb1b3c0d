"""Detection in SQL, held to an oracle in Python on random populations; with fingerprints and without."""

from __future__ import annotations

import json
import random
from typing import Any

import psycopg
import pytest

from provisioner.steps import detect, extract
from tests import oracle
from tests.integration.stage import Stage

ACCOUNTS = 300
STATES = (
    *("EFFECTIVE",) * 8,
    *("DRAFT", "PENDING_VERIFICATION", "NOT_EFFECTIVE", "SHORT_TERM_EFFECTIVE", "SHORT_TERM_NOT_EFFECTIVE"),
    *("IN_RESTING", "CANCELLED", "REGRETTED", "REPLACED"),
)
SERVICE_STATES = (
    *("EFFECTIVE",) * 5,
    "NOT_EFFECTIVE",
    "DRAFT",
    "IN_RESTING",
    "CANCELLED",
    "SWAPPED",
    "REMOVED",
)
CHANNELS = ("NEWS", "KIDS", "SPORT", "SPORT_LITE", "GEOLOGICAL", "MOVIES", "NEW_CHANNEL")
BUNDLES = {
    "FLEX_A": ("GEOLOGICAL", "ENTERTAIN"),
    "FAMILY_PACK": ("KIDS", "MOVIES", "NATURE"),
    "STARTER_PACK": ("NEWS", "MUSIC"),
}
TYPES = {"PPV_CONCERT": "USAGE", "INSTALLATION": "ONE_TIME", "PAPER_INVOICE": "EXPENSE"}
POINTS = (*("VP1",) * 6, "VP2", "VP2", "VP3", "VP4", "VP5")


def a_population(rng: random.Random) -> list[dict[str, Any]]:
    """Subscriptions of all states, one account in five with two, some of them breaking a rule."""
    rows = []
    for index in range(ACCOUNTS):
        for part in range(1 + (rng.random() < 0.2)):
            number = f"S{index * 10 + part:010d}"
            services = [a_service(rng, code) for code in rng.sample((*CHANNELS, *TYPES), rng.randint(0, 4))]
            for bundle in rng.sample(sorted(BUNDLES), rng.choice((0, 0, 1, 2))):
                header = a_service(rng, bundle)
                services += [header, *(header | {"code": one, "bundle": bundle} for one in BUNDLES[bundle])]
            rows.append(
                {
                    "number": number,
                    "account": f"C-{index}" if rng.random() < 0.5 else f"S{index * 10:010d}",
                    "state": rng.choice(STATES),
                    "services": services,
                    "items": [a_box(rng, f"B-{number}-{n}") for n in range(rng.choice((0, 1, 1, 1, 2, 3)))],
                }
            )
            rows[-1]["account"] = rows[-1 - part]["account"]
    return rows


def a_service(rng: random.Random, code: str) -> dict[str, Any]:
    # Where nothing is counted, since whether an unmapped service counts is no decision of the domain.
    points = ("VP1",) if code == "NEW_CHANNEL" else POINTS
    return {
        "code": code,
        "type": TYPES.get(code, "TERMED"),
        "state": rng.choice(SERVICE_STATES),
        "distributors": sorted({rng.choice(points) for _ in range(rng.choice((0, 1, 1, 1, 2)))}),
        "bundle": None,
    }


def a_box(rng: random.Random, serial_number: str) -> dict[str, Any]:
    return {
        "serial_number": serial_number,
        "type": rng.choice(("STB_HD", "STB_HD", "STB_UHD", "REMOTE_CONTROL")),
        "distributor": rng.choice((None, *POINTS)),
    }


def what_is_known(
    rng: random.Random, rows: list[dict[str, Any]], file: dict[str, Any]
) -> dict[str, oracle.Things]:
    """What Tucano holds of each account: what is wanted, more, less, something else, or nothing at all."""
    known: dict[str, oracle.Things] = {}
    for row in rows:
        held = known.setdefault(row["account"], {("account",)})
        held |= {("option", *one[:2]) for one in oracle.sold_of(row, file)}
        held |= {("box", *box) for box in oracle.boxes_of(row, file)}
    for account, held in list(known.items()):
        match rng.randrange(8):
            case 0:
                del known[account]
            case 1:
                known[account] = {("account",)}
            case 2:
                held.discard(rng.choice(sorted(held)))
                held.add(("account",))
            case 3:
                held.add(("option", rng.choice(POINTS), rng.choice(("NEWS", "FAMILY", "OLD_CHANNEL"))))
            case 4:
                held.add(("box", rng.choice(POINTS), f"OTHER-{account}", "HD"))
            case 5:
                boxes = sorted(one for one in held if one[0] == "box")
                for _, vp, serial, _ in boxes[:1]:
                    held -= {boxes[0]}
                    held.add(rng.choice([("box", vp, serial, "OLD_TYPE"), ("box", "VP4", serial, "HD")]))
    return known


def write_crm(db: psycopg.Connection[Any], rows: list[dict[str, Any]]) -> None:
    """Put the population into the demo CRM's tables."""
    with db.transaction(), db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.accounts VALUES ('A' || substr(%s, 2), 'Ada', NULL, NULL, NULL, now())",
            [(row["number"],) for row in rows],
        )
        cursor.executemany(
            """
            INSERT INTO crm.subscriptions (subscription_number, account_number, provisioning_account,
                subscription_type, state, created_at)
            VALUES (%s, 'A' || substr(%s, 2), %s, 'RESIDENTIAL', %s, now())
            """,
            [(row["number"], row["number"], row["account"], row["state"]) for row in rows],
        )
        cursor.executemany(
            """
            INSERT INTO crm.subscription_services (subscription_number, product_code, service_type, state,
                bundle_code, distributors, added_at)
            VALUES (%s, %s, %s, %s, %s, %s, now())
            """,
            [
                (row["number"], one["code"], one["type"], one["state"], one["bundle"], one["distributors"])
                for row in rows
                for one in row["services"]
            ],
        )
        cursor.executemany(
            """
            INSERT INTO crm.installed_items
                (subscription_number, serial_number, product_code, distributor, installed_at)
            VALUES (%s, %s, %s, %s, now())
            """,
            [
                (row["number"], one["serial_number"], one["type"], one["distributor"])
                for row in rows
                for one in row["items"]
            ],
        )


def write_known(db: psycopg.Connection[Any], known: dict[str, oracle.Things]) -> None:
    with db.transaction(), db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO known_state (account, account_exists, options, materials) VALUES (%s, true, %s, %s)",
            [
                (
                    account,
                    sorted(":".join(one[1:]) for one in held if one[0] == "option"),
                    sorted(":".join(one[1:]) for one in held if one[0] == "box"),
                )
                for account, held in known.items()
            ],
        )


def detected(stage: Stage, *, by_fingerprint: bool) -> set[str]:
    batch_id = stage.open()
    extract.run(stage.connections, batch_id)
    detect.run(stage.connections, batch_id, by_fingerprint=by_fingerprint)
    return {
        account for (account,) in stage.rows("SELECT account FROM batch_item WHERE batch_id = %s", batch_id)
    }


@pytest.mark.parametrize("seed", range(4))
def test_detection_finds_the_accounts_that_the_oracle_finds_with_fingerprints_and_without(
    empty_stage: Stage, seed: int
) -> None:
    rng = random.Random(seed)
    empty_stage.set(remove_material_on_deactivation=bool(seed % 2))
    empty_stage.provider["distributors"]["VP3"] |= {"services": ["NEWS", "KIDS"], "minimum_devices": 1}
    rows = a_population(rng)
    known = what_is_known(rng, rows, empty_stage.provider)
    write_crm(empty_stage.crm, rows)
    write_known(empty_stage.db, known)

    expected = oracle.out_of_sync(rows, known, empty_stage.provider)

    assert ACCOUNTS * 0.3 < len(expected) < ACCOUNTS * 0.9, "a population that proves something"
    assert difference(detected(empty_stage, by_fingerprint=True), expected, rows, known) == {}
    assert difference(detected(empty_stage, by_fingerprint=False), expected, rows, known) == {}


def difference(
    found: set[str], expected: set[str], rows: list[dict[str, Any]], known: dict[str, oracle.Things]
) -> dict[str, Any]:
    """Return the accounts on which both disagree, with what one needs to see why."""
    return {
        account: {
            "detected": account in found,
            "rows": json.dumps([row for row in rows if row["account"] == account]),
            "known": sorted(known.get(account, ())),
        }
        for account in sorted(found ^ expected)[:3]
    }


def test_after_a_run_that_tucano_accepts_whole_nothing_is_out_of_sync(empty_stage: Stage) -> None:
    rows = a_population(random.Random(99))
    write_crm(empty_stage.crm, rows)
    empty_stage.run()

    withheld = {
        account
        for (account,) in empty_stage.rows("SELECT account FROM batch_item WHERE withheld_because <> '{}'")
    }
    assert detected(empty_stage, by_fingerprint=False) <= withheld
    assert {account for account in empty_stage.platform.accounts() if account.startswith("C-")}


def test_an_account_with_an_open_plan_is_looked_at_though_nothing_differs(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "reset_after", "accounts": [number], "options": ["NEWS"]})
    stage.set(unknown_attempts=1)
    stage.run()
    stage.act("STOPSERVICE", number, services=["NEWS"])

    assert number in detected(stage, by_fingerprint=True)
    assert number in detected(stage, by_fingerprint=False)


def test_an_account_that_is_gone_from_the_crm_is_listed_for_a_person_and_keeps_its_service(
    stage: Stage,
) -> None:
    stage.subscriber("NEWS", boxes={})
    write_known(stage.db, {"C-GONE": {("account",), ("option", "VP1", "NEWS")}})

    counts = stage.run()

    assert counts["accounts_gone"] == 1
    assert stage.sent("C-GONE") == []
    assert stage.rows("SELECT reason FROM rejected_row WHERE account = 'C-GONE'") == [("GONE_FROM_CRM",)]

"""Landing: a million rows take a short way, which must decide as the full rules do; and COPY reads what is there."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from provisioner.adapters import crm, provider_file, sql
from provisioner.adapters.crm_rows import parse_row
from provisioner.core import desired, wire
from provisioner.core.errors import SourceError
from provisioner.core.model import ACTIVE_SUBSCRIPTION, Provider, RejectedRow
from provisioner.core.packing import pack_materials, pack_options
from provisioner.steps import extract, row_patterns
from tests.integration.stage import Stage

ROWS = 4_000
HOSTILE = (
    *("a'b", 'a"b', "a\\b", "\\", "\\\\", "\\N", "\\.", "{", "}", "{0}", "{}", "a,b", "a:b", "a\tb", "a\nb"),
    *("a\r\nb", " ", "NULL", "null", "é", "北京", "\u2028", "\x01", "%s", "--", ";", "SERIAL-0-", "$$"),
)
PLAIN = ("NEWS", "KIDS", "SPORT", "SPORT_LITE", "GEOLOGICAL", "FLEX_A", "FAMILY_PACK", "PPV_CONCERT")
STATES = ("EFFECTIVE", "EFFECTIVE", "EFFECTIVE", "NOT_EFFECTIVE", "IN_RESTING", "CANCELLED", "DRAFT")
Row = list[str | None]


def hostile_or(rng: random.Random, share: float, *ordinary: Any) -> Any:
    return rng.choice(HOSTILE) if rng.random() < share else rng.choice(ordinary)


def a_row(rng: random.Random, index: int) -> Row:
    """One packed row, ordinary or hostile in any of its parts."""
    share = rng.choice((0.0, 0.0, 0.02, 0.2))
    number = hostile_or(rng, share / 4, f"S{index:010d}") + (str(index) if rng.random() < share else "")
    services = [
        {
            "code": hostile_or(rng, share, *PLAIN),
            "type": hostile_or(rng, share / 8, "TERMED", "TERMED", "USAGE", "ONE_TIME"),
            "state": hostile_or(rng, share / 8, "EFFECTIVE", "EFFECTIVE", "NOT_EFFECTIVE"),
            "distributors": [hostile_or(rng, share, "VP1", "VP2") for _ in range(rng.randint(0, 2))],
            "bundle": hostile_or(rng, share, None, None, "FAMILY_PACK"),
        }
        for _ in range(rng.randint(0, 3))
    ]
    serials = [hostile_or(rng, share, f"B-{index}-{n}") for n in range(rng.choice((0, 1, 1, 2)))]
    if serials and rng.random() < share:
        serials.append(serials[0])
    items = [
        {
            "serial_number": serial,
            "type": hostile_or(rng, share, "STB_HD", "STB_UHD", "REMOTE_CONTROL"),
            "distributor": hostile_or(rng, share, None, "VP1", "VP2"),
        }
        for serial in serials
    ]
    if items and rng.random() < share:
        items[0]["note"] = {"serial_number": "NESTED", "text": '"serial_number": "QUOTED"'}
    return [
        number if rng.random() > share / 8 else None,
        rng.choice((number, f"C-{index}", hostile_or(rng, share, number))),
        hostile_or(rng, share, "Ada", "Ada", "x" * 201 if rng.random() < share else "Grace"),
        *(rng.choice((None, hostile_or(rng, share, "a@example.com", "1"))) for _ in range(3)),
        "RESIDENTIAL",
        hostile_or(rng, share / 8, *STATES),
        "2026-01-01 00:00:00+00",
        rng.choice((None, "null", "{}", "[1]", "[", ""))
        if rng.random() < share / 8
        else json.dumps(services),
        rng.choice((None, "null", "{}", "[1]", "[", "")) if rng.random() < share / 8 else json.dumps(items),
        "1",
    ]


def by_the_full_rules(row: Row, provider: Provider) -> tuple[Any, ...] | None:
    """What a row must be landed as: None where it names no account, or one that Tucano cannot have."""
    parsed = parse_row(row)
    wanted = parsed if isinstance(parsed, RejectedRow) else desired.contribution(parsed, provider)
    if isinstance(wanted, RejectedRow):
        if not wanted.account or not wire.ACCOUNT.fullmatch(wanted.account):
            return None
        return wanted.account, False, False, [], [], [], [wanted.explanation]
    assert wanted.active == (row[7] in ACTIVE_SUBSCRIPTION)
    return (
        row[1],
        True,
        wanted.active,
        pack_options(wanted.options),
        pack_materials(wanted.materials),
        pack_materials(wanted.kept),
        list(wanted.withhold_removals),
    )


def landed(
    stage: Stage, rows: list[Row], provider: Provider
) -> tuple[list[tuple[Any, ...]], extract.Landing]:
    """Land *rows* through the database; return what is there, in the order of landing, and what was counted."""
    landing = extract.Landing()
    with stage.connections.provisioning() as db:
        sql.run(db, "desired_state/truncate_desired_state")
        with db.cursor() as cursor, cursor.copy(sql.statement("desired_state/copy_desired_state")) as copy:
            for line in extract.land(rows, 1, provider, landing):
                copy.write(line)
        found = db.execute(
            """
            SELECT subscription_numbers, account, understood, active, options, materials, kept, withheld_because
            FROM desired_state ORDER BY ctid
            """
        ).fetchall()
        db.rollback()
    return found, landing


@pytest.fixture
def provider(stage: Stage) -> Provider:
    """The shipped provider, with a rule that depends on services and one that depends on boxes."""
    stage.provider["distributors"]["VP1"] |= {"maximum_services": 1}
    return provider_file.read(stage.write_provider()).provider


def expected_of(rows: list[Row], provider: Provider) -> list[tuple[Any, ...]]:
    decided = [(row[0], by_the_full_rules(row, provider)) for row in rows]
    return [([number or ""], *wanted) for number, wanted in decided if wanted is not None]


@pytest.mark.parametrize("seed", range(3))
def test_the_short_way_decides_every_row_as_the_full_rules_do(
    stage: Stage, provider: Provider, seed: int
) -> None:
    rng = random.Random(seed)
    rows = [a_row(rng, index) for index in range(ROWS)]

    found, landing = landed(stage, rows, provider)

    assert [
        (row, want) for row, want in zip(found, expected_of(rows, provider), strict=True) if row != want
    ] == []
    assert 0.05 * ROWS < len(landing.rejected) < 0.6 * ROWS, "a population that proves something"
    assert landing.rows == ROWS


def test_most_ordinary_rows_take_the_short_way(provider: Provider) -> None:
    patterns = row_patterns.Patterns(provider)
    services = json.dumps(
        [{"code": "NEWS", "type": "TERMED", "state": "EFFECTIVE", "distributors": ["VP1"], "bundle": None}]
    )
    row: Row = ["S1", "S1", "Ada", None, None, None, "R", "EFFECTIVE", None, services, "[]", "1"]

    assert patterns.line(row, 1) == '1\tS1\t{"S1"}\tt\tt\t{VP1:NEWS}\t{}\t{}\t{}\n'


def test_patterns_that_were_forgotten_are_decided_anew(
    stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_patterns, "PATTERNS", 1)
    rng = random.Random(7)
    rows = [a_plain_row(rng, index) for index in range(ROWS)]

    found, landing = landed(stage, rows, provider)

    assert found == expected_of(rows, provider)
    assert landing.rejected


def a_plain_row(rng: random.Random, index: int) -> Row:
    """A row of few patterns: up to two channels where one is allowed, one box of two types, or none."""
    services = [
        {"code": code, "type": "TERMED", "state": "EFFECTIVE", "distributors": ["VP1"], "bundle": None}
        for code in rng.sample(("NEWS", "KIDS", "MUSIC", "SPORT"), rng.randint(0, 2))
    ]
    items = [
        {"serial_number": f"B-{index}", "type": rng.choice(("STB_HD", "STB_UHD")), "distributor": "VP1"}
        for _ in range(rng.randint(0, 1))
    ]
    who = [f"S{index}", f"S{index}", "Ada", None, None, None, "RESIDENTIAL", "EFFECTIVE", None]
    return [*who, json.dumps(services), json.dumps(items), "1"]


def test_numbers_that_come_twice_are_counted(stage: Stage, provider: Provider) -> None:
    rng = random.Random(0)
    row = a_row(rng, 1)
    row[0] = row[1] = "S1"

    _, landing = landed(stage, [row, row], provider)

    assert landing.duplicates == {"S1"}


def test_what_copy_streams_is_what_the_statement_gives(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    for index, hostile in enumerate((*HOSTILE, "tab\there", "\\t", "\\\n", "\b\f\v", "''", None)):
        copied = f"S88000{index:05d}"
        stage.crm.execute(
            "INSERT INTO crm.accounts SELECT 'A' || substr(%s, 2), 'x' || %s::text, %s, %s, %s, now()",
            (copied, hostile or "", hostile, hostile, hostile),
        )
        stage.crm.execute(
            """
            INSERT INTO crm.subscriptions (subscription_number, account_number, provisioning_account,
                subscription_type, state, created_at)
            VALUES (%s, 'A' || substr(%s, 2), %s, 'RESIDENTIAL', 'DRAFT', now())
            """,
            (copied, copied, copied),
        )
    with stage.connections.crm() as source:
        streamed = {row[0]: row for row in crm.stream(source, crm.Filters())}
        statement = sql.around("SELECT e.* FROM ({}) AS e", crm.EXTRACT)
        asked = source.execute(statement, crm.Filters().parameters()).fetchall()

    assert len(asked) > len(HOSTILE)
    for row in asked:
        assert streamed[row[0]][:8] == list(row[:8])
        assert [json.loads(text or "") for text in streamed[row[0]][9:11]] == list(row[9:11])
    assert number in streamed


def test_a_filter_limits_the_run_and_its_extract_proves_itself_by_a_second_count(stage: Stage) -> None:
    bar = stage.subscriber("NEWS", boxes={}, subscription_type="HOSPITALITY")
    home = stage.subscriber("NEWS", boxes={})

    stage.run(subscription_types=["HOSPITALITY"])

    assert stage.holds(bar)["exists"]
    assert not stage.holds(home)["exists"]
    ((extracted, counted, whole),) = stage.rows(
        "SELECT extracted_rows, counted_rows, extract_whole FROM batch WHERE filtered ORDER BY batch_id DESC LIMIT 1"
    )
    assert (extracted, counted, whole) == (1, 1, True)


def test_the_time_of_creation_limits_a_run_with_its_end_excluded(stage: Stage) -> None:
    early, late = stage.subscriber("NEWS", boxes={}), stage.subscriber("NEWS", boxes={})
    for number, day in ((early, "2020-01-01"), (late, "2020-01-02")):
        stage.crm.execute(
            "UPDATE crm.subscriptions SET created_at = %s WHERE subscription_number = %s",
            (f"{day} 00:00Z", number),
        )

    stage.run(created_from="2020-01-01T00:00:00Z", created_to="2020-01-02T00:00:00Z")

    assert stage.holds(early)["exists"]
    assert not stage.holds(late)["exists"]


def test_an_extract_that_breaks_the_contract_is_refused_before_anything_is_landed(stage: Stage) -> None:
    stage.subscriber("NEWS", boxes={})
    batch_id = stage.open()
    stage.crm.execute("ALTER TABLE crm.subscriptions ALTER COLUMN version TYPE numeric")

    with pytest.raises(SourceError, match=r"column 12 should be version .* is version numeric"):
        extract.run(stage.connections, batch_id)

    stage.crm.execute("ALTER TABLE crm.subscriptions ALTER COLUMN version TYPE bigint")

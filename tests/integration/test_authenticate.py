"""Portals' questions against a real CRM and a real provisioning database: answers, attempts kept, guesses stopped."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher

from demo.crm import access_tokens
from provisioner.adapters import provider_file, tokens
from provisioner.adapters.pools import Pools
from provisioner.core.authentication import Answer, Granted, Identifier, IdentifierKind, Refusal, Refused
from provisioner.core.errors import PlatformUnavailable
from provisioner.core.model import LifeCycleState
from provisioner.steps import authenticate
from provisioner.steps.load_provider import PROVIDER_FILE

KEYS = tokens.read_keys("k" * 32, {})
PROVIDER = provider_file.read(PROVIDER_FILE).provider
DsnAs = Callable[[str, str], str]


@pytest.fixture
def pools(crm_db: str, provisioning_db: str, dsn_as: DsnAs) -> Iterator[Pools]:
    """As the API server has them: pages and crm_reader, who may do no more than they need."""
    opened = Pools(provisioning_dsn=dsn_as(provisioning_db, "pages"), crm_dsn=dsn_as(crm_db, "crm_reader"))
    yield opened
    opened.close()


@pytest.fixture
def crm(crm_db: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(crm_db, autocommit=True) as db:
        yield db


def ask(pools: Pools, value: str, kind: IdentifierKind = IdentifierKind.SUBSCRIPTION, **rest: Any) -> Answer:
    return authenticate.run(
        pools, KEYS, PROVIDER, Identifier(kind=kind, value=value, **rest), asked_by="portal"
    )


def with_code(pools: Pools, identifier: str, pass_code: str, subscription_type: str | None = None) -> Answer:
    return ask(
        pools,
        identifier,
        IdentifierKind.ACCESS_TOKEN,
        pass_code=pass_code,
        subscription_type=subscription_type,
    )


def one(db: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = db.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def attempts(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as db:
        return db.execute(
            "SELECT asked_by, identifier_kind, subscription_number, outcome FROM authentication_attempt"
            " ORDER BY attempt_number"
        ).fetchall()


# -- answers --------------------------------------------------------------------------------------


def test_an_active_subscription_is_granted_by_its_number_its_box_and_its_access_token(
    pools: Pools, crm: psycopg.Connection[Any]
) -> None:
    number = "S0000000309"  # the sample of the manual
    serial = one(crm, "SELECT serial_number FROM crm.installed_items WHERE subscription_number = %s", number)
    account = one(crm, "SELECT account_number FROM crm.subscriptions WHERE subscription_number = %s", number)

    answers = [
        ask(pools, number),
        ask(pools, serial, IdentifierKind.INSTALLED_ITEM),
        with_code(pools, access_tokens.identifier(account), access_tokens.pass_code(account)),
    ]

    assert {
        (answer.subscription_number, answer.account) for answer in answers if isinstance(answer, Granted)
    } == {(number, number)}
    assert len(answers) == 3


def test_the_answer_changes_with_the_crm_at_once(pools: Pools, crm: psycopg.Connection[Any]) -> None:
    assert isinstance(ask(pools, "S0000000309"), Granted)

    crm.execute("SELECT crm.act('DEACTIVATE_SUBSCRIPTION', 'S0000000309', '{}', 'tester')")

    assert ask(pools, "S0000000309") == Refused(
        refusal=Refusal.SUBSCRIPTION_NOT_ACTIVE, subscription_number="S0000000309"
    )


def test_a_box_typed_in_twice_is_ambiguous(pools: Pools, crm: psycopg.Connection[Any]) -> None:
    serial = one(
        crm,
        "SELECT i.serial_number FROM crm.installed_items i JOIN crm.subscriptions s USING (subscription_number)"
        " WHERE i.removed_at IS NULL GROUP BY 1 HAVING count(DISTINCT subscription_number) > 1 LIMIT 1",
    )

    assert ask(pools, serial, IdentifierKind.INSTALLED_ITEM) == Refused(refusal=Refusal.AMBIGUOUS_IDENTIFIER)


def test_a_box_that_left_no_longer_names_its_subscription(pools: Pools, crm: psycopg.Connection[Any]) -> None:
    serial = one(
        crm, "SELECT serial_number FROM crm.installed_items WHERE subscription_number = 'S0000000309'"
    )
    crm.execute("UPDATE crm.installed_items SET removed_at = now() WHERE serial_number = %s", (serial,))

    assert ask(pools, serial, IdentifierKind.INSTALLED_ITEM) == Refused(refusal=Refusal.UNKNOWN_IDENTIFIER)


def test_an_access_token_that_fits_two_needs_the_subscription_type(
    pools: Pools, crm: psycopg.Connection[Any]
) -> None:
    account = one(
        crm,
        "SELECT account_number FROM crm.subscriptions WHERE state = 'EFFECTIVE'"
        " GROUP BY 1 HAVING count(*) = 2 ORDER BY 1 LIMIT 1",
    )
    other = one(crm, "SELECT code FROM crm.subscription_types WHERE code <> 'RESIDENTIAL' LIMIT 1")
    second = one(
        crm,
        "UPDATE crm.subscriptions SET subscription_type = %s WHERE subscription_number ="
        " (SELECT max(subscription_number) FROM crm.subscriptions WHERE account_number = %s)"
        " RETURNING subscription_number",
        other,
        account,
    )
    identifier, code = access_tokens.identifier(account), access_tokens.pass_code(account)

    assert with_code(pools, identifier, code) == Refused(refusal=Refusal.AMBIGUOUS_IDENTIFIER)
    assert with_code(pools, identifier, code, other).subscription_number == second


def test_a_provider_that_is_not_effective_lets_nobody_order(pools: Pools) -> None:
    off = replace(PROVIDER, state=LifeCycleState.NOT_EFFECTIVE)
    identifier = Identifier(kind=IdentifierKind.SUBSCRIPTION, value="S0000000309")

    answer = authenticate.run(pools, KEYS, off, identifier, asked_by="portal")

    assert isinstance(answer, Refused)
    assert answer.refusal is Refusal.PROVIDER_NOT_EFFECTIVE


# -- attempts -------------------------------------------------------------------------------------


def test_each_attempt_is_kept_with_who_asked_which_subscription_and_how_it_ended(
    pools: Pools, provisioning_db: str, dsn_as: DsnAs
) -> None:
    ask(pools, "S0000000309")
    ask(pools, "S9999999999")
    with_code(pools, "T0000000001", "wrong")

    assert attempts(dsn_as(provisioning_db, "pages")) == [
        ("portal", "SUBSCRIPTION", "S0000000309", "GRANTED"),
        ("portal", "SUBSCRIPTION", None, "UNKNOWN_IDENTIFIER"),
        ("portal", "ACCESS_TOKEN", "S0000000001", "UNKNOWN_IDENTIFIER"),
    ]


def test_no_pass_code_and_no_readable_identifier_is_kept(
    pools: Pools, provisioning_db: str, dsn_as: DsnAs
) -> None:
    with_code(pools, "T0000000001", "guess-4711")

    with psycopg.connect(dsn_as(provisioning_db, "pages")) as db:
        row = one(db, "SELECT t::text FROM authentication_attempt AS t")

    # Bytes are shown in hexadecimal digits: a word could be read there too.
    for word in ("4711", "T0000000001", "ACCESS_TOKEN:"):
        assert word.encode().hex() not in row, word
    assert "4711" not in row and "T0000000001" not in row


def test_the_api_server_may_append_attempts_and_write_nothing_else(
    provisioning_db: str, dsn_as: DsnAs
) -> None:
    with psycopg.connect(dsn_as(provisioning_db, "pages"), autocommit=True) as db:
        written = db.execute(
            "SELECT table_name, privilege_type FROM information_schema.table_privileges"
            " WHERE grantee = 'pages' AND privilege_type <> 'SELECT' ORDER BY 1, 2"
        ).fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("UPDATE authentication_attempt SET outcome = 'GRANTED'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("DELETE FROM authentication_attempt")

    assert written == [("authentication_attempt", "INSERT")]


# -- guessing -------------------------------------------------------------------------------------


def test_after_five_wrong_pass_codes_also_the_right_one_has_to_wait(pools: Pools) -> None:
    guesses = [with_code(pools, "T0000000001", f"wrong-{guess}") for guess in range(5)]

    answer = with_code(pools, "T0000000001", "000001")

    assert {guess.refusal for guess in guesses if isinstance(guess, Refused)} == {Refusal.UNKNOWN_IDENTIFIER}
    assert isinstance(answer, Refused)
    assert answer.refusal is Refusal.TOO_MANY_FAILURES
    assert 50 < (answer.retry_after or 0) <= 60
    assert isinstance(with_code(pools, "T0000000002", "000002"), Granted | Refused)
    assert with_code(pools, "T0000000002", "wrong").refusal is Refusal.UNKNOWN_IDENTIFIER


def test_an_identifier_that_does_not_exist_is_limited_like_one_that_does(pools: Pools) -> None:
    outcomes = [with_code(pools, "T-nobody", "0000").refusal for _ in range(6)]

    assert outcomes == [Refusal.UNKNOWN_IDENTIFIER] * 5 + [Refusal.TOO_MANY_FAILURES]


def test_a_minute_later_the_right_pass_code_is_right_again(
    pools: Pools, provisioning_db: str, dsn_as: DsnAs
) -> None:
    for _ in range(6):
        with_code(pools, "T0000000309", "wrong")
    with psycopg.connect(dsn_as(provisioning_db, "provisioning_owner")) as db:
        db.execute("UPDATE authentication_attempt SET attempted_at = attempted_at - interval '60 seconds'")

    answer = with_code(pools, "T0000000309", "000309")

    assert isinstance(answer, Granted)


def test_refusals_that_are_no_failures_are_not_counted(pools: Pools, crm: psycopg.Connection[Any]) -> None:
    crm.execute("SELECT crm.act('DEACTIVATE_SUBSCRIPTION', 'S0000000309', '{}', 'tester')")

    outcomes = {ask(pools, "S0000000309").refusal for _ in range(7)}

    assert outcomes == {Refusal.SUBSCRIPTION_NOT_ACTIVE}


def test_guesses_sent_at_once_through_several_api_servers_are_five_and_no_more(
    crm_db: str, provisioning_db: str, dsn_as: DsnAs
) -> None:
    servers = [
        Pools(provisioning_dsn=dsn_as(provisioning_db, "pages"), crm_dsn=dsn_as(crm_db, "crm_reader"))
        for _ in range(2)
    ]
    together = threading.Barrier(12)

    def guess(number: int) -> Refusal:
        together.wait()
        answer = with_code(servers[number % 2], "T0000000001", f"wrong-{number}")
        assert isinstance(answer, Refused)
        return answer.refusal

    with ThreadPoolExecutor(12) as threads:
        outcomes = sorted(threads.map(guess, range(12)))
    for server in servers:
        server.close()

    assert outcomes == sorted([Refusal.UNKNOWN_IDENTIFIER] * 5 + [Refusal.TOO_MANY_FAILURES] * 7)


def test_an_unknown_identifier_takes_as_long_as_a_wrong_pass_code(
    pools: Pools, crm: psycopg.Connection[Any]
) -> None:
    # As costly as real ones: the demo's own are too cheap to be measured.
    stored = PasswordHasher(time_cost=2, memory_cost=32_768, parallelism=1).hash("right")
    crm.execute("UPDATE crm.access_tokens SET pass_code_hash = %s", (stored,))
    known = [f"T{number:010d}" for number in range(1, 21)]

    def seconds(identifier: str) -> float:
        began = time.perf_counter()
        answer = with_code(pools, identifier, "wrong")
        assert isinstance(answer, Refused)
        assert answer.refusal is Refusal.UNKNOWN_IDENTIFIER
        return time.perf_counter() - began

    seconds("T-warms-up")
    pairs = [(seconds(identifier), seconds(f"X{identifier}")) for identifier in known]
    wrong, unknown = (statistics.median(side) for side in zip(*pairs, strict=True))

    # Without the decoy an unknown identifier is answered in a tenth of the time.
    assert 0.5 < unknown / wrong < 2


# -- when a database is away ----------------------------------------------------------------------


def test_a_crm_that_is_away_is_said_and_no_attempt_is_invented(provisioning_db: str, dsn_as: DsnAs) -> None:
    away = Pools(
        provisioning_dsn=dsn_as(provisioning_db, "pages"), crm_dsn="host=127.0.0.1 port=1 dbname=crm"
    )
    try:
        with pytest.raises(PlatformUnavailable, match="crm_db"):
            ask(away, "S0000000309")
    finally:
        away.close()

    assert attempts(dsn_as(provisioning_db, "pages")) == []

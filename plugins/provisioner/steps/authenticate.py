"""Answer one portal: look up who is meant, decide, keep the attempt. One transaction of ours an answer."""

from __future__ import annotations

from provisioner.adapters import authentication_log, crm, crm_identifiers, pass_codes, sql, tokens
from provisioner.adapters.pools import Pools
from provisioner.adapters.tokens import Keys
from provisioner.core.authentication import (
    Answer,
    Identifier,
    IdentifierKind,
    Refusal,
    Refused,
    decide,
    outcome,
    seconds_to_wait,
)
from provisioner.core.model import Provider, SubscriptionNumber

NOBODY: frozenset[SubscriptionNumber] = frozenset()


def run(pools: Pools, keys: Keys, provider: Provider, identifier: Identifier, *, asked_by: str) -> Answer:
    """Return whether the subscriber of *identifier* may order, and keep the attempt under *asked_by*.

    Attempts for one identifier are answered one after the other, so that the limit holds for guesses sent at once.
    Raises PlatformUnavailable or SourceError where a database cannot say; then nothing is kept.
    """
    mark = tokens.mark(identifier, keys)
    with pools.provisioning() as db:
        wait = seconds_to_wait(authentication_log.take_turn(db, mark))
        if wait is None:
            with pools.crm() as source:
                answer = _answer(source, provider, identifier)
        else:
            answer = Refused(refusal=Refusal.TOO_MANY_FAILURES, retry_after=wait)
        authentication_log.record(
            db,
            asked_by=asked_by,
            kind=identifier.kind,
            mark=mark,
            subscription_number=answer.subscription_number,
            outcome=outcome(answer),
        )
    return answer


def _answer(source: sql.Connection, provider: Provider, identifier: Identifier) -> Answer:
    meant, proved = _meant(source, identifier)
    if not proved:
        (one,) = meant if len(meant) == 1 else (None,)
        return Refused(refusal=Refusal.UNKNOWN_IDENTIFIER, subscription_number=one)
    rows = crm.read_by_number(source, meant) if meant else []
    return decide(meant, rows, identifier.subscription_type, provider)


def _meant(source: sql.Connection, identifier: Identifier) -> tuple[frozenset[SubscriptionNumber], bool]:
    """Return the subscriptions that *identifier* fits, and whether a pass code proved it where one is needed."""
    match identifier.kind:
        case IdentifierKind.SUBSCRIPTION:
            return frozenset({SubscriptionNumber(identifier.value)}), True
        case IdentifierKind.INSTALLED_ITEM:
            return crm_identifiers.by_serial_number(source, identifier.value), True
        case IdentifierKind.ACCESS_TOKEN:
            found = crm_identifiers.access_token(source, identifier.value)
            # Asked and checked whether the identifier is known or not: the time must not tell.
            decoy = pass_codes.decoy(crm_identifiers.any_pass_code_hash(source))
            stored = decoy if found is None else found.pass_code_hash
            proved = pass_codes.matches(identifier.pass_code or "", stored)
            return (NOBODY if found is None else found.subscription_numbers), proved

"""The desk where a request is decided: idempotency memory, then schema, then rules, then the effect."""

from __future__ import annotations

import json
from dataclasses import dataclass

from demo.simulator.contract import Contract, Request
from demo.simulator.rules import Accepted, Rejected, apply
from demo.simulator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The contract's answer to a request, and what deciding it did."""

    status: int
    body: str
    applied: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request with a valid key and a body that is JSON; *n* is its ledger number."""

    n: int
    key: str
    digest: bytes
    document: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Decides requests one after the other, each in one step that nothing interrupts."""

    store: Store
    contract: Contract
    unknown_options: frozenset[str] = frozenset()

    def decide(
        self,
        received: Received,
        *,
        ignore_keys: bool = False,
        mixed_list_rejects: bool = False,
        reject: str | None = None,
    ) -> Decided:
        """Decide *received* and change the platform accordingly; durable once the store says so.

        *reject*: refuse with this error code, unless the key already has an answer.
        """
        first = None if ignore_keys else self.store.remembered(received.key)
        if first is not None:
            digest, body = first
            if digest != received.digest:
                return Decided(
                    status=409, body=problem(f"Idempotency-Key {received.key} was used for another body")
                )
            return Decided(status=200, body=f'{body[:-1]}, "replayed": true}}', replayed=True)
        decided = self._decide_anew(received, mixed_list_rejects, reject)
        if not ignore_keys:
            self.store.remember(received.key, received.digest, decided.body)
        return decided

    def _decide_anew(self, received: Received, mixed_list_rejects: bool, reject: str | None) -> Decided:
        if reject is not None:
            return _rejection(reject, "rejected by a fault of the simulator")
        breach = self.contract.breach(received.document)
        if breach is not None:
            return _rejection("INVALID_REQUEST", breach)
        assert isinstance(received.document, dict)  # noqa: S101 the schema says so
        request = Request(**received.document)
        match apply(
            self.store.seen(request),
            request,
            unknown_options=self.unknown_options,
            mixed_list_rejects=mixed_list_rejects,
        ):
            case Rejected(error_code=code, error_description=description):
                return _rejection(code, description)
            case Accepted(changed=changed, already=already):
                self.store.take_effect(request, changed)
                answer: dict[str, object] = {
                    "status": "ACCEPTED",
                    "reference_number": f"TUC-{received.n:010d}",
                }
                if already:
                    answer["already"] = list(already)
                return Decided(status=200, body=json.dumps(answer), applied=True)


def problem(description: str) -> str:
    """Give the contract's Problem as JSON text."""
    return json.dumps({"error_description": description})


def _rejection(code: str, description: str) -> Decided:
    return Decided(
        status=200,
        body=json.dumps({"status": "REJECTED", "error_code": code, "error_description": description}),
    )

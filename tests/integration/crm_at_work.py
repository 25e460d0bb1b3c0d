"""A demo CRM in the hands of a test: acts through crm.act and reads back what became of a subscription."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

SUBSCRIBER = "S0000900001"
OTHER = "S0000900002"
TODAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Crm:
    """One connection of an agent; every action is committed at once."""

    def __init__(self, db: psycopg.Connection) -> None:
        self.db = db

    def act(self, behaviour: str, number: str = SUBSCRIBER, /, **details: Any) -> str:
        """Perform one action today and return its transaction reference."""
        return self.act_at(TODAY, behaviour, number, details)

    def act_at(self, at: datetime, behaviour: str, number: str, details: Any) -> str:
        """Perform one action dated *at* and return its transaction reference."""
        return str(
            self.one("SELECT crm.act(%s, %s, %s, %s, %s)", behaviour, number, Jsonb(details), "AGENT", at)
        )

    def subscriber(
        self,
        *services: str | dict[str, Any],
        number: str = SUBSCRIBER,
        boxes: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        """Make a subscriber with *services* at VP1 and *boxes* (serial number -> distributor)."""
        sold = [one if isinstance(one, dict) else {"code": one, "distributors": ["VP1"]} for one in services]
        items = [
            {"serial_number": serial, "type": "STB_HD", "distributor": place}
            for serial, place in (boxes or {}).items()
        ]
        if "account_number" not in details:
            details["account"] = {"name": "Somebody Else", "email": "somebody@example.com"}
        self.act("BECOMESUBSCRIBER", number, services=sold, items=items, **details)

    def state(self, number: str = SUBSCRIBER) -> str:
        """Return the state of a subscription."""
        return str(self.one("SELECT state FROM crm.subscriptions WHERE subscription_number = %s", number))

    def services(self, number: str = SUBSCRIBER) -> dict[str, str]:
        """Return the latest state of each service, by code; of a component by bundle/code."""
        rows = self.db.execute(
            "SELECT concat_ws('/', bundle_code, product_code), state FROM crm.subscription_services"
            " WHERE subscription_number = %s ORDER BY service_id",
            (number,),
        )
        return dict(rows.fetchall())

    def places(self, code: str, number: str = SUBSCRIBER) -> list[str]:
        """Return the distributors of a current service."""
        return list(
            self.one(
                "SELECT distributors FROM crm.subscription_services"
                " WHERE subscription_number = %s AND product_code = %s AND is_current",
                number,
                code,
            )
        )

    def boxes(self, number: str = SUBSCRIBER) -> dict[str, str]:
        """Return the installed boxes: serial number -> distributor."""
        rows = self.db.execute(
            "SELECT serial_number, distributor FROM crm.installed_items"
            " WHERE subscription_number = %s AND removed_at IS NULL ORDER BY serial_number",
            (number,),
        )
        return dict(rows.fetchall())

    def classifications(self, number: str = SUBSCRIBER) -> list[str]:
        """Return the classifications of the subscription's actions, in their order."""
        rows = self.db.execute(
            "SELECT classification FROM crm.subscription_actions"
            " WHERE subscription_number = %s ORDER BY action_id",
            (number,),
        )
        return [classification for (classification,) in rows]

    def run_maintenance(self, at: datetime) -> int:
        """Execute the ends due at that time; return how many."""
        return int(self.one("SELECT crm.run_maintenance(%s)", at))

    def one(self, query: str, *parameters: Any) -> Any:
        """Return the only value of a query."""
        row = self.db.execute(query.encode(), parameters).fetchone()
        assert row is not None, query
        return row[0]


@contextmanager
def open_crm(dsn: str) -> Iterator[Crm]:
    """Open the CRM of *dsn* for the time of a test."""
    with psycopg.connect(dsn, autocommit=True) as db:
        yield Crm(db)

"""Turn sold subscriptions into rows of the demo CRM and load them by COPY, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from demo.crm.sold import DEFAULT_COMPONENTS, ENDED_STATES, Sold, SoldSubscription, service_state

# The actions that lead to a state, after becoming a subscriber.
HISTORY = {
    "NOT_EFFECTIVE": "DEACTIVATE_SUBSCRIPTION",
    "SHORT_TERM_EFFECTIVE": "SHORTTERMSUBSCRIPTIONACTIVATION",
    "SHORT_TERM_NOT_EFFECTIVE": "SHORTTERMSUBSCRIPTIONDEACTIVATION",
    "IN_RESTING": "RESTSUBSCRIPTION",
    "CANCELLED": "TERMINATE_SUBSCRIPTION",
    "REGRETTED": "REMOVESERVICE",
    "REPLACED": "REPLACE_SUBSCRIPTION",
}
END_KINDS = {
    "IN_RESTING": "RESTING",
    "SHORT_TERM_EFFECTIVE": "SHORT_TERM_ACTIVATION",
    "SHORT_TERM_NOT_EFFECTIVE": "SHORT_TERM_DEACTIVATION",
}
COLUMNS = {
    "accounts": "account_number name email phone address created_at",
    "subscriptions": "subscription_number account_number provisioning_account subscription_type state state_before "
    "location created_at version",
    "subscription_services": "service_id subscription_number product_code service_type state state_before bundle_code "
    "distributors added_at swapped_for",
    "installed_items": "item_id subscription_number serial_number product_code distributor installed_at removed_at",
    "subscription_actions": "action_id behaviour classification subscription_number performed_by performed_at",
    "scheduled_ends": "subscription_number service_id kind due_at",
}
IDENTITIES = {
    "subscription_services": "service_id",
    "installed_items": "item_id",
    "subscription_actions": "action_id",
}
BEFORE = {"IN_RESTING", "SHORT_TERM_NOT_EFFECTIVE"}


class Rows:
    """Rows that wait for the next load. Ids run on from load to load; *now* is the base's present."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.counts = dict.fromkeys(COLUMNS, 0)
        self._waiting: dict[str, list[tuple[object, ...]]] = {table: [] for table in COLUMNS}
        self._account_number = ""

    def add(self, number: str, sold: SoldSubscription) -> None:
        """Add one subscription under *number*, with its customer if it is a new one."""
        created_at = sold.created_at.isoformat()  # once here, not once a row by the driver
        later = (sold.created_at + (self.now - sold.created_at) / 2).isoformat()
        if sold.person is not None:
            self._account_number = "A" + number[1:]
            person = sold.person
            self._put("accounts", self._account_number, person.name, person.email, person.phone, person.address,
                      created_at)  # fmt: skip
        for service in sold.services:
            self._add_service(number, service, sold, created_at)
        for box in sold.boxes:
            self._put("installed_items", self._next("installed_items"), number, box.serial_number, box.type,
                      box.distributor, created_at, later if box.is_removed else None)  # fmt: skip
        version = self._add_history(number, sold.state, created_at, later)
        before = "EFFECTIVE" if sold.state in BEFORE else None
        self._put("subscriptions", number, self._account_number, sold.account or number, sold.type, sold.state, before,
                  sold.location, created_at, version)  # fmt: skip
        if sold.ends_in is not None and sold.state in END_KINDS:
            self._put("scheduled_ends", number, None, END_KINDS[sold.state], self.now + sold.ends_in)
        if sold.grace is not None:
            self._put("scheduled_ends", number, None, "GRACE", self.now + sold.grace)

    def load(self, db: psycopg.Connection) -> None:
        """Copy what waits into the tables, in the caller's transaction."""
        for table, waiting in self._waiting.items():
            columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table].split()))
            statement = sql.SQL("COPY crm.{} ({}) FROM STDIN").format(sql.Identifier(table), columns)
            with db.cursor() as cursor, cursor.copy(statement) as copy:
                for row in waiting:
                    copy.write_row(row)
            waiting.clear()

    def finish(self, db: psycopg.Connection) -> None:
        """Let the identities go on after the loaded ids."""
        for table, column in IDENTITIES.items():
            statement = sql.SQL("ALTER TABLE crm.{} ALTER COLUMN {} RESTART WITH {}")
            db.execute(
                statement.format(
                    sql.Identifier(table), sql.Identifier(column), sql.Literal(self._next(table))
                )
            )

    def _put(self, table: str, *row: object) -> int:
        self._waiting[table].append(row)
        self.counts[table] += 1
        return self.counts[table]

    def _next(self, table: str) -> int:
        return self.counts[table] + 1

    def _add_service(self, number: str, service: Sold, sold: SoldSubscription, added_at: str) -> None:
        state = service_state(service, sold.state)
        before = "EFFECTIVE" if sold.state in BEFORE and service.state is None and _follows(service) else None
        places = "{" + ",".join(service.distributors) + "}"
        components = (
            DEFAULT_COMPONENTS.get(service.code, ()) if service.components is None else service.components
        )
        successor = self._successor(service, sold.services)
        header = self._next("subscription_services")
        for code, bundle in ((service.code, None), *((component, service.code) for component in components)):
            self._put("subscription_services", self._next("subscription_services"), number, code, service.type,
                      state, before, bundle, places, added_at, successor and header + successor)  # fmt: skip
        if service.type == "USAGE" and state not in ("REMOVED", *ENDED_STATES):
            self._put("scheduled_ends", number, header, "USAGE", self.now + timedelta(hours=30))

    def _successor(self, service: Sold, services: Sequence[Sold]) -> int | None:
        """Return how many rows after the service's own the one starts that took its place."""
        if service.swapped_for is None:
            return None
        rows, position = 0, next(index for index, other in enumerate(services) if other is service)
        for other in services[position:]:
            if other.code == service.swapped_for:
                return rows
            rows += 1 + len(
                DEFAULT_COMPONENTS.get(other.code, ()) if other.components is None else other.components
            )
        raise ValueError(f"{service.swapped_for!r} took the place of {service.code!r} but does not follow it")

    def _add_history(self, number: str, state: str, created_at: str, later: str) -> int:
        starts_as_draft = state in ("DRAFT", "PENDING_VERIFICATION")
        first = "CREATEDRAFTSUBSCRIPTION" if starts_as_draft else "CREATEACTIVATESUBSCRIPTION"
        version = self._put("subscription_actions", self._next("subscription_actions"), "BECOMESUBSCRIBER", first,
                            number, "IMPORT", created_at)  # fmt: skip
        behaviour = HISTORY.get(state)
        if behaviour is not None:
            classification = "REGRETSERVICE" if behaviour == "REMOVESERVICE" else behaviour
            version = self._put("subscription_actions", self._next("subscription_actions"), behaviour,
                                classification, number, "IMPORT", later)  # fmt: skip
        return version


def _follows(service: Sold) -> bool:
    return service.type in ("TERMED", "USAGE")

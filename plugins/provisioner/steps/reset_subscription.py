"""Reset one subscription: say what the CRM wants and what Tucano is known to have; send the difference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.adapters import batches, crm, distrust, inbox, known_state, request_log, sql
from provisioner.adapters.connections import Connections
from provisioner.core import desired, plan as planning, wire
from provisioner.core.distrust import NOTHING
from provisioner.core.errors import ConfigurationError, SourceError
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    AccountState,
    Command,
    CreateAccount,
    Subscription,
    SubscriptionNumber,
    SubscriptionState,
)
from provisioner.core.packing import pack_materials, pack_options, removal_keys
from provisioner.steps import close_batch, close_single, dispatch, load_provider, missing, open_batch
from provisioner.steps.drafting import Wish, commands_for, stale_of, wish_of
from provisioner.steps.plan import maximum_devices, shown
from provisioner.steps.reset_run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found about one account, and the plan that follows from it."""

    batch_id: int
    subscription: Subscription
    known: AccountState
    target: AccountState
    commands: tuple[Command, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as a person reads it; no personal data."""
        return {
            "batch_id": self.batch_id,
            "subscription_number": self.subscription.subscription_number,
            "account": self.subscription.account,
            "crm": {
                "state": self.subscription.state.value,
                "services": [
                    f"{service.code} {service.state} at {', '.join(service.distributors) or 'the default distributor'}"
                    for service in self.subscription.services
                ],
                "items": [
                    f"{item.serial_number} {item.type} at {item.distributor}"
                    for item in self.subscription.items
                ],
            },
            "wanted": _state(self.target),
            "known": _state(self.known),
            "difference": [in_words(command) for command in self.commands],
        }


def look(
    connections: Connections,
    run: Run,
    parameters: Mapping[str, Any],
    *,
    provider_file: Path = load_provider.PROVIDER_FILE,
) -> Look:
    """Open the batch of a single reset and plan it; raises where nothing may be sent, saying why.

    *parameters*: subscription_number, dry_run, force.
    """
    number = SubscriptionNumber(str(parameters["subscription_number"]).strip())
    force = bool(parameters.get("force"))
    batch_id = open_batch.run(
        connections,
        cause=batches.RESET_SUBSCRIPTION,
        run_id=run.run_id,
        requested_by=run.requested_by,
        parameters={"subscription_number": number, "force": force},
        filtered=True,
        dry_run=bool(parameters.get("dry_run")),
    )
    try:
        load_provider.run(connections, batch_id, provider_file)
        return _look(connections, batch_id, number, force=force)
    except Exception as error:
        close_batch.refuse(connections, batch_id, error)
        raise


def _look(connections: Connections, batch_id: int, number: SubscriptionNumber, *, force: bool) -> Look:
    with connections.provisioning() as db, connections.crm() as source:
        provider = load_provider.of_batch(batches.read(db, batch_id))
        # Before the rows: what is told of by now must be in them.
        are_told = inbox.versions_are_actions(db)
        newest = inbox.newest_actions_of(db, [number], batch_id) if are_told else {}
        rows = crm.read_by_number(source, [number])
        subscription = next(
            (row for row in rows if isinstance(row, Subscription) and row.subscription_number == number), None
        )
        if not rows:
            raise SourceError(f"subscription {number!r} is not in the CRM: check the number")
        wish = wish_of(rows, provider)
        if isinstance(wish, str) or subscription is None:
            raise SourceError(
                f"nothing is sent for {number}: {wish if isinstance(wish, str) else 'its row cannot be read'}"
            )
        if (stale := stale_of(rows, newest)) and not force:
            raise SourceError(f"nothing is sent for {number}: {stale}; with `force` it is sent as it is")
        account = subscription.account
        numbers = frozenset(row.subscription_number for row in rows)
        if reason := missing.find(db, source, batch_id, {account: numbers}).get(account):
            wish = wish.withholding([reason])
        known = known_state.read(db, [account]).get(account, AccountState())
        refuse_what_is_not_provisioned(subscription, wish, known)
        ever = request_log.read_ever_acknowledged(db, account) if force else None
        distrusted = distrust.read(db, [account]).get(account, NOTHING)
        commands = commands_for(wish, known, account, provider, ever=ever, distrust=distrusted)
        removals = planning.removals(commands)
        sql.run(
            db,
            "batch/insert_item",
            batch_id=batch_id,
            account=account,
            subscription_numbers=sorted(row.subscription_number for row in rows if row.subscription_number),
            planned=json.dumps([shown(command) for command in commands]),
            removals=removal_keys((*removals.replacement, *removals.pure)),
            replacement=bool(removals.replacement),
            withheld_because=list(wish.desired.withhold_removals),
        )
        sql.run(
            db,
            "batch/set_single",
            batch_id=batch_id,
            extracted_rows=len(rows),
            out_of_sync=int(bool(commands)),
        )
    target = desired.target(wish.desired, known, maximum_devices(provider))
    return Look(batch_id=batch_id, subscription=subscription, known=known, target=target, commands=commands)


def refuse_what_is_not_provisioned(subscription: Subscription, wish: Wish, known: AccountState) -> None:
    """Raise ConfigurationError for a subscription that Tucano has no part in."""
    number = subscription.subscription_number
    if known.exists or wish.desired.active:
        nothing = not (wish.desired.options or wish.desired.materials or known.exists)
        if nothing:
            raise ConfigurationError(
                f"subscription {number} has no service or box that this provider provisions: nothing is sent; "
                "see services and physical_goods in include/provider/tucano.yaml"
            )
        return
    if subscription.state in (SubscriptionState.DRAFT, SubscriptionState.PENDING_VERIFICATION):
        raise ConfigurationError(
            f"subscription {number} is {subscription.state}: it reaches Tucano when it is activated"
        )
    if subscription.state not in ACTIVE_SUBSCRIPTION:
        raise ConfigurationError(
            f"subscription {number} is {subscription.state} and Tucano was never told of it: nothing is to be sent"
        )


def send(connections: Connections, batch_id: int) -> dict[str, Any]:
    """Send the plan of a single reset, close its batch, and return each request with its answer.

    Raises RunFailed when Tucano was unreachable or refused something.
    """
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        items = batches.read_chunk(db, batch_id, 0)
        force = bool(batch.parameters.get("force"))
        ever = request_log.read_ever_acknowledged(db, items[0].account) if force and items else None
    if not batch.dry_run:
        try:
            dispatch.run(connections, batch_id, 0, ever=ever)
        except Exception as error:
            close_batch.record_failure(connections, batch_id, "send", error)
    return close_single.run(connections, batch_id)


def in_words(command: Command) -> str:
    """Say what a command would change."""
    if isinstance(command, CreateAccount):
        return "Tucano does not have the account: CREATE_ACCOUNT"
    given = wire.parameters(command)
    things = ", ".join(given["options"]) if "options" in given else given["serial_number"]
    verb = {
        "ACTIVATE_OPTIONS": "should have and is not known to have",
        "SUSPEND_OPTIONS": "has and should not have",
        "ADD_MATERIAL": "should have the box and is not known to have",
        "REMOVE_MATERIAL": "has the box and should not have",
    }[wire.name_of(command).value]
    return f"{given['distributor']} {verb} {things}: {wire.name_of(command)}"


def _state(state: AccountState) -> dict[str, Any]:
    return {
        "exists": state.exists,
        "options": pack_options(state.options),
        "materials": pack_materials(state.materials),
    }

"""Plan every account out of sync, for people, for the guard and for the fan-out.

What is sent is planned again, from the CRM's row of that moment and under the account's claim; this plan is what the
guard judges and what a dry run shows, and a removal that is not in it is not sent by this batch.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from provisioner.adapters import batches, request_log, sql
from provisioner.adapters.batches import Landed, PlannedItem
from provisioner.adapters.connections import Connections
from provisioner.core import desired, distrust as distrusting, plan as planning, policy, wire
from provisioner.core.model import AccountId, Command, CommandName, Desired, Provider, Subscriber
from provisioner.core.packing import removal_keys, unpack_materials, unpack_options, unpack_state
from provisioner.failpoint import failpoint
from provisioner.steps.load_provider import of_batch

# A plan for people needs no name; what is sent reads it from the CRM when it is sent.
NOBODY = Subscriber(name="-")


def run(connections: Connections, batch_id: int) -> str:
    """Write the plan of a batch and return its hash: equal plans, equal hashes."""
    digest = hashlib.sha256()
    with connections.provisioning() as reading, connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        provider = of_batch(batch)
        size = chunk_size(batch.out_of_sync or 0, provider)

        def items() -> Iterator[PlannedItem]:
            for position, landed in enumerate(batches.read_landed(reading, batch_id)):
                item = plan_item(landed, provider, position // size)
                digest.update(json.dumps([item.account, item.planned], sort_keys=True).encode())
                yield item

        batches.write_plans(db, batch_id, items())
        failpoint("plan.written")
        sql.run(db, "batch/set_planned", batch_id=batch_id, plan_hash=digest.hexdigest())
    failpoint("plan.committed")
    return digest.hexdigest()


def chunk_size(out_of_sync: int, provider: Provider) -> int:
    """Return how many accounts one mapped task gets: one each for a few, else chunks, never too many tasks."""
    settings = provider.settings
    if out_of_sync <= settings.fan_out_limit:
        return 1
    chunks = min(policy.MAPPED_TASKS, math.ceil(out_of_sync / settings.chunk_size))
    return math.ceil(out_of_sync / chunks)


def plan_item(landed: Landed, provider: Provider, chunk_number: int) -> PlannedItem:
    """Plan one account as it was landed."""
    known = unpack_state(landed.known_exists, landed.known_options, landed.known_materials)
    wanted = Desired(
        active=landed.active,
        options=unpack_options(landed.options),
        materials=unpack_materials(landed.materials),
        kept=unpack_materials(landed.kept),
        withhold_removals=tuple(landed.withheld_because),
    )
    limits = maximum_devices(provider)
    target = desired.target(wanted, known, limits)
    distrust = distrusting.Distrust(
        account=landed.account_asked,
        options=unpack_options(landed.distrusted_options),
        places=distrusting.unpack_places(landed.distrusted_materials),
    )
    assumed = distrusting.assume(known, distrust, wanted, target)
    commands = (
        planning.plan(
            account=landed.account,
            target=target,
            known=assumed.surely,
            subscriber=NOBODY,
            maximum_devices=limits,
            swap_order=provider.settings.swap_order,
            maybe=assumed.maybe if distrust.any else None,
        )
        if landed.understood
        else ()
    )
    removals = planning.removals(commands)
    return PlannedItem(
        account=landed.account,
        chunk_number=chunk_number,
        planned=[shown(command) for command in commands],
        removals=removal_keys((*removals.replacement, *removals.pure)),
        replacement=bool(removals.replacement),
        withheld_because=list(landed.withheld_because),
    )


def shown(command: Command) -> dict[str, Any]:
    """Return a command as a person and the plan's hash see it."""
    return {"command": wire.name_of(command).value, **request_log.stored_parameters(command)}


def commands_of(account: AccountId, planned: Iterable[Mapping[str, Any]]) -> list[Command]:
    """Return the commands of a plan that was shown, but for the account's own: its person is not kept there."""
    return [
        wire.decode(one["command"], account, {key: value for key, value in one.items() if key != "command"})
        for one in planned
        if one["command"] != CommandName.CREATE_ACCOUNT
    ]


def maximum_devices(provider: Provider) -> dict[Any, int | None]:
    """Return the most boxes each distributor takes."""
    return {code: distributor.maximum_devices for code, distributor in provider.distributors.items()}

"""Read the provider file, keep this version of it under its hash, and refuse what may not send."""

from __future__ import annotations

import json
from pathlib import Path

from provisioner.adapters import batches, provider_file, sql
from provisioner.adapters.connections import Connections
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import LifeCycleState, Provider
from provisioner.failpoint import failpoint

PROVIDER_FILE = Path(__file__).resolve().parents[3] / "include" / "provider" / "tucano.yaml"


def run(connections: Connections, batch_id: int, path: Path = PROVIDER_FILE) -> str:
    """Record the provider's version for a batch; return its hash.

    Raises ConfigurationError for a file that does not validate, and for a provider that is not effective.
    """
    with connections.provisioning() as db:
        provider = record(db, path)
        sql.run(db, "batch/set_provider", batch_id=batch_id, hash=provider.hash)
        failpoint("provider.written")
    failpoint("provider.committed")
    refuse_unless_effective(provider)
    return provider.hash


def record(db: sql.Connection, path: Path = PROVIDER_FILE) -> Provider:
    """Read the provider file and keep this version of it under its hash; return the provider."""
    loaded = provider_file.read(path)
    provider = loaded.provider
    sql.run(
        db,
        "batch/record_provider",
        hash=provider.hash,
        name=provider.name,
        alternative_code=provider.alternative_code,
        state=provider.state.value,
        document=json.dumps(loaded.document),
    )
    return provider


def refuse_unless_effective(provider: Provider) -> None:
    """Raise ConfigurationError unless the provider may send."""
    if provider.state is not LifeCycleState.EFFECTIVE:
        raise ConfigurationError(
            f"provider {provider.name!r} is {provider.state.value}: nothing is sent; "
            "set provider.state to EFFECTIVE in include/provider/tucano.yaml when it may"
        )
    if not provider.distributors:
        raise ConfigurationError(
            f"provider {provider.name!r} has no distributor: add one under distributors in "
            "include/provider/tucano.yaml, then set it EFFECTIVE"
        )


def of_batch(batch: batches.Batch) -> Provider:
    """Return the provider as the batch recorded it, whatever the file says by now."""
    if batch.document is None:
        raise ConfigurationError(
            f"batch {batch.batch_id} has no provider version: its first tasks did not run; trigger a new run"
        )
    return provider_file.build(batch.document)

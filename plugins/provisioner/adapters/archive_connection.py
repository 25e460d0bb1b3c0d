"""The provisioning database as archivist, who owns the log and its cold months and writes nothing that is compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from provisioner.adapters import session, sql
from provisioner.core.errors import ConfigurationError, PlatformUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveConnection:
    """The archivist's connection string, and the *folder* where exported months lie (None: there is none)."""

    dsn: str = field(repr=False)
    folder: Path | None = None

    @contextmanager
    def open(self) -> Iterator[sql.Connection]:
        """Open a session, each statement a transaction unless the caller begins one; times are UTC in it."""
        try:
            db = psycopg.connect(session.conninfo(self.dsn, "-c timezone=UTC"), autocommit=True)
        except psycopg.OperationalError as error:
            raise PlatformUnavailable(
                f"connection provisioning_archive_db cannot be opened: {error}"
            ) from error
        with db:
            yield db

    def files(self) -> Path:
        """Return the folder of exported months; raises ConfigurationError where none is set."""
        if self.folder is None:
            raise ConfigurationError(
                "PROVISIONING_ARCHIVE_FOLDER is not set: name a folder that outlives the machine's processes, "
                "readable by the tasks alone (docs/archive.md)"
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

"""What a person asked for through environment variables, and where a started stack is found."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from demo.launcher.errors import LauncherError
from demo.launcher.runtime import PROJECT, write_private

SUBSCRIPTIONS = 2000
ENVIRONMENT_FILE = PROJECT / ".demo" / "env"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Servers that already run and are to be used, and the few choices of a stack. None: we start our own."""

    crm_dsn: str | None = field(default=None, repr=False)
    provisioning_dsn: str | None = field(default=None, repr=False)
    data_team_dsn: str | None = field(default=None, repr=False)
    tucano_url: str | None = None
    tucano_user: str = ""
    tucano_password: str = field(default="", repr=False)
    tucano_control_url: str | None = None
    migrate: bool = False
    subscriptions: int = SUBSCRIPTIONS
    airflow_port: int | None = None
    timezone: str | None = None
    rotation_seconds: int | None = None

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None, *, own_secrets: Collection[str] = ()) -> Self:
        """Read the variables (default: the environment's); raise LauncherError for one that makes no sense.

        A DSN or password that holds one of *own_secrets* comes from a sourced `.demo/env` of our own stack: it
        asks for nothing.
        """
        given = {name: value for name, value in (variables or os.environ).items() if value.strip()}
        ours = {name for name, value in given.items() if any(secret in value for secret in own_secrets)}
        if "TUCANO_PASSWORD" in ours:
            ours |= {"TUCANO_URL", "TUCANO_USER", "TUCANO_CONTROL_URL"}
        given = {name: value for name, value in given.items() if name not in ours}
        url = given.get("TUCANO_URL")
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise LauncherError(f"TUCANO_URL={url} is no address: give http://host:port or https://host")
        return cls(
            crm_dsn=given.get("CRM_DSN"),
            provisioning_dsn=given.get("PROVISIONING_DSN"),
            data_team_dsn=given.get("DATA_TEAM_DSN"),
            tucano_url=url,
            tucano_user=given.get("TUCANO_USER", ""),
            tucano_password=given.get("TUCANO_PASSWORD", ""),
            tucano_control_url=given.get("TUCANO_CONTROL_URL") if url else None,
            migrate=given.get("MIGRATE") == "yes",
            subscriptions=_number(given, "DEMO_SUBSCRIPTIONS", least=100) or SUBSCRIPTIONS,
            airflow_port=_number(given, "AIRFLOW_PORT", least=1),
            timezone=given.get("PROVISIONING_TIMEZONE"),
            rotation_seconds=_number(given, "PROVISIONING_ROTATION_SECONDS", least=10),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A started stack, as `.demo/env` tells it to people and tests.

    *crm_dsn* may act (crm_owner) where the CRM is our own; *provisioning_dsn* is what the tasks use.
    """

    airflow_url: str
    airflow_user: str
    airflow_password: str = field(repr=False)
    crm_dsn: str = field(repr=False)
    provisioning_dsn: str = field(repr=False)
    data_team_dsn: str = field(repr=False)
    tucano_url: str
    tucano_user: str
    tucano_password: str = field(repr=False)
    tucano_control_url: str

    def write(self, path: Path = ENVIRONMENT_FILE) -> None:
        """Write the variables for a shell to source; only the owner can read them."""
        path.parent.mkdir(mode=0o700, exist_ok=True)
        lines = [
            f"{name.upper()}={shlex.quote(value) if value else ''}" for name, value in asdict(self).items()
        ]
        write_private(path, "\n".join(lines) + "\n")

    @classmethod
    def read(cls, path: Path = ENVIRONMENT_FILE) -> Self:
        """Read the variables back; raise LauncherError if no stack is up."""
        if not path.exists():
            raise LauncherError("no stack is up: run `make up`")
        lines = (line.partition("=") for line in path.read_text().splitlines())
        return cls(**{name.lower(): "".join(shlex.split(value)) for name, _, value in lines})


def _number(given: Mapping[str, str], name: str, *, least: int) -> int | None:
    if name not in given:
        return None
    if not given[name].isdecimal() or int(given[name]) < least:
        raise LauncherError(f"{name}={given[name]} is not a number of at least {least}")
    return int(given[name])

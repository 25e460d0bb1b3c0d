"""`make up` and `make down`: the stack that stays."""

from __future__ import annotations

from demo.launcher.airflow import COMPONENTS
from demo.launcher.leftovers import end_dead_demos
from demo.launcher.runtime import Runtime, folder_of_project
from demo.launcher.settings import ENVIRONMENT_FILE, Environment, Wanted
from demo.launcher.stack import Stack, Tell


def up(tell: Tell) -> int:
    """Start the stack and leave it running; say where it is. Returns the exit code.

    A stack that is up is left as it is. What is left of one whose launcher or processes were killed is ended first.
    """
    runtime = Runtime(folder_of_project())
    with runtime.locked():
        running = set(runtime.running())
        if ENVIRONMENT_FILE.exists() and {f"airflow-{component}" for component in COMPONENTS} <= running:
            tell("a stack is up already; `make down` stops it")
            show(Environment.read(), tell)
            return 0
        ENVIRONMENT_FILE.unlink(missing_ok=True)
        if left := runtime.end():
            tell(f"ended what was left of an earlier stack: {', '.join(left)}")
        runtime = Runtime(runtime.folder)
        wanted = Wanted.read(own_secrets=runtime.secrets().values())
        try:
            environment = Stack(runtime, wanted, tell).start()
            environment.write()
        except BaseException:  # also Ctrl-C: half a stack is of no use to anybody
            tell("stopping what was started ...")
            runtime.end()
            raise
    show(environment, tell)
    return 0


def show(environment: Environment, tell: Tell) -> None:
    """Say where a person looks next."""
    lines = [
        "",
        f"Airflow    {environment.airflow_url}",
        f"log in as  {environment.airflow_user}",
        f"password   {environment.airflow_password}",
        f"all the rest is in {ENVIRONMENT_FILE.relative_to(ENVIRONMENT_FILE.parents[1])}, for `. .demo/env`",
    ]
    if not environment.data_team_dsn:
        lines.append(
            "DATA_TEAM_DSN is empty: the role data_team of that database has a password we do not know"
        )
    for line in [*lines, "`make down` stops it and keeps the data"]:
        tell(line)


def down(tell: Tell, *, clean: bool) -> int:
    """Stop the stack and say what was stopped; *clean* removes its data too. Returns the exit code."""
    end_dead_demos(tell)
    folder = folder_of_project()
    if not folder.exists():
        tell("nothing is up")
        return 0
    runtime = Runtime(folder)
    with runtime.locked():
        ENVIRONMENT_FILE.unlink(missing_ok=True)
        stopped = runtime.end()
        tell(f"stopped {', '.join(stopped)}" if stopped else "nothing is up")
        if clean:
            runtime.remove()
            tell(f"removed {folder}")
        elif stopped:
            tell(f"the data stays in {folder} for the next `make up`; `make down CLEAN=yes` removes it")
    return 0


def own_secrets() -> list[str]:
    """Return the secrets of the project's stack: a variable that holds one was sourced from our own `.demo/env`."""
    folder = folder_of_project()
    return list(Runtime(folder).secrets().values()) if folder.exists() else []

"""`make demo`: one night of an operator, in a minute, in a folder of its own beside whatever else is up."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from demo.launcher import progress, yesterday
from demo.launcher.errors import LauncherError
from demo.launcher.leftovers import end_dead_demos, new_demo_folder
from demo.launcher.processes import free_port
from demo.launcher.rest import AirflowClient
from demo.launcher.runtime import PROJECT, Runtime
from demo.launcher.settings import Environment, Wanted
from demo.launcher.simulator import Control
from demo.launcher.stack import Stack, Tell
from demo.launcher.up import own_secrets

DAG = "tucano_reset_run"
FEW = {"subscription_types": ["SHOWCASE"]}  # few enough accounts for one mapped task each
MANY: dict[str, Any] = {}
RUN_SECONDS = 300
SECONDS_A_SUBSCRIPTION = 0.02  # a hundred thousand wait for the rate that Tucano allows
DRIFT_SEED = 20
KINDS_SHOWN = 3
DRIFT_SHARE = 0.45  # of the subscriptions change while Tucano cannot be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the demonstration ended with."""

    runs: list[progress.Run]
    expected_rejected: int
    differences: list[str] | None  # None: nobody can look into that platform

    @property
    def result(self) -> dict[str, int]:
        """Return the keys of the RESULT line: sums over the runs, and what is out of sync after the last."""
        counts = [run.counts for run in self.runs]
        return {
            "subscriptions": counts[-1].get("subscriptions", 0),
            "out_of_sync_before": sum(count.get("out_of_sync_before", 0) for count in counts),
            "requests_completed": sum(count.get("requests_completed", 0) for count in counts),
            "requests_rejected": sum(count.get("requests_rejected", 0) for count in counts),
            "expected_rejected": self.expected_rejected,
            "out_of_sync_after": counts[-1].get("out_of_sync_after", 0),
        }

    @property
    def failures(self) -> list[str]:
        """Return why the demonstration failed; empty if it did not."""
        found = [f"the {run.title} ended as {run.state}" for run in self.runs if run.state != "success"]
        result = self.result
        if result["out_of_sync_after"] != result["expected_rejected"]:
            found.append(
                f"{result['out_of_sync_after']} accounts are still out of sync, "
                f"{result['expected_rejected']} were meant to be rejected"
            )
        return found + (self.differences or [])


def demo(tell: Tell) -> int:
    """Tell the story; return 0 if Tucano ended as the CRM wants it, 1 otherwise. Everything is stopped again."""
    wanted = Wanted.read(own_secrets=own_secrets())
    if wanted.crm_dsn:
        raise LauncherError(
            "the demo changes the CRM, and CRM_DSN names one that is only ever read: unset CRM_DSN"
        )
    # A port of its own, not the preferred one: a stack that comes up at the same time may want that.
    wanted = replace(wanted, airflow_port=wanted.airflow_port or free_port())
    end_dead_demos(tell)
    runtime = Runtime(new_demo_folder())
    outcome = None
    with runtime.locked():
        try:
            outcome = play(Stack(runtime, wanted, tell), tell)
        finally:
            tell("stopping everything ...")
            runtime.end()
            if outcome is None or outcome.failures:
                tell(f"the logs are kept in {keep_logs(runtime)}")
            runtime.remove()
    show(outcome, tell)
    print("RESULT " + " ".join(f"{name}={value}" for name, value in outcome.result.items()), flush=True)
    return 1 if outcome.failures else 0


def play(stack: Stack, tell: Tell) -> Outcome:
    """Start everything, let the CRM change while Tucano is down, reset twice, and compare."""
    stack.start_postgres()
    stack.prepare_crm()
    stack.prepare_provisioning()
    stack.start_tucano()
    night = yesterday.begin(stack)
    stack.start_airflow()
    yesterday.wait(stack, night, tell)
    environment = stack.environment()
    change_while_tucano_is_down(stack, tell)
    stack.wait_for_airflow()
    client = AirflowClient(environment.airflow_url, environment.airflow_user, environment.airflow_password)
    client.wait_for_dag(DAG)
    seconds = RUN_SECONDS + SECONDS_A_SUBSCRIPTION * stack.wanted.subscriptions
    runs = [
        progress.follow(client, DAG, "reset of a few", FEW, tell, seconds=seconds),
        progress.follow(client, DAG, "reset of the many", MANY, tell, seconds=seconds),
    ]
    differences = compare(environment, stack, tell)
    return Outcome(runs=runs, expected_rejected=stack.expected_rejected, differences=differences)


def change_while_tucano_is_down(stack: Stack, tell: Tell) -> None:
    """Let Tucano refuse connections, where we may tell it to, while agents and time change the CRM."""
    from demo.crm import drift

    control = Control(stack.platform.control_url) if stack.platform.control_url else None
    if control:
        control.set_faults({"kind": "refuse"})
        tell("Tucano goes down ...")
    report = drift.change(stack.crm_dsn, seed=DRIFT_SEED, share=DRIFT_SHARE)
    kinds = Counter(report.by_behaviour)
    most = ", ".join(f"{count} {behaviour}" for behaviour, count in kinds.most_common(KINDS_SHOWN))
    tell(
        f"... while agents change {len(report.changed):,} subscriptions: {most} and {len(kinds)} kinds in all"
    )
    if control:
        control.set_faults()
        tell("Tucano is up again, and knows nothing of it")


def compare(environment: Environment, stack: Stack, tell: Tell) -> list[str] | None:
    """Return how the platform's own state differs from what the CRM wants, or None if it cannot be looked into."""
    if not stack.platform.control_url:
        tell("the platform's own state is not compared: without TUCANO_CONTROL_URL nobody can look into it")
        return None
    from demo.launcher import comparison

    return comparison.compare(environment)


def show(outcome: Outcome, tell: Tell) -> None:
    """Print the summary."""
    tell("")
    for line in progress.table(outcome.runs):
        print(line)
    print()
    if outcome.failures:
        print("This did not end well:")
        for failure in outcome.failures[:20]:
            print(f"  - {failure}")
    else:
        print(closing(outcome))
    print("\nWhat next: `make up` leaves all of it running, with Airflow's pages to look at.\n", flush=True)


def closing(outcome: Outcome) -> str:
    """Return the sentence that says how it stands."""
    rejected = outcome.expected_rejected
    seen = "as Tucano's own state shows" if outcome.differences is not None else "by its own acknowledgements"
    return (
        f"Tucano holds what the CRM wants, {seen}. Only the {rejected} accounts that were broken on purpose (a box "
        "registered elsewhere) stay out of sync: a person has to look at them."
    )


def keep_logs(runtime: Runtime) -> str:
    """Keep the logs of a demonstration that failed; return where, seen from the project."""
    kept = PROJECT / ".demo" / "failed-demo"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in runtime.folder.glob("*.log"):
        shutil.copy(log, kept)
    task_logs = runtime.folder / "airflow" / "logs"
    if task_logs.exists():
        shutil.copytree(task_logs, kept / "airflow", ignore_dangling_symlinks=True)
    return str(kept.relative_to(PROJECT))

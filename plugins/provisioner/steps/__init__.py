"""The shell: gather, decide in the core, apply. One module per Airflow task; a step owns its transactions.

`steps.detect` imports that step when it is asked for: every task reads its DAG's file anew, and would otherwise wait
for the libraries of all other steps too (a quarter of a second of the agent who waits for a single reset).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioner.steps import (
        choose_months as choose_months,
    )
    from provisioner.steps import (
        close_batch as close_batch,
    )
    from provisioner.steps import (
        delete_attempts as delete_attempts,
    )
    from provisioner.steps import (
        delete_month as delete_month,
    )
    from provisioner.steps import (
        detect as detect,
    )
    from provisioner.steps import (
        dispatch as dispatch,
    )
    from provisioner.steps import (
        export_month as export_month,
    )
    from provisioner.steps import (
        extract as extract,
    )
    from provisioner.steps import (
        forget_person as forget_person,
    )
    from provisioner.steps import (
        guard as guard,
    )
    from provisioner.steps import (
        import_known_state as import_known_state,
    )
    from provisioner.steps import (
        import_month as import_month,
    )
    from provisioner.steps import (
        load_provider as load_provider,
    )
    from provisioner.steps import (
        maintain_partitions as maintain_partitions,
    )
    from provisioner.steps import (
        move_month as move_month,
    )
    from provisioner.steps import (
        plan as plan,
    )
    from provisioner.steps import (
        prove_archive as prove_archive,
    )
    from provisioner.steps import (
        prove_extract as prove_extract,
    )
    from provisioner.steps import (
        real_time as real_time,
    )
    from provisioner.steps import (
        release_removals as release_removals,
    )
    from provisioner.steps import (
        reset_run as reset_run,
    )
    from provisioner.steps import (
        reset_subscription as reset_subscription,
    )
    from provisioner.steps import (
        verify_known_state as verify_known_state,
    )
    from provisioner.steps import (
        what_if as what_if,
    )


def __getattr__(name: str) -> Any:
    """Import the step *name*."""
    try:
        return importlib.import_module(f"provisioner.steps.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"provisioner.steps.{name}":
            raise
        raise AttributeError(f"there is no step {name!r}") from error

"""Steps are imported one by one, so that a task waits for the libraries of its own step only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner import steps
from provisioner.core.errors import ConfigurationError
from provisioner.steps import real_time

# Of the archive alone, and the dearest of all.
PARQUET = "pyarrow"
PLUGINS = Path(__file__).parents[2] / "plugins"


def loads_parquet(step: str) -> bool:
    """Import *step* as a DAG does, in a new process."""
    code = f"import sys; from provisioner import steps; steps.{step}; print({PARQUET!r} in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PLUGINS)}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip() == "True"


def test_a_single_reset_does_not_wait_for_the_libraries_of_the_archive() -> None:
    assert loads_parquet("export_month")
    assert not loads_parquet("reset_subscription")


def test_a_step_that_there_is_not_is_an_attribute_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="there is no step 'nothing'"):
        _ = steps.nothing


@pytest.mark.parametrize(
    ("given", "seconds"), [(None, 3600), ("", 3600), ("10", 10), ("900", 900), ("3600", 3600)]
)
def test_a_run_of_the_lane_lasts_as_long_as_an_operator_says(given: str | None, seconds: float) -> None:
    assert real_time.rotation_seconds(given) == seconds


@pytest.mark.parametrize("given", ["9", "3601", "0", "-60", "1h", "60.5", "nan"])
def test_a_run_of_the_lane_that_makes_no_sense_is_refused_with_what_may_be_said(given: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PROVISIONING_ROTATION_SECONDS is .*10 to 3600"):
        real_time.rotation_seconds(given)

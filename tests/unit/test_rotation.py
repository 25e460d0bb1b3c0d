"""How long a run of the lane lasts."""

from __future__ import annotations

import pytest

from provisioner.core.errors import ConfigurationError
from provisioner.steps import real_time


@pytest.mark.parametrize(
    ("given", "seconds"), [(None, 3600), ("", 3600), ("10", 10), ("900", 900), ("3600", 3600)]
)
def test_a_run_of_the_lane_lasts_as_long_as_an_operator_says(given: str | None, seconds: float) -> None:
    assert real_time.rotation_seconds(given) == seconds


@pytest.mark.parametrize("given", ["9", "3601", "0", "-60", "1h", "60.5", "nan"])
def test_a_run_of_the_lane_that_makes_no_sense_is_refused_with_what_may_be_said(given: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PROVISIONING_ROTATION_SECONDS is .*10 to 3600"):
        real_time.rotation_seconds(given)

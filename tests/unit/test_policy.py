"""The numbers that must fit each other, whatever each of them is."""

from __future__ import annotations

import json

from provisioner.adapters import provider_file
from provisioner.core import policy


def test_a_claim_outlives_two_missed_renewals():
    assert policy.CLAIM_SECONDS >= 3 * policy.CLAIM_RENEWAL_SECONDS


def test_a_worker_that_cannot_renew_has_a_renewal_left_before_it_must_stop():
    assert policy.CLAIM_SECONDS - policy.CLAIM_MARGIN_SECONDS > policy.CLAIM_RENEWAL_SECONDS


def test_no_setting_can_ask_airflow_for_more_mapped_tasks_than_it_gets():
    schema = json.loads(provider_file.SCHEMA.read_text(encoding="utf-8"))

    assert schema["properties"]["settings"]["properties"]["fan_out_limit"]["maximum"] == policy.MAPPED_TASKS


def test_the_time_outs_are_those_of_the_southbound_contract():
    assert (policy.CONNECT_SECONDS, policy.ANSWER_SECONDS, policy.UNKNOWN_IN_A_ROW) == (5.0, 30.0, 20)


def test_the_thresholds_of_the_gate_are_the_agreed_ones():
    settings = policy.DEFAULT_SETTINGS

    assert settings.minimum_accounts_share == 0.98
    assert (settings.rejected_rows_count, settings.rejected_rows_share) == (5, 0.001)
    assert (settings.removals_count, settings.removals_share) == (50, 0.005)
    assert (settings.provider_change_share, settings.unknown_attempts) == (0.05, 10)

"""The extract is of one moment: what the CRM does meanwhile is in all of it or in nothing of it."""

from __future__ import annotations

from provisioner.adapters import crm
from tests.integration.stage import Stage


def test_who_subscribes_during_an_extract_is_not_in_the_rest_of_its_snapshot(empty_stage: Stage) -> None:
    stage = empty_stage
    first = stage.subscriber("GEOLOGICAL")
    with stage.connections.crm() as source:
        crm.begin_snapshot(source)
        counted = crm.count_rows(source, crm.Filters())

        stage.subscriber("GEOLOGICAL")
        stage.act("TERMINATE_SUBSCRIPTION", first)

        rows = list(crm.stream(source, crm.Filters()))

    assert counted == len(rows) == 1
    assert rows[0][7] == "EFFECTIVE"

"""The lane's gate where two lanes judge at once: the removals of an hour are counted together."""

from __future__ import annotations

import psycopg

from provisioner.adapters import sql
from tests.integration.lane_at_work import eventually, is_done, running
from tests.integration.stage import Stage


def test_what_two_lanes_take_is_counted_one_after_the_other(empty_stage: Stage) -> None:
    stage = empty_stage
    stage.set(removals_count=1, removals_share=0)
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "it is there")
        with psycopg.connect(stage.connections.provisioning_dsn) as another_lane:
            sql.run(another_lane, "real_time/lock_removals")
            sql.run(another_lane, "real_time/add_removals", pure=1, replacements=0)
            stage.act("DEACTIVATE_SUBSCRIPTION", number)
            judged = is_done(stage, number)
            eventually(lambda: judged() or stage.rows(waiting) == [(1,)], "it waits for the other's count")
        eventually(judged, "it was judged")

    assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL"]

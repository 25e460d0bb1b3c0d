"""Tell by the exit code whether the real-time lane lives: `python deploy/lane_alive.py` (docker-compose.yaml)."""

from __future__ import annotations

import json
import os
import sys

import psycopg

TIMEOUT_SECONDS = 8  # below the 10 s after which docker-compose.yaml gives a check up


def main() -> str | None:
    """Return None if the lane has given a sign of life lately, else one line saying what is wrong."""
    connection = json.loads(os.environ["AIRFLOW_CONN_PROVISIONING_DB"])
    try:
        with psycopg.connect(
            host=connection["host"],
            port=connection["port"],
            dbname=connection["schema"],
            user=connection["login"],
            password=connection["password"],
            connect_timeout=TIMEOUT_SECONDS,
        ) as db:
            alive = db.execute(
                "SELECT clock_timestamp() - alive_at < interval '15 seconds' FROM real_time_lane"
            ).fetchone()
    except psycopg.Error as error:
        # The type alone: the message may name more than Docker should keep.
        return f"the lane's signs of life cannot be read: {type(error).__name__}"
    return None if alive == (True,) else "the lane has given no sign of life for 15 s"


if __name__ == "__main__":
    sys.exit(main())

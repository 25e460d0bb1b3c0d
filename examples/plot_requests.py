"""Two plots of the requests to Tucano: failures by week, and the time to an answer.

`DATA_TEAM_DSN=postgresql://data_team:...@.../provisioning python examples/plot_requests.py FOLDER [FROM TO]`
needs pandas, SQLAlchemy, psycopg and matplotlib; FROM and TO are dates, by default the last 90 days.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")  # files, not windows

import pandas as pd
import sqlalchemy
from matplotlib import pyplot as plt

REQUESTS = """
SELECT closed_at, command, state, error_code, extract(epoch FROM closed_at - planned_at)::float8 AS seconds
FROM request_history
WHERE closed_at >= %(begins)s AND closed_at < %(ends)s AND sent_at IS NOT NULL AND command <> 'IMPORT'
"""


def read(dsn: str, begins: date, ends: date) -> pd.DataFrame:
    """Return the requests that were answered from *begins* until before *ends*."""
    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        return pd.read_sql(REQUESTS, engine, params={"begins": begins, "ends": ends})
    finally:
        engine.dispose()


def plot_failures(requests: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Draw the share of failed requests by week and error code; return what is drawn."""
    week = requests["closed_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.to_period("W").dt.start_time
    counts = pd.crosstab(week, requests["error_code"].fillna("completed"))
    shares = counts.div(counts.sum(axis=1), axis=0).drop(columns="completed", errors="ignore") * 100
    axes = plt.figure(figsize=(8, 4)).subplots()
    if not shares.empty and len(shares.columns):
        shares.plot.bar(stacked=True, ax=axes)
        axes.set_xticklabels([f"{start:%d %b}" for start in shares.index], rotation=45)
    axes.set(xlabel="week of", ylabel="% of requests", title="Requests that Tucano refused")
    _save(axes, path)
    return shares


def plot_time_to_answer(requests: pd.DataFrame, path: Path) -> pd.Series:
    """Draw which share of requests was answered within a time, by command; return the medians."""
    completed = requests[requests["state"] == "COMPLETED"]
    axes = plt.figure(figsize=(8, 4)).subplots()
    for command, seconds in completed.groupby("command")["seconds"]:
        axes.ecdf(seconds, label=command)
    if len(completed):
        axes.legend()
    axes.set(xlabel="seconds from plan to acknowledgement", ylabel="share", title="Time to an answer")
    _save(axes, path)
    return completed.groupby("command")["seconds"].median()


def _save(axes: plt.Axes, path: Path) -> None:
    axes.figure.tight_layout()
    axes.figure.savefig(path, dpi=120)
    plt.close(axes.figure)


def main() -> str | None:
    """Draw both plots; return what is wrong, for sys.exit, or None."""
    dsn = os.environ.get("DATA_TEAM_DSN")
    if not dsn or len(sys.argv) not in (2, 4):
        return __doc__
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    begins, ends = (date.fromisoformat(one) for one in sys.argv[2:]) if sys.argv[2:] else (
        today - timedelta(days=90), today + timedelta(days=1),
    )  # fmt: skip
    requests = read(dsn, begins, ends)
    if requests.empty:
        return f"Nothing was answered from {begins} until before {ends}: name two other dates."
    print(plot_failures(requests, folder / "failures_by_week.png").round(1).to_string())
    print(plot_time_to_answer(requests, folder / "time_to_answer.png").round(2).to_string())
    return None


if __name__ == "__main__":
    sys.exit(main())

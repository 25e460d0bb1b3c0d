"""A CRM that shows what a broken load would: its tables hidden behind views, for as long as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from provisioner.steps import close_batch
from tests.integration.stage import Stage

# Whether the last night noticed anything, and all that it said.
NOTICED = """
SELECT extract_whole IS NOT TRUE OR held_because IS NOT NULL
       OR EXISTS (SELECT FROM batch_item i WHERE i.batch_id = b.batch_id AND outcome = 'WITHHELD'),
       concat(summary, (SELECT string_agg(explanation, '; ') FROM rejected_row r WHERE r.batch_id = b.batch_id),
              (SELECT string_agg(explanation, '; ') FROM batch_item i WHERE i.batch_id = b.batch_id))
FROM batch b ORDER BY batch_id DESC LIMIT 1
"""


@contextmanager
def hidden(stage: Stage, table: str, shown: str) -> Iterator[None]:
    """Show *shown* in place of a table of the CRM, for the time of a load that broke."""
    stage.crm.execute(f"ALTER TABLE crm.{table} RENAME TO hidden_{table}".encode())
    view = shown.replace("{table}", f"crm.hidden_{table}")
    stage.crm.execute(f"CREATE VIEW crm.{table} AS {view}".encode())
    stage.crm.execute(f"GRANT SELECT ON crm.{table} TO crm_reader".encode())
    try:
        yield
    finally:
        stage.crm.execute(f"DROP VIEW crm.{table}".encode())
        stage.crm.execute(f"ALTER TABLE crm.hidden_{table} RENAME TO {table}".encode())


def with_columns(stage: Stage, table: str, values: Mapping[str, str]) -> str:
    """Return a query of *table* in which some columns hold something else: SQL by column, `t` is the row."""
    names = [
        name
        for (name,) in stage.crm.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'crm' AND table_name = %s ORDER BY ordinal_position",
            (table,),
        )
    ]
    shown = ", ".join(f"{values[name]} AS {name}" if name in values else f"t.{name}" for name in names)
    return f"SELECT {shown} FROM {{table}} t"  # noqa: S608


def nobody_loses_anything(stage: Stage, table: str, shown: str, said: str = "") -> None:
    """Run a night over the broken table: it takes nothing away and says *said*; the next night is in step."""
    before = stage.platform.accounts()
    stage.forget_sent()

    # Green or red: what may not happen is the same.
    with hidden(stage, table, shown), suppress(close_batch.RunFailed):
        stage.run()

    ((noticed, everything),) = stage.rows(NOTICED)
    assert noticed, "or it was not broken"
    assert said in everything
    assert len(everything) < 10_000, "a person reads it"
    assert [one for one in stage.sent() if one.startswith(("SUSPEND", "REMOVE"))] == []
    assert {account: stage.platform.account(account) for account in before} == before
    stage.forget_sent()
    counts = stage.run()
    assert (stage.sent(), counts["out_of_sync_after"]) == ([], 0), "the next whole extract is in step"

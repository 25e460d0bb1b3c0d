"""Files that an operator gives us to import: CSV in a folder that he names by PROVISIONING_IMPORT_FOLDER."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TextIO

from provisioner.core.errors import ConfigurationError

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """An open file: what names its content, and its columns. `rows` may be read once."""

    name: str
    sha256: str
    columns: tuple[str, ...]
    text: TextIO

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, values) of each row that is not empty; raises ConfigurationError where it is no CSV."""
        reader = csv.reader(self.text, strict=True)
        next(reader)
        try:
            for values in reader:
                if values:
                    yield reader.line_num, values
        except csv.Error as error:
            raise ConfigurationError(f"{self.name}, line {reader.line_num}: not CSV: {error}") from error


@contextmanager
def open_file(folder: Path | None, name: str) -> Iterator[ImportFile]:
    """Open the file *name* of *folder*. Raises ConfigurationError where it is not there or changes while it is read."""
    if folder is None:
        raise ConfigurationError(
            "PROVISIONING_IMPORT_FOLDER is not set: name the folder of the files to import (docs/day-one.md)"
        )
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name of a file: give it without its folder, of letters, digits, '.', '-' and '_'"
        )
    path = folder / name
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as text:
                columns = tuple(one.strip() for one in next(csv.reader(text), []))
                if not columns:
                    raise ConfigurationError(f"{path} is empty: its first line must name its columns")
                text.seek(0)
                yield ImportFile(name=name, sha256=digest, columns=columns, text=text)
            _refuse_change(content, digest, path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}: put it into PROVISIONING_IMPORT_FOLDER"
        ) from error


def _refuse_change(content: BufferedReader, digest: str, path: Path) -> None:
    content.seek(0)
    if hashlib.file_digest(content, "sha256").hexdigest() != digest:
        raise ConfigurationError(f"{path} changed while it was read: import it when it is complete")

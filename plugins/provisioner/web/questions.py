"""What a page may be asked in its address: short texts, numbers that the database has, a place to go on from."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Path, Query
from pydantic import AfterValidator

from provisioner.adapters.page_requests import RequestFilter

# Rows of a page for people; a program may ask for more.
ROWS = 50
MOST_ROWS = 500
BIGGEST = 2**63 - 1  # of a bigint


def _nothing(text: str | None) -> str | None:
    # What a form sends for a field that was left empty.
    return text.strip() or None if text else None


# PostgreSQL takes no NUL, and no number or code holds another control character.
Asked: TypeAlias = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"), AfterValidator(_nothing)
]
BatchId: TypeAlias = Annotated[int, Path(ge=1, le=BIGGEST)]
Before: TypeAlias = Annotated[int | None, Query(ge=1, le=BIGGEST)]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_ROWS)]


def _filter(
    state: Asked = None,
    command: Asked = None,
    distributor: Asked = None,
    error: Asked = None,
    signature: Asked = None,
    subscription: Asked = None,
) -> RequestFilter:
    return RequestFilter(
        state=state,
        command=command,
        distributor=distributor,
        error=error,
        signature=signature,
        subscription=subscription,
    )


WantedRequests: TypeAlias = Annotated[RequestFilter, Depends(_filter)]


def page_of(found: list[Any], rows: int) -> tuple[list[Any], bool]:
    """Return at most *rows* of what was found when one more was asked for, and whether there are more."""
    return found[:rows], len(found) > rows

"""The kinds of fault there are: what each does, which fields it reads, and what it does to the request."""

from __future__ import annotations

from dataclasses import dataclass

FILTERS = frozenset({"probability", "count", "commands", "accounts", "options"})
CONNECTION_FILTERS = frozenset({"probability", "count"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault.

    *reads*: its fields besides the filters.
    *applied*: whether the request takes effect unless the fault says otherwise.
    *connection*: it meets connections, before any request is read, so it cannot be filtered by content.
    *modifier*: it changes how a request is decided and leaves room for another fault.
    """

    does: str
    reads: frozenset[str] = frozenset()
    applied: bool = False
    connection: bool = False
    modifier: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """All fields that a fault of this kind may have."""
        return self.reads | (CONNECTION_FILTERS if self.connection else FILTERS)


def _reads(*fields: str) -> frozenset[str]:
    return frozenset(fields)


KINDS: dict[str, Kind] = {
    "refuse": Kind(
        does="closes the listening socket and resets every open connection; with a count or a probability,"
        " resets connections as they arrive",
        connection=True,
    ),
    "accept_never_read": Kind(does="accepts connections and never reads from them", connection=True),
    "hang_before": Kind(does="never answers, does not apply", reads=_reads("delay_ms")),
    "hang_after": Kind(does="applies, never answers", reads=_reads("delay_ms"), applied=True),
    "reset_after": Kind(does="applies, resets the connection", reads=_reads("delay_ms"), applied=True),
    "status": Kind(
        does="answers with status (503), not applied unless applied is true",
        reads=_reads("status", "retry_after", "applied", "delay_ms"),
    ),
    "slow": Kind(
        does="waits delay_ms (1000), then decides as always, even if the client has left",
        reads=_reads("delay_ms"),
        modifier=True,
    ),
    "unauthorised": Kind(does="answers 401, credentials or not", reads=_reads("delay_ms")),
    "reject": Kind(
        does="answers REJECTED with error_code (INVALID_REQUEST)", reads=_reads("error_code", "delay_ms")
    ),
    "garbage": Kind(
        does="answers 200 with what is no answer of the contract, in turn: no JSON, a list,"
        " an unknown status, nothing, a number",
        reads=_reads("applied", "delay_ms"),
        applied=True,
    ),
    "ignore_keys": Kind(does="forgets what an Idempotency-Key is: decides every request anew", modifier=True),
    "mixed_list_rejects": Kind(
        does="rejects an option list of which some already are as asked", modifier=True
    ),
    "headers_then_silence": Kind(
        does="sends status line and headers, then nothing", reads=_reads("applied", "delay_ms"), applied=True
    ),
    "half_body": Kind(
        does="sends half of the body, then closes", reads=_reads("applied", "delay_ms"), applied=True
    ),
    "html_200": Kind(
        does="answers 200 with a page of HTML, as a proxy in front would", reads=_reads("applied", "delay_ms")
    ),
    "slow_drip": Kind(
        does="sends the body byte by byte, delay_ms (1000) apart", reads=_reads("delay_ms"), applied=True
    ),
    "compressed_body": Kind(
        does="answers rightly, compressed with gzip though nobody asked",
        reads=_reads("delay_ms"),
        applied=True,
    ),
    "retry_after_date": Kind(
        does="answers status (503) with Retry-After as an HTTP date, retry_after (2) seconds away",
        reads=_reads("status", "retry_after", "delay_ms"),
    ),
    "status_but_applied": Kind(
        does="applies, yet answers with status (503)",
        reads=_reads("status", "retry_after", "delay_ms"),
        applied=True,
    ),
    "apply_late": Kind(
        does="never answers, and applies delay_ms (1000) after the client gave up", reads=_reads("delay_ms")
    ),
}

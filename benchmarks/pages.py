"""How long a page takes with a log of a million requests, a tenth of them in the batch that is looked at."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from itertools import cycle
from urllib.parse import urlsplit

import psycopg

from benchmarks.authenticate import Question, p95
from benchmarks.bars import Ratio, Tell
from benchmarks.ground import SQL_FOLDER
from provisioner.adapters import page_requests
from provisioner.adapters.page_requests import RequestFilter

PAGES = 100
WARM_UP = 10
# Each page beside the query that it cannot do without.
ASKED = (
    ("", RequestFilter()),
    ("?state=REJECTED", RequestFilter(state="REJECTED")),
    (
        "?error=UNKNOWN_OPTION&command=ACTIVATE_OPTIONS",
        RequestFilter(error="UNKNOWN_OPTION", command="ACTIVATE_OPTIONS"),
    ),
    ("?subscription=S0000000007", RequestFilter(subscription="S0000000007")),
)
ROWS = 51


class WrongPageError(Exception):
    """A page was refused or empty: that has no speed."""


class Reader:
    """Somebody who reads the requests of one batch, filtered in turn; and the bare queries."""

    def __init__(self, question: Question, requests: int, tell: Tell) -> None:
        """Fill the log of a running platform with *requests* more."""
        tell(f"making a log of {requests:,} requests")
        environment = question.environment
        with psycopg.connect(question.admin_dsn, autocommit=True) as db:
            text = (SQL_FOLDER / "fill_requests.sql").read_text(encoding="utf-8")
            cursor = db.execute(psycopg.ClientCursor(db).mogrify(text, {"requests": requests}).encode())  # type: ignore[arg-type]
            while cursor.nextset():
                pass
            (self.batch_id,) = cursor.fetchone() or (0,)
            db.execute("VACUUM (ANALYZE)")
        self._db = psycopg.connect(question.pages_dsn, autocommit=True)
        self._connection = http.client.HTTPConnection(urlsplit(environment.airflow_url).netloc, timeout=60)
        log_in = {"username": environment.airflow_user, "password": environment.airflow_password}
        body = json.dumps(log_in).encode()
        self._connection.request("POST", "/auth/token", body, {"Content-Type": "application/json"})
        self._token = json.loads(self._connection.getresponse().read())["access_token"]
        self._asked = cycle(ASKED)

    def pair(self) -> tuple[float, float]:
        """Return milliseconds of one page, and of its bare query."""
        query, wanted = next(self._asked)
        path = f"/provisioning/batches/{self.batch_id}/requests{query}"
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        answer = self._connection.getresponse()
        text = answer.read()
        ours = (time.perf_counter() - began) * 1000
        began = time.perf_counter()
        found = page_requests.list_requests(self._db, wanted, batch_id=self.batch_id, row_limit=ROWS)
        bare = (time.perf_counter() - began) * 1000
        if answer.status != 200 or (found and found[0].request_number.encode() not in text):
            raise WrongPageError(f"{path} was answered {answer.status}")
        return ours, bare

    def close(self) -> None:
        """Close what was opened."""
        self._db.close()
        self._connection.close()


def page_p95_ms(question: Question, requests: int, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the 95th percentile of a page of requests; beside it the bare query's, in turn with it."""
    reader = Reader(question, requests, tell)
    try:
        for _ in range(WARM_UP):
            reader.pair()
        ours, bare = [], []
        for repetition in range(repetitions):
            pairs = [reader.pair() for _ in range(PAGES)]
            ours.append(p95([one for one, _ in pairs]))
            bare.append(p95([other for _, other in pairs]))
            tell(f"page_p95_ms: round {repetition + 1}, {ours[-1]:.3g} ms, bare query {bare[-1]:.3g} ms")
    finally:
        reader.close()
    return Ratio(
        name="page_p95_ms",
        value=statistics.median(ours),
        sides=f"{statistics.median(ours):.3g} ms, bare query {statistics.median(bare):.3g} ms, {requests:,} requests",
    )

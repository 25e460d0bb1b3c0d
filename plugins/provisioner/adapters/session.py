"""How every session with a database is begun: what the operator's connection says, and what ours need besides."""

from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict, make_conninfo

# A step that meets a dead database says so after this long instead of hanging until the task is killed.
CONNECT_SECONDS = 10
# A machine that loses its power says no farewell. Both sides ask after the other one when it was silent for this long,
# and give up after as long again: left to itself a server keeps the locks of the dead for hours.
SILENT_SECONDS = 30
ASK_AGAIN_SECONDS = 10
TIMES_ASKED = 3
_SERVER_ASKS = (
    f"-c tcp_keepalives_idle={SILENT_SECONDS} -c tcp_keepalives_interval={ASK_AGAIN_SECONDS} "
    f"-c tcp_keepalives_count={TIMES_ASKED}"
)


def conninfo(dsn: str, options: str = "") -> str:
    """Return *dsn* as our sessions use it, with *options* of the server (`-c name=value`) that win over its own.

    The dsn's options are kept: a `search_path` among them may be how an operator points us to his tables.
    """
    given = conninfo_to_dict(dsn).get("options") or ""
    return make_conninfo(
        dsn,
        connect_timeout=CONNECT_SECONDS,
        keepalives_idle=SILENT_SECONDS,
        keepalives_interval=ASK_AGAIN_SECONDS,
        keepalives_count=TIMES_ASKED,
        options=" ".join(filter(None, (_SERVER_ASKS, str(given), options))),
    )

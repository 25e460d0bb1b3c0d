"""Runs archive steps as tasks do, each in a process of its own that may be killed: forked, since imports take longer.

Not for import: `python -m tests.integration.archive_worker`, one request a line on standard input; the first answer is
the process's number, the second how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

# What takes long to import, and starts no thread; our own code is imported in the fork, with its failpoint.
import psycopg  # noqa: F401
from pyarrow import parquet  # noqa: F401


def work(given: dict[str, Any]) -> None:
    """Run the step, with the failpoint that was asked for."""
    os.environ |= given["environment"]
    from provisioner.adapters.archive_connection import ArchiveConnection
    from provisioner.steps import delete_month, export_month, forget_person, import_month, move_month
    from provisioner.steps.reset_run import Run

    archive = ArchiveConnection(dsn=given["dsn"], folder=Path(given["folder"]))
    run = Run(run_id="by hand", requested_by="tester")
    match given["step"]:
        case "move":
            move_month.run(archive, given["month"], run)
        case "export":
            export_month.run(archive, given["month"], run)
        case "delete":
            exported = export_month.run(archive, given["month"], run)
            delete_month.run(archive, exported, run, approved_by="Ada")
        case "import":
            import_month.run(archive, given["month"], run)
        case "forget":
            forget_person.run(archive, given["subscription_number"], "request 7", run)


def main() -> None:
    """Answer each line with the number of the process that does it, and then with its exit status."""
    for line in sys.stdin:
        given = json.loads(line)
        process = os.fork()
        if process == 0:
            code = 1
            try:
                work(given)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

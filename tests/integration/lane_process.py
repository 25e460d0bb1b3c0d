"""A lane as a process of its own, for tests that kill it: `python -m tests.integration.lane_process`.

Reads the connections as JSON from its input, and works until it is ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import real_time

if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    connections = Connections(
        provisioning_dsn=given["provisioning_dsn"],
        crm_dsn=given["crm_dsn"],
        tucano=Endpoint(**given["tucano"]),
    )
    real_time.run(connections, "process", provider_file=Path(given["provider_file"]))

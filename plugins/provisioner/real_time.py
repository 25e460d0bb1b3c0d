"""The real-time lane as a service of its own, without a scheduler: `python -m provisioner.real_time`.

It takes the connections crm_db, provisioning_db and tucano from AIRFLOW_CONN_*, as a worker does, and ends with SIGTERM
within five seconds. Run either this or the DAG tucano_real_time.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from provisioner import wiring
from provisioner.core.errors import ProvisioningError
from provisioner.steps import load_provider, real_time


def main(arguments: list[str]) -> int:
    """Run the lane until a signal; an argument names another provider file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    provider_file = Path(arguments[0]) if arguments else load_provider.PROVIDER_FILE
    try:
        result = real_time.run(
            wiring.connections(), "service", lasts_seconds=None, provider_file=provider_file
        )
    except ProvisioningError as error:
        print(error, file=sys.stderr)
        return 1
    wiring.told(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a request needs beyond itself: databases, keys, the provider; opened late, kept as long as they hold."""

from __future__ import annotations

import threading
import time

from provisioner import wiring
from provisioner.adapters import provider_file
from provisioner.adapters.pools import Pools
from provisioner.adapters.tokens import Keys
from provisioner.core.model import Provider
from provisioner.steps.load_provider import PROVIDER_FILE

# A key that is changed under Admin, Connections signs after this long, without a restart.
KEYS_SECONDS = 10


class Doors:
    """The API server process's own. Thread-safe: FastAPI answers plain functions in many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: Pools | None = None
        self._keys: tuple[Keys, float] | None = None
        self._provider: tuple[Provider, tuple[int, int]] | None = None

    def pools(self) -> Pools:
        """Return the databases' pools; raises ConfigurationError naming a connection that is missing."""
        with self._lock:
            if self._pools is None:
                self._pools = wiring.page_pools()
            return self._pools

    def keys(self) -> Keys:
        """Return the token keys, at most ten seconds old; raises ConfigurationError saying what is wrong."""
        with self._lock:
            now = time.monotonic()
            if self._keys is None or self._keys[1] <= now:
                self._keys = wiring.token_keys(), now + KEYS_SECONDS
            return self._keys[0]

    def provider(self) -> Provider:
        """Return the provider file as it is now; raises ConfigurationError naming its mistakes."""
        with self._lock:
            # Parsing and checking it takes longer than the rest of an answer.
            status = PROVIDER_FILE.stat()
            version = (status.st_mtime_ns, status.st_size)
            if self._provider is None or self._provider[1] != version:
                self._provider = provider_file.read(PROVIDER_FILE).provider, version
            return self._provider[0]

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            if self._pools is not None:
                self._pools.close()
                self._pools = None

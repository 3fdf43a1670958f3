"""dask.distributed, imported when somebody asks for other computers, and kept quiet."""

from __future__ import annotations

import errno
import importlib.util
import logging
import ssl
import warnings
from typing import Any

from engine.errors import Refused

MISSING = (
    "Working with other computers needs the extra “cluster”. Get it with: pip install "
    "'espalier[cluster]'."
)
SETTINGS: dict[str, Any] = {
    # Nothing listens but what the work needs: no page of figures, on no port.
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.comm.timeouts.connect": "15s",
    "distributed.comm.retry.count": 0,
}


def is_there() -> bool:
    """Whether the extra is installed; nothing is imported."""
    return importlib.util.find_spec("distributed") is not None


def distributed() -> Any:
    """The library, set up. Raises Refused with how to get it where it is not installed."""
    if not is_there():
        raise Refused(MISSING)
    import dask

    dask.config.set(SETTINGS)
    import distributed

    # What goes wrong is said in our own words; between them its log would only puzzle.
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed")
    return distributed


def why(error: BaseException) -> str:
    """What the system says of a connection that failed, in parentheses after a space; empty where
    it says nothing. What OpenSSL and Dask say is for programmers."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and not isinstance(seen, ssl.SSLError) and seen.errno:
            if seen.errno == errno.EADDRNOTAVAIL:
                return " (this computer has no such address)"
            return f" ({seen.strerror})"
        seen = seen.__cause__ or seen.__context__
    return ""

"""What was asked of a worker or of this computer, and comes some time, or never."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

FETCH = 30.0
"""Seconds in which an answer that is there must have come."""


def asked(submit: Callable[..., Any], *given: Any, **how: Any) -> Any:
    """What `submit` gives; where it can't, because its scheduler is gone, one that is lost."""
    try:
        return submit(*given, **how)
    except Exception as error:  # a boundary: whatever a closed connection says
        lost: Future[bytes] = Future()
        lost.set_exception(error)
        return lost


def fetched(future: Any) -> bytes | None:
    """An answer; None where there is none, whatever came instead."""
    try:
        if isinstance(future, Future):
            return future.result()
        return future.result(timeout=FETCH) if future.status == "finished" else None
    except (Exception, CancelledError):  # a boundary: anything of a worker or a scheduler
        return None


def drop(future: Any) -> None:
    """Waits for a future no more; one that did not begin never will."""
    if isinstance(future, Future):
        future.cancel()
    else:
        future.release()

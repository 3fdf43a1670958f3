"""Work done in forked processes, which may be killed: the parent has imported all and run nothing.

A fork of a process with PyTorch's threads would hang, so the parent never does the work itself.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any


class LostError(Exception):
    """A child that ended without an answer, though nobody killed it."""


def in_child(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What `work` returns, done in a process of its own. Raises LostError where it failed."""
    done, answer = killed_after(None, work, *given, **named)
    if not done:
        raise LostError(answer)
    return answer


def killed_after(
    seconds: float | None, work: Callable[..., Any], *given: Any, **named: Any
) -> tuple[bool, Any]:
    """Does `work` in a process group of its own and kills all of it after so many seconds.

    Whether it ended before that, and what it returned. A child that cuts its own power has not
    ended. Raises LostError where it failed.
    """
    here, there = os.pipe()
    number = os.fork()
    if number == 0:
        os.close(here)
        serve(there, work, given, named)
    os.close(there)
    with contextlib.suppress(OSError):  # whoever comes first: it may be killed before it says so
        os.setpgid(number, number)
    end = None if seconds is None else time.monotonic() + seconds
    content = b""
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([here], [], [], left)[0]:
            break
        part = os.read(here, 1 << 16)
        if not part:
            break
        content += part
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)
    os.close(here)
    os.waitpid(number, 0)
    if not content:
        return False, None
    right, answer = pickle.loads(content)
    if not right:
        raise LostError(answer)
    return True, answer


def serve(pipe: int, work: Callable[..., Any], given: Any, named: Any) -> None:
    """The child: does the work, answers, and ends without cleaning up after its parent."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        answer = True, work(*given, **named)
    except BaseException:
        answer = False, traceback.format_exc()
    try:
        content = pickle.dumps(answer)
        while content:
            content = content[os.write(pipe, content) :]
    finally:
        os._exit(0)

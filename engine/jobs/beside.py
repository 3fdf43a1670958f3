"""The job of the processes that train beside another one, which has the project."""

from __future__ import annotations

import os

from engine.errors import Diverged, Refused
from engine.events import Work
from engine.jobs import job
from engine.results.tune import Followed
from engine.session import Session
from engine.system import device as devices
from engine.system import torchrun
from engine.training.distributed.followers import follow
from engine.training.distributed.joined import joined, leave

__all__ = ["follow_others", "leave"]


@job("Training beside another process")
def follow_others(session: Session) -> Work[Followed]:
    """Learns the steps that the leader of this process's group says, to its end.

    Ends as lost where another process of the group is gone.
    """
    folder = torchrun.inside()
    if folder is None:
        raise Refused("This process was started by itself, so there is no other one to follow.")
    own, steps = folder / f"process-{os.environ['LOCAL_RANK']}", 0
    own.mkdir(exist_ok=True)
    if not torchrun.all_there():
        return {"steps": 0}
    try:
        for step in follow(joined(), devices.choose(session.device), own):
            steps += 1
            yield step
    except Diverged:  # the leader says so
        pass
    return {"steps": steps}

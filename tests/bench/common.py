"""What the benches share: doing jobs in this process, as the command line does."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from engine.events import Ended
from engine.jobs import run
from engine.session import Session


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that `work` took, and what it returned."""
    clock = time.perf_counter()
    result = work()
    return time.perf_counter() - clock, result


class NotDone(SystemExit):
    """A job that did not end well, and how it ended."""

    def __init__(self, name: str, ended: Any) -> None:
        super().__init__(f"{name}: {ended}")
        self.ended = ended


def do(session: Session, name: str, /, **settings: Any) -> dict[str, Any]:
    """Does one job and returns its result; ends the bench where the job did not end well."""
    ended = None
    for event in run(session, name, settings):
        ended = event
    if not isinstance(ended, Ended) or ended.how != "done":
        raise NotDone(name, ended)
    return dict(ended.result)


def finished(work: Generator[Any, Any, Any]) -> Any:
    """What a generator returns at its end."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def new(
    folder: Path,
    name: str,
    backbone: str = "",
    weights: str = "",
    size: int = 0,
    features: str = "",
) -> Session:
    """A session with a new project in `folder`; without a backbone or weights the first choice."""
    session = Session()
    path = str(folder / f"{name}.espalier")
    given = {"backbone": backbone, "weights": weights, "size": size, "features": features}
    do(session, "new_project", path=path, **given)
    return session


def predictions(session: Session, test: Path) -> dict[str, dict[str, float]]:
    """Each image of a folder of class folders, with its probabilities by class."""
    paths = sorted(str(p) for p in test.glob("*/*"))
    found = do(session, "predict_images", paths=paths)["pictures"]
    return {path: answer["classes"] for path, answer in found.items()}

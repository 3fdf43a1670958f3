"""The main job on the sample images, from nothing to an exported model, without a window."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from engine.events import Work
from engine.jobs import job
from engine.jobs.export import export
from engine.jobs.learn import learn
from engine.jobs.project import make_sample
from engine.learners import LEARNERS
from engine.results.export import DemoMade, LearnerScore
from engine.session import Session


@job("Show the main job on the sample")
def demo(session: Session, *, folder: str = "") -> Work[DemoMade]:
    """Draws the sample, learns it with every learner, exports the default one's model."""
    target = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="espalier-demo-"))
    target.mkdir(parents=True, exist_ok=True)
    made = yield from make_sample(session, path=str(free_name(target)))
    default = session.require().facts["learner"]
    scores: list[LearnerScore] = []
    for name in sorted(LEARNERS, key=lambda n: n == default):
        clock = time.perf_counter()
        result = yield from learn(session, learner=name)
        seconds = time.perf_counter() - clock
        scores.append({"learner": name, "accuracy": result["accuracy"], "seconds": seconds})
    model = target / "model.onnx"
    receipt = yield from export(session, path=str(model), overwrite=True)
    return {
        "folder": str(target),
        "project": made["path"],
        "pictures": made["pictures"],
        "model": str(model),
        "scores": scores,
        "receipt": receipt,
    }


def free_name(folder: Path) -> Path:
    """sample.espalier, or the next free sample-2.espalier, so that nothing is overwritten."""
    path, number = folder / "sample.espalier", 2
    while path.exists():
        path, number = folder / f"sample-{number}.espalier", number + 1
    return path

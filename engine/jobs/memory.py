"""Jobs that say what a project keeps on disk, and keep it small."""

from __future__ import annotations

from engine.errors import BadSetting
from engine.events import Progress, Work
from engine.jobs import job
from engine.learners import LEARNERS
from engine.learning import capped, subnet
from engine.learning.material import choice, features_by
from engine.results.memory import Memory
from engine.session import Session
from engine.storage import meter, steps
from engine.storage.project import Project

LEAST = 1_000_000


@job("Look at what is kept", reads=True)
def memory(session: Session) -> Work[Memory]:
    """What the project keeps on disk, by part."""
    yield Progress(0, None, "Reading")
    return kept(session.require())


@job("Cap what can be made again")
def cap_features(session: Session, *, most: int) -> Work[Memory]:
    """Keeps so many bytes of features and thumbnails at most, 0 for all; what is above it gives way
    at once, and after each step of learning."""
    if most < 0 or 0 < most < LEAST:
        raise BadSetting("The cap is 1 MB or more, or 0 for none.")
    project = session.require()
    yield Progress(0, None, "Looking for room")
    title = "Cap features and thumbnails" if most else "Keep all features and thumbnails"
    with project.gesture(title) as gesture, project.transaction(gesture):
        project.set_facts(feature_cap=most)
    if most and not subnet.is_mixture(project):
        row = steps.current(project)
        learnt = steps.learnt(project, row) if row else None
        views = LEARNERS.make(*choice(project)).views
        features = features_by(project, session.extractor(), views)
        same = row is not None and row["features_key"] == features.key
        capped.keep_within(project, features, learnt.images if learnt and same else {})
    yield session.changed("memory")
    return kept(project)


def kept(project: Project) -> Memory:
    """What a project keeps, by part in bytes, and how many images' features gave way."""
    parts = meter.parts(project)
    there, gone = (
        project.db.execute(f"SELECT COUNT(DISTINCT sha256) FROM feature WHERE pack {how} ''")
        for how in ("<>", "=")
    )
    return {
        "parts": parts,
        "bytes": sum(part["bytes"] for part in parts),
        "cap": int(project.facts["feature_cap"]),
        "kept": there.fetchone()[0],
        "dropped": gone.fetchone()[0],
        "goes_first": list(capped.GOES_FIRST),
        "stays": capped.WHAT_STAYS,
    }

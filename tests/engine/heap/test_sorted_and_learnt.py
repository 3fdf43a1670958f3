"""A heap that was sorted is learnt as folders are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.session import Session
from tests.helpers.projects import done
from tests.helpers.sorting import LEARNERS, class_of, label, use


def sort_all(session: Session) -> None:
    """Names all images one by one, with some acts taken back, and learns now and then."""
    rng = np.random.default_rng(4)
    while True:
        shown = done(session, "suggestions", order="uncertain", limit=1000)
        rows = [shown["ask"]] if shown["ask"] else shown["rows"]
        if not rows:
            break
        row = rows[0]
        best = row["likeliest"][0][0] if row.get("likeliest") else ""
        how = "accepted" if best == class_of(row) else "typed"
        label(session, [row["id"]], class_of(row), how=how)
        if rng.random() < 0.2:
            done(session, "undo")
        if rng.random() < 0.1:
            done(session, "learn_sorted")
    done(session, "learn_sorted")
    assert done(session, "learn_sorted") == {}, "there is nothing more to learn"


@pytest.mark.parametrize("case", LEARNERS)
def test_after_the_loop_it_is_as_if_the_folders_had_been_learnt_at_once(
    session: Session, case: str, tmp_path: Path
) -> None:
    """With the same images held out: 0 answers differ, probabilities by 1e-6 at most."""
    use(session, case)
    sort_all(session)
    sides = {r["path"]: r["split"] for r in done(session, "images", limit=1000)["rows"]}
    assert 1 <= list(sides.values()).count("validation") <= 3, "drawn, if their class was known"

    at_once = Session()
    for path, side in sides.items():
        target = tmp_path / "sorted" / side / Path(path).parent.name / Path(path).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    weights = session.require().facts["weights"]
    file = session.require().blobs.path(weights)
    copy = shutil.copy(file, tmp_path / "net.safetensors")
    done(at_once, "new_project", path=str(tmp_path / "q"), weights=str(copy), size=32)
    name, settings = LEARNERS[case]
    done(at_once, "learn_folder", paths=[str(tmp_path / "sorted")], learner=name, settings=settings)
    found, expected = (
        done(each, "predict_images", paths=list(sides))["pictures"] for each in (session, at_once)
    )
    at_once.close()
    for path in sides:
        a, b = found[path]["classes"], expected[path]["classes"]
        assert max(a, key=a.get) == max(b, key=b.get)
        assert a == pytest.approx(b, abs=1e-6)

"""Branches that are removed, or merged into one network of the size of before."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.models.branches import branches_of, plain
from engine.session import Session
from tests.helpers.branching import QUICK, done, grow, kept, refused

pytestmark = pytest.mark.usefixtures("one_thread")


def test_branches_are_removed_and_their_classes_stay(grown_session: Session, photos: Path):
    session, one = grown_session, kept(grown_session)
    grow(session, photos, "ef", join="calibrated", cut="stage1")
    gone, _ = done(session, "remove_branch", branch=1)
    assert set(gone["per_class"]) == set("abcdef")
    assert gone["before"] is not None
    (left,) = branches_of(session.backbone())
    assert left.cut == "stage1"
    listed, _ = done(session, "list_branches")
    assert [row["classes"] for row in listed["branches"]] == [["e", "f"]]
    assert session.require().facts["learner"] == "per_branch"
    done(session, "remove_branch", branch=1)
    assert branches_of(session.backbone()) == ()
    assert session.require().facts["learner"] == "slda"
    for _ in range(3):
        done(session, "undo")
    assert kept(session) == one
    assert "has 1" in refused(session, "remove_branch", branch=2)


def test_merging_makes_one_network_of_the_original_size(grown_session: Session):
    session = grown_session
    branched, before = session.backbone(), kept(session)
    merged, _ = done(session, "merge_branches", allowed=100, settings=QUICK)
    backbone = session.backbone()
    assert merged["adopted"]
    assert set(merged["per_class"]) == set("abcd")
    assert backbone.cuts == plain(branched).cuts
    assert backbone.width == plain(branched).width
    assert backbone.digest != plain(branched).digest  # it learnt something
    done(session, "undo")
    assert kept(session) == before
    assert session.backbone().digest == branched.digest


def test_a_merged_network_that_loses_too_much_is_not_used(grown_session: Session):
    before = kept(grown_session)
    spoilt = {**QUICK, "lr": 0.2, "smoothing": 0.0}
    merged, _ = done(grown_session, "merge_branches", allowed=0, settings=spoilt, epochs=1)
    assert merged["difference"]["all"][0] < 0
    assert not merged["adopted"]
    assert kept(grown_session) == before

"""Growing branches in a project: the sharing curve, what is trained, what stays, what is undone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.events import CANCEL, Changed, Ended, Event, LayerState, Progress, Saved, Scored, Step
from engine.jobs import run
from engine.learners import LEARNERS
from engine.learners.heads import logits_of
from engine.models.branches import branches_of, classes_of, plain
from engine.session import Session
from engine.storage import catalogue, steps
from engine.training.branching import heads
from engine.training.branching import sharing_curve as curves
from engine.training.branching.grow import ground_of
from engine.training.branching.options import BranchOptions
from engine.training.branching.sharing_curve import cuts_of
from tests.helpers.branching import QUICK, done, folders, grow, kept, refused
from tests.helpers.generators import result

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_curve_goes_from_little_sharing_to_all(
    session: Session, photos: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(curves, "LEAST", 0.2)
    done(session, "add_images", paths=folders(photos, "cd"))
    before = kept(session)
    found, events = done(session, "sharing_curve", threshold=0, settings=QUICK)
    assert kept(session) == before
    rows = found["curve"]
    original = plain(session.backbone())
    assert cuts_of(original) == ("stem", "stage1", "stage2")
    # The stem has so little to share that it is not tried.
    assert [row["cut"] for row in rows] == ["stage1", "stage2", "features"]
    for name in ("share_parameters", "share_macs"):
        shares = [row[name] for row in rows]
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert 0 < shares[0] < 0.6
    assert rows[0]["share_macs"] >= 0.2
    assert [row["seconds"] > 0 for row in rows] == [True, True, False]
    best = max(row["accuracy"] for row in rows)
    chosen = next(row for row in rows if row["cut"] == found["recommended"])
    assert chosen["accuracy"] == best
    assert all(row["accuracy"] < best for row in rows[rows.index(chosen) + 1 :])
    assert any(isinstance(event, Progress) and event.total for event in events)


def test_what_lies_below_the_cut_is_computed_once_and_stands_still(
    session: Session, photos: Path, tmp_path: Path
):
    done(session, "add_images", paths=folders(photos, "cd"))
    project = session.require()
    numbers = heads.unlearnt(project)
    wish = BranchOptions("stage2", 0, "exact", "always", {**QUICK, "epochs": 6})
    ground, _ = result(ground_of(project, session.extractor(), numbers, wish, tmp_path))
    original = ground.original
    before = [p.clone() for p in original.below().state_dict().values()]
    course = ground.course("stage2")
    result(course.follow())
    prefix, images = ground.kept[0], len(ground.learnt.corpus)
    assert prefix.count == 2
    assert prefix.computed <= prefix.count * images
    assert prefix.computed + prefix.read == course.total * ground.tuning.batch
    assert prefix.read > prefix.computed
    after = list(original.below().state_dict().values())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    below = original.position("stage2")
    for stage in original.stages[:below]:
        trained = course.stack.parts[stage.name].state_dict()
        same = {k: torch.equal(v, trained[k]) for k, v in stage.module.state_dict().items()}
        assert all(same.values()), (stage.name, same)
    moved = course.stack.parts["stage3"].state_dict()
    assert any(
        not torch.equal(v, moved[k]) for k, v in original.stages[below].module.state_dict().items()
    )


# Growing.


def test_a_branch_learns_new_classes(session: Session, photos: Path):
    before = kept(session)
    asked = {"cut": "stage1", "adopt": "always", "settings": QUICK}
    grown, events = done(session, "grow_branch", paths=folders(photos, "cd"), **asked)
    assert grown["adopted"]
    assert (grown["cut"], grown["branch"], grown["curve"]) == ("stage1", 1, [])
    assert grown["classes"] == {"c": 20, "d": 20}
    assert set(grown["per_class"]) == set("abcd")
    project, backbone = session.require(), session.backbone()
    assert project.facts["backbone"] == "tuned"
    assert project.facts["learner"] == "slda"
    (branch,) = branches_of(backbone)
    assert branch.cut == "stage1"
    assert backbone.width == plain(backbone).width + branch.width
    row = steps.current(project)
    assert [project.db["class"].get(n)["name"] for n in row["new_classes"]] == ["c", "d"]
    assert grown["old_accuracy"] is not None
    assert grown["new_accuracy"] is not None
    low, high = grown["difference"]["all"][1:]
    assert low <= grown["after"]["accuracy"] - grown["before"]["accuracy"] <= high
    ways = [row["way"] for row in grown["costs"]["rows"]]
    assert ways[0] == "branch"
    assert grown["costs"]["rows"][0]["learn_seconds"] > 0
    state = next(e for e in events if isinstance(e, LayerState))
    assert state.frozen[:2] == (True, True)
    assert not any(state.frozen[2:])
    assert any(isinstance(e, Scored) for e in events)
    assert not (project.path / "runs" / "branch").exists()
    after = kept(session)
    done(session, "undo")
    assert kept(session) == before
    done(session, "redo")
    assert kept(session) == after
    assert len(branches_of(session.backbone())) == 1


def test_without_folders_the_classes_that_are_not_learnt_yet_are_taken(
    session: Session, photos: Path
):
    done(session, "add_images", paths=folders(photos, "ef"))
    grown, _ = done(session, "grow_branch", cut="stage2", adopt="always", settings=QUICK)
    listed = done(session, "list_branches")[0]
    assert listed["branches"] == [
        {"branch": 1, "cut": "stage2", "features": grown_width(session), "classes": ["e", "f"]}
    ]
    assert listed["cuts"] == ["stem", "stage1", "stage2"]
    assert grown["adopted"]


@pytest.mark.parametrize(("memory", "more"), [(0.5, 0.5), (9, 1)])
def test_earlier_images_are_seen_beside_the_new_ones(
    session: Session, photos: Path, memory: float, more: float
):
    """As many as were asked for, and at most all: two classes are known, and two are new."""
    there = grow(session, photos, "cd", memory=memory, epochs=0.1)
    train = catalogue.to_learn(session.require()).train
    new = sum(len(train[n]) for n in classes_of(session.backbone())[-1])
    known = sum(map(len, train.values())) - new
    asked = known if more == 1 else more * new
    assert there["costs"]["rows"][0]["pictures"] == pytest.approx(new + asked, abs=1)


def test_a_branch_begins_as_the_newest_one_above_its_cut(grown_session: Session, photos: Path):
    """With a rate of 0 it stays what it began as: not the original."""
    asked = {"memory": 0, "features": 0, "epochs": 0.01, "settings": {**QUICK, "lr": 0.0}}
    grow(grown_session, photos, "ef", **asked)
    backbone = grown_session.backbone()
    newest, last = branches_of(backbone)
    original = plain(backbone)
    with torch.inference_mode():
        below = original.below("stage2")(torch.rand(9, 3, 32, 32))
        begun, first = newest.clone[:-1](below), original.above("stage2")(below)
        found = last.clone(below)
    assert (found - begun).norm() < 0.2 * (found - first).norm()


def grown_width(session: Session) -> int:
    return branches_of(session.backbone())[0].width


def old_logits(session: Session, images: np.ndarray) -> tuple[tuple[int, ...], torch.Tensor]:
    """What the heads in use say of images, through the network in use."""
    project = session.require()
    row = steps.current(project)
    learner = LEARNERS.make(row["learner"], row["settings"])
    learner.restore(steps.learnt(project, row).memory)
    features = torch.from_numpy(session.extractor()(images))
    return learner.classes, logits_of(learner.head(), features)


def columns(classes: Sequence[int], wanted: Sequence[int]) -> list[int]:
    return [list(classes).index(number) for number in wanted]


def test_old_logits_stay_to_the_last_bit(session: Session, grown_session: Session, photos: Path):
    """Through ONNX Runtime, as the project itself answers; also where the trunk gets shorter."""
    images = np.random.default_rng(0).integers(0, 256, (13, 32, 32, 3), np.uint8)
    known, before = old_logits(session, images)
    more, between = old_logits(grown_session, images)
    assert torch.equal(between[:, columns(more, known)], before)
    assert grown_session.require().facts["learner"] == "per_branch"
    grow(grown_session, photos, "ef", join="calibrated", cut="stage1")
    most, after = old_logits(grown_session, images)
    assert (len(known), len(more), len(most)) == (2, 4, 6)
    assert torch.equal(after[:, columns(most, more)], between)
    assert branches_of(grown_session.backbone())[1].cut == "stage1"


def test_after_calibrated_heads_one_exact_head_can_follow(grown_session: Session, photos: Path):
    grow(grown_session, photos, "ef", join="exact")
    facts = grown_session.require().facts
    assert (facts["learner"], facts["settings"]) == ("slda", {})
    assert len(branches_of(grown_session.backbone())) == 2


def test_a_step_of_the_network_before_is_not_returned_to(grown_session: Session):
    """Its head looks at other features; undo brings both back."""
    first, *_ = steps.line(grown_session.require())
    said = refused(grown_session, "return_to_step", step=first["id"])
    assert "another network" in said
    done(grown_session, "undo")
    assert steps.current(grown_session.require())["id"] == first["id"]


def test_a_branch_that_is_no_better_is_not_used(session: Session, photos: Path):
    before = session.backbone().digest
    spoilt = {**QUICK, "lr": 0.0}
    grown = grow(session, photos, "cd", adopt="never", settings=spoilt, epochs=1)
    assert not grown["adopted"]
    assert grown["branch"] is None
    assert session.backbone().digest == before
    assert set(grown["per_class"]) == set("abcd")  # learnt all the same
    assert grown["difference"]["all"] is not None


def test_where_sharing_all_does_as_well_no_branch_is_grown(session: Session, photos: Path):
    before = session.backbone().digest
    grown = grow(session, photos, "cd", cut="auto", threshold=100)
    assert grown["recommended"] == grown["cut"] == "features"
    assert len(grown["curve"]) == 4
    assert not grown["adopted"]
    assert session.backbone().digest == before
    assert set(grown["per_class"]) == set("abcd")


@pytest.mark.parametrize("last", ["pictures", "step", "backbone"])
def test_cancelled_it_leaves_the_project_as_it_was(session: Session, photos: Path, last: str):
    """While images are added, while the branch is trained, and after it was put in its place."""
    before, seen = kept(session), list[Event]()

    def stopped() -> str:
        if not seen:
            return ""
        there = {
            "pictures": isinstance(seen[-1], Saved) and seen[-1].what == "pictures",
            "step": isinstance(seen[-1], Step) and "rate" in seen[-1].figures,
            "backbone": isinstance(seen[-1], Changed) and seen[-1].what == "backbone",
        }
        return CANCEL if there[last] else ""

    asked = {"paths": folders(photos, "cd"), "cut": "stage2", "adopt": "always", "settings": QUICK}
    for event in run(session, "grow_branch", asked, stopped):
        seen.append(event)
    assert isinstance(seen[-1], Ended)
    assert seen[-1].how == "cancelled"
    assert kept(session) == before
    assert not (session.require().path / "runs" / "branch").exists()
    assert len(session.require().gestures(undone=False)) == 1


# What can't be done.


def test_what_can_not_be_grown_is_refused(session: Session, photos: Path, tmp_path: Path):
    before = kept(session)
    said = refused(session, "grow_branch", paths=folders(photos, "ab"))
    assert "learnt already" in said
    assert "two new ones" in refused(session, "grow_branch", paths=folders(photos, "c"))
    assert "learnt already" in refused(session, "grow_branch")
    wrong = {"paths": folders(photos, "cd"), "settings": QUICK}
    assert "stem, stage1, stage2" in refused(session, "grow_branch", cut="attic", **wrong)
    assert "No branch can begin" in refused(session, "grow_branch", cut="features", **wrong)
    assert "0 to 100 points" in refused(session, "grow_branch", threshold=-1.0, **wrong)
    assert "exact, calibrated" in refused(session, "grow_branch", join="glued", **wrong)
    assert "0 to 100 earlier images" in refused(session, "grow_branch", memory=-1.0, **wrong)
    assert "better, clearly, always, never" in refused(
        session, "grow_branch", adopt="maybe", **wrong
    )
    assert "no setting called" in refused(session, "grow_branch", paths=[], settings={"speed": 1})
    assert "no branches to merge" in refused(session, "merge_branches")
    assert "no branch 1" in refused(session, "remove_branch", branch=1)
    (tmp_path / "empty").mkdir()
    assert "Nothing was added" in refused(session, "grow_branch", paths=[str(tmp_path / "empty")])
    assert kept(session) == before

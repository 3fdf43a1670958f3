"""What is kept between acts follows the tables, whatever happens to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.heap import making
from engine.heap.order import Herding, margin
from engine.session import Session
from engine.storage import unsorted
from tests.bench.common import finished
from tests.helpers import image_files
from tests.helpers.projects import done
from tests.helpers.sorting import LEARNERS, NAMES, agrees, class_of, label, told, use, waiting


@pytest.mark.parametrize("case", LEARNERS)
def test_it_follows_acts_undo_and_all_that_changes_classes(session: Session, case: str) -> None:
    use(session, case)
    heap = waiting(session)
    for name in NAMES[:3]:
        label(session, heap[name][:1], name)
        label(session, heap[name][1:4], name, how="accepted")
    agrees(session)
    for _ in range(2):
        done(session, "undo")
    agrees(session)
    done(session, "redo")
    done(session, "set_aside", images=heap["lime"][:2])
    done(session, "rename_class", name="red", to="crimson")
    agrees(session)
    done(session, "set_aside", images=heap["lime"][:1], back=True)
    done(session, "merge_classes", name="crimson", into="teal")
    agrees(session)
    done(session, "undo")
    done(session, "remove_class", name="teal")
    label(session, heap["lime"][4:8], "lime")
    agrees(session)
    done(session, "remove_unsorted", images=heap["lime"][8:10])
    agrees(session)


def own_answers(session: Session) -> dict[int, dict[str, float]]:
    """What the project answers for images that wait."""
    rows = done(session, "suggestions", limit=1000)["rows"]
    found = done(session, "predict_images", paths=[row["path"] for row in rows])["pictures"]
    return {row["id"]: found[row["path"]]["classes"] for row in rows}


def test_what_waits_has_a_part_the_smaller_the_less_waits(
    session: Session, few_directions: None
) -> None:
    heap = waiting(session)

    def apart() -> float:
        done(session, "learn_sorted")
        _, shares = told(session)
        own = own_answers(session)
        return float(np.mean([abs(s[n] - own[i][n]) for i, s in shares.items() for n in s]))

    for name in NAMES:
        label(session, heap[name][:2], name)
    agrees(session)
    first = apart()
    for name in NAMES:
        label(session, heap[name][2:-1], name)
    agrees(session)
    done(session, "undo")
    agrees(session)
    done(session, "redo")
    assert first > 0.01
    assert apart() < 0.3 * first


def test_what_is_set_aside_has_no_part(session: Session, few_directions: None) -> None:
    heap = waiting(session)
    for name in NAMES[:3]:
        label(session, heap[name][:2], name)
    before = told(session)[1]
    done(session, "set_aside", images=heap["lime"])
    after = told(session)[1]
    assert max(abs(after[i][n] - before[i][n]) for i in after for n in after[i]) > 0.01
    agrees(session)


def test_what_is_held_out_tells_of_those_that_wait(session: Session, few_directions: None) -> None:
    """Images that were drawn and named judge the head, which never sees them; the mixture does."""
    heap = waiting(session)
    for name in NAMES:
        label(session, heap[name][:2], name)
    for row in unsorted.rows(session.require()):
        if row["drawn"]:
            label(session, [row["id"]], class_of(row))
    state = finished(making.state_of(session))
    assert state.held
    of_class: dict[int, list[str]] = {}
    for sha256, number in {**state.learnt, **state.held}.items():
        of_class.setdefault(number, []).append(sha256)
    for number, hashes in of_class.items():
        come = state.basis.round(state.features.get(hashes).mean(axis=1)).sum(axis=0)
        assert state.mixture.named[number] == pytest.approx(come, abs=1e-4)
    agrees(session)


def test_the_most_useful_are_compared_in_the_whitened_space(
    session: Session, few_directions: None
) -> None:
    heap = waiting(session)
    for name in NAMES:
        label(session, heap[name][:1], name)
    state = finished(making.state_of(session))
    firsts = []
    for space, at in ((state.mixture.z, state.basis.round), (state.near, state.basis)):
        herding = Herding(space)
        cover = herding.covered(at(state.features.get(list(state.learnt)).mean(axis=1)))
        picks = herding.picks(cover, margin(state.doubted), state.open)
        firsts.append(picks[:6].tolist())
    assert firsts[0] != firsts[1]
    assert state.ordered("useful")[:6].tolist() == firsts[0]


def test_acts_do_not_make_it_anew(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    heap = waiting(session)
    label(session, heap["red"][:1], "red")
    label(session, heap["teal"][:1], "teal")

    def never(*_: object) -> Any:
        raise AssertionError("an act looked at everything")

    for name in ("made", "settled"):
        monkeypatch.setattr(making, name, never)
    state = session.keep(making.KEPT, dict)["state"]
    monkeypatch.setattr(state, "follow", never)
    label(session, heap["red"][1:4], "red")
    label(session, heap["violet"][:1], "violet")
    done(session, "set_aside", images=heap["lime"][:1])
    assert set(done(session, "suggestions")["classes"]) == {"red", "teal", "violet"}


def test_a_class_that_was_forgotten_is_wanted_again_with_all_it_had(session: Session) -> None:
    heap = waiting(session)
    for name in NAMES[:2]:
        label(session, heap[name][:3], name, learn=True)
    done(session, "forget", name="red")
    assert done(session, "suggestions")["classes"] == ["teal"]
    shown = label(session, heap["red"][3:4], "red")["suggestions"]
    assert shown["classes"] == ["red", "teal"]
    agrees(session)


def test_a_new_network_looks_at_what_waits_anew(session: Session, folders: Path) -> None:
    heap = waiting(session)
    for name in NAMES[:2]:
        label(session, heap[name][:3], name)
    done(session, "use_backbone", name="embedded", size=32, learn=False)
    agrees(session)
    done(session, "undo")
    agrees(session)


def test_what_is_visible_stays_where_it_is(session: Session) -> None:
    heap = waiting(session)
    for name in NAMES[:2]:
        label(session, heap[name][:2], name)
    seen = done(session, "suggestions", order="uncertain", limit=8)["order"][:8]
    gone, *stay = seen
    shown = label(session, [gone], "violet", order="uncertain", visible=seen)["suggestions"]
    assert shown["order"][:7] == stay
    other = done(session, "suggestions", order="uncertain")["order"]
    assert other[:7] != stay, "they would have moved: this can fail"
    assert sorted(other) == sorted(shown["order"])


def test_an_image_that_was_set_aside_can_be_named_after_all(session: Session) -> None:
    heap = waiting(session)
    for name in NAMES[:2]:
        label(session, heap[name][:2], name)
    done(session, "set_aside", images=heap["teal"][2:4])
    session.keep(making.KEPT, dict).clear()
    assert label(session, heap["teal"][2:3], "teal")["images"] == 1
    agrees(session)


def test_an_image_whose_file_is_gone_can_be_named_and_is_not_learnt(
    session: Session, tmp_path: Path
) -> None:
    image_files.class_folder(tmp_path, "more", 4)
    done(session, "add_unsorted", paths=[str(tmp_path / "more")])
    shutil.rmtree(tmp_path / "more")
    project = session.require()
    with project.transaction() as db:
        db.execute(
            "DELETE FROM feature WHERE sha256 IN (SELECT sha256 FROM unsorted WHERE id > 60)"
        )
    session.keep(making.KEPT, dict).clear()
    heap = waiting(session)
    label(session, heap["red"][:2], "red")
    result = label(session, [61, 62], "more")
    assert result["images"] == 2
    assert result["suggestions"]["classes"] == ["red"]
    agrees(session)

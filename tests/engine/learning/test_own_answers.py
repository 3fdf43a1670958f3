"""What the model says of the project's own images, on both sides, and mending what is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.session import Session
from tests.helpers.image_files import class_folders, plain_folders, planted
from tests.helpers.projects import QUICK, SIZE, done, refused, weights

PLANTED = 3


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A project of three colours, with three images of each in a class that is not theirs."""
    root = plain_folders(tmp_path / "images", ["red", "green", "blue"], 24)
    pairs = (("red", "green"), ("green", "blue"), ("blue", "red"))
    planted(root, [(of, to, n) for of, to in pairs for n in range(PLANTED)])
    session = Session()
    path = str(tmp_path / "p.espalier")
    done(session, "new_project", path=path, weights=str(weights(QUICK)), size=SIZE)
    done(session, "learn_folder", paths=[str(root)])
    yield session
    session.close()


def wrong(session: Session) -> list[dict[str, Any]]:
    return done(session, "uncertain_images", wrong=True)["rows"]


def misplaced(row: dict[str, Any]) -> bool:
    return " " in Path(row["path"]).name


def sides(session: Session) -> set[str]:
    return {row["split"] for row in wrong(session) if misplaced(row)}


def test_images_of_both_sides_that_lie_in_a_wrong_class_come_first(session: Session) -> None:
    rows = wrong(session)

    assert [misplaced(row) for row in rows[: 3 * PLANTED]] == [True] * 3 * PLANTED
    assert sides(session) == {"train", "validation"}, "the drawn images lie on both sides"
    for row in rows[: 3 * PLANTED]:
        assert row["predicted"] == row["likeliest"][0][0] == Path(row["path"]).name.split()[0]
        assert row["confidence"] == row["likeliest"][0][1] <= 1
        assert row["class"] in dict(row["likeliest"])


def test_a_mended_image_is_learnt_with_it_and_both_are_undone_as_one(session: Session) -> None:
    (first, *_), before = wrong(session), session.view()
    done(session, "mend_images", images=[first["id"]], to=first["predicted"])
    learnt = done(session, "learn_again")

    assert learnt["accuracy_before"] == before.current_step.accuracy
    assert all(view.learnt for view in session.view().classes)
    assert first["id"] not in {row["id"] for row in wrong(session)}
    assert session.view().undo == (*before.undo, f"Move 1 image to {first['predicted']}")
    done(session, "undo")
    assert session.view().current_step == before.current_step
    assert wrong(session)[0] == first
    done(session, "redo")
    assert first["id"] not in {row["id"] for row in wrong(session)}


def test_all_mended_leaves_nothing_planted(session: Session) -> None:
    for row in [row for row in wrong(session) if misplaced(row)]:
        done(session, "mend_images", images=[row["id"]], to=row["predicted"])
    better = done(session, "learn_again")

    assert better["accuracy"] > better["accuracy_before"]
    assert not [row for row in wrong(session) if misplaced(row)]
    assert done(session, "learn_again") == {}, "there is nothing left to learn"


def test_what_is_kept_is_not_asked_about_again(session: Session) -> None:
    before, path = wrong(session), str(session.require().path)
    row = next(row for row in before if row["split"] == "validation")
    assert done(session, "mend_images", images=[row["id"]]) == {"moved": 0, "kept": 1}
    done(session, "open_project", path=path)

    for asked in (True, False):
        found = done(session, "uncertain_images", wrong=asked, limit=100)["rows"]
        assert row["id"] not in {r["id"] for r in found}
    assert done(session, "learn_again") == {}, "keeping an image teaches nothing new"
    cell = done(session, "confusion_images", true=row["class"], predicted=row["predicted"])
    kept = {r["id"] for r in cell["rows"] if r["kept"]}
    assert kept == {row["id"]}, "a cell still has all that it counts"
    done(session, "undo")
    assert wrong(session) == before


def test_an_image_held_out_is_scored_anew_where_it_goes(session: Session) -> None:
    row = next(row for row in wrong(session) if row["split"] == "validation")
    done(session, "mend_images", images=[row["id"]], to=row["predicted"])

    after = done(session, "learn_again")

    assert after["accuracy"] > after["accuracy_before"]
    scores = done(session, "scores")
    held_out = {view.name: view.validation for view in session.view().classes}
    assert {r["name"]: r["images"] for r in scores["rows"]} == held_out


def test_a_cell_shows_the_held_out_images_that_it_counts(session: Session) -> None:
    scores = done(session, "scores")
    for (r, true), (c, said) in itertools.product(enumerate(scores["classes"]), repeat=2):
        cell = done(session, "confusion_images", true=true, predicted=said)
        assert cell["total"] == len(cell["rows"]) == scores["confusion"][r][c]
        assert {row["split"] for row in cell["rows"]} <= {"validation"}


def test_a_method_without_a_closed_form_judges_what_it_never_saw(session: Session) -> None:
    done(session, "learn", learner="tilda")

    found = done(session, "uncertain_images", limit=100)

    assert not found["both_sides"]
    assert {row["split"] for row in found["rows"]} == {"validation"}
    assert done(session, "learn", learner="ncm")["step"]
    found = done(session, "uncertain_images", limit=100)
    assert found["both_sides"]
    assert {row["split"] for row in found["rows"]} == {"train", "validation"}


def test_an_image_of_a_list_can_be_asked_for_with_it(session: Session) -> None:
    right = done(session, "uncertain_images", limit=100)["rows"][-1]
    short = done(session, "uncertain_images", wrong=True, limit=2, also=[right["id"]])["rows"]
    assert len(short) == 3
    assert short[-1] == right


def test_a_tried_image_is_added_learnt_and_taken_back_as_one(
    session: Session, tmp_path: Path
) -> None:
    root = class_folders(tmp_path / "more", {"red": 3}, seed=4)
    before, file = session.view(), sorted(root.rglob("*.jpg"))[0]

    result = done(session, "teach_image", path=str(file), to="crimson")

    assert (result["class"], result["moved"]) == ("crimson", 0)
    (crimson,) = [view for view in session.view().classes if view.name == "crimson"]
    assert (crimson.train, crimson.validation, crimson.learnt) == (1, 0, True)
    done(session, "undo")
    assert session.view().classes == before.classes
    assert session.view().current_step == before.current_step


def test_a_tried_image_that_is_in_the_project_moves(session: Session) -> None:
    row = wrong(session)[0]
    result = done(session, "teach_image", path=row["file"], to="red")
    assert (result["moved"], result["image"]) == (1, row["id"])
    assert session.view().conflicts == 0


def test_bytes_are_kept_in_the_project(session: Session, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "more", {"red": 1}, seed=4)
    content = next(root.rglob("*.jpg")).read_bytes()
    result = done(session, "teach_image", content=content, to="red")
    images = done(session, "images", class_name="red", limit=100)["rows"]
    (row,) = [row for row in images if row["id"] == result["image"]]
    assert Path(row["file"]).read_bytes() == content


def test_what_is_no_image_is_refused(session: Session, tmp_path: Path) -> None:
    before, file = session.view(), tmp_path / "notes.txt"
    file.write_text("Not an image.")
    assert "Nothing was added" in refused(session, "teach_image", path=str(file), to="red")
    assert "name" in refused(session, "teach_image", path=str(file), to=" ")
    assert "no longer" in refused(session, "mend_images", images=[99_999], to="red")
    assert session.view() == before

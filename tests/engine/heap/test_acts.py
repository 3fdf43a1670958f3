"""What a person says of images, and what is kept of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from engine.events import Saved
from engine.jobs import run
from engine.session import Session
from engine.storage import unsorted
from tests.helpers import image_files
from tests.helpers.projects import done, refused
from tests.helpers.sorting import NAMES, label, waiting


def test_one_act_is_one_undo_all_the_way(session: Session) -> None:
    project = session.require()
    before = [list(project.db[t].rows) for t in ("unsorted", "image", "class", "named", "step")]
    facts = project.facts
    heap = waiting(session)
    label(session, heap["red"][:4], "red", learn=True)
    assert session.view().undo[-1] == "Name 4 images red"
    done(session, "undo")
    after = [list(project.db[t].rows) for t in ("unsorted", "image", "class", "named", "step")]
    assert after == before
    assert project.facts == facts
    assert done(session, "suggestions")["classes"] == []


def test_typed_accepted_and_suggested_are_kept_apart(session: Session) -> None:
    heap = waiting(session)
    label(session, heap["red"][:3], "red")
    label(session, heap["teal"][:3], "teal")
    shown = {row["id"]: row["likeliest"] for row in done(session, "suggestions", limit=99)["rows"]}
    one, other = heap["red"][3], heap["violet"][0]
    label(session, [one], shown[one][0][0], how="accepted")
    label(session, [other], "violet")
    rows = list(session.require().db["named"].rows)
    assert [row["how"] for row in rows] == ["typed"] * 6 + ["accepted", "typed"]
    assert [row["suggested"] is None for row in rows] == [True] * 6 + [False, False]
    assert rows[6]["share"] == pytest.approx(shown[one][0][1], abs=1e-5)
    stand = done(session, "suggestions")["standing"]
    assert (stand["typed"], stand["accepted"]) == (7, 1)
    assert (stand["recent"], stand["recent_right"]) == (2, 1)
    assert "typed or accepted" in refused(session, "label_images", to="x", images=[1], how="odd")


def test_sure_suggestions_that_were_wrong_make_the_forecast_careful(session: Session) -> None:
    """What a person corrected counts, what they took as it was too; nobody looked at the rest."""
    heap = waiting(session)
    for name in NAMES[:2]:
        label(session, heap[name][:4], name)
    project = session.require()
    number = project.db["class"].get(1)["id"]
    assert unsorted.record(project).off == 1

    def note(how: str, suggested: int, count: int) -> None:
        with project.transaction() as db:
            db["named"].insert_all(
                {
                    "sha256": f"{how}{suggested}{place}",
                    "class_id": number,
                    "how": how,
                    "suggested": suggested,
                    "share": 0.9,
                    "at_random": 0,
                    "act": 1,
                    "made": "",
                }
                for place in range(count)
            )

    def keys_left() -> int:
        return int(done(session, "suggestions")["standing"]["keys_left"])

    note("accepted", number, 20)
    assert unsorted.record(project).off == 1
    before = keys_left()
    note("typed", number + 1, 10)
    assert keys_left() > before
    # 30 looked at, 3 wrong expected, 10 were, and 3 of each besides.
    assert unsorted.record(project).off == pytest.approx(13 / 6)
    note("bulk", number + 1, 10)
    record = unsorted.record(project)
    assert record.off == pytest.approx(13 / 6)
    assert record.off_at_most == pytest.approx((13 + 11**0.5) / 6)
    assert record.doubtful == pytest.approx(13 / 6)


def test_a_persons_word_is_never_overwritten(session: Session) -> None:
    """What a person named or set aside stays, whatever the program is sure of."""
    heap = waiting(session)
    label(session, heap["red"][:4], "red")
    label(session, heap["teal"][:4], "teal")
    label(session, heap["red"][4:5], "teal")  # a word against all evidence
    done(session, "set_aside", images=heap["teal"][5:7])
    before = {row["id"]: row["class_id"] for row in session.require().db["image"].rows}
    done(session, "accept_above", least=0.0, really=True, learn=True)
    after = {row["id"]: row["class_id"] for row in session.require().db["image"].rows}
    assert {number: after[number] for number in before} == before
    assert done(session, "unsorted_images", aside=True)["total"] == 2


def test_one_class_alone_is_suggested_for_nothing(session: Session) -> None:
    """Every answer would be that class, with certainty; groups go on helping."""
    heap = waiting(session)
    shown = label(session, heap["red"][:2], "red")["suggestions"]
    assert shown["classes"] == ["red"]
    assert all(row["likeliest"] == [] for row in shown["rows"])
    assert sum(map(len, shown["groups"])) == len(shown["order"])
    assert done(session, "accept_above", least=0.0)["images"] == 0
    assert shown["standing"]["keys_left"] == shown["standing"]["waiting"]


def test_of_what_was_stored_before_a_stop_some_are_drawn_and_the_rest_are_not_too_many(
    session: Session, tmp_path: Path
) -> None:
    image_files.class_folder(tmp_path, "more", 80)
    before, settings = unsorted.rows(session.require()), {"paths": [str(tmp_path / "more")]}
    known = {row["id"] for row in before}
    with closing(run(session, "add_unsorted", settings)) as events:
        next(event for event in events if isinstance(event, Saved))

    def came() -> list[int]:
        return [r["drawn"] for r in unsorted.rows(session.require()) if r["id"] not in known]

    assert 0 < len(came()) < 80
    assert sum(came()) == round(0.05 * len(came()))
    done(session, "add_unsorted", **settings)
    assert len(came()) == 80
    assert sum(came()) == 4

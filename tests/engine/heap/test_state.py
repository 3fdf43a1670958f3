"""What is kept between acts follows the tables, whatever happens to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.events import Saved
from engine.heap import making, near
from engine.heap.order import Herding, margin
from engine.jobs import run
from engine.session import Session
from engine.storage import unsorted
from tests.bench.common import finished
from tests.helpers import image_files
from tests.helpers.projects import done, refused

NAMES = ["red", "teal", "violet", "lime"]
COUNT = 15
LEARNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ncm": ("ncm", {}),
    "slda": ("slda", {}),
    "slda fixed": ("slda", {"shrinkage": 0.2}),
    "ridge": ("ridge", {"size": 300}),
    "auto": ("auto", {}),
    "tilda": ("tilda", {"anchors": 1, "views": 2}),
    "per branch": ("per_branch", {}),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_files.plain_folders(tmp_path_factory.mktemp("folders"), NAMES, COUNT)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, folders: Path) -> Path:
    """A project with a heap of all images."""
    place = tmp_path_factory.mktemp("filled")
    session = Session()
    weights = image_files.weights(place / "net.safetensors")
    done(session, "new_project", path=str(place / "p"), weights=str(weights), size=32)
    done(session, "add_unsorted", paths=[str(folders)])
    session.close()
    return place / "p.espalier"


@pytest.fixture
def session(tmp_path: Path, filled: Path, one_thread: None) -> Iterator[Session]:
    path = shutil.copytree(filled, tmp_path / "p.espalier")
    session = Session()
    done(session, "open_project", path=str(path))
    yield session
    session.close()


def use(session: Session, case: str) -> None:
    """Makes a learner the project's, as learning with it does."""
    name, settings = LEARNERS[case]
    with session.require().transaction():
        session.require().set_facts(learner=name, settings=settings)


def class_of(row: dict[str, Any]) -> str:
    return Path(row["path"]).parent.name


def waiting(session: Session) -> dict[str, list[int]]:
    """Ids of what waits and was not drawn, by their true class."""
    shown = done(session, "suggestions", limit=1000)
    found: dict[str, list[int]] = {name: [] for name in NAMES}
    for row in shown["rows"]:
        found[class_of(row)].append(row["id"])
    return found


def label(session: Session, ids: list[int], to: str, **more: Any) -> Any:
    return done(session, "label_images", images=ids, to=to, **more)


def fresh(session: Session) -> tuple[list[int], dict[int, dict[str, float]]]:
    """What a session that begins anew says of what waits."""
    session.keep(making.KEPT, dict).clear()
    return told(session)


def told(session: Session) -> tuple[list[int], dict[int, dict[str, float]]]:
    shown = done(session, "suggestions", order="time", limit=1000, settle=True)
    return shown["order"], {row["id"]: dict(row["likeliest"]) for row in shown["rows"]}


def agrees(session: Session) -> None:
    """The state that was kept says what one made anew says, to a thousandth."""
    order, shares = told(session)
    expected_order, expected = fresh(session)
    assert order == expected_order
    for image, found in shares.items():
        assert found == pytest.approx(expected[image], abs=1e-3)


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


@pytest.fixture
def few_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 images so few say enough for what waits to have a part in the suggestions."""
    monkeypatch.setattr(near, "ROUND_WIDTH", 6)


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


def test_one_class_alone_is_suggested_for_nothing(session: Session) -> None:
    """Every answer would be that class, with certainty; groups go on helping."""
    heap = waiting(session)
    shown = label(session, heap["red"][:2], "red")["suggestions"]
    assert shown["classes"] == ["red"]
    assert all(row["likeliest"] == [] for row in shown["rows"])
    assert sum(map(len, shown["groups"])) == len(shown["order"])
    assert done(session, "accept_above", least=0.0)["images"] == 0
    assert shown["standing"]["keys_left"] == shown["standing"]["waiting"]


def test_an_image_that_was_set_aside_can_be_named_after_all(session: Session) -> None:
    heap = waiting(session)
    for name in NAMES[:2]:
        label(session, heap[name][:2], name)
    done(session, "set_aside", images=heap["teal"][2:4])
    session.keep(making.KEPT, dict).clear()
    assert label(session, heap["teal"][2:3], "teal")["images"] == 1
    agrees(session)


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

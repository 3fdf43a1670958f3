"""One unsorted heap, from the command line: it is added, suggested, named and learnt."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest

from engine.session import Session
from engine.storage import unsorted
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.projects import done, ended

COUNT = 12


@pytest.fixture(scope="module")
def sorted_images(home: Path) -> Path:
    """Three classes of images that any network tells apart."""
    return image_files.plain_folders(home / "sorted", ["red", "teal", "violet"], COUNT)


@pytest.fixture(scope="module")
def heap(home: Path, sorted_images: Path) -> Path:
    """The same images in one folder, named so that their order tells nothing."""
    folder = home / "heap"
    folder.mkdir()
    for file in sorted_images.rglob("*.jpg"):
        shutil.copy(file, folder / f"{file.stem} {file.parent.name}.jpg")
    return folder


@pytest.fixture(scope="module")
def empty(home: Path, home_weights: Path) -> Path:
    path = home / "empty.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    return path


@pytest.fixture(scope="module")
def filled(home: Path, empty: Path, heap: Path) -> Path:
    path = shutil.copytree(empty, home / "filled.espalier")
    assert answered(home, "add", path, heap)["added"] == 3 * COUNT
    return path


@pytest.fixture
def project(tmp_path: Path, filled: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "p.espalier")


def opened(path: Path) -> Session:
    session = Session()
    done(session, "open_project", path=str(path))
    return session


def test_images_are_added_without_a_class_and_found_again(home, project, heap):
    again = answered(home, "add", project, heap)
    assert (again["added"], again["already_there"], again["waiting"]) == (0, 36, 36)
    assert answered(home, "classes", project)["classes"] == []
    session = opened(project)
    page = done(session, "unsorted_images", limit=5)
    assert (page["total"], page["aside"], len(page["rows"])) == (36, 0, 5)
    file, begin, length = page["rows"][0]["thumb"]
    assert Path(file).read_bytes()[begin : begin + length].startswith(b"\xff\xd8")
    assert session.view().unsorted == 36
    session.close()
    said = espalier(home, "add", project, heap).stdout
    assert said == "0 images added, 36 wait for a class.\n36 were there already\n"


def test_features_are_computed_when_images_come(project):
    session = opened(project)
    kept = session.require().db.execute("SELECT COUNT(*) FROM feature").fetchone()[0]
    assert kept == 36
    session.close()


def test_what_lies_in_a_class_already_is_said_and_left_out(home, project, sorted_images, tmp_path):
    answered(home, "learn", project, sorted_images / "red")
    session = opened(project)
    assert session.view().unsorted == 24, "images that came with a class wait for none"
    done(session, "undo")
    assert session.view().unsorted == 36
    done(session, "redo")
    session.close()
    found = answered(home, "add", project, sorted_images)
    assert (found["added"], found["already_there"]) == (0, 24)
    assert sorted(Path(p).parent.name for p in found["in_classes"]) == ["red"] * 12
    assert "12 lie in classes already" in espalier(home, "add", project, sorted_images).stdout


def test_the_same_image_twice_in_one_drop_waits_once(home, empty, tmp_path):
    path = shutil.copytree(empty, tmp_path / "p.espalier")
    for name in ("one.jpg", "two.jpg"):
        image_files.image(tmp_path / "twins" / name, seed=3)
    found = answered(home, "add", path, tmp_path / "twins")
    assert (found["added"], found["already_there"]) == (1, 1)


def test_adding_is_undone_and_done_again_and_images_are_removed(project, heap):
    session = opened(project)
    ids = [row["id"] for row in done(session, "unsorted_images")["rows"]]
    assert done(session, "remove_unsorted", images=ids[:5])["removed"] == 5
    assert session.view().undo == ("Add unsorted images", "Remove 5 images")
    assert done(session, "unsorted_images")["total"] == 31
    done(session, "undo")
    assert [row["id"] for row in done(session, "unsorted_images")["rows"]] == ids
    done(session, "undo")
    assert session.view().unsorted == 0
    done(session, "redo")
    assert done(session, "unsorted_images")["total"] == 36
    session.close()
    assert sum(1 for _ in heap.iterdir()) == 36, "files stay where they lie"


def test_folders_called_train_and_test_mean_nothing_in_a_heap(home, empty, tmp_path):
    path = shutil.copytree(empty, tmp_path / "p.espalier")
    for number, part in enumerate(("train", "validation", "test")):
        image_files.class_folder(tmp_path / "dump", part, 2, seed=number)
    assert answered(home, "add", path, tmp_path / "dump")["added"] == 6


def test_what_can_not_be_used_is_told_and_the_rest_is_kept(home, empty, tmp_path):
    path = shutil.copytree(empty, tmp_path / "p.espalier")
    folder = tmp_path / "mixed"
    image_files.image(folder / "good.jpg")
    image_files.text_file(folder / "bad.jpg")
    found = answered(home, "add", path, folder)
    assert found["added"] == 1
    assert [Path(row["path"]).name for row in found["skipped"]] == ["bad.jpg"]
    (tmp_path / "nothing").mkdir()
    assert "Nothing was added." in refused(home, "add", path, tmp_path / "nothing")
    assert "Nothing was added." in refused(home, "add", path, tmp_path / "gone")


def test_what_changes_nothing_is_no_gesture(project):
    session = opened(project)
    assert ended(session, "remove_unsorted", images=[]).result["removed"] == 0
    assert session.view().undo == ("Add unsorted images",)
    session.close()


def class_of(path: str) -> str:
    return Path(path).stem.split()[1]


def suggested(home: Path, project: Path, *words: object) -> dict:
    return answered(home, "suggest", project, *words)


def test_before_there_is_a_class_alike_images_are_in_groups(home, project):
    found = suggested(home, project)
    assert sorted(found["order"]) == sorted(found["suggestions"])
    assert all(shares == {} for shares in found["suggestions"].values())
    named = [{class_of(path) for path in group} for group in found["groups"]]
    assert sum(map(len, found["groups"])) == len(found["order"])
    assert all(len(names) == 1 for names in named), "a group holds images of one class"
    sizes = list(map(len, found["groups"]))
    assert sizes == sorted(sizes, reverse=True)
    assert suggested(home, project)["groups"] == found["groups"], "always the same"
    assert "the most typical" in espalier(home, "suggest", project).stdout


def test_a_class_is_named_and_what_waits_is_suggested_one(home, project):
    for name in ("red", "teal", "violet"):
        path = next(p for p in suggested(home, project)["order"] if class_of(p) == name)
        done_ = answered(home, "label", project, path, name)
        assert (done_["images"], done_["class"], done_["new_class"]) == (1, name, True)
    found = suggested(home, project)
    assert len(found["order"]) == 36 - 3 - 2, "two are drawn at random, and not suggested for"
    right = [max(s, key=s.get) == class_of(path) for path, s in found["suggestions"].items()]
    assert sum(right) > 25
    for shares in found["suggestions"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert len(answered(home, "classes", project)["classes"]) == 3
    again = next(p for p in found["order"] if class_of(p) == "red")
    assert not answered(home, "label", project, again, "red")["new_class"]


def test_suggestions_are_what_the_project_answers(home, project):
    for name in ("red", "teal", "violet"):
        paths = [p for p in suggested(home, project)["order"] if class_of(p) == name][:4]
        answered(home, "label", project, *paths, name)
    found = suggested(home, project)["suggestions"]
    answers = answered(home, "predict", project, *found)
    for path, shares in found.items():
        assert shares == pytest.approx(answers[path], abs=1e-4)


def test_orders_hold_the_same_images_and_unsure_ones_come_first(home, project, heap):
    paths = {
        name: [p for p in sorted(heap.iterdir()) if class_of(p) == name]
        for name in ("red", "teal", "violet")
    }
    answered(home, "label", project, *paths["red"][:3], "red")
    answered(home, "label", project, *paths["teal"][:3], "teal")
    orders = {
        name: suggested(home, project, "--order", name)
        for name in ("likeness", "uncertain", "useful", "time")
    }
    assert len({tuple(sorted(found["order"])) for found in orders.values()}) == 1
    unsure = orders["uncertain"]
    sure = [max(unsure["suggestions"][path].values()) for path in unsure["order"]]
    assert sure == sorted(sure)
    changes = [class_of(p) for p in orders["likeness"]["order"]]
    assert sum(a != b for a, b in itertools.pairwise(changes)) == 2
    first = [class_of(path) for path in orders["useful"]["order"][:3]]
    assert first[0] == "violet", "what nothing is known of says most"
    some = suggested(home, project, "--order", "useful", "--limit", 4)
    assert some["order"] == orders["useful"]["order"][:4]
    assert "There is no order “odd”." in refused(home, "suggest", project, "--order", "odd")
    assert "limit" in refused(home, "suggest", project, "--limit", -1)


def test_what_is_asked_at_random_judges_if_a_person_typed_it(home, project):
    for name in ("red", "teal", "violet"):
        paths = [p for p in suggested(home, project)["order"] if class_of(p) == name][:4]
        answered(home, "label", project, *paths, name)
    asked = suggested(home, project)["ask"]
    assert asked is not None
    assert asked not in suggested(home, project)["suggestions"]
    assert answered(home, "label", project, asked, class_of(asked))["held_out"] == 1
    assert suggested(home, project)["standing"]["judged"] == 1
    assert suggested(home, project)["ask"] is None, "the next one is asked about after more acts"
    assert answered(home, "score", project)["typed_at_random"] == 1
    session = opened(project)
    (row,) = done(session, "images", split="validation")["rows"]
    assert row["path"] == asked
    done(session, "undo")
    assert done(session, "images", split="validation")["rows"] == []
    session.close()
    assert suggested(home, project)["ask"] == asked


def test_all_that_is_sure_is_accepted_and_its_mistakes_are_said_before(home, project):
    for name in ("red", "teal", "violet"):
        paths = [p for p in suggested(home, project)["order"] if class_of(p) == name][:4]
        answered(home, "label", project, *paths, name)
    before = suggested(home, project)
    said = answered(home, "accept", project, "--above", 0.5, "--dry-run")
    assert (said["images"], said["done"]) == (22, False)
    sure = [max(shares.values()) for shares in before["suggestions"].values()]
    session = opened(project)
    off = unsorted.record(session.require()).off
    session.close()
    assert off > 1, "before there was a third class its images were taken for others"
    assert said["mistakes"] == pytest.approx(off * sum(1 - p for p in sure), abs=1e-3)
    assert suggested(home, project)["order"] == before["order"], "nothing was changed"
    done_ = espalier(home, "accept", project, "--above", 0.5)
    assert re.search(r"22 suggestions accepted; .* of them may be wrong\.", done_.stderr)
    assert "22 images put into their classes and learnt." in done_.stdout
    left = suggested(home, project)
    assert left["order"] == [], "but those that judge"
    assert left["standing"]["waiting"] == 2
    assert left["ask"] is not None
    assert (left["standing"]["typed"], left["standing"]["bulk"]) == (12, 22)
    session = opened(project)
    for row in done(session, "images")["rows"]:
        assert row["class"] == class_of(row["path"])
    done(session, "undo")
    assert session.view().unsorted == 24
    session.close()
    assert "between 0 and 1" in refused(home, "accept", project, "--above", 2)
    none = espalier(home, "accept", project, "--above", 1)
    assert none.returncode == 0


def test_what_was_shown_is_accepted_though_the_program_would_say_another_by_now(home, project):
    for name in ("red", "teal", "violet"):
        paths = [p for p in suggested(home, project)["order"] if class_of(p) == name][:4]
        answered(home, "label", project, *paths, name)
    session = opened(project)
    seen = done(session, "suggestions")
    shown = {row["id"]: row["likeliest"][0] for row in seen["rows"][:9]}
    odd = seen["rows"][0]
    shown[odd["id"]] = odd["likeliest"][1]
    done(session, "set_aside", images=[seen["rows"][1]["id"]])
    done(session, "remove_unsorted", images=[seen["rows"][2]["id"]])
    before, gestures = session.view().classes, len(session.view().undo)

    found = done(session, "accept_shown", shown={**shown, seen["ask"]["id"]: ("red", 1.0)})

    assert (found["images"], sum(found["classes"].values())) == (7, 7)
    assert found["suggestions"]["ask"]["id"] == seen["ask"]["id"], "it was drawn, and still waits"
    by_path = {row["path"]: row["class"] for row in done(session, "images")["rows"]}
    assert by_path[odd["path"]] == odd["likeliest"][1][0]
    standing = found["suggestions"]["standing"]
    assert (standing["accepted"], standing["recent"], standing["recent_right"]) == (7, 11, 7)
    assert session.view().undo[gestures:] == ("Accept 7 suggestions",)
    assert "no longer wait" in ended(session, "accept_shown", shown=shown).text
    known = done(session, "suggestions", settle=True)["rows"]
    session.close()

    session = opened(project)
    anew = done(session, "suggestions")
    by_id = {row["id"]: dict(row["likeliest"]) for row in known}
    for row in anew["rows"]:
        assert dict(row["likeliest"]) == pytest.approx(by_id[row["id"]], abs=1e-4), "learnt at once"
    done(session, "undo")
    assert session.view().classes == before
    session.close()


def test_images_set_aside_are_not_suggested_for_nor_accepted(home, project):
    for name in ("red", "teal"):
        paths = [p for p in suggested(home, project)["order"] if class_of(p) == name][:4]
        answered(home, "label", project, *paths, name)
    odd = [p for p in suggested(home, project)["order"] if class_of(p) == "violet"]
    assert answered(home, "aside", project, *odd)["images"] == len(odd)
    left = suggested(home, project)
    assert not set(odd) & set(left["order"])
    assert left["standing"]["aside"] == len(odd)
    answered(home, "accept", project, "--above", 0)
    assert {
        c["name"]: c["train"] for c in answered(home, "classes", project)["classes"]
    }.keys() == {"red", "teal"}
    session = opened(project)
    assert done(session, "unsorted_images", aside=True)["total"] == len(odd)
    session.close()
    assert answered(home, "aside", project, "--back", odd[0])["images"] == 1
    assert suggested(home, project)["order"] == [odd[0]]


def test_what_can_not_be_named_is_said_in_a_sentence(home, project, heap, sorted_images):
    stranger = sorted_images / "red" / "000.jpg"
    assert "does not wait" in refused(home, "label", project, stranger, "red")
    inside = next(heap.iterdir())
    assert "needs a name" in refused(home, "label", project, inside, " ")
    answered(home, "label", project, inside, "red")
    assert "does not wait" in refused(home, "label", project, inside, "teal")
    assert "does not wait" in refused(home, "aside", project, inside)

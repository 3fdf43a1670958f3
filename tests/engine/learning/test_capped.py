"""With a cap on features learning goes on exactly, and what gives way is what is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.learning import material
from engine.learning.capped import by_use
from engine.session import Session
from engine.storage import catalogue, meter, steps
from engine.storage.feature_cache import Features
from tests.helpers import image_files
from tests.helpers.projects import SIZE, done, weights

FIRST, LATER, EACH = ("red", "teal"), ("red", "blue"), 2000


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("capped")
    image_files.class_folders(root / "first", dict.fromkeys(FIRST, 16), 0)
    image_files.class_folders(root / "later", dict.fromkeys(LATER, 12), 5)
    return root


@pytest.fixture(scope="module")
def learnt(images: Path) -> Path:
    """A closed project that learnt the first images."""
    path, session = images / "first.espalier", Session()
    done(session, "new_project", path=str(path), weights=str(weights("squeezenet1_1")), size=SIZE)
    done(session, "learn_folder", paths=[str(images / "first")], learner="slda")
    session.close()
    return path


@pytest.fixture
def two(learnt: Path, images: Path, tmp_path: Path) -> Iterator[tuple[Session, Session]]:
    """The same project without a cap, and with one of a few images; each with files of its own
    would cost more, so both look at those in `images`."""
    both = []
    for name in ("whole", "capped"):
        shutil.copytree(learnt, tmp_path / f"{name}.espalier")
        both.append(Session())
        done(both[-1], "open_project", path=str(tmp_path / f"{name}.espalier"))
    cap(both[1], 12)
    yield both[0], both[1]
    for session in both:
        session.close()


def cap(session: Session, few: int) -> None:
    """A cap for so many images: the job takes none below 1 MB, which is more than all of these."""
    session.require().set_facts(feature_cap=few * (EACH + 60))


def features_of(session: Session) -> Features:
    row = steps.current(session.require())
    assert row is not None
    return Features(session.require(), row["features_key"])


def memory(session: Session) -> Any:
    project = session.require()
    row = steps.current(project)
    assert row is not None
    return steps.learnt(project, row)


def equal(one: Session, other: Session) -> None:
    """What both have learnt, and from what; sums in another order round."""
    a, b = memory(one), memory(other)
    assert a.images == b.images
    assert a.memory.keys() == b.memory.keys()
    for name in a.memory:
        np.testing.assert_allclose(a.memory[name], b.memory[name], rtol=1e-9, atol=1e-7)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images whose files are read again."""
    seen: list[str] = []
    real = catalogue.decoded

    def decoded(project: Any, hashes: Any, *rest: Any) -> Any:
        seen.extend(hashes)
        return real(project, hashes, *rest)

    monkeypatch.setattr(catalogue, "decoded", decoded)
    monkeypatch.setattr(material, "SAMPLE", 6)  # so that most images are in no sample
    return seen


def test_learning_goes_on_without_what_gave_way(
    two: tuple[Session, Session], images: Path, looked_at: list[str]
) -> None:
    whole, capped = two
    done(capped, "learn")
    before = features_of(capped).all()
    assert len(before) <= 12
    assert meter.bytes_of(capped.require(), "features") <= capped.require().facts["feature_cap"]
    known = {h for hashes in memory(capped).images.values() for h in hashes}
    assert len(known - set(before)) > 10
    looked_at.clear()
    for session in two:
        done(session, "learn_folder", paths=[str(images / "later")])
    equal(whole, capped)
    assert len(set(looked_at)) < 8, "only some of the sample"
    assert sorted(done(capped, "list_classes")["classes"], key=str) == sorted(
        done(whole, "list_classes")["classes"], key=str
    )
    assert meter.bytes_of(capped.require(), "features") <= capped.require().facts["feature_cap"]


def test_the_sample_is_the_same_whatever_gave_way(
    two: tuple[Session, Session], images: Path, looked_at: list[str]
) -> None:
    """Not even the images that say which regularisation is best fit the cap: they are read."""
    whole, capped = two
    cap(capped, 2)
    done(capped, "learn")
    assert len(features_of(capped).all()) <= 2
    looked_at.clear()
    for session in two:
        done(session, "learn_folder", paths=[str(images / "later")])
    equal(whole, capped)
    sample = {h for h, _ in material.sampled(memory(whole).images)}
    assert looked_at
    assert set(looked_at) <= sample


def test_a_class_is_forgotten_exactly_from_its_files(
    two: tuple[Session, Session], looked_at: list[str]
) -> None:
    whole, capped = two
    done(capped, "learn")
    teal = set(memory(capped).images[2])
    gone = teal - set(features_of(capped).all())
    assert gone
    looked_at.clear()
    for session in two:
        done(session, "forget", name="teal")
    equal(whole, capped)
    assert gone <= set(looked_at)
    sample = {h for h, _ in material.sampled(memory(whole).images)}
    assert set(looked_at) <= teal | sample, "nothing of the other class but its sample"


def test_without_the_files_all_is_learnt_from_what_is_left(
    learnt: Path, images: Path, tmp_path: Path, looked_at: list[str]
) -> None:
    """Of a class that is forgotten some files are gone: the others are learnt again."""
    root = shutil.copytree(images / "first", tmp_path / "first")
    session = Session()
    done(
        session,
        "new_project",
        path=str(tmp_path / "p.espalier"),
        weights=str(weights("squeezenet1_1")),
        size=SIZE,
    )
    cap(session, 12)
    done(session, "learn_folder", paths=[str(root)], learner="slda")
    for file in sorted((root / "teal").iterdir())[:14]:
        file.unlink()
    done(session, "forget", name="teal")
    other = Session()
    shutil.copytree(learnt, tmp_path / "whole.espalier")
    done(other, "open_project", path=str(tmp_path / "whole.espalier"))
    done(other, "forget", name="teal")
    equal(session, other)
    session.close()
    other.close()


def test_an_image_is_unlearnt_though_its_features_are_gone(
    two: tuple[Session, Session], looked_at: list[str]
) -> None:
    """Its path is forgotten with it, so that everything is learnt anew."""
    whole, capped = two
    done(capped, "learn")
    gone = max(memory(capped).images[1])
    assert gone not in features_of(capped).all()
    for session in two:
        (number,) = (
            session.require().db.execute("SELECT id FROM image WHERE sha256 = ?", [gone]).fetchone()
        )
        done(session, "remove_images", images=[number])
        done(session, "learn")
    equal(whole, capped)
    assert gone not in memory(capped).images[1]


def test_without_a_cap_all_features_come_back(two: tuple[Session, Session]) -> None:
    whole, capped = two
    done(capped, "learn")
    assert features_of(capped).dropped()
    found = done(capped, "cap_features", most=0)
    assert found["cap"] == 0
    done(capped, "learn")
    features = features_of(capped)
    assert (features.dropped(), features.all()) == (set(), features_of(whole).all())
    equal(whole, capped)
    hashes = features.all()
    np.testing.assert_allclose(features.get(hashes), features_of(whole).get(hashes), atol=1e-5)


def test_what_gives_way_last_first(two: tuple[Session, Session]) -> None:
    whole, _ = two
    project, features = whole.require(), features_of(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(material, "SAMPLE", 6)
        known = {1: memory(whole).images[1]}  # as if the other class waited to be learnt
        order = by_use(project, features.all(), known)
    split = catalogue.to_learn(project)
    sample = [h for hashes in split.train.values() for h in hashes[:3]]
    held = [h for hashes in split.validation.values() for h in hashes]
    parts = (sample, held, split.train[2][3:], split.train[1][3:])
    assert order == [h for part in parts for h in sorted(part)]


def test_features_of_other_networks_go_first(two: tuple[Session, Session]) -> None:
    _, capped = two
    project, features = capped.require(), features_of(capped)
    cap(capped, len(features.all()) + 3)
    other = Features(project, "another network")
    other.put(["a" * 64, "b" * 64] * 8, np.ones((16, 1, 500), np.float32))
    done(capped, "learn")
    assert other.all() == []
    assert features.dropped() == set()


def test_thumbnails_go_next_and_files_are_shown_then(
    two: tuple[Session, Session], images: Path
) -> None:
    """Room is for all features, and for the newest thumbnails alone."""
    capped, _ = two
    project = capped.require()
    done(capped, "learn_folder", paths=[str(images / "later")])
    before = {row["id"]: row for row in listed(capped)}
    thumbs = meter.bytes_of(project, "thumbnails")
    assert all(row["thumb"][2] for row in before.values())
    project.set_facts(feature_cap=meter.bytes_of(project, "features") + thumbs - 1)
    done(capped, "learn")
    assert features_of(capped).dropped() == set()
    assert 0 < meter.bytes_of(project, "thumbnails") < thumbs
    after = listed(capped)
    gone = [row["id"] for row in after if not row["thumb"][2]]
    assert gone
    assert max(gone) < min(row["id"] for row in after if row["thumb"][2])
    assert all(row["thumb"] in (before[row["id"]]["thumb"], (row["file"], 0, 0)) for row in after)
    cap(capped, 12)
    done(capped, "learn")
    assert meter.bytes_of(project, "thumbnails") == 0
    assert meter.bytes_of(project, "features") <= project.facts["feature_cap"]


def test_images_without_a_thumbnail_give_none(two: tuple[Session, Session]) -> None:
    """As rows of other programs may be: features alone give way, and nothing else goes."""
    _, capped = two
    project = capped.require()
    with project.transaction() as db:
        db.execute("UPDATE image SET pack = ''")
    done(capped, "learn")
    assert meter.bytes_of(project, "features") <= project.facts["feature_cap"]
    assert project.blobs.folder.is_dir()


def listed(session: Session) -> list[Any]:
    rows: list[Any] = done(session, "images")["rows"]
    return rows


def test_packs_are_packed_anew_and_removed(two: tuple[Session, Session]) -> None:
    whole, _ = two
    features, project = features_of(whole), whole.require()
    hashes = features.all()
    before = features.get(hashes)
    kept = hashes[::3]
    assert features.drop_all_but(kept) == len(hashes) - len(kept)
    np.testing.assert_array_equal(features.get(kept), before[::3])
    assert features.missing(hashes) == [h for h in hashes if h not in kept]
    packs = {pack for (pack,) in project.db.execute("SELECT DISTINCT pack FROM feature")} - {""}
    assert len(packs) == 1
    assert features.drop_damaged() == 0
    assert meter.bytes_of(project, "features") < before.nbytes / 2


def test_the_heap_has_all_features_while_images_wait(
    two: tuple[Session, Session], images: Path
) -> None:
    """Named one by one, images are learnt as without a cap; then features give way again."""
    whole, capped = two
    done(capped, "learn")
    assert features_of(capped).dropped()
    files = sorted((images / "later" / "red").iterdir())[:3]
    for session in two:
        done(session, "add_unsorted", paths=[str(images / "later" / "red")])
        done(session, "set_aside", paths=[str(f) for f in sorted(files[0].parent.iterdir())[3:]])
        for file in files[:2]:
            done(session, "suggest")
            done(session, "label_images", paths=[str(file)], to="teal", learn=True)
    assert features_of(capped).dropped() == set()
    equal(whole, capped)
    for session in two:
        done(session, "label_images", paths=[str(files[2])], to="teal", learn=True)
        done(session, "undo")
        done(session, "suggest")
    equal(whole, capped)

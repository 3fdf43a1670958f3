"""Verbs that are killed at any commit: the project is as before or as after, and nothing between.

Each verb is done once; at each of its commits what lies on the disk is copied, and opened later as
the next process would find it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.events import Ended, Notice
from engine.jobs import run
from engine.models.supernet.architecture import smallest
from engine.session import Session
from tests.gestures.bad_inputs_test import read_only
from tests.helpers import image_files, projects
from tests.helpers.killing import COMMITS, State, copies_of, state_of

BRANCH = {"cut": "stage2", "adopt": "always", "settings": {"epochs": 1, "batch": 8, "views": 2}}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_files.class_folders(
        tmp_path_factory.mktemp("photos"), dict.fromkeys("abcdefg", 12)
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A closed project that learnt five classes; g lies in it too, and one gesture was undone."""
    place = tmp_path_factory.mktemp("small")
    with closing(Session()) as session:
        weights = image_files.weights(place / "net.safetensors")
        projects.done(session, "new_project", path=str(place / "p"), weights=str(weights), size=32)
        projects.done(session, "learn_folder", paths=[str(photos / name) for name in "abc"])
        projects.done(session, "learn_folder", paths=[str(photos / name) for name in "de"])
        projects.done(session, "add_images", paths=[str(photos / "g")])
        shutil.copy(photos / "a" / "000.jpg", place / "again.jpg")
        projects.done(session, "add_images", paths=[str(place / "again.jpg")], into="b")
        projects.done(session, "rename_class", name="a", to="z")
        projects.done(session, "undo")
    return place / "p.espalier"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed project with a run that is done and not in use."""
    path = Path(shutil.copytree(projects.learnt(), tmp_path_factory.mktemp("tuned") / "p.espalier"))
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        projects.done(session, "tune", epochs=1, settings=projects.FEW_STEPS, adopt="never")
    return path


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A closed project that uses the largest subnet of the embedded supernet."""
    path = tmp_path_factory.mktemp("supernet") / "p.espalier"
    with closing(Session()) as session:
        projects.done(session, "new_project", path=str(path), backbone="embedded", size=32)
        projects.done(session, "learn_folder", paths=[str(photos / name) for name in "abc"])
    return path


@pytest.fixture(scope="module")
def branched(small: Path, tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """The small project with a branch for two more classes."""
    path = Path(shutil.copytree(small, tmp_path_factory.mktemp("branched") / "p.espalier"))
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        projects.done(session, "remove_class", name="g")
        projects.done(
            session, "grow_branch", paths=[str(photos / "f"), str(photos / "g")], **BRANCH
        )
    return path


@pytest.fixture(scope="module")
def heaped(small: Path, tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """The small project with images that wait for a class."""
    path = Path(shutil.copytree(small, tmp_path_factory.mktemp("heaped") / "p.espalier"))
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        projects.done(session, "add_unsorted", paths=[str(photos / "f")])
        projects.done(session, "suggest")
    return path


@pytest.fixture(scope="module")
def untested(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with a class of which no image is for testing."""
    path = Path(shutil.copytree(small, tmp_path_factory.mktemp("untested") / "p.espalier"))
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        rows = projects.done(session, "images", class_name="c")["rows"]
        held = [row["id"] for row in rows if row["split"] == "validation"]
        projects.done(session, "set_split", images=held, split="train")
        projects.done(session, "learn_again")
    return path


def unsorted_ones(session: Session) -> list[int]:
    return [row["id"] for row in projects.done(session, "unsorted_images")["rows"]][:3]


def some_images(session: Session) -> list[int]:
    return [row["id"] for row in projects.done(session, "images", class_name="a")["rows"]][:3]


def conflict(session: Session) -> dict[str, Any]:
    (found,) = projects.done(session, "conflicts")["conflicts"]
    return {"sha256": found["sha256"], "keep": "b"}


Verb = tuple[str, str, Callable[[Session, Path], dict[str, Any]]]
VERBS: dict[str, Verb] = {
    "learn": ("small", "learn", lambda s, p: {}),
    "learn with another learner": ("small", "learn", lambda s, p: {"learner": "ncm"}),
    "forget": ("small", "forget", lambda s, p: {"name": "a"}),
    "remove a class": ("small", "remove_class", lambda s, p: {"name": "a"}),
    "merge": ("small", "merge_classes", lambda s, p: {"name": "a", "into": "b"}),
    "merge by renaming": (
        "small",
        "rename_class",
        lambda s, p: {"name": "a", "to": "b", "merge": True},
    ),
    "rename": ("small", "rename_class", lambda s, p: {"name": "a", "to": "y"}),
    "move": ("small", "move_images", lambda s, p: {"images": some_images(s), "to": "b"}),
    "use for testing": (
        "small",
        "set_split",
        lambda s, p: {"images": some_images(s), "split": "validation"},
    ),
    "keep for testing": ("untested", "hold_out", lambda s, p: {}),
    "remove images": ("small", "remove_images", lambda s, p: {"images": some_images(s)}),
    "settle": ("small", "settle_conflict", lambda s, p: conflict(s)),
    "return": ("small", "return_to_step", lambda s, p: {"step": 1}),
    "backbone": ("small", "use_backbone", lambda s, p: {"name": "embedded", "size": 32}),
    "licence": ("small", "set_data_licence", lambda s, p: {"text": "CC0"}),
    "name unsorted ones": (
        "heaped",
        "label_images",
        lambda s, p: {"images": unsorted_ones(s), "to": "new"},
    ),
    "name and learn": (
        "heaped",
        "label_images",
        lambda s, p: {"images": unsorted_ones(s), "to": "new", "learn": True},
    ),
    "accept": ("heaped", "accept_above", lambda s, p: {"least": 0.0, "really": True}),
    "set aside": ("heaped", "set_aside", lambda s, p: {"images": unsorted_ones(s)}),
    "remove unsorted ones": ("heaped", "remove_unsorted", lambda s, p: {"images": [1, 2]}),
    "undo": ("small", "undo", lambda s, p: {}),
    "redo": ("small", "redo", lambda s, p: {}),
    "adopt": ("tuned", "adopt_run", lambda s, p: {"run": 1}),
    "tune": (
        "tuned",
        "tune",
        lambda s, p: {"epochs": 1, "settings": projects.FEW_STEPS, "adopt": "always"},
    ),
    "use a subnet": ("supernet", "use_subnet", lambda s, p: {"architecture": str(smallest(32))}),
    "branch": (
        "small",
        "grow_branch",
        lambda s, p: {"paths": [str(p / "f"), str(p / "g")], **BRANCH},
    ),
    "remove a branch": ("branched", "remove_branch", lambda s, p: {"branch": 1}),
}
PARTS_OF_A_RUN = ("tune",)
"""Verbs that keep what they have reached, to be gone on with; the rest of the project is whole."""


@pytest.mark.parametrize("name", VERBS)
def test_killed_at_any_commit_it_is_old_or_new(name, request, tmp_path, photos):
    kind, verb, settings_of = VERBS[name]
    path = Path(shutil.copytree(request.getfixturevalue(kind), tmp_path / "p.espalier"))
    before = state_of(path)
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        settings = settings_of(session, photos)
        with copies_of(path, tmp_path, *COMMITS) as copies:
            projects.done(session, verb, **settings)
    after = state_of(path)
    assert before != after
    found = [state_of(copy) for copy in copies]
    assert all(state in (before, after) for state in found), told(found, before, after)
    assert found[0] == before
    assert found[-1] == after


def told(found: list[State], before: State, after: State) -> str:
    """Which copies are between, and in what they differ from both."""
    wrong = []
    for number, state in enumerate(found):
        if state not in (before, after):
            wrong.append((number, [k for k in state if state[k] not in (before[k], after[k])]))
    return f"of {len(found)} between: {wrong}"


@pytest.mark.parametrize("name", ["forget", "remove a class", "tune"])
def test_done_again_after_a_kill_it_ends_as_if_undisturbed(name, request, tmp_path, photos):
    """Cut off at the last commit that leaves the old project."""
    kind, verb, settings_of = VERBS[name]
    path = Path(shutil.copytree(request.getfixturevalue(kind), tmp_path / "p.espalier"))
    before = state_of(path)
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        settings = settings_of(session, photos)
        with copies_of(path, tmp_path, *COMMITS) as copies:
            projects.done(session, verb, **settings)
        answers = projects.done(session, "score", predictions=True)["predictions"]
    cut = [copy for copy in copies if state_of(copy) == before][-1]
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(cut))
        if name in PARTS_OF_A_RUN:
            projects.done(session, "resume_run", adopt="always")
        else:
            projects.done(session, verb, **settings)
        assert projects.done(session, "score", predictions=True)["predictions"] == answers


def test_what_was_taken_back_is_said_once(small, tmp_path):
    path = Path(shutil.copytree(small, tmp_path / "p.espalier"))
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        with copies_of(path, tmp_path, "after commit") as copies:
            projects.done(session, "forget", name="a")
    assert len(copies) > 2
    said = [notices(copies[1]) for _ in range(2)]
    assert len(said[0]) == 1
    assert said[0][0].startswith("“Forget a” was cut off before its end, so the project is as it")
    assert said[1] == []


def notices(path: Path) -> list[str]:
    """What opening a project tells."""
    with closing(Session()) as session:
        events = list(run(session, "open_project", {"path": str(path)}))
        assert isinstance(events[-1], Ended)
        assert events[-1].how == "done"
        return [event.text for event in events if isinstance(event, Notice)]


def test_what_a_kill_left_where_nothing_can_be_written_answers_as_before(
    small, photos, tmp_path, monkeypatch
):
    """In the folder, and in the log that the killed process has left beside the tables."""
    path = Path(shutil.copytree(small, tmp_path / "p.espalier"))
    theirs = tmp_path / "someone else's home"
    theirs.mkdir()
    some = {"paths": [shutil.copy(photos / "a" / "001.jpg", theirs)]}
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        answers = said(session, some)
        with copies_of(path, tmp_path, "after commit") as copies:
            projects.done(session, "remove_class", name="a")
        assert said(session, some) != answers
    theirs.chmod(0o777)
    monkeypatch.setenv("ESPALIER_HOME", str(theirs))
    for copy in copies[:-1]:
        before = {p: p.read_bytes() for p in copy.iterdir() if p.is_file()}
        assert (copy / "project.db-wal").stat().st_size
        with read_only(copy), closing(Session()) as session:
            projects.done(session, "open_project", path=str(copy))
            assert said(session, some) == answers
            assert "only be read" in projects.refused(session, "forget", name="b")
            with closing(session.beside()) as beside:
                assert said(beside, some) == answers
        assert {p: p.read_bytes() for p in copy.iterdir() if p.is_file()} == before


def said(session: Session, some: dict[str, Any]) -> dict[str, float]:
    """What one image shows, to what two ways of running a network may differ by."""
    (found,) = projects.done(session, "predict_images", **some)["pictures"].values()
    return {name: round(probability, 4) for name, probability in found["classes"].items()}

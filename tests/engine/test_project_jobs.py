"""Jobs on a project as a whole: its name, its network, and where its exports go."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.jobs import run
from engine.models.backbones import title_of
from engine.models.speeds import keep_speed, known_speeds
from engine.session import Session
from engine.storage import steps
from engine.system.paths import cache_folder
from tests.helpers import image_files
from tests.helpers.projects import done, refused


def test_a_name_is_changed_undone_and_refused(session: Session) -> None:
    path = session.require().path
    assert done(session, "rename_project", name="  Moths \n of 2025 ")["name"] == "Moths of 2025"
    assert session.view().name == "Moths of 2025"
    assert session.require().path == path
    done(session, "undo")
    assert session.view().name == "p"
    assert "needs a name" in refused(session, "rename_project", name=" \n")
    assert "shorter" in refused(session, "rename_project", name="m" * 101)
    assert session.view().name == "p"


def test_a_project_is_made_under_a_name_that_no_folder_could_have(tmp_path: Path) -> None:
    session = Session()
    weights = str(image_files.weights(tmp_path / "net.safetensors"))
    path = tmp_path / "a b.espalier"
    done(session, "new_project", path=str(path), name="a/b: “moths”?", weights=weights, size=32)
    assert session.view().name == "a/b: “moths”?"
    session.close()


@pytest.fixture
def learnt(session: Session, tmp_path: Path) -> Session:
    images = image_files.class_folders(tmp_path / "images", {"moth": 12, "beetle": 12})
    done(session, "learn_folder", paths=[str(images)], learner="ncm")
    return session


def test_another_network_learns_at_once_or_nothing_changes(learnt: Session, tmp_path: Path) -> None:
    project = learnt.require()
    before = project.facts
    for seen in range(60):
        events = run(
            learnt,
            "use_backbone",
            {"weights": str(tmp_path / "net.safetensors"), "size": 64, "learn": True},
            stopped=iter(["", *[""] * seen, "cancel"]).__next__,
        )
        *_, ended = events
        if project.facts != before:  # cancelled when all was done, or not at all
            break
        assert ended.how == "cancelled"
    assert seen > 1, "it can be cancelled on the way"
    assert project.facts["size"] == 64
    assert steps.current(project) is not None
    assert all(view.learnt for view in learnt.view().classes)
    assert project.gestures(undone=False)[-1]["title"] == f"Use {title_of(before['backbone'])}"
    done(learnt, "undo")
    assert project.facts == before


def test_an_export_makes_its_folder_and_leaves_none_without_a_file(
    learnt: Session, tmp_path: Path
) -> None:
    target = tmp_path / "exported today" / "model.onnx"
    assert "no folder" in refused(learnt, "export", path=str(target))
    wrong = str(target.with_suffix(".txt"))
    assert "does not end in" in refused(learnt, "export", path=wrong, make_folder=True)
    assert not target.parent.exists()
    done(learnt, "export", path=str(target), make_folder=True)
    assert target.is_file()


def test_what_a_network_took_is_kept_for_the_list(learnt: Session) -> None:
    done(learnt, "learn")
    listed = {row["name"]: row for row in done(learnt, "list_backbones")["backbones"]}
    name = learnt.view().backbone
    assert listed[name]["measured"]["size"] == 32
    assert listed[name]["measured"]["milliseconds"] > 0
    file = cache_folder() / "speeds.json"
    for broken in (b"{", b"[1]", b'{"a": {"milliseconds": "x", "size": 3}}', b"\xff"):
        file.write_bytes(broken)
        assert known_speeds() == {}
    keep_speed("a", 96, 5.0)
    assert known_speeds() == {"a": {"milliseconds": 5.0, "size": 96}}

"""Adapting on images without classes: from where, to what, paused, killed, collapsed, adopted."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from engine.events import Notice, Progress, Step
from engine.jobs import run
from engine.models.backbone import digest_of
from engine.session import Session
from engine.storage import runs
from engine.training.run import TRIAL
from engine.training.unlabelled.methods import METHODS
from engine.training.unlabelled.pairs import in_folder
from tests.helpers import image_files, projects
from tests.helpers.commands import in_a_process
from tests.helpers.projects import answers, done, facts, newest, refused, until

pytestmark = pytest.mark.usefixtures("one_thread")
FEW: dict[str, Any] = {"batch": 12, "projection": 16, "augment": "light", "views": 2}
"""Three steps an epoch on the project's 36 images to learn from."""
ROUNDED = 2.5 / 18
"""Two held-out images: what is kept is rounded, and no test may stand on that."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = projects.opened(tmp_path)
    yield session
    session.close()


def adapted(session: Session, **asked: Any) -> dict[str, Any]:
    return done(session, "adapt", **{"epochs": 2, "settings": FEW, "adopt": "never", **asked})


def outcome(session: Session, number: int) -> tuple[Any, str]:
    """A run's losses, spreads and accuracies, and each bit of its weights."""
    found, project = done(session, "run_details", run=number), session.require()
    steps = {k: v for k, v in found["steps_curve"].items() if k != "seconds"}
    accuracies = [epoch["validation_accuracy"] for epoch in found["epochs_curve"]]
    content = project.blobs.get(runs.find(project, number).weights)
    assert content is not None
    return (steps, accuracies), digest_of(load(content))


def folder_of(root: Path, count: int = 24) -> Path:
    """Images of three hues, in no folders of classes."""
    for number in range(count):
        image_files.image(root / f"{number}.jpg", number, hue=number % 3 / 3)
    return root


# What is compared, and used.


@pytest.mark.parametrize("method", METHODS)
def test_it_tells_how_both_networks_answer_the_held_out_images(
    session: Session, method: str
) -> None:
    """The pretrained start has its accuracy in the same head's words, before and after."""
    before = answers(session)
    found = adapted(session, method=method)
    assert found["images"] == 18
    assert found["unlabelled"]["images"] == 36
    assert found["unlabelled"]["collapsed"] is False
    assert found["unlabelled"]["spread"] > 0.5
    begun = found["first_head"]["validation_accuracy"]
    assert begun == pytest.approx(found["before"]["accuracy"], abs=ROUNDED)
    assert answers(session) == before
    (row,) = done(session, "list_runs")["runs"]
    assert (row["tuner"], row["schedule"], row["state"]) == (method, "last_stages", "done")
    epochs = done(session, "run_details", run=row["id"])["epochs_curve"]
    best = max(epochs, key=lambda e: e["validation_accuracy"])
    ended = found["trained_head"]["validation_accuracy"]
    assert ended == pytest.approx(best["validation_accuracy"], abs=ROUNDED)


def test_used_it_is_the_projects_network_until_it_is_undone(session: Session) -> None:
    was, before = facts(session), answers(session)
    found = adapted(session, adopt="always")
    assert found["adopted"]
    assert newest(session)["state"] == "adopted"
    assert session.backbone().name.startswith("tuned")
    assert done(session, "score")["accuracy"] == found["after"]["accuracy"]
    done(session, "undo")
    assert facts(session) == was
    assert answers(session) == before


def test_the_start_is_kept_where_nothing_is_better_and_that_is_said(session: Session) -> None:
    """A learning rate of 0 brings nothing."""
    was = facts(session)
    asked = {"settings": {**FEW, "lr": 0}, "epochs": 1}
    said = list(run(session, "adapt", asked))
    assert said[-1].result["adopted"] is False
    assert said[-1].result["difference"]["all"][0] == 0
    told = [event.text for event in said if isinstance(event, Notice)]
    assert any("adapted network is no better" in text for text in told)
    assert facts(session) == was


def test_an_anchor_holds_the_features_where_they_were(session: Session) -> None:
    """With a heavy one the features of the adapted network point where they did."""
    torch.manual_seed(0)
    x = torch.randn(8, 3, projects.SIZE, projects.SIZE)
    trunk = session.backbone().below()

    def turned(anchor: float) -> float:
        settings = {**FEW, "lr": 0.02, "anchor": anchor}
        asked = {"method": "simsiam", "schedule": "none", "epochs": 3}
        adapted(session, settings=settings, adopt="always", **asked)
        with torch.no_grad():
            now = session.backbone().below()(x)
            angle = 1 - torch.cosine_similarity(now, trunk(x), dim=1).mean()
        done(session, "undo")
        return float(angle)

    assert turned(100.0) < turned(0.0) / 2


def test_from_nothing_the_pretrained_weights_are_gone(session: Session) -> None:
    """What it begins with is not the network in use, in any stage."""
    settings = {**FEW, "start": "nothing", "lr": 0}
    found = adapted(session, settings=settings, epochs=1, adopt="always")
    assert newest(session)["schedule"] == "none"
    assert found["adopted"]
    tuned = session.backbone()
    done(session, "undo")
    for now, was in zip(tuned.stages, session.backbone().stages, strict=True):
        pairs = zip(now.module.parameters(), was.module.parameters(), strict=True)
        weights = [(a, b) for a, b in pairs if a.ndim > 1]
        assert not any(torch.equal(a, b) for a, b in weights)


# Which images.


def test_a_folder_without_classes_is_read_but_for_what_is_held_out(
    session: Session, tmp_path: Path
) -> None:
    """Neither a copy of a held-out image, nor one that is there twice, nor what is no image."""
    folder = folder_of(tmp_path / "heap")
    shutil.copytree(projects.images() / "first" / "validation", folder / "copies")
    shutil.copy(folder / "0.jpg", folder / "again.jpg")
    (folder / "broken.jpg").write_bytes(b"no image")
    said = list(run(session, "adapt", {"images": str(folder), "settings": FEW, "epochs": 1}))
    assert said[-1].how == "done", said[-1].text
    assert said[-1].result["unlabelled"]["images"] == 24
    told = [event.text for event in said if isinstance(event, Notice)]
    assert "1 images can't be read and are left out." in told


def test_the_heap_alone_or_with_all_that_is_learnt(session: Session, tmp_path: Path) -> None:
    assert "wait for a class" in refused(session, "adapt", images="heap", settings=FEW)
    done(session, "add_unsorted", paths=[str(folder_of(tmp_path / "heap", 20))])
    for images, count in (("heap", 20), ("project", 56)):
        found = adapted(session, images=images, epochs=1)
        assert found["unlabelled"]["images"] == count


def test_what_can_not_be_done_is_refused_and_leaves_no_run(
    session: Session, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    copies = tmp_path / "copies"
    shutil.copytree(projects.images() / "first" / "validation", copies)
    few = folder_of(tmp_path / "few", 5)
    for asked, sentence in (
        ({"images": str(empty)}, "no images in “empty”"),
        ({"images": str(tmp_path / "nowhere")}, "There is no folder"),
        ({"images": str(copies)}, "held out to judge by"),
        ({"images": str(few)}, "fewer than one batch"),
        ({"method": "magic"}, "There is no method called “magic”"),
        ({"schedule": "magic"}, "There is no schedule called “magic”"),
        ({"settings": {"smoothing": 0.1}}, "no setting called “smoothing”"),
        ({"adopt": "perhaps"}, "Adopt takes one of"),
    ):
        given = {"settings": FEW, **asked}
        assert sentence in refused(session, "adapt", **given), asked
        assert done(session, "list_runs")["runs"] == []


def test_an_estimate_changes_nothing(session: Session) -> None:
    found = done(session, "estimate_adapt", settings=FEW, epochs=2)
    assert (found["steps"], found["pictures"], found["epochs"]) == (6, 36, 2)
    assert found["seconds"] > 0
    few = done(session, "estimate_adapt", settings={**FEW, "most": 15})
    assert (few["pictures"], few["epochs"]) == (15, 10), "so few are seen ten times"
    assert done(session, "list_runs")["runs"] == []


def test_an_estimate_can_be_stopped_between_the_steps_that_it_times(session: Session) -> None:
    """Of a large batch a step takes long on a slow computer, and who waits may go elsewhere."""
    events = list(run(session, "estimate_adapt", {"settings": FEW}))
    timed = [e.done for e in events if isinstance(e, Progress) and e.total == TRIAL]
    assert timed == list(range(TRIAL))


def test_the_more_images_the_less_often_each_is_seen_unless_it_is_said() -> None:
    usual = METHODS.make("vicreg")
    assert [usual.for_images(n).epochs for n in (100, 500, 3068, 5000)] == [10, 10, 1.6, 1]
    assert METHODS.make("vicreg", {"epochs": 7.0}).for_images(3068).epochs == 7


def test_of_a_folder_as_many_are_taken_as_are_asked_for_always_the_same(tmp_path: Path) -> None:
    folder = image_files.class_folder(tmp_path, "many", 9)
    some = in_folder(folder, 4)
    assert len(set(some)) == 4
    assert some == in_folder(folder, 4)
    assert set(some) < set(in_folder(folder, 0))
    assert some != sorted(in_folder(folder, 0))[:4], "by chance, and not the first by name"


# Paused and killed.


FREEZING = {"settings": {**FEW, "views": 3, "t0": 0.4}, "schedule": "freezeout"}
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "freezing on the way": ({**FREEZING, "method": "simsiam"}, 5),
    "from nothing": ({"settings": {**FEW, "start": "nothing"}}, 3),
}
"""What is asked for, and the step after which the run is paused."""


@pytest.mark.parametrize("case", CASES)
def test_paused_it_goes_on_to_the_same(session: Session, case: str) -> None:
    """Within an epoch or at the end of one, whatever else this process has drawn meanwhile."""
    asked, stop = CASES[case]
    whole = outcome(session, adapted(session, **asked)["run"])
    until(run(session, "adapt", {"epochs": 2, "adopt": "never", **asked}), stop)
    assert newest(session)["state"] == "paused"
    torch.manual_seed(stop)
    number = done(session, "resume_run", adopt="never")["run"]
    assert outcome(session, number) == whole


KILL = """
import os, signal, sys
from engine.training.run import TuningRun
note = TuningRun.note
def cut(self, step):
    note(self, step)
    if step.done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
TuningRun.note = cut
from app.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_killed_it_goes_on_from_its_checkpoint_to_the_same(session: Session) -> None:
    whole = outcome(session, adapted(session)["run"])
    path = session.require().path
    session.close()
    words = [f"--set={name}={value}" for name, value in FEW.items()]
    home = Path(os.environ["ESPALIER_HOME"])
    killed = in_a_process(home, "adapt", path, "--epochs", 2, *words, code=KILL)
    said = killed.communicate()[1]
    assert killed.returncode == -signal.SIGKILL, said
    done(session, "open_project", path=str(path))
    assert newest(session)["state"] == "paused"
    number = done(session, "resume_run", adopt="never")["run"]
    assert outcome(session, number) == whole


def test_stopped_early_its_best_epoch_is_compared(session: Session) -> None:
    until(run(session, "adapt", {"epochs": 2, "settings": FEW, "adopt": "never"}), 4)
    found = done(session, "finish_run", adopt="never")
    assert len(found["seconds_per_epoch"]) == 1
    assert newest(session)["state"] == "done"


def test_with_other_images_a_run_is_not_gone_on_with(session: Session, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "heap")
    asked = {"images": str(folder), "epochs": 2, "settings": FEW, "adopt": "never"}
    until(run(session, "adapt", asked), 3)
    image_files.image(folder / "new.jpg", 99)
    assert "not the same any more" in refused(session, "resume_run")
    (folder / "new.jpg").unlink()
    assert done(session, "resume_run", adopt="never")["unlabelled"]["images"] == 24


# Collapse.


def test_a_collapse_is_seen_and_said_and_ends_the_run(session: Session) -> None:
    """Without the terms that keep images apart, a heavy decay takes all weights to nothing: only
    the biases speak, and they say the same of each image."""
    alone = {"variance": 0, "covariance": 0, "invariance": 1, "anchor": 0}
    alone |= {"decay": 1, "lr": 0.3, "warmup": 0}
    asked = {"method": "vicreg", "settings": {**FEW, **alone}, "epochs": 12}
    said = list(run(session, "adapt", asked))
    assert said[-1].how == "done", said[-1].text
    found = said[-1].result
    assert found["unlabelled"]["collapsed"] is True
    assert found["unlabelled"]["spread"] < 0.2
    assert found["adopted"] is False
    assert len(found["seconds_per_epoch"]) < 12
    told = [event.text for event in said if isinstance(event, Notice) and event.level == "warning"]
    assert any("collapsed" in text for text in told)
    assert newest(session)["collapsed"] is True


def test_progress_tells_what_is_left(session: Session) -> None:
    said = list(run(session, "adapt", {"epochs": 1, "settings": FEW, "adopt": "never"}))
    steps = [e for e in said if isinstance(e, Step) and "rate" in e.figures]
    assert [e.done for e in steps] == [1, 2, 3]
    assert all({"loss", "spread"} <= e.figures.keys() for e in steps)
    last = [e for e in said if isinstance(e, Progress) and e.doing == "Adapting"]
    assert [(e.done, e.total) for e in last] == [(1, 3), (2, 3), (3, 3)]

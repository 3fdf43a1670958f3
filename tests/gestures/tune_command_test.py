"""Tuning on the command line: tune, runs and resume, as typed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from engine.jobs import run
from engine.session import Session
from tests.helpers import projects
from tests.helpers.commands import answered, espalier, in_a_process, refused

QUICK = ("--set", "batch=12", "--set", "lr=0.002", "--set", "augment=none")
"""Three steps an epoch."""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "engine.system.device.set_threads", lambda window_open: torch.set_num_threads(1)
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(projects.learnt(), tmp_path / "p.espalier"))


def paused(project: Path, step: int) -> None:
    """Leaves a run in the project that was paused after a step of six."""
    session = Session()
    projects.done(session, "open_project", path=str(project))
    settings = {"batch": 12, "lr": 0.002, "augment": "none"}
    projects.until(run(session, "tune", {"epochs": 2, "settings": settings}), step)
    session.close()


def test_tune_compares_and_adopts_and_runs_tell_of_it(home: Path, project: Path) -> None:
    """Everything that the issue asks for is in the answer."""
    words = ("--schedule", "freezeout", "--set", "t0=0.4", *QUICK, "--epochs", 2)
    found = answered(home, "tune", project, *words, "--adopt", "always")
    assert {"before", "after", "difference", "seconds", "seconds_per_epoch"} <= found.keys()
    assert found["adopted"] is True
    assert found["saved"].keys() == {"flops", "seconds"}
    assert found["saved"]["flops"] > 0
    assert len(found["seconds_per_epoch"]) == 2
    for layer in found["layers"]:
        assert layer.keys() == {"stage", "frozen_at_iteration", "learning_rates"}
        assert len(layer["learning_rates"]) == 6
    assert answered(home, "score", project)["accuracy"] == found["after"]["accuracy"]

    (row,) = answered(home, "runs", project)["runs"]
    assert (row["id"], row["state"], row["epochs_done"]) == (found["run"], "adopted", 2)
    assert row["settings"]["t0"] == 0.4
    told = answered(home, "runs", project, "--run", row["id"])
    assert [e["epoch"] for e in told["epochs_curve"]] == [1, 2]
    assert told["steps_curve"]["step"] == [1, 2, 3, 4, 5, 6]
    assert len(told["layers"]["rates"]) == len(found["layers"])


def test_the_tables_are_for_people(home: Path, project: Path) -> None:
    said = espalier(home, "tune", project, *QUICK, "--epochs", 1, "--adopt", "never")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0].split() == [
        "images",
        "of",
        "before",
        "after",
        "difference",
        "95",
        "%",
        "interval",
    ]
    assert [line.split()[0] for line in lines[1:4]] == ["all", "old", "new"]
    assert lines[-1] == "The network in use stays."
    table = espalier(home, "runs", project).stdout
    assert "Fine-tune all weights" in table
    assert "done" in table
    epochs = espalier(home, "runs", project, "--run", 1).stdout.splitlines()
    assert len(epochs) == 2


def test_a_preset_chooses_the_settings(home: Path, project: Path) -> None:
    asked = ("--preset", "quick", "--epochs", 1, "--set", "augment=none", "--adopt", "never")
    answered(home, "tune", project, *asked)
    (row,) = answered(home, "runs", project)["runs"]
    assert (row["tuner"], row["schedule"]) == ("fine_tune", "last_stages")
    assert (row["settings"]["epochs"], row["settings"]["augment"]) == (1, "none")
    assert row["settings"]["batch"] == 16
    assert row["best_epoch"] == 1


def test_an_estimate_tunes_nothing(home: Path, project: Path) -> None:
    found = answered(home, "tune", project, *QUICK, "--epochs", 2, "--estimate")
    assert found["steps"] == 6
    assert found["seconds"] > 0
    assert "steps" in espalier(home, "tune", project, *QUICK, "--estimate").stdout
    assert answered(home, "runs", project)["runs"] == []


def test_a_paused_run_is_gone_on_with_extended_and_stopped(home: Path, project: Path) -> None:
    paused(project, 4)
    stopped = answered(home, "resume", project, "--stop", "--adopt", "never")
    assert stopped["run"] == 1
    assert len(stopped["seconds_per_epoch"]) == 1
    paused(project, 4)
    longer = answered(home, "resume", project, "--run", 2, "--epochs", 3, "--adopt", "always")
    assert len(longer["seconds_per_epoch"]) == 3
    states = {r["id"]: r["state"] for r in answered(home, "runs", project)["runs"]}
    assert states == {1: "done", 2: "adopted"}
    assert "no run to go on with" in refused(home, "resume", project)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("tune", "--tuner", "magic"), "There is no tuner called “magic”"),
        (("tune", "--schedule", "magic"), "There is no schedule called “magic”"),
        (("tune", "--set", "lr"), "Learning rate takes a number"),
        (("tune", "--set", "colour=1"), "no setting called “colour”"),
        (("tune", "--epochs", "-1"), "Epochs takes a value"),
        (("tune", "--epochs", "nan"), "Epochs takes a value"),
        (("tune", "--set", "batch=37", "--estimate"), "fewer than one batch"),
        (("resume",), "no run to go on with"),
        (("resume", "--stop"), "no run to go on with"),
        (("resume", "--run", "7"), "There is no run 7"),
        (("runs", "--run", "7"), "There is no run 7"),
    ],
)
def test_what_can_not_be_done_is_refused(home: Path, words: tuple[str, ...], sentence: str) -> None:
    """With 2 as the exit code, and nothing left behind."""
    assert sentence in refused(home, words[0], projects.learnt(), *words[1:])
    assert answered(home, "runs", projects.learnt())["runs"] == []


def test_a_refusal_is_one_object_with_json_and_no_project_is_one(home: Path, project: Path) -> None:
    done = espalier(home, "tune", project, "--tuner", "magic", "--json")
    assert done.returncode == 2
    assert "magic" in json.loads(done.stdout)["refused"]
    for command in ("tune", "runs", "resume"):
        assert "no Espalier project" in refused(home, command, project.with_name("nothing"))
        with pytest.raises(SystemExit):
            espalier(home, command, project, "--wrong")
    with pytest.raises(SystemExit):
        espalier(home, "tune", project, "--adopt", "perhaps")


def test_a_project_that_can_only_be_read_is_not_tuned(home: Path, project: Path) -> None:
    from tests.gestures.bad_inputs_test import read_only

    paused(project, 4)
    theirs = project.parent / "someone else's home"
    theirs.mkdir()
    theirs.chmod(0o777)
    with read_only(project):
        for words in (("tune", *QUICK), ("resume",), ("resume", "--stop")):
            assert "only be read" in refused(theirs, words[0], project, *words[1:])
        assert answered(theirs, "runs", project)["runs"][0]["state"] == "paused"
    assert answered(home, "resume", project, "--adopt", "never")["run"] == 1


SHOWN = """
import os, signal, sys
from app.cli.terminal import Screen
from engine.events import Step
show = Screen.show
def cut(self, event):
    show(self, event)
    if isinstance(event, Step) and event.done == 2:
        os.kill(os.getpid(), signal.SIGINT)
Screen.show = cut
from app.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_control_c_pauses_it(home: Path, project: Path) -> None:
    """Between two steps everything is kept, before the first epoch's end as well."""
    stopped = in_a_process(home, "tune", project, *QUICK, "--epochs", 2, code=SHOWN)
    said = stopped.communicate()[1]
    assert stopped.returncode == 130, said
    assert said.strip().splitlines()[-1] == "Cancelled. What was saved before is kept."
    assert "Traceback" not in said
    (row,) = answered(home, "runs", project)["runs"]
    assert row["state"] == "paused"
    resumed = espalier(home, "resume", project, "--adopt", "never", "--json")
    assert "Going on from step 2 of 6." in resumed.stderr
    assert json.loads(resumed.stdout)["run"] == row["id"]


@pytest.mark.parametrize("name", ["long", "overnight"])
def test_the_longest_preset_goes_by_its_name_and_that_of_before(
    home: Path, project: Path, name: str
) -> None:
    found = answered(home, "tune", project, "--preset", name, "--estimate")
    assert found["steps"] >= 240

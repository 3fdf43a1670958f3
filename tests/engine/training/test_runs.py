"""Runs of tuning that are paused, killed, extended, stopped early, adopted later and removed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from engine.events import Notice, Saved, Step
from engine.jobs import run
from engine.models.backbone import digest_of
from engine.session import Session
from engine.storage import runs
from engine.training.checkpoints import read_state, write_state
from tests.helpers import image_files, projects
from tests.helpers.commands import in_a_process
from tests.helpers.projects import curve, done, refused, until

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"batch": 12, "lr": 0.002, "augment": "none"}
"""Three steps an epoch."""
PREFIX = {**QUICK, "t0": 0.4, "views": 2, "augment": "light"}
"""Stages freeze from the second step on, and all but the last two before the end."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = projects.opened(tmp_path)
    yield session
    session.close()


def tuned(session: Session, **asked: Any) -> dict[str, Any]:
    return done(session, "tune", **{"epochs": 2, "settings": QUICK, "adopt": "never", **asked})


def begun(session: Session, step: int, **asked: Any) -> int:
    """A run that was paused after a step; its number."""
    given = {"epochs": 2, "settings": QUICK, "adopt": "never", **asked}
    until(run(session, "tune", given), step)
    return newest(session)["id"]


def newest(session: Session) -> dict[str, Any]:
    return done(session, "list_runs")["runs"][0]


def files_of(session: Session, number: int) -> list[Path]:
    return sorted(runs.folder(session.require(), number).rglob("*"))


def outcome(session: Session, number: int) -> tuple[dict[str, Any], str]:
    """A finished run's curve, and each bit of its weights."""
    project = session.require()
    content = project.blobs.get(runs.find(project, number).weights)
    assert content is not None
    return curve(session, number), digest_of(load(content))


# The same again.


CASES: dict[str, tuple[str, dict[str, Any], str, tuple[int, ...]]] = {
    "plain": ("none", QUICK, projects.QUICK, (2,)),
    "at the ends of epochs": ("none", QUICK, projects.QUICK, (3, 6)),
    "mixup": ("gradual", {**QUICK, "mixup": 0.4, "balance": True}, projects.QUICK, (4,)),
    "kept prefix": ("freezeout", PREFIX, projects.QUICK, (1, 5)),
    "norms and dropout": (
        "last_stages",
        {**QUICK, "mixup": 0.4, "count": 2},
        projects.NORMED,
        (4,),
    ),
}
"""Schedule, settings, network, and the steps after which the run is paused."""
known: dict[str, Any] = {}


def undisturbed(case: str, tmp_path: Path) -> Any:
    """The outcome of a case that was never paused."""
    schedule, settings, network, _ = CASES[case]
    key = repr((schedule, settings, network))
    if key not in known:
        (tmp_path / "whole").mkdir()
        session = projects.opened(tmp_path / "whole", network)
        number = tuned(session, schedule=schedule, settings=settings)["run"]
        known[key] = outcome(session, number)
        session.close()
    return known[key]


@pytest.mark.parametrize("case", CASES)
def test_paused_it_goes_on_to_the_same_curve_and_weights(tmp_path: Path, case: str) -> None:
    schedule, settings, network, stops = CASES[case]
    whole = undisturbed(case, tmp_path)
    session = projects.opened(tmp_path, network)
    number = begun(session, stops[0], schedule=schedule, settings=settings)
    assert newest(session)["state"] == "paused"
    for stop in stops[1:]:
        torch.manual_seed(stop)  # nothing may depend on what else this process has drawn
        until(run(session, "resume_run", {"adopt": "never"}), stop)
    torch.manual_seed(99)
    said = list(run(session, "resume_run", {"run": number, "adopt": "never"}))
    assert said[-1].how == "done", said[-1].text
    told = [e.text for e in said if isinstance(e, Notice)]
    assert f"Going on from step {stops[-1]} of 6." in told
    assert outcome(session, number) == whole
    assert files_of(session, number) == []
    session.close()


def test_paused_it_is_taught_by_the_network_of_before(tmp_path: Path) -> None:
    """Whose head and norms are in no checkpoint."""
    (tmp_path / "whole").mkdir()
    whole, session = projects.opened(tmp_path / "whole"), projects.opened(tmp_path)
    wanted = outcome(whole, tuned(whole, tuner="rehearsal")["run"])
    number = begun(session, 2, tuner="rehearsal")
    done(session, "resume_run", adopt="never")
    assert outcome(session, number) == wanted
    whole.close()
    session.close()


def test_the_same_seed_gives_the_same_weights_and_another_one_others(
    session: Session, tmp_path: Path
) -> None:
    first = undisturbed("plain", tmp_path)
    again = outcome(session, tuned(session)["run"])
    other = outcome(session, tuned(session, settings={**QUICK, "seed": 1})["run"])
    assert again == first
    assert other[0] != first[0]
    assert other[1] != first[1]


KILL = """
import os, signal, sys
from engine.training.checkpoints import read_state, write_state
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
def test_killed_it_goes_on_from_its_checkpoint_to_the_same_curve(
    session: Session, tmp_path: Path
) -> None:
    """Killed in the second epoch, with the outputs of frozen stages kept."""
    whole = undisturbed("kept prefix", tmp_path)
    path = session.require().path
    session.close()
    words = [f"--set={name}={value}" for name, value in PREFIX.items()]
    killed = in_a_process(
        Path(os.environ["ESPALIER_HOME"]),
        "tune",
        path,
        "--schedule",
        "freezeout",
        "--epochs",
        2,
        *words,
        code=KILL,
    )
    said = killed.communicate()[1]
    assert killed.returncode == -signal.SIGKILL, said
    done(session, "open_project", path=str(path))
    assert newest(session)["state"] == "paused"
    said = list(run(session, "resume_run", {"adopt": "never"}))
    assert said[-1].how == "done", said[-1].text
    assert "Going on from step 3 of 6." in [e.text for e in said if isinstance(e, Notice)]
    assert outcome(session, said[-1].result["run"]) == whole


# On and off.


def test_more_epochs_freeze_later_and_learn_from_what_is_true_then(session: Session) -> None:
    """A stage that was frozen is set free again by the longer run: what was kept is out of date."""
    asked = {"schedule": "freezeout", "settings": {**PREFIX, "t0": 0.7, "lr": 0.01}}
    number = begun(session, 5, **asked)
    until(run(session, "resume_run", {"epochs": 4, "adopt": "never"}), 12)
    assert newest(session)["settings"]["epochs"] == 4
    found = done(session, "run_details", run=number)
    assert found["steps_curve"]["step"] == list(range(1, 13))
    # What the network scores from the images on, it scored from what was kept.
    last = done(session, "resume_run", adopt="never")
    found = done(session, "run_details", run=number)["epochs_curve"]
    assert [e["epoch"] for e in found] == [1, 2, 3, 4]
    best = max(found, key=lambda e: (e["validation_accuracy"], -e["validation_loss"]))
    assert last["trained_head"]["validation_loss"] == pytest.approx(
        best["validation_loss"], rel=1e-2
    )


def test_fewer_epochs_than_were_done_end_the_run(session: Session) -> None:
    number = begun(session, 5)
    last = done(session, "resume_run", run=number, epochs=1, adopt="never")
    assert last["run"] == number


def test_patience_ends_a_run_early_and_what_is_done_is_not_gone_on_with(session: Session) -> None:
    result = tuned(session, epochs=30, settings={**QUICK, "lr": 0, "patience": 2})
    number = result["run"]
    assert [e["epoch"] for e in curve(session, number)["epochs"]] == [1, 2, 3]
    assert len(result["seconds_per_epoch"]) == 3
    for job in ("resume_run", "finish_run"):
        assert "done already" in refused(session, job, run=number)
        assert "no run to go on with" in refused(session, job)
    for job in ("resume_run", "finish_run", "run_details", "adopt_run", "remove_run"):
        assert "There is no run 77" in refused(session, job, run=77)


def test_the_best_weights_are_kept_at_the_end_and_when_it_is_stopped_early(
    session: Session,
) -> None:
    """The best epoch is not the last: stages that are frozen by then were others in it."""
    asked = {"schedule": "freezeout", "settings": {**PREFIX, "t0": 0.8, "lr": 0.004}, "epochs": 3}
    to_the_end = tuned(session, **asked)
    stopped = done(session, "finish_run", run=begun(session, 8, **asked), adopt="always")
    assert stopped["adopted"]
    assert newest(session)["state"] == "adopted"
    assert files_of(session, stopped["run"]) == []
    for result, epochs in ((to_the_end, 3), (stopped, 2)):
        found = done(session, "run_details", run=result["run"])["epochs_curve"]
        assert len(found) == epochs
        best = max(found, key=lambda e: e["validation_accuracy"])
        assert best["epoch"] == 1, "the best epoch is the last: give this test another rate"
        for name in ("validation_loss", "validation_accuracy"):
            assert result["trained_head"][name] == pytest.approx(best[name], rel=1e-4)
        other = best["validation_loss"] / found[-1]["validation_loss"]
        assert not 0.9 < other < 1.1, "the weights of the last epoch would give another loss"


def test_before_the_end_of_an_epoch_there_is_nothing_to_stop_early_with(session: Session) -> None:
    number = begun(session, 2)
    assert "end of an epoch" in refused(session, "finish_run", run=number)
    assert newest(session)["state"] == "paused"


def test_a_run_of_another_network_or_other_classes_is_not_gone_on_with(
    session: Session, tmp_path: Path
) -> None:
    """Neither with other weights, nor with the same ones at another size."""
    number = begun(session, 4)
    other = image_files.weights(tmp_path / "other.safetensors", projects.QUICK, seed=5)
    folder = image_files.class_folder(tmp_path, "olive", 8, hue=0.2)
    for job, asked in (
        ("use_backbone", {"weights": str(other), "size": projects.SIZE}),
        ("use_backbone", {"weights": str(projects.weights(projects.QUICK)), "size": 48}),
        ("learn_folder", {"paths": [str(folder)]}),
    ):
        done(session, job, **asked)
        for going_on in ("resume_run", "finish_run"):
            assert "no longer those" in refused(session, going_on, run=number)
        done(session, "undo")
    assert done(session, "resume_run", run=number, adopt="never")["run"] == number


def test_removed_it_is_gone_with_its_files_but_not_from_use(session: Session) -> None:
    paused, finished = begun(session, 2), tuned(session, epochs=1, adopt="always")["run"]
    assert files_of(session, paused)
    for number in (paused, finished):
        done(session, "remove_run", run=number)
        assert files_of(session, number) == []
    assert done(session, "list_runs")["runs"] == []
    assert session.backbone().name.startswith("tuned")
    path = session.require().path
    session.close()
    age(path)
    done(session, "open_project", path=str(path))
    done(session, "learn")


def age(path: Path) -> None:
    """Makes all blobs old, so that the sweep at opening removes those that nothing names."""
    for blob in (path / "blobs").rglob("*"):
        os.utime(blob, (1, 1))


# What breaks.


def test_damaged_files_of_a_run_are_refused_in_a_sentence(session: Session) -> None:
    """The checkpoint empty, of something else, or cut in two; the best weights likewise."""
    number = begun(session, 4)
    for name, jobs in (
        ("checkpoint.pt", ("resume_run", "finish_run")),
        ("best.pt", ("finish_run",)),
    ):
        file = runs.folder(session.require(), number) / name
        whole = file.read_bytes()
        for content in (b"", b"no checkpoint", b"PK", whole[: len(whole) // 2]):
            file.write_bytes(content)
            for job in jobs:
                assert "Remove the run" in refused(session, job, run=number)
                assert newest(session)["state"] == "paused"
        file.write_bytes(whole)
    file = runs.folder(session.require(), number) / "checkpoint.pt"
    state = read_state(file)
    for odd in ({"position": -5}, {"position": "x"}, {"random": 3}, {"network": []}):
        write_state({**state, **odd}, file)
        assert "Remove the run" in refused(session, "resume_run", run=number), odd
    write_state([1, 2], file)
    assert "Remove the run" in refused(session, "resume_run", run=number)
    torch.save(state, file)  # as checkpoints were written before
    assert done(session, "finish_run", run=number, adopt="never")["run"] == number


def test_numbers_out_of_bounds_keep_the_last_good_checkpoint(session: Session) -> None:
    wild = {**QUICK, "lr": 100.0, "warmup": 0.0, "smoothing": 0.0}
    said = list(run(session, "tune", {"epochs": 20, "settings": wild, "adopt": "never"}))
    assert said[-1].how == "refused", said[-1].text
    assert "lower learning rate" in said[-1].text
    found = done(session, "list_runs")["runs"]
    assert [r["state"] for r in found] in ([], ["paused"])
    assert bool(found) == any(isinstance(e, Saved) and e.what == "checkpoint" for e in said)


def test_cancelled_while_two_networks_are_compared_it_is_paused(
    session: Session, tmp_path: Path
) -> None:
    """Gone on with, it takes no more steps and is compared again."""
    work = run(session, "tune", {"epochs": 2, "settings": QUICK, "adopt": "never"})
    for event in work:
        if getattr(event, "doing", "").startswith("Comparing"):
            break
    work.close()
    assert newest(session)["state"] == "paused"
    said = list(run(session, "resume_run", {"adopt": "never"}))
    assert said[-1].how == "done", said[-1].text
    assert not [e for e in said if isinstance(e, Step) and "rate" in e.figures]
    assert outcome(session, said[-1].result["run"]) == undisturbed("plain", tmp_path)

"""Tuning from its first step to a network in use: compared, adopted, undone; what freezing saves.

Runs that are paused, killed or damaged are in test_runs.py, what is refused in
test_tune_refused.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load, load_file, save_file

from engine.events import Changed, Event, LayerPlan, LayerState, Notice, Step
from engine.jobs import run
from engine.models.supernet.architecture import smallest
from engine.models.supernet.files import write_weights
from engine.session import Session
from tests.helpers import image_files, projects
from tests.helpers.projects import FEW_STEPS, answers, done, facts, newest, tuned
from tests.helpers.supernets import supernet

pytestmark = pytest.mark.usefixtures("one_thread")
FREEZES = {**FEW_STEPS, "t0": 0.4, "augment": "light"}
LEARNS = {"batch": 12, "lr": 0.001, "augment": "none", "optimiser": "adamw"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = projects.opened(tmp_path)
    yield session
    session.close()


def reopened(session: Session) -> None:
    """Opens the project again; all its blobs are so old that loose ones are swept away."""
    path = session.require().path
    session.close()
    for blob in (path / "blobs").rglob("*"):
        os.utime(blob, (1, 1))
    done(session, "open_project", path=str(path))


def see_no_colours(session: Session, folder: Path) -> None:
    """Gives the project a network that is blind to what its classes differ in."""
    state = load_file(projects.weights(projects.QUICK))
    first = state["features.0.weight"]
    state["features.0.weight"] = first.mean(1, keepdim=True).expand_as(first).contiguous()
    save_file(state, folder / "blind.safetensors")
    done(session, "use_backbone", weights=str(folder / "blind.safetensors"), size=projects.SIZE)
    done(session, "learn")


# In use.


def test_a_tuned_network_is_used_scored_exported_undone_and_done_again(
    session: Session, tmp_path: Path
) -> None:
    before, first, name = answers(session), facts(session), session.backbone().name
    asked = {"schedule": "freezeout", "settings": FREEZES, "epochs": 2, "adopt": "always"}
    said = list(run(session, "tune", asked))
    assert said[-1].how == "done", said[-1].text
    result = said[-1].result
    check_events(said, stages=(*session.backbone().cuts, "head"), steps=6)
    check_result(result, stages=(*session.backbone().cuts, "head"), epochs=2)
    assert result["adopted"]
    assert newest(session)["state"] == "adopted"

    assert session.backbone().name == f"tuned {name}"
    assert facts(session)["backbone"] == "tuned"
    after = answers(session)
    for part, shown in (("before", before), ("after", after)):
        right = [Path(path).parent.name == said for path, said in shown.items()]
        assert result[part]["accuracy"] == pytest.approx(np.mean(right))
    receipt = done(session, "export", path=str(tmp_path / "model.onnx"))
    assert receipt["top_class_agreement"] == 1.0
    assert receipt["largest_difference"] <= 0.02

    done(session, "undo")
    assert (facts(session), answers(session), session.backbone().name) == (first, before, name)
    assert newest(session)["state"] == "done"
    done(session, "redo")
    assert answers(session) == after
    reopened(session)
    assert session.backbone().name == f"tuned {name}"
    done(session, "undo")
    assert (facts(session), answers(session)) == (first, before)


def check_events(said: list[Event], stages: tuple[str, ...], steps: int) -> None:
    """One plan, states that agree with it, each step, and each epoch's figures."""
    (plan,) = [e for e in said if isinstance(e, LayerPlan)]
    assert plan.stages == stages
    assert plan.total == steps
    for state in (e for e in said if isinstance(e, LayerState)):
        at = plan.steps.index(state.done - 1)
        assert state.frozen == tuple(row[at] for row in plan.frozen)
        assert state.rates == tuple(row[at] for row in plan.rates)
    states = [e.done for e in said if isinstance(e, LayerState)]
    assert states[-1] == steps
    shown = [e for e in said if isinstance(e, Step) and "rate" in e.figures]
    assert [e.done for e in shown] == list(range(1, steps + 1))
    scored = [e.figures for e in said if isinstance(e, Step) and "epoch" in e.figures]
    assert [f["epoch"] for f in scored] == [1, 2]
    wanted = {
        "seconds",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "old_accuracy",
        "new_accuracy",
        "saved_seconds",
        "saved_flops",
    }
    assert all(wanted <= f.keys() for f in scored)
    assert [e.what for e in said if isinstance(e, Changed)][-2:] == ["backbone", "learnt"]


def check_result(result: dict[str, Any], stages: tuple[str, ...], epochs: int) -> None:
    """The keys that the issue asks for, with plain values in them."""
    assert json.loads(json.dumps(result, default=list, allow_nan=False))
    for part in ("before", "after"):
        assert result[part].keys() == {"accuracy", "old_accuracy", "new_accuracy"}
    for name, key in (("all", "accuracy"), ("old", "old_accuracy"), ("new", "new_accuracy")):
        mean, low, high = result["difference"][name]
        assert mean == pytest.approx(result["after"][key] - result["before"][key])
        assert low <= mean <= high
    assert len(result["seconds_per_epoch"]) == epochs
    assert sum(result["seconds_per_epoch"]) == pytest.approx(result["seconds"])
    assert [layer["stage"] for layer in result["layers"]] == list(stages)
    frozen = [layer["frozen_at_iteration"] for layer in result["layers"]]
    assert frozen[-2:] == [None, None]
    assert frozen[:-2] == sorted(frozen[:-2])
    for layer in result["layers"]:
        rates, at = layer["learning_rates"], layer["frozen_at_iteration"]
        assert all((rate == 0) == (at is not None and n >= at) for n, rate in enumerate(rates))
    assert result["saved"]["flops"] > 0


def test_what_is_better_is_adopted(session: Session, tmp_path: Path) -> None:
    see_no_colours(session, tmp_path)
    result = tuned(session, settings=LEARNS, epochs=3, adopt="better")
    assert result["difference"]["all"][0] > 0.1
    assert result["adopted"]
    assert done(session, "score")["accuracy"] == pytest.approx(result["after"]["accuracy"])


def test_what_is_not_better_is_kept_and_can_be_adopted_later(session: Session) -> None:
    before, first = answers(session), facts(session)
    said = list(run(session, "tune", {"settings": {**FEW_STEPS, "lr": 0}, "epochs": 1}))
    result = said[-1].result
    gain, low, high = result["difference"]["all"]
    assert low < gain == 0 < high  # no answer changed, and few images don't know that none would
    assert not result["adopted"]
    assert "no better" in [e.text for e in said if isinstance(e, Notice)][-1]
    assert (facts(session), answers(session)) == (first, before)
    reopened(session)
    done(session, "adopt_run", run=result["run"])
    assert newest(session)["state"] == "adopted"
    assert answers(session) == before
    assert session.backbone().name.startswith("tuned")


def test_a_network_in_use_that_was_tuned_with_never_stays(session: Session) -> None:
    first = facts(session)
    result = tuned(session, settings=LEARNS)
    assert facts(session) == first
    assert not result["adopted"]
    assert newest(session)["state"] == "done"


def test_a_run_is_adopted_after_another_network_came_into_use(
    session: Session, tmp_path: Path
) -> None:
    """It stands on the network and the size that it began with, though nothing else names them."""
    number = tuned(session)["run"]
    other = image_files.weights(tmp_path / "other.safetensors", "shufflenet_v2_x1_0", seed=3)
    done(session, "use_backbone", weights=str(other), size=48)
    with session.require().transaction() as db:
        db.execute("DELETE FROM journal")  # as after some hundred gestures
    reopened(session)
    done(session, "adopt_run", run=number)
    assert facts(session)["size"] == projects.SIZE
    reopened(session)
    assert session.backbone().preprocessing.size == projects.SIZE
    assert done(session, "score")["accuracy"] is not None


def test_tuned_twice_it_still_stands_on_the_first_network(session: Session) -> None:
    first = facts(session)
    for seed in (0, 1):
        tuned(session, adopt="always", settings={**FEW_STEPS, "seed": seed})
        reopened(session)
    told = session.backbone().facts
    assert told["origin_backbone"] == first["backbone"] == projects.QUICK
    assert told["origin_weights"] == first["weights"]
    assert session.backbone().name == f"tuned {projects.QUICK}"
    done(session, "undo")
    done(session, "undo")
    assert facts(session) == first


def test_a_supernet_s_subnet_is_tuned_and_the_supernet_is_still_there(tmp_path: Path) -> None:
    write_weights(supernet(5), tmp_path / "base.safetensors", {"use_size": 32})
    session, images = Session(), str(projects.images() / "first")
    path, weights = str(tmp_path / "p.espalier"), str(tmp_path / "base.safetensors")
    done(session, "new_project", path=path, weights=weights, size=32)
    done(session, "learn_folder", paths=[images], learner="ncm")
    done(session, "use_subnet", architecture=str(smallest(32)))
    before = session.supernet()[1]
    tuned(session, adopt="always", settings={**FEW_STEPS, "batch": 20})
    reopened(session)
    assert session.backbone().facts["origin_backbone"] == "subnet"
    assert session.supernet()[1] == before
    done(session, "undo")
    assert facts(session)["backbone"] == "subnet"
    session.close()


# What freezing saves, counted in the run.


def saved(session: Session, schedule: str, **settings: Any) -> float:
    given = {**FEW_STEPS, "views": 0, **settings}
    return tuned(session, schedule=schedule, settings=given)["saved"]["flops"]


def test_freezing_the_stem_saves_what_its_gradients_cost(session: Session) -> None:
    """SqueezeNet's stem has 64 filters of 3 x 3 x 3 at 15 x 15 places; the next layer 16 of 64
    channels at 7 x 7. Frozen, the gradients of the stem's weights and of the next layer's input are
    saved; where the stem's output is kept, its forward pass too, once it was computed."""
    stem, after = 2 * 64 * 27 * 15 * 15, 2 * 16 * 64 * 7 * 7
    epoch = 12 * 3
    assert saved(session, "none") == 0
    assert saved(session, "last_stages", count=5) == 0
    assert saved(session, "last_stages", count=4) == pytest.approx((stem + after) * epoch)
    result = tuned(
        session, schedule="last_stages", epochs=3, settings={**FEW_STEPS, "count": 4, "views": 1}
    )
    gained = [e["saved_flops"] for e in epochs_of(session, result["run"])]
    assert gained == pytest.approx(
        [(stem * n + after * m) * epoch for n, m in ((1, 1), (3, 2), (5, 3))]
    )


def epochs_of(session: Session, number: int) -> list[dict[str, float]]:
    return done(session, "run_details", run=number)["epochs_curve"]


def test_what_stands_still_from_the_start_keeps_every_bit(session: Session) -> None:
    before = load_file(projects.weights(projects.QUICK))
    number = tuned(session, schedule="last_stages", settings={**FEW_STEPS, "count": 2})["run"]
    row = session.require().db["run"].get(number)
    content = session.require().blobs.get(row["weights"])
    assert content is not None
    old = {tensor.numpy().tobytes() for tensor in before.values()}
    stages: dict[str, list[bool]] = {}
    for name, tensor in load(content).items():
        stages.setdefault(name.split("|")[0], []).append(tensor.numpy().tobytes() in old)
    assert all(all(same) for name, same in stages.items() if name != "stage3")
    assert not any(stages["stage3"])


def test_with_nothing_frozen_no_second_is_said_to_be_saved(session: Session) -> None:
    result = tuned(session, epochs=2)
    assert result["saved"] == {"flops": 0, "seconds": pytest.approx(0, abs=1e-9)}

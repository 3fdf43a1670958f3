"""Tuning from its first step to a network in use: compared, adopted, undone; and what is refused.

Runs that are paused, killed or damaged are in test_runs.py.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load, load_file, save_file

from engine import project as projects
from engine import verdict
from engine.backbones.elastic.architecture import smallest
from engine.backbones.elastic.files import write_weights
from engine.events import Changed, Event, LayerPlan, LayerState, Notice, Step
from engine.jobs import run
from engine.schema import MIGRATIONS
from engine.session import Session
from engine.verdict import Judged
from tests import making
from tests.engine import tuning_making as made
from tests.engine.supernet_making import supernet
from tests.engine.tuning_making import done, ended, refused

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"batch": 12, "lr": 0.002, "augment": "none"}
"""Three steps an epoch."""
FREEZES = {**QUICK, "t0": 0.4, "augment": "light"}
LEARNS = {"batch": 12, "lr": 0.001, "augment": "none", "optimiser": "adamw"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = made.opened(tmp_path)
    yield session
    session.close()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A project for what is refused, so that it stays as it is."""
    session = made.opened(tmp_path_factory.mktemp("untouched"))
    yield session
    session.close()


def tuned(session: Session, **asked: Any) -> dict[str, Any]:
    return done(session, "tune", **{"epochs": 1, "settings": QUICK, "adopt": "never", **asked})


def answers(session: Session) -> dict[str, str]:
    return done(session, "score", predictions=True)["predictions"]


def facts(session: Session) -> dict[str, Any]:
    return {k: v for k, v in session.require().facts.items() if k != "made"}


def newest(session: Session) -> dict[str, Any]:
    return done(session, "list_runs")["runs"][0]


def reopened(session: Session) -> None:
    """Opens the project again; all its blobs are so old that loose ones are swept away."""
    path = session.require().path
    session.close()
    for blob in (path / "blobs").rglob("*"):
        os.utime(blob, (1, 1))
    done(session, "open_project", path=str(path))


def see_no_colours(session: Session, folder: Path) -> None:
    """Gives the project a network that is blind to what its classes differ in."""
    state = load_file(made.weights(made.QUICK))
    first = state["features.0.weight"]
    state["features.0.weight"] = first.mean(1, keepdim=True).expand_as(first).contiguous()
    save_file(state, folder / "blind.safetensors")
    done(session, "use_backbone", weights=str(folder / "blind.safetensors"), size=made.SIZE)
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
    wanted = {"seconds", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
              "old_accuracy", "new_accuracy", "saved_seconds", "saved_flops"}  # fmt: skip
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
    said = list(run(session, "tune", {"settings": {**QUICK, "lr": 0}, "epochs": 1}))
    result = said[-1].result
    assert result["difference"]["all"] == [0, 0, 0]
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
    other = making.weights(tmp_path / "other.safetensors", "shufflenet_v2_x1_0", seed=3)
    done(session, "use_backbone", weights=str(other), size=48)
    with session.require().transaction() as db:
        db.execute("DELETE FROM journal")  # as after some hundred gestures
    reopened(session)
    done(session, "adopt_run", run=number)
    assert facts(session)["size"] == made.SIZE
    reopened(session)
    assert session.backbone().preprocessing.size == made.SIZE
    assert done(session, "score")["accuracy"] is not None


def test_tuned_twice_it_still_stands_on_the_first_network(session: Session) -> None:
    first = facts(session)
    for seed in (0, 1):
        tuned(session, adopt="always", settings={**QUICK, "seed": seed})
        reopened(session)
    told = session.backbone().facts
    assert told["origin_backbone"] == first["backbone"] == made.QUICK
    assert told["origin_weights"] == first["weights"]
    assert session.backbone().name == f"tuned {made.QUICK}"
    done(session, "undo")
    done(session, "undo")
    assert facts(session) == first


def test_a_supernet_s_subnet_is_tuned_and_the_supernet_is_still_there(tmp_path: Path) -> None:
    write_weights(supernet(5), tmp_path / "base.safetensors", {"use_size": 32})
    session, pictures = Session(), str(made.pictures() / "first")
    path, weights = str(tmp_path / "p.espalier"), str(tmp_path / "base.safetensors")
    done(session, "new_project", path=path, weights=weights, size=32)
    done(session, "learn_folder", paths=[pictures], learner="ncm")
    done(session, "use_subnet", architecture=str(smallest(32)))
    before = session.supernet()[1]
    tuned(session, adopt="always", settings={**QUICK, "batch": 20})
    reopened(session)
    assert session.backbone().facts["origin_backbone"] == "subnet"
    assert session.supernet()[1] == before
    done(session, "undo")
    assert facts(session)["backbone"] == "subnet"
    session.close()


# What freezing saves, counted in the run.


def saved(session: Session, schedule: str, **settings: Any) -> float:
    given = {**QUICK, "views": 0, **settings}
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
    result = tuned(session, schedule="last_stages", epochs=3,
                   settings={**QUICK, "count": 4, "views": 1})  # fmt: skip
    gained = [e["saved_flops"] for e in epochs_of(session, result["run"])]
    assert gained == pytest.approx([(stem * n + after * m) * epoch for n, m in
                                    ((1, 1), (3, 2), (5, 3))])  # fmt: skip


def epochs_of(session: Session, number: int) -> list[dict[str, float]]:
    return done(session, "run_details", run=number)["epochs_curve"]


def test_what_stands_still_from_the_start_keeps_every_bit(session: Session) -> None:
    before = load_file(made.weights(made.QUICK))
    number = tuned(session, schedule="last_stages", settings={**QUICK, "count": 2})["run"]
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


# The verdict.


def judged(right: np.ndarray, new: np.ndarray | None = None) -> Judged:
    new = np.zeros(len(right), bool) if new is None else new
    return Judged(tuple(f"{n:064x}" for n in range(len(right))), right, new)


def test_the_interval_is_that_of_the_mean_of_paired_differences() -> None:
    chance = np.random.default_rng(3)
    first = chance.random(900) < 0.7
    second = np.where(chance.random(900) < 0.3, chance.random(900) < 0.8, first)
    mean, low, high = verdict.compared(judged(first), judged(second))["difference"]["all"]
    gain = second.astype(float) - first
    half = 1.96 * gain.std() / math.sqrt(900)
    assert mean == pytest.approx(gain.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


def test_old_and_new_classes_are_compared_apart_and_lost_images_left_out() -> None:
    new = np.arange(10) >= 6
    before, after = judged(np.arange(10) % 2 == 0, new), judged(np.arange(10) % 3 == 0, new)
    there = np.array([0, 2, 3, 6, 7, 9])
    fewer = Judged(tuple(after.hashes[n] for n in there), after.right[there], new[there])
    found = verdict.compared(before, fewer)
    gain = after.right.astype(float) - before.right
    assert found["images"] == 6
    for name, rows in (("all", there), ("old", there[:3]), ("new", there[3:])):
        assert found["difference"][name][0] == pytest.approx(gain[rows].mean())
    none = verdict.compared(judged(before.right), judged(after.right))
    assert none["difference"]["new"] is None
    assert none["before"]["new_accuracy"] is None


def test_images_that_went_away_meanwhile_are_left_out(tmp_path: Path) -> None:
    """One held-out image, and all of one class: what was decoded before is still learnt from."""
    pictures = Path(shutil.copytree(made.pictures(), tmp_path / "pictures"))
    session, weights = Session(), str(made.weights(made.QUICK))
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    for step in ("first", "second"):
        done(session, "learn_folder", paths=[str(pictures / step)], learner="ncm")
    tuned(session)
    next((pictures / "first" / "validation" / "teal").iterdir()).unlink()
    shutil.rmtree(pictures / "first" / "train" / "red")
    shutil.rmtree(pictures / "first" / "validation" / "red")
    other = making.weights(tmp_path / "other.safetensors", made.QUICK, seed=5)
    done(session, "use_backbone", weights=str(other), size=32)
    last = tuned(session)
    assert last["images"] == 6 + 5
    session.close()


# What is refused, and leaves nothing behind.


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"tuner": "magic"}, "There is no tuner called “magic”"),
        ({"tuner": "sandwich"}, "Use it under Specialise"),
        ({"schedule": "magic"}, "There is no schedule called “magic”"),
        ({"adopt": "perhaps"}, "Adopt takes one of"),
        ({"settings": {"colour": 1}}, "no setting called “colour”"),
        ({"settings": {"rank": 4}}, "no setting called “rank”"),
        ({"settings": {"batch": 37}}, "fewer than one batch of 37"),
        ({"settings": {"batch": "many"}}, "not “many”"),
        ({"settings": {"batch": 1}}, "Batch takes a value"),
        ({"settings": {"batch": math.inf}}, "Batch takes a value"),
        ({"settings": {"batch": None}}, "Batch takes a value"),
        ({"settings": {"lr": -0.1}}, "Learning rate takes a value"),
        ({"settings": {"lr": math.nan}}, "Learning rate takes a value"),
        ({"settings": {"lr": math.inf}}, "Learning rate takes a value"),
        ({"settings": {"epochs": 0}}, "Epochs takes a value"),
        ({"epochs": -1}, "Epochs takes a value"),
        ({"epochs": math.nan}, "Epochs takes a value"),
        ({"epochs": math.inf}, "Epochs takes a value"),
        ({"settings": {"smoothing": 1.0}}, "Smoothing takes a value"),
        ({"settings": {"augment": "wild"}}, "Augment takes one of"),
        ({"settings": {"optimiser": "magic"}}, "Optimiser takes one of"),
        ({"settings": {"seed": 2**70}}, "Seed takes a value"),
        ({"settings": {"balance": "perhaps"}}, "Balance takes a value"),
        ({"settings": {"t0": 2}, "schedule": "freezeout"}, "First freezing"),
        ({"settings": {"count": 0}, "schedule": "last_stages"}, "Count takes a value"),
    ],
)
def test_what_can_not_be_tuned_is_refused(
    untouched: Session, asked: dict[str, Any], sentence: str
) -> None:
    first = facts(untouched)
    assert sentence in refused(untouched, "tune", **asked)
    if "adopt" not in asked:
        assert sentence in refused(untouched, "estimate_tune", **asked)
    assert done(untouched, "list_runs")["runs"] == []
    assert list((untouched.require().path / "runs").glob("*")) == []
    assert facts(untouched) == first


def test_without_a_project_without_images_or_with_one_class_tuning_is_refused(
    tmp_path: Path,
) -> None:
    session, weights = Session(), str(made.weights(made.QUICK))
    for job in ("tune", "tuning_choices", "estimate_tune", "list_runs", "resume_run"):
        assert "No project is open" in refused(session, job)
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    assert "Images" in refused(session, "tune")
    assert "Images" in refused(session, "tuning_choices")
    folder = making.class_folder(tmp_path / "train", "one", 6)
    done(session, "learn_folder", paths=[str(folder)])
    assert "two classes" in refused(session, "tune")
    done(session, "learn_folder", paths=[str(making.class_folder(tmp_path / "train", "two", 6))])
    with session.require().transaction() as db:
        db.execute("UPDATE image SET split = 'train'")
    assert "held-out" in refused(session, "tune", settings={"batch": 4})
    assert done(session, "list_runs")["runs"] == []
    session.close()


def test_images_that_are_all_gone_end_in_a_sentence(tmp_path: Path) -> None:
    pictures = Path(shutil.copytree(made.pictures() / "first", tmp_path / "pictures"))
    session, weights = Session(), str(made.weights(made.QUICK))
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    done(session, "learn_folder", paths=[str(pictures)], learner="ncm")
    shutil.rmtree(pictures)
    assert ended(session, "tune", settings=QUICK).how == "refused"
    assert "where they were" in refused(session, "preview_augmented")
    assert done(session, "list_runs")["runs"] == []
    session.close()


def test_damaged_tuned_weights_are_told_in_a_sentence_and_undone(session: Session) -> None:
    """Missing, empty, of something else, cut in two, with other bits; or the first network's."""
    before, first = answers(session), facts(session)
    number = tuned(session, adopt="always")["run"]
    blobs, path = session.require().blobs, session.require().path
    file, origin = (blobs.path(name) for name in (facts(session)["weights"], first["weights"]))
    whole = file.read_bytes()
    bits = whole[:-5] + b"\0\1\2\3\4"
    for content in (None, b"", b"junk" * 100, whole[: len(whole) // 2], bits):
        file.unlink() if content is None else file.write_bytes(content)
        session.close()
        session = Session()
        done(session, "open_project", path=str(path))
        for job in ("learn", "tune"):
            assert "damaged" in refused(session, job)
        assert "damaged" in refused(session, "adopt_run", run=number)
    file.write_bytes(whole)
    moved = origin.rename(origin.with_suffix(".away"))
    assert "damaged" in refused(session, "learn")
    moved.rename(origin)
    done(session, "undo")
    assert answers(session) == before
    session.close()


def test_a_project_of_the_version_before_is_brought_up_to_date_and_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, weights = Session(), str(made.weights(made.QUICK))
    path = tmp_path / "old.espalier"
    with monkeypatch.context() as patch:
        patch.setattr(projects, "MIGRATIONS", MIGRATIONS[:2])
        done(session, "new_project", path=str(path), weights=weights, size=32)
        done(session, "learn_folder", paths=[str(made.pictures() / "first")], learner="ncm")
        before = answers(session)
        assert "run" not in session.require().db.table_names()
        session.close()
    done(session, "open_project", path=str(path))
    assert (path / "project.db.before-version-3").is_file()
    assert answers(session) == before
    assert done(session, "list_runs")["runs"] == []
    assert tuned(session)["run"] == 1
    session.close()


# What the page reads.


def test_the_estimate_and_the_preview_write_nothing(untouched: Session) -> None:
    before = {p: p.stat().st_mtime_ns for p in untouched.require().path.rglob("*.*")}
    found = done(untouched, "estimate_tune", schedule="freezeout", settings=FREEZES, epochs=2)
    assert (found["steps"], found["pictures"]) == (6, 36)
    assert found["seconds"] > 0
    shown = done(untouched, "preview_augmented", settings={"augment": "strong"})["pictures"]
    assert len(shown) == 12
    assert all(p["jpeg"][:2] == b"\xff\xd8" for p in shown)
    assert {p["class"] for p in shown} == {"red", "teal", "blue"}
    assert {p: p.stat().st_mtime_ns for p in untouched.require().path.rglob("*.*")} == before


def test_what_is_proposed_for_the_project_can_be_asked_for(untouched: Session) -> None:
    found = done(untouched, "tuning_choices")
    assert found["pictures"] == 36
    names = [view.name for view in found["tuners"]]
    assert {"fine_tune", "adapters", "lora", "batch_norm", "rehearsal", "scratch"} <= set(names)
    assert not {"sandwich", "progressive"} & set(names)
    for view in found["tuners"]:
        proposed = found["proposed"][view.name]
        assert proposed.keys() <= {setting.name for setting in view.settings}
        assert 2 <= proposed["batch"] <= 36
        assert done(untouched, "estimate_tune", tuner="fine_tune", settings=proposed)["steps"]

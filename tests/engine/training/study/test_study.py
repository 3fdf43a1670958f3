"""A study: measured, stopped in the middle of a row, gone on with; nothing of the project moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.jobs import run
from engine.storage import catalogue
from engine.training.run import TuningRun
from engine.training.study import run as studies
from engine.training.study.curves import subset
from engine.training.study.strategies import strategies
from tests.helpers import image_files, projects
from tests.helpers.projects import done, refused

ASKED = {"strategies": ["ncm", "slda", "last_2"], "epochs": 2, "shares": [50, 100]}
SECONDS = ("seconds", "kept", "p50")


def steady(study: dict[str, Any]) -> dict[str, Any]:
    """All of a study but for what took how long, and what was there before."""
    rows = [{k: v for k, v in row.items() if k not in SECONDS} for row in study["rows"]]
    said = study["said"] if "took" not in study["said"] else ""
    return {**study, "rows": rows, "said": said}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A study that ran in one piece."""
    session = projects.opened(tmp_path_factory.mktemp("whole"))
    before = projects.facts(session), projects.answers(session), done(session, "list_runs")
    found = done(session, "compare", **ASKED)
    assert before == (
        projects.facts(session),
        projects.answers(session),
        done(session, "list_runs"),
    )
    session.close()
    return found


def test_each_row_says_what_it_is_and_costs(study: dict[str, Any]) -> None:
    assert [row["name"] for row in study["rows"]] == ASKED["strategies"]
    assert (study["images"], study["learnt"], study["classes"]) == (18, 36, 3)
    ncm, slda, tuned = study["rows"]
    assert ncm["trained"] == slda["trained"] == 0 < tuned["trained"]
    assert ncm["macs"] == slda["macs"] == tuned["macs"] > 0
    # SqueezeNet's 722,496 weights without its classifier, and a head of 512 x 3 + 3 floats.
    assert tuned["bytes"] == slda["bytes"] == 4 * (722_496 + 512 * 3 + 3)
    assert sum(row["best"] for row in study["rows"]) == 1
    for row in study["rows"]:
        low, high = row["interval"]
        assert low <= row["accuracy"] <= high
        assert sum(row["per_class"].values()) / 3 == pytest.approx(row["accuracy"])


def test_frozen_rows_are_what_the_project_itself_would_answer(
    study: dict[str, Any], tmp_path: Path
) -> None:
    session = projects.opened(tmp_path)
    assert done(session, "learn", learner="slda")["accuracy"] == study["rows"][1]["accuracy"]
    session.close()


def test_a_study_that_was_stopped_goes_on_to_the_same_table(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, made = projects.opened(tmp_path), list[str]()
    measured = studies.measured
    monkeypatch.setattr(
        studies,
        "measured",
        lambda s, plan, cell: (made.append(cell.title), measured(s, plan, cell))[1],
    )
    work = run(session, "compare", ASKED)
    for event in work:  # the third row trains: three of its four steps are done
        if getattr(event, "doing", "").endswith("Tuning") and getattr(event, "done", 0) == 3:
            break
    work.close()
    stopped, made[:] = list(made), []
    session.close()
    done(session, "open_project", path=str(tmp_path / "p.espalier"))
    places = list((tmp_path / "p.espalier" / "runs" / "study").iterdir())
    *said, ended = run(session, "compare", ASKED)
    found = ended.result
    steps = [e.total for e in said if getattr(e, "doing", "").endswith("Tuning")]
    assert steps == [1]  # the one that was left
    assert len(stopped) == 3
    assert made[0] == stopped[2]  # what was begun is gone on with, and nothing done before
    assert not set(made) & set(stopped[:2])
    assert len(places) == 1
    assert not list((tmp_path / "p.espalier" / "runs" / "study").iterdir())
    assert steady(found) == steady(study)
    assert [row["kept"] for row in found["rows"]] == [True, True, False]
    made.clear()
    again = done(session, "compare", **ASKED)
    assert not made
    assert again["rows"] == [{**row, "kept": True} for row in found["rows"]]
    session.close()


def test_other_images_settings_or_shares_are_measured_anew(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    asked = {"strategies": ["ncm"], "shares": [100]}
    assert [done(session, "compare", **asked)["rows"][0]["kept"] for _ in range(2)] == [False, True]
    with session.require().transaction() as db:
        db.execute("UPDATE study SET facts = substr(facts, 2)")  # damaged
    assert done(session, "compare", **asked)["rows"][0]["kept"] is False
    done(session, "forget", name="blue")
    changed = done(session, "compare", **asked)
    assert (changed["rows"][0]["kept"], changed["classes"]) == (False, 2)
    session.close()


def test_a_share_is_learnt_as_if_there_were_no_other_images(tmp_path: Path) -> None:
    """By what trains, a head of its own, and what learnt without classes on all images."""
    names = ["last_2", "head", "adapted"]
    asked = {"strategies": names, "epochs": 2, "every_curve": True, "shares": [50, 100]}
    whole = projects.opened(tmp_path / "whole")
    found = done(whole, "compare", **asked)
    assert [curve["name"] for curve in found["curves"]] == names
    assert [[p["images"] for p in curve["points"]] for curve in found["curves"]] == [[18, 36]] * 3
    assert found["curves"][2]["points"][1]["accuracy"] == found["rows"][2]["accuracy"]
    split = catalogue.to_learn(whole.require())
    parts = subset(dict(split.train), 50).values()
    few = {sha256 for hashes in parts for sha256 in hashes}
    whole.close()
    half = projects.opened(tmp_path / "half")
    rows = half.require().db.execute("SELECT id, sha256 FROM image WHERE split = 'train'")
    gone = [number for number, sha256 in rows if sha256 not in few]
    done(half, "remove_images", images=gone)
    alone = done(half, "compare", strategies=names[:2], epochs=2, shares=[100])
    for row, curve in zip(alone["rows"], found["curves"], strict=False):
        assert curve["points"][0]["accuracy"] == row["accuracy"]
    half.close()


def test_what_a_network_cannot_have_is_left_out_and_said(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    found = done(session, "compare", strategies=["ncm", "last_99"], shares=[100])
    assert [row["name"] for row in found["rows"]] == ["ncm"]
    assert found["left_out"][0]["title"] == "Fine-tuning the last 99 stages"
    assert "stages" in found["left_out"][0]["why"]
    session.close()


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"strategies": ["nonsense"]}, "nonsense"),
        ({"epochs": -1}, "Epochs"),
        ({"epochs": float("nan")}, "Epochs"),
        ({"seed": -1}, "Seed"),
        ({"shares": [0, 100]}, "Shares"),
        ({"strategies": ["last_99"]}, "stages"),
    ],
)
def test_what_cannot_be_studied_is_refused(
    tmp_path: Path, asked: dict[str, Any], word: str
) -> None:
    session = projects.opened(tmp_path)
    assert word in refused(session, "compare", **asked)
    session.close()


def test_every_strategy_has_a_name_and_a_title_of_its_own() -> None:
    every = strategies()
    assert len({s.name for s in every}) == len({s.title for s in every}) == len(every)
    assert strategies(["all"]) == every
    assert [s.name for s in strategies(["last_2", "ncm", "ncm"])] == ["last_2", "ncm"]


def nothing(*_: Any) -> Any:
    """An estimate that takes no time."""
    return 0.0
    yield


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither how long a row will take is timed, nor how long its model takes in use."""
    monkeypatch.setattr(TuningRun, "measure_full_step", lambda course: None)
    monkeypatch.setattr("engine.training.study.budget.seconds_of", nothing)
    monkeypatch.setattr("engine.training.unlabelled.estimate.seconds_of", nothing)
    cost = {"p50": None, "export": None}
    monkeypatch.setattr("engine.training.study.rows.in_use", lambda *_: cost)


@pytest.mark.usefixtures("untimed")
def test_every_strategy_gives_a_row_but_those_that_find_nothing_to_tune(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    found = done(session, "compare", epochs=0.3, shares=[100])
    every = {s.name: s for s in strategies()}
    assert {row["name"] for row in found["rows"]} == every.keys() - {"last_1", "batch_norm"}
    # SqueezeNet has no norms, and its last stage no weights.
    left_out = [out["title"] for out in found["left_out"]]
    assert left_out == ["Fine-tuning the last stage", "Norms only"]
    trained = {row["name"]: row["trained"] for row in found["rows"]}
    assert {name for name, count in trained.items() if count} == {
        name for name, s in every.items() if s.tuner and name in trained
    }
    head = 512 * 3 + 3
    assert trained["head"] == trained["head_augmented"] == head
    assert trained["all_stages"] == trained["scratch"] == 722_496 + head
    assert trained["adapted"] > trained["last_3"] - head, "and a projector above the features"
    assert trained["scratch_unlabelled"] > 722_496
    assert head < trained["lora"] < trained["last_3"] < trained["all_stages"]
    session.close()


@pytest.mark.usefixtures("untimed")
def test_every_way_is_to_be_had_on_another_network(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    names = [f"{name}@embedded" for name in ("slda", "adapted")]
    found = done(session, "compare", strategies=["slda", *names], epochs=0.3, shares=[50, 100])
    assert not found["left_out"]
    own, *others = found["rows"]
    assert [row["name"] for row in others] == names
    assert all(row["macs"] != own["macs"] for row in others)
    assert [curve["name"] for curve in found["curves"]] == ["slda"], "features of it are not kept"
    session.close()


@pytest.mark.usefixtures("untimed")
def test_adapting_that_collapsed_is_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = projects.opened(tmp_path)
    monkeypatch.setattr("engine.training.unlabelled.run.COLLAPSED", 1e9)
    found = done(session, "compare", strategies=["ncm", "adapted"], epochs=1, shares=[100])
    assert [row["name"] for row in found["rows"]] == ["ncm"]
    assert [out["title"] for out in found["left_out"]] == ["Adapted without classes"]
    assert "nearly the same for all images" in found["left_out"][0]["why"]
    session.close()


@pytest.mark.usefixtures("untimed")
def test_what_learns_without_classes_depends_on_the_images_without_one(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    asked = {"strategies": ["ncm", "adapted"], "epochs": 0.3, "shares": [100]}
    done(session, "compare", **asked)
    folder = image_files.class_folder(tmp_path, "more", 2, 0.5, seed=9)
    done(session, "add_unsorted", paths=[str(folder)])
    again = done(session, "compare", **asked)
    assert [row["kept"] for row in again["rows"]] == [True, False]
    session.close()


def test_norms_only_where_a_network_has_some(tmp_path: Path) -> None:
    session = projects.opened(tmp_path, projects.NORMED)
    asked = {"strategies": ["batch_norm"], "epochs": 1, "shares": [100]}
    row = done(session, "compare", **asked)["rows"][0]
    assert 576 * 3 + 3 < row["trained"] < 20_000
    session.close()

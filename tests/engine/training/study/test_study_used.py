"""What comes after a study: rows side by side, one of them used and taken back, more of a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.jobs import run
from engine.session import Session
from engine.training.study import curves
from tests.helpers import projects
from tests.helpers.projects import done, refused

OTHER, TRAINED, CLOSED = "network_embedded", "last_1@embedded", "ncm@embedded"
ASKED = {
    "strategies": ["ncm", "slda", "last_3", OTHER, TRAINED, CLOSED, "head"],
    "epochs": 1,
    "shares": [100],
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, dict[str, Any]]]:
    """A project with a study; tests of this file leave both as they are."""
    session = projects.opened(tmp_path_factory.mktemp("used"))
    yield session, done(session, "compare", **ASKED)
    session.close()


def test_what_a_model_costs_in_use_is_told(compared: tuple[Session, dict[str, Any]]) -> None:
    rows = {row["name"]: row for row in compared[1]["rows"]}
    assert all(row["p50"] > 0 for row in rows.values())
    # The file holds the weights (norms may be folded), and a direction for each class.
    for row in rows.values():
        assert 0.9 * row["bytes"] < row["export"] < row["bytes"] + 200_000
    assert rows[OTHER]["macs"] != rows["slda"]["macs"]
    assert rows[TRAINED]["macs"] == rows[OTHER]["macs"]
    assert rows[TRAINED]["trained"] > rows[OTHER]["trained"] == 0
    assert rows[TRAINED]["title"].endswith(" · Fine-tuning the last stage")
    assert rows[CLOSED]["macs"] == pytest.approx(rows[OTHER]["macs"], rel=0.01)
    assert rows[CLOSED]["title"] == rows[OTHER]["title"] + " · Nearest class mean"
    assert not rows["slda"]["useless"]
    assert "closed form" in rows["head"]["useless"]


def test_two_rows_side_by_side_add_up(compared: tuple[Session, dict[str, Any]]) -> None:
    session, study = compared
    accuracies = {row["name"]: row["accuracy"] for row in study["rows"]}
    asked = {"first": "ncm", "second": "last_3"}
    seen = 0
    for part in ("first", "second", "neither", "both"):
        found = done(session, "side_by_side", **asked, part=part)
        assert found["total"] == found[part] == len(found["shown"])
        seen += found["total"]
        for shown, (one, other) in zip(found["shown"], found["answers"], strict=True):
            assert (shown["class"] == one) == (part in ("first", "both"))
            assert (shown["class"] == other) == (part in ("second", "both"))
            assert shown["split"] == "validation"
    assert seen == found["images"] == study["images"]
    assert (found["first"] + found["both"]) / seen == pytest.approx(accuracies["ncm"])
    assert (found["second"] + found["both"]) / seen == pytest.approx(accuracies["last_3"])
    assert "scratch" in refused(session, "side_by_side", first="ncm", second="scratch")
    assert "Part" in refused(session, "side_by_side", **asked, part="third")


def test_models_in_use_of_runs_and_of_earlier_steps_beside_rows(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    run_of = done(session, "tune", epochs=1, adopt="never", settings={"lr": 0.05})
    done(session, "compare", strategies=["ncm"], shares=[100])
    one, two = run_of["before"]["accuracy"], run_of["after"]["accuracy"]
    for _ in range(2):  # the second time what the run's network answers is known
        found = done(session, "side_by_side", first="in_use", second="run_1")
        assert (found["first"] + found["both"]) / 18 == pytest.approx(one)
        assert (found["second"] + found["both"]) / 18 == pytest.approx(two)
    done(session, "learn", learner="ncm")
    names = {choice["name"]: choice["title"] for choice in done(session, "side_choices")["choices"]}
    step = next(name for name in names if name.startswith("step_"))
    assert {"in_use", "ncm", "run_1"} < names.keys()
    assert names["run_1"] == "Run 1: Fine-tune all weights · Nothing freezes"
    same = done(session, "side_by_side", first="in_use", second="ncm")
    assert same["alike"] == same["images"] == 18
    before = done(session, "side_by_side", first="run_1", second=step)
    assert (before["second"] + before["both"]) / 18 == pytest.approx(one)
    assert "run_1" in refused(session, "side_by_side", first="run_2", second="ncm")
    done(session, "forget", name="blue")
    gone = done(session, "side_by_side", first="ncm", second="in_use")
    assert 0 < gone["images"] < 18, "only images that both were asked about, and that are there"
    session.close()


@pytest.mark.parametrize("name", ["slda", "last_3", OTHER, TRAINED, CLOSED])
def test_a_row_is_used_and_taken_back(compared: tuple[Session, dict[str, Any]], name: str) -> None:
    session, study = compared
    before = projects.facts(session), projects.answers(session)
    row = next(row for row in study["rows"] if row["name"] == name)
    used = done(session, "use_row", name=name)
    assert used["accuracy"] == pytest.approx(row["accuracy"])
    assert used["title"] == row["title"]
    assert not used["already"]
    if name != "slda":
        assert done(session, "last_study")["changed"] == "network"
        assert "another one" in refused(session, "use_row", name="ncm")
    done(session, "undo")
    assert (projects.facts(session), projects.answers(session)) == before
    assert done(session, "last_study") == {
        "asked": done(session, "last_study")["asked"],
        "study": study,
        "done": True,
        "changed": "",
    }


def test_a_row_that_is_in_use_is_not_learnt_once_more(
    compared: tuple[Session, dict[str, Any]],
) -> None:
    session, study = compared
    before = done(session, "list_steps"), projects.facts(session)
    used = done(session, "use_row", name="ncm")
    assert used["already"]
    assert used["accuracy"] == study["rows"][0]["accuracy"]
    assert (done(session, "list_steps"), projects.facts(session)) == before


def test_a_network_inside_is_compared_and_used(tmp_path: Path) -> None:
    session = Session()
    path = str(tmp_path / "p.espalier")
    done(session, "new_project", path=path, backbone="embedded", size=64)
    done(session, "learn_folder", paths=[str(projects.images() / "first")], learner="ncm")
    names = [s["name"] for s in done(session, "study_choices")["strategies"]]
    assert {"subnet_smallest", "subnet_middle", "subnet_largest"} <= set(names)
    asked = {"strategies": ["ncm", "subnet_smallest", "subnet_largest"], "shares": [100]}
    own, least, most = done(session, "compare", **asked)["rows"]
    assert least["macs"] < most["macs"] == own["macs"]
    before = projects.facts(session), projects.answers(session)
    used = done(session, "use_row", name="subnet_smallest")
    assert used["accuracy"] == pytest.approx(least["accuracy"])
    done(session, "undo")
    assert (projects.facts(session), projects.answers(session)) == before
    session.close()


def test_a_network_inside_the_once_for_all_one_that_comes_along_is_a_row_anywhere(
    tmp_path: Path,
) -> None:
    session, path = Session(), str(tmp_path / "p.espalier")
    weights = str(projects.weights(projects.QUICK))
    done(session, "new_project", path=path, weights=weights, size=34)  # those inside have 32
    done(session, "learn_folder", paths=[str(projects.images() / "first")], learner="ncm")
    shown = {s["name"]: s for s in done(session, "study_choices")["strategies"]}
    least = shown["subnet_smallest@embedded"]
    assert least["group"] == shown[OTHER]["group"]
    assert least["short"] == "The smallest network inside"
    sizes = [f"subnet_{size}@embedded" for size in ("smallest", "middle", "largest")]
    own, *rows = done(session, "compare", strategies=["ncm", *sizes], shares=[100])["rows"]
    macs = [row["macs"] for row in rows]
    assert macs == sorted(set(macs))
    assert own["macs"] not in macs
    before = projects.facts(session), projects.answers(session)
    used = done(session, "use_row", name=sizes[0])
    assert used["accuracy"] == pytest.approx(rows[0]["accuracy"])
    assert session.backbone().facts["architecture"].startswith("32: ")
    # The project goes on from there as from any network inside.
    here = [s["name"] for s in done(session, "study_choices")["strategies"]]
    assert "subnet_largest" in here
    assert not set(sizes) & set(here)
    done(session, "undo")
    assert (projects.facts(session), projects.answers(session)) == before
    session.close()


def test_a_narrowed_network_is_compared_and_used(tmp_path: Path) -> None:
    session = projects.opened(tmp_path, projects.NORMED)
    asked = {"strategies": ["ncm", "narrowed_50"], "shares": [100]}
    whole, half = done(session, "compare", **asked)["rows"]
    assert 0.35 < half["macs"] / whole["macs"] < 0.55
    assert half["bytes"] < whole["bytes"]
    before = projects.facts(session), projects.answers(session)
    used = done(session, "use_row", name="narrowed_50")
    assert used["accuracy"] == pytest.approx(half["accuracy"])
    assert session.backbone().facts["architecture"].startswith("mobilenet_v3_small 32: ")
    done(session, "undo")
    assert (projects.facts(session), projects.answers(session)) == before
    session.close()


def test_a_network_that_is_gone_is_trained_again_before_it_is_used(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    study = done(session, "compare", strategies=["last_3"], epochs=1, shares=[100])
    (kept,) = (tmp_path / "p.espalier" / "runs" / "compared").iterdir()
    kept.unlink()
    used = done(session, "use_row", name="last_3")
    assert used["accuracy"] == pytest.approx(study["rows"][0]["accuracy"])
    session.close()


def test_what_can_not_be_used_says_why(compared: tuple[Session, dict[str, Any]]) -> None:
    session, _ = compared
    assert "closed form" in refused(session, "use_row", name="head")
    assert "no row" in refused(session, "use_row", name="ridge")


def test_a_study_is_found_again_as_far_as_it_came_and_dropped(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    assert done(session, "last_study")["asked"] is None
    asked = {"strategies": ["ncm", "last_2"], "epochs": 2, "shares": [100]}
    work = run(session, "compare", asked)
    for event in work:
        if getattr(event, "doing", "").endswith("Tuning") and getattr(event, "done", 0) == 3:
            break
    work.close()
    session.close()
    done(session, "open_project", path=str(tmp_path / "p.espalier"))
    found = done(session, "last_study")
    assert (found["done"], found["asked"]["strategies"]) == (False, ["ncm", "last_2"])
    assert [row["name"] for row in found["study"]["rows"]] == ["ncm"]
    assert found["study"]["wanted"] == 2
    left = done(session, "estimate_study", **asked)
    assert (left["rows"], left["missing"]) == (2, 1)
    places = tmp_path / "p.espalier" / "runs" / "study"
    assert list(places.iterdir())
    done(session, "drop_study")
    assert done(session, "last_study")["asked"] is None
    assert not list(places.iterdir())
    session.close()


def test_other_images_are_told_of(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    done(session, "compare", strategies=["ncm"], shares=[100])
    done(session, "forget", name="blue")
    assert done(session, "last_study")["changed"] == "images"
    assert "images changed" in refused(session, "use_row", name="ncm")
    session.close()


def test_a_budget_in_seconds_is_as_many_epochs_once_and_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, timed = projects.opened(tmp_path), [4.0]
    monkeypatch.setattr("engine.training.study.budget.seconds_of", lambda *_: fixed(timed[0]))
    asked = {"strategies": ["last_2"], "seconds": 1.0, "shares": [100]}
    first = done(session, "compare", **asked)
    assert (first["seconds"], first["epochs"]) == (1.0, 0.0)
    timed[0] = 99.0
    session._loaded.clear()  # as after a restart: nothing that was timed is known
    again = done(session, "compare", **asked)
    assert again["rows"][0]["kept"], "the same epochs, whatever the computer does by now"
    assert "not both" in refused(session, "compare", **asked, epochs=1)
    assert "Seconds" in refused(session, "compare", **{**asked, "seconds": -1.0})
    session.close()


def fixed(seconds: float) -> Any:
    """An estimate, as the engine makes it."""
    return seconds
    yield


def test_a_closed_form_is_foretold_by_the_width_and_the_number_of_its_images(
    tmp_path: Path,
) -> None:
    session = projects.opened(tmp_path)
    session.keep(("seconds a multiply-add",), lambda: 1e-6)
    each = 1e-6 * (36 + 512) * 512**2
    for name, effort in (("roots", 4), ("auto", 16)):
        found = done(session, "estimate_study", strategies=[name], shares=[100])
        assert found["seconds"] == pytest.approx(effort * each + 0.7)
    half = done(session, "estimate_study", strategies=["roots"], shares=[50, 100])
    assert half["seconds"] == pytest.approx(4 * each * (1 + (18 + 512) / (36 + 512)) + 0.7)
    session.close()


def test_more_of_a_class_is_told_or_said_why_not(compared: tuple[Session, dict[str, Any]]) -> None:
    session, _ = compared
    far = done(session, "more_of_class", name="red", images=100)
    assert far["more"] is None
    assert "24 more at most" in far["said"]
    near = done(session, "more_of_class", name="red", images=10)
    assert near["said"].startswith("10 more images of “red”")
    assert "no class" in refused(session, "more_of_class", name="mauve").lower()
    assert "one more" in refused(session, "more_of_class", name="red", images=0)


def test_more_images_of_all_are_told_along_the_line() -> None:
    counts, held_out = [12, 25, 50, 100], 4000
    wrong = [round(held_out * 0.4 * (n / 12) ** -0.5) for n in counts]
    right = np.array([[at >= each for at in range(held_out)] for each in wrong])
    twice, thrice = (curves.more_images(counts, right, times) for times in (2.0, 3.0))
    assert twice
    assert thrice
    last = wrong[-1] / held_out
    assert twice[0] == pytest.approx(last * (1 - 2**-0.5), abs=0.002)
    assert thrice[0] == pytest.approx(last * (1 - 3**-0.5), abs=0.002)

"""What follows a search: a network is trained a little, and folded anew where classes came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import BadSetting, Refused
from engine.events import Candidate, Notice, Progress
from engine.jobs import run, train_form
from engine.models.backbone import Stage
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.growth import STAGES, growth_of
from engine.search.elastic import networks, new_kinds
from engine.session import Session
from engine.training.distilling import Apart, Lesson, Recipe, distilled, error_on
from tests.helpers import image_files
from tests.helpers.commands import espalier
from tests.helpers.elastic import NETWORK, SIZE, copy_of, done, folders, learnt, quick, searched

__all__ = ["folders", "learnt", "quick"]  # fixtures
pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = STAGES
"""Steps of weights that were never trained are for these (see `gently`)."""
WHOLE = f"{NETWORK} {SIZE}"
NOTHING_NEW = {"new": [], "lost_then": 0.0, "lost_new": 0.0, "worse": False, "text": ""}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, learnt: Path) -> Path:
    """A project whose network was measured, and a narrower form of it."""
    folder = tmp_path_factory.mktemp("measured")
    made = copy_of(learnt, folder)
    searched(made, budget=2)
    made.close()
    return folder / learnt.name


@pytest.fixture
def session(tmp_path: Path, measured: Path) -> Iterator[Session]:
    made = copy_of(measured, tmp_path)
    yield made
    made.close()


@pytest.fixture
def gently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that were never trained are much smaller than those that were, and so are steps."""
    monkeypatch.setattr(train_form, "Recipe", partial(Recipe, rate=1e-6))


def narrow(session: Session) -> str:
    """A narrower network that was measured."""
    found, _ = done(session, "candidates")
    return next(r["architecture"] for r in found["rows"] if ":" in r["architecture"])


@pytest.mark.usefixtures("gently")
def test_a_trained_network_stands_beside_the_one_that_it_was_is_used_and_taken_back(
    session: Session,
) -> None:
    form, before = narrow(session), session.backbone()

    result, events = done(session, "train_form", architecture=form, epochs=6)

    assert result["kept"]
    assert result["after"] < result["before"]
    wanted = replace(ElasticArchitecture.parse(form), trained=True)
    assert result["architecture"] == str(wanted)
    assert str(wanted) in {e.architecture for e in events if isinstance(e, Candidate)}
    assert session.backbone().digest == before.digest, "it is not used yet"
    rows = {r["architecture"]: r for r in done(session, "candidates")[0]["rows"]}
    assert rows[str(wanted)]["title"].endswith(", trained")
    assert rows[str(wanted)]["params"] == rows[form]["params"]

    done(session, "use_subnet", architecture=str(wanted))

    assert session.network_title() == "MobileNetV3-Small, narrower, trained"
    assert done(session, "candidates")[0]["in_use"] == str(wanted)
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    expected, path = session.extractor()(pixels), session.require().path
    session.close()
    done(session, "open_project", path=str(path))
    assert np.array_equal(session.extractor()(pixels), expected)

    done(session, "undo")

    assert session.backbone().digest == before.digest


@pytest.mark.usefixtures("gently")
def test_a_training_that_was_stopped_goes_on_to_the_same_network(
    session: Session, tmp_path: Path, measured: Path
) -> None:
    form = narrow(session)
    whole, _ = done(session, "train_form", architecture=form, epochs=5)
    (tmp_path / "other").mkdir()
    other = copy_of(measured, tmp_path / "other")
    facts = other.require().facts
    stopped = run(other, "train_form", {"architecture": form, "epochs": 5})
    for event in stopped:
        if isinstance(event, Progress) and event.doing.startswith("Training") and event.done > 2:
            break
    stopped.close()
    assert other.require().facts == facts
    assert form in {r["architecture"] for r in done(other, "candidates")[0]["rows"]}

    again, events = done(other, "train_form", architecture=form, epochs=5)

    assert any(isinstance(e, Notice) and e.text.startswith("Going on from step") for e in events)
    assert again["after"] == pytest.approx(whole["after"], rel=1e-6)
    assert not list(train_form.folder_of(other.require()).glob("*"))
    other.close()


def test_what_a_search_finds_is_trained_and_the_better_one_wins(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_form, "Recipe", lambda _: Recipe(6, 1e-6))
    form = narrow(session)

    result, events = searched(session, budget=2, train=True)

    assert any(isinstance(e, Notice) and " a little takes about " in e.text for e in events)
    trained = str(replace(ElasticArchitecture.parse(form), trained=True))
    rows = {r["architecture"]: r for r in done(session, "candidates")[0]["rows"]}
    assert result["architecture"] in {form, trained}
    assert result["accuracy"] == rows[result["architecture"]]["accuracy"]
    assert trained in rows


def test_what_was_made_worse_is_not_kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    form = narrow(session)

    result, events = done(session, "train_form", architecture=form, epochs=1)

    assert not result["kept"]
    assert result["architecture"] == form
    assert any(isinstance(e, Notice) and "nothing was kept" in e.text for e in events)
    rows = {r["architecture"] for r in done(session, "candidates")[0]["rows"]}
    assert not any("trained" in text for text in rows)


def test_how_long_it_takes_is_told_before_and_nothing_is_written(session: Session) -> None:
    before = session.require().facts
    found, _ = done(session, "estimate_train_form", architecture=narrow(session), epochs=3)
    assert found["seconds"] > 0
    assert found["epochs"] == 3
    assert found["images"] > 40
    assert session.require().facts == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"architecture": f"{NETWORK} 96"}, "was not measured"),
        ({"architecture": f"{WHOLE} trained"}, "was trained already"),
        ({"architecture": "nothing"}, "no network of this project"),
        ({"architecture": WHOLE, "epochs": 0}, "1 to 100 times"),
    ],
)
def test_what_can_not_be_trained_is_refused(
    session: Session, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises((Refused, BadSetting), match=words):
        done(session, "train_form", **settings)


def test_the_whole_network_at_its_largest_size_has_none_to_learn_from(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "RESOLUTIONS", (SIZE,))
    with pytest.raises(BadSetting, match="there is none from which it could learn"):
        train_form.checked(session, ElasticArchitecture.parse(WHOLE), 1)


# The training itself.


class Linear(torch.nn.Sequential):
    """Of pixels, features that a small network can learn."""

    def __init__(self, width: int) -> None:
        conv = torch.nn.Conv2d(3, width, 4, 4)
        super().__init__(conv, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


def test_a_network_comes_nearer_to_another_one_on_images_that_it_has_not_seen(
    tmp_path: Path,
) -> None:
    from engine.images.preprocess import Preprocessing
    from engine.training.distilling import taught_by

    torch.manual_seed(0)
    teacher, student, seen = Linear(6), Linear(6), Preprocessing(8, 8)
    pixels = np.random.default_rng(0).integers(0, 256, (96, 8, 8, 3), np.uint8)
    taught = taught_by(teacher, pixels, seen)
    lesson = Lesson(pixels[:64], seen, taught[:64], 2)
    held = Lesson(pixels[64:], seen, taught[64:], 2)
    before = error_on(student, held)

    stages = [Stage("all", student)]
    *_, _ = distilled(stages, lesson, Recipe(40, 0.02), tmp_path / "c.pt", "a test")

    assert error_on(student, held) < 0.1 * before


def test_kinds_of_features_count_alike_however_large_they_are() -> None:
    taught = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    judge, larger = Apart.of(taught, 2), taught * torch.tensor([1, 1, 1, 100, 100])
    off = torch.tensor([1.0, 1, 1, 1, 1])
    first = judge(taught + off, taught)
    assert Apart.of(larger, 2)(larger + off * torch.tensor([1, 1, 1, 100, 100]), larger) == (
        pytest.approx(float(first), rel=1e-5)
    )
    assert judge(taught, taught) == 0


# Classes that come after a fold.


def test_classes_that_came_after_the_fold_are_told_and_it_is_folded_anew(
    session: Session, tmp_path: Path
) -> None:
    assert done(session, "look_at_fold")[0] == NOTHING_NEW
    with pytest.raises(Refused, match="was not narrowed"):
        done(session, "fold_anew")
    done(session, "use_subnet", architecture=narrow(session))
    narrower = session.backbone()
    facts = {k: v for k, v in narrower.facts.items() if k != networks.CLASSES}
    assert new_kinds.folded_on(narrower) == {1, 2, 3}
    assert new_kinds.folded_on(replace(narrower, facts=facts)) is None, "a file of before"
    assert new_kinds.folded_on(replace(narrower, facts={**facts, networks.CLASSES: "{"})) is None
    assert done(session, "look_at_fold")[0] == NOTHING_NEW
    more = image_files.class_folders(tmp_path / "more", {"plum": 12})
    done(session, "learn_folder", paths=[str(more)])

    news, _ = done(session, "look_at_fold")

    assert news["new"] == ["plum"]
    assert news["lost_new"] > 0
    assert news["lost_then"] > 0
    assert "narrowed before plum came" in news["text"]
    learnt_before = session.require().facts["step"]

    used, events = done(session, "fold_anew")

    assert any("elastic" in e.doing for e in events if isinstance(e, Progress)), "measured anew"
    anew = session.backbone()
    assert anew.digest != narrower.digest
    assert used["architecture"] == narrower.facts["architecture"]
    assert growth_of(anew).narrowed == growth_of(narrower).narrowed
    assert done(session, "look_at_fold")[0] == NOTHING_NEW

    done(session, "undo")

    assert session.backbone().digest == narrower.digest
    assert session.require().facts["step"] == learnt_before
    path = session.require().path
    session.close()
    said = espalier(tmp_path / "home", "subnets", path).stdout
    assert "narrowed before plum came" in said
    assert "espalier specialise PROJECT --fold-anew" in said


def test_what_is_clearly_worse_is_told_as_such() -> None:
    assert not new_kinds.Kinds((4,), 0.2, 0.22).worse
    assert new_kinds.Kinds((4,), 0.2, 0.3).worse
    assert not new_kinds.Kinds((), 0.2, 0.3).worse

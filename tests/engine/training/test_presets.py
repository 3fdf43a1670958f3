"""Presets: what each means for so many images, and that a run can be asked for by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadSetting
from engine.jobs import run
from engine.training.presets import LEAST_BATCH, PRESETS, preset_of, proposed
from engine.training.setup import made
from engine.training.tuners import TUNERS
from tests.helpers import projects

NAMES = [preset.name for preset in PRESETS]
COUNTS = (2, 3, 9, 16, 33, 40, 104, 130, 640, 3068, 50_000)


@pytest.mark.parametrize("images", COUNTS)
@pytest.mark.parametrize("name", NAMES)
def test_few_images_are_seen_more_often_in_batches_that_norms_can_work_by(
    name: str, images: int
) -> None:
    tuner, schedule, settings = preset_of(name, images)
    tuning, _ = made(tuner, schedule, settings)
    assert 2 <= tuning.batch <= images
    assert tuning.batch >= min(LEAST_BATCH, images // 2)
    assert tuning.epochs >= next(p.epochs for p in PRESETS if p.name == name)
    assert tuning.steps(images) >= next(p.steps for p in PRESETS if p.name == name)


@pytest.mark.parametrize("images", COUNTS)
def test_the_form_begins_with_a_batch_of_sixteen_where_there_are_as_many(images: int) -> None:
    for view in TUNERS.describe():
        usual = {setting.name: setting.default for setting in view.settings}
        settings = proposed(view, images)
        assert min(LEAST_BATCH, images // 2) <= settings["batch"] <= min(images, usual["batch"])
        share = settings["batch"] / usual["batch"]
        assert settings["lr"] == pytest.approx(usual["lr"] * share, rel=0.05)


def test_each_preset_takes_longer_than_the_one_before() -> None:
    for images in COUNTS:
        asked = [preset_of(name, images) for name in NAMES]
        steps = [made(*one)[0].steps(images) for one in asked]
        assert steps == sorted(set(steps))


def test_an_unknown_preset_is_named_with_those_that_there_are() -> None:
    with pytest.raises(BadSetting, match=r"“lunch”.*quick, thorough, long"):
        preset_of("lunch", 40)


def test_a_script_may_say_the_name_of_before() -> None:
    assert preset_of("overnight", 40) == preset_of("long", 40)


def test_a_run_by_a_preset_has_its_settings_but_for_what_is_set_beside_it(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    found = projects.done(session, "tuning_choices")
    wanted = {preset["name"]: preset for preset in found["presets"]}["quick"]
    projects.done(session, "tune", preset="quick", epochs=1, settings={"lr": 1e-5}, adopt="never")
    (made_run,) = projects.done(session, "list_runs")["runs"]
    assert (made_run["tuner"], made_run["schedule"]) == (wanted["tuner"], wanted["schedule"])
    assert made_run["settings"]["batch"] == wanted["settings"]["batch"]
    assert made_run["settings"]["lr"] == 1e-5
    assert made_run["settings"]["epochs"] == 1
    times = projects.done(session, "estimate_presets")["seconds"]
    assert list(times) == NAMES
    assert 0 < times["quick"] < times["long"]
    *_, ended = run(session, "tune", {"preset": "lunch"})
    assert "quick, thorough, long" in ended.text
    session.close()

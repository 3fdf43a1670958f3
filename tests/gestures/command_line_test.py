"""A day on the command line: new, learn, score, predict, forget and export, as typed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, in_a_process, refused


@pytest.fixture(scope="module")
def images(home: Path) -> Path:
    return image_files.class_folders(
        home / "pictures", {"moth": 30, "beetle": 30, "snail's “new”": 30}
    )


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path, images: Path) -> Path:
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 64)
    learnt = answered(home, "learn", path, images)
    assert learnt["classes"] == {"moth": 30, "beetle": 30, "snail's “new”": 30}
    assert learnt["skipped"] == []
    assert learnt["accuracy"] > 0.6
    assert set(learnt["seconds"]) == {"images", "features", "learn"}
    return path


def test_what_the_project_has_is_learnt_without_a_folder(home, project, tmp_path):
    copy = tmp_path / "again.espalier"
    shutil.copytree(project, copy)
    answered(home, "forget", copy, "beetle")
    done = espalier(home, "learn", copy)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["beetle", "30"] in [row[:2] for row in rows], done.stdout
    again = answered(home, "learn", copy, "--learner", "ncm")
    assert again["classes"] == {"moth": 30, "beetle": 30, "snail's “new”": 30}
    assert again["per_class"].keys() == again["classes"].keys()


def test_a_project_is_found_without_its_ending(home, project, tmp_path, monkeypatch):
    shutil.copytree(project, tmp_path / "moths.espalier")
    known = answered(home, "classes", project)
    monkeypatch.chdir(tmp_path)
    for named in ("moths", tmp_path / "moths", "moths.espalier"):
        assert answered(home, "classes", named) == known
    image_files.class_folders(tmp_path / "moths", {"moth": 2})
    assert answered(home, "classes", "./moths/") == known
    monkeypatch.chdir(tmp_path / "moths.espalier")
    assert answered(home, "classes", ".") == known
    monkeypatch.chdir(tmp_path / "moths")
    assert "is no Espalier project" in refused(home, "classes", ".")


def test_the_method_is_chosen_for_the_images_and_it_is_said_why(home, project, tmp_path):
    copy = tmp_path / "again.espalier"
    shutil.copytree(project, copy)

    done = espalier(home, "learn", copy, "--learner", "auto")

    assert done.returncode == 0, done.stderr
    says = answered(home, "score", copy)["choice"]["says"]
    assert says in done.stdout.splitlines()
    assert re.match(r"Chosen: .+\. [\d.]+ % of \d+ images are right when each is asked", says)
    assert answered(home, "export", copy, "--to", tmp_path / "chosen.onnx")["compared"] > 0


def test_a_project_is_renamed_and_its_folder_stays(home, project, tmp_path):
    copy = tmp_path / "again.espalier"
    shutil.copytree(project, copy)
    done = espalier(home, "rename", copy, "Moths of 2025")
    assert done.stdout.strip() == "Renamed p to Moths of 2025."
    assert answered(home, "rename", copy, "Moths")["before"] == "Moths of 2025"
    assert copy.is_dir()
    assert "needs a name" in refused(home, "rename", copy, " ")


def test_the_network_and_its_features_are_changed_and_learnt_with_at_once(home, project, tmp_path):
    copy = tmp_path / "again.espalier"
    shutil.copytree(project, copy)
    before = answered(home, "score", copy, "--predictions")
    weights = image_files.weights(tmp_path / "net.safetensors", "mobilenet_v3_small")
    words = ("backbone", copy, "--weights", weights, "--size", 64)

    done = espalier(home, *words, "--features", "stages")

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"The network is MobileNetV3-Small now\. Learnt again: [\d.]+ % right, [\d.]+ % before\.",
        done.stdout.strip(),
    )
    wide, pooled = answered(home, "export", copy, "--to", tmp_path / "a.onnx"), tmp_path / "b.onnx"
    assert answered(home, *words)["backbone"] == "mobilenet_v3_small"
    assert wide["bytes"] > answered(home, "export", copy, "--to", pooled)["bytes"]
    assert "pooled or moments" in refused(home, *words, "--features", "all")
    assert answered(home, "score", project, "--predictions") == before, "the other one stays"


def test_a_network_without_held_out_images_is_changed_without_a_score(home, home_weights, tmp_path):
    path = tmp_path / "few.espalier"
    few = image_files.class_folders(tmp_path / "few", {"moth": 2, "beetle": 2})
    answered(home, "new", path, "--weights", home_weights, "--size", 64)
    answered(home, "learn", path, few)
    done = espalier(home, "backbone", path, "--weights", home_weights, "--size", 48)
    assert done.stdout.strip() == "The network is SqueezeNet 1.1 now. Everything is learnt again."


def test_scores_agree_with_the_predictions(home, project):
    scored = answered(home, "score", project, "--predictions")
    right = [Path(p).parent.name == name for p, name in scored["predictions"].items()]
    assert scored["accuracy"] == pytest.approx(sum(right) / len(right))
    assert sum(map(sum, scored["confusion"])) == len(right)


def test_a_test_folder_is_scored_by_its_folders_names(home, project, images):
    scored = answered(home, "score", project, "--test", images, "--predictions")
    right = [Path(p).parent.name == name for p, name in scored["predictions"].items()]
    assert len(right) == 90
    assert scored["accuracy"] == pytest.approx(sum(right) / 90)
    assert "There is no folder" in refused(home, "score", project, "--test", home / "nothing")
    (home / "others" / "bat").mkdir(parents=True)
    said = refused(home, "score", project, "--test", home / "others")
    assert "No folder" in said
    assert "The classes are: " in said


def test_the_project_and_its_export_predict_the_same(home, project, images, tmp_path):
    receipt = answered(home, "export", project, "--to", tmp_path / "moths.onnx")
    assert receipt["top_class_agreement"] == 1.0
    assert receipt["largest_difference"] <= 0.02
    some = sorted((images / "moth").iterdir())[:3]
    ours = answered(home, "predict", project, *some)
    theirs = answered(home, "predict", tmp_path / "moths.onnx", *some)
    assert set(ours) == set(theirs) == {str(path) for path in some}
    for path in ours:
        for name, probability in ours[path].items():
            assert theirs[path][name] == pytest.approx(probability, abs=0.02)


def test_forgotten_is_as_if_never_learnt(home, project, home_weights, images, tmp_path):
    path, other = tmp_path / "forgets.espalier", tmp_path / "never.espalier"
    shutil.copytree(project, path)
    answered(home, "forget", path, "beetle")
    answered(home, "new", other, "--weights", home_weights, "--size", 64)
    answered(home, "learn", other, images / "moth", images / "snail's “new”")
    test = ("--test", images, "--predictions")
    forgot, never = answered(home, "score", path, *test), answered(home, "score", other, *test)
    assert forgot["predictions"] == never["predictions"]
    assert forgot["unknown_classes"] == ["beetle"]
    names = {c["name"]: c["learnt"] for c in answered(home, "classes", path)["classes"]}
    assert names == {"moth": True, "snail's “new”": True, "beetle": False}


def test_learning_in_steps_in_another_order_answers_the_same(
    home, project, home_weights, images, tmp_path
):
    path = tmp_path / "steps.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 64)
    for name in ("snail's “new”", "moth", "beetle"):
        answered(home, "learn", path, images / name)
    some = [p for name in ("moth", "beetle") for p in sorted((images / name).iterdir())[:4]]
    once, stepwise = (
        answered(home, "predict", project, *some),
        answered(home, "predict", path, *some),
    )
    for image in once:
        assert stepwise[image] == pytest.approx(once[image], abs=1e-4)
    steps = answered(home, "steps", path)["steps"]
    assert [len(step["classes"]) for step in steps] == [1, 2, 3]
    assert steps[-1]["average_incremental_accuracy"] is not None


def test_a_learner_and_its_settings_can_be_named(home, project, tmp_path):
    path = tmp_path / "ridge.espalier"
    shutil.copytree(project, path)
    answered(home, "learn", path, "--learner", "tilda", "--set", "anchors=2")
    assert answered(home, "steps", path)["steps"][-1]["learner"] == "tilda"
    for words in (("--learner", "magic"), ("--set", "q=2"), ("--set", "anchors=many")):
        refused(home, "learn", path, *words)


def test_nothing_else_is_on_standard_output_with_json(home, project):
    """A process of its own: libraries that print from C would show here."""
    printed = in_a_process(home, "score", project, "--json").communicate()[0]
    assert printed.count("\n") == 1
    assert json.loads(printed)["accuracy"] > 0.6
    done = espalier(home, "forget", project, "no such class", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["refused"].startswith("There is no class")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is a display")
@pytest.mark.parametrize("words", [(), ("some.espalier",), ("--verbose",)])
def test_without_a_display_the_window_is_refused_in_a_sentence(home, words):
    none = dict.fromkeys(("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"), "")
    opened = in_a_process(home, *words, **none)
    said = opened.communicate()[1].strip()
    assert opened.returncode == 2, said
    assert said.startswith("There is no display here")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_control_c_cancels_and_keeps_what_was_saved(home, home_weights, tmp_path):
    many = image_files.class_folders(tmp_path / "many", {"a": 300, "b": 300})
    path = tmp_path / "c.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 64)
    learning = in_a_process(home, "learn", path, many)
    # The weights are the first blob; the second are the first thumbnails.
    while len(list((path / "blobs").glob("??/*"))) < 2:
        assert learning.poll() is None
    learning.send_signal(signal.SIGINT)
    said = learning.communicate()[1]
    assert learning.returncode == 130, said
    assert "Cancelled" in said
    assert answered(home, "learn", path, many)["accuracy"] is not None

"""A day on the command line: new, learn, score, predict, forget, export, each as a person types it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from tests import making


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def weights(home: Path) -> Path:
    return making.weights(home / "net.safetensors")


@pytest.fixture(scope="module")
def pictures(home: Path) -> Path:
    return making.class_folders(home / "pictures", {"moth": 30, "beetle": 30, "snail's “new”": 30})


@dataclass
class Done:
    """What a command left: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def espalier(home: Path, *words: object) -> Done:
    """Runs a command as the console script does, in this process: PyTorch is imported once."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("ESPALIER_HOME", str(home))
        code = main([str(word) for word in words])
    return Done(code, out.getvalue(), err.getvalue())


def answered(home: Path, *words: object) -> dict[str, Any]:
    done = espalier(home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def project(home: Path, weights: Path, pictures: Path) -> Path:
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", weights, "--size", 64)
    learnt = answered(home, "learn", path, pictures)
    assert learnt["classes"] == {"moth": 30, "beetle": 30, "snail's “new”": 30}
    assert learnt["skipped"] == []
    assert learnt["accuracy"] > 0.6
    assert set(learnt["seconds"]) == {"images", "features", "learn"}
    return path


def test_scores_agree_with_the_predictions(home, project):
    scored = answered(home, "score", project, "--predictions")
    right = [Path(p).parent.name == name for p, name in scored["predictions"].items()]
    assert scored["accuracy"] == pytest.approx(sum(right) / len(right))
    assert sum(map(sum, scored["confusion"])) == len(right)


def test_a_test_folder_is_scored_by_its_folders_names(home, project, pictures):
    scored = answered(home, "score", project, "--test", pictures, "--predictions")
    right = [Path(p).parent.name == name for p, name in scored["predictions"].items()]
    assert len(right) == 90
    assert scored["accuracy"] == pytest.approx(sum(right) / 90)
    refused = espalier(home, "score", project, "--test", home / "nothing")
    assert refused.returncode == 2
    assert refused.stderr.strip().count("\n") == 0


def test_the_project_and_its_export_predict_the_same(home, project, pictures, tmp_path):
    receipt = answered(home, "export", project, "--to", tmp_path / "moths.onnx")
    assert receipt["top_class_agreement"] == 1.0
    assert receipt["largest_difference"] <= 0.02
    some = sorted((pictures / "moth").iterdir())[:3]
    ours = answered(home, "predict", project, *some)
    theirs = answered(home, "predict", tmp_path / "moths.onnx", *some)
    assert set(ours) == set(theirs) == {str(path) for path in some}
    for path in ours:
        for name, probability in ours[path].items():
            assert theirs[path][name] == pytest.approx(probability, abs=0.02)


def test_forgotten_is_as_if_never_learnt(home, project, weights, pictures, tmp_path):
    path, other = tmp_path / "forgets.espalier", tmp_path / "never.espalier"
    shutil.copytree(project, path)
    answered(home, "forget", path, "beetle")
    answered(home, "new", other, "--weights", weights, "--size", 64)
    answered(home, "learn", other, pictures / "moth", pictures / "snail's “new”")
    test = ("--test", pictures, "--predictions")
    forgot, never = answered(home, "score", path, *test), answered(home, "score", other, *test)
    assert forgot["predictions"] == never["predictions"]
    assert forgot["unknown_classes"] == ["beetle"]
    names = {c["name"]: c["learnt"] for c in answered(home, "classes", path)["classes"]}
    assert names == {"moth": True, "snail's “new”": True, "beetle": False}


def test_learning_in_steps_in_another_order_answers_the_same(
    home, project, weights, pictures, tmp_path
):
    path = tmp_path / "steps.espalier"
    answered(home, "new", path, "--weights", weights, "--size", 64)
    for name in ("snail's “new”", "moth", "beetle"):
        answered(home, "learn", path, pictures / name)
    some = [p for name in ("moth", "beetle") for p in sorted((pictures / name).iterdir())[:4]]
    once, stepwise = (
        answered(home, "predict", project, *some),
        answered(home, "predict", path, *some),
    )
    for picture in once:
        assert stepwise[picture] == pytest.approx(once[picture], abs=1e-4)
    steps = answered(home, "steps", path)["steps"]
    assert [len(step["classes"]) for step in steps] == [1, 2, 3]
    assert steps[-1]["average_incremental_accuracy"] is not None


def test_a_learner_and_its_settings_can_be_named(home, project, tmp_path):
    path = tmp_path / "ridge.espalier"
    shutil.copytree(project, path)
    answered(home, "learn", path, "--learner", "tilda", "--set", "anchors=2")
    assert answered(home, "steps", path)["steps"][-1]["learner"] == "tilda"
    for words in (("--learner", "magic"), ("--set", "q=2"), ("--set", "anchors=many")):
        refused = espalier(home, "learn", path, *words)
        assert refused.returncode == 2
        assert refused.stderr.strip().endswith(".")


def test_nothing_else_is_on_standard_output_with_json(home, project):
    """A process of its own: libraries that print from C would show here."""
    asked = [sys.executable, "-m", "app", "score", str(project), "--json"]
    environment = {**os.environ, "ESPALIER_HOME": str(home)}
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout)["accuracy"] > 0.6
    refused = espalier(home, "forget", project, "no such class", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["refused"].startswith("There is no class")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_control_c_cancels_and_keeps_what_was_saved(home, weights, tmp_path):
    many = making.class_folders(tmp_path / "many", {"a": 300, "b": 300})
    path = tmp_path / "c.espalier"
    answered(home, "new", path, "--weights", weights, "--size", 64)
    learning = subprocess.Popen(
        [sys.executable, "-m", "app", "learn", str(path), str(many), "-v"],
        env={**os.environ, "ESPALIER_HOME": str(home)}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    # The weights are the first blob; the second are the first thumbnails.
    while len(list((path / "blobs").glob("??/*"))) < 2:
        assert learning.poll() is None
    learning.send_signal(signal.SIGINT)
    said = learning.communicate()[1]
    assert learning.returncode == 130, said
    assert "Cancelled" in said
    assert answered(home, "learn", path, many)["accuracy"] is not None

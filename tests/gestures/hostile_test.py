"""Files made to harm, through the doors that people use: each ends in one sentence, in bounds.

Some of each kind; tests/bench/hostile.py opens them all in processes whose time and memory it
measures. Where a file would work without end, the limits are made tight here, so that a test waits
for a second and not for ten.
"""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from engine.events import Ended
from engine.export.readers import onnx_file, trial
from engine.jobs import run
from engine.models import pickled
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, in_a_process, refused
from tests.hostile.exported import ONNX, model, saved
from tests.hostile.images import IMAGES, plain
from tests.hostile.projects import CELLS, FILES, JOURNAL, SCHEMA, opened, projects_of
from tests.hostile.weights import WEIGHTS


@pytest.fixture(scope="module")
def learnt(home: Path, home_weights: Path) -> Path:
    images = image_files.class_folders(home / "hostile", {"moth": 8, "beetle": 8})
    path = home / "hostile.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, images)
    return path


def one_sentence(said: str) -> None:
    assert len(said.splitlines()) == 1, said
    assert "defect" not in said


# Images.


@pytest.mark.parametrize(
    "name",
    [
        "60 scans.jpg",
        "20000 small scans.jpg",
        "notes.png",
        "colours.png",
        "circle.jpg",
        "wide.jpg",
        "giant.gif",
        "tags.tif",
        "samples.tif",
        "svg.png",
    ],
)
def test_images_are_opened_or_named_with_their_reason(home, learnt, tmp_path, name):
    IMAGES[name](tmp_path / name)
    done = espalier(home, "predict", learnt, tmp_path / name)
    assert done.returncode in (0, 2), done.stderr
    assert "defect" not in done.stderr + done.stdout
    fine = name in ("circle.jpg", "svg.png", "tags.tif")
    assert (done.returncode == 0) is fine, done.stdout


@pytest.mark.parametrize(("name", "why"), [("60 scans.jpg", "passes"), ("wide.jpg", "megapixels")])
def test_an_image_that_would_take_too_much_says_why(home, learnt, tmp_path, name, why):
    IMAGES[name](tmp_path / name)
    assert why in espalier(home, "predict", learnt, tmp_path / name).stdout


def test_what_a_library_writes_by_itself_stands_in_a_file_and_not_on_the_terminal(
    home: Path, learnt: Path, tmp_path: Path
) -> None:
    IMAGES["lzw.tif"](tmp_path / "lzw.tif")
    asked = in_a_process(home, "predict", learnt, tmp_path / "lzw.tif")
    said, beside = asked.communicate()
    assert asked.returncode == 2
    assert not beside
    one_sentence(said.strip())
    assert said.endswith("a part of it is missing or damaged. Get it again.\n")
    assert "Using code not yet in table" in (home / "logs" / "libraries.log").read_text()


def test_a_webp_of_75_megapixels_is_told_to_be_too_large(home, learnt, tmp_path):
    plain(tmp_path / "large.webp", "WEBP", side=8800, method=0, quality=10)
    assert "WEBP" in espalier(home, "predict", learnt, tmp_path / "large.webp").stdout


# Weights.


@pytest.fixture
def quick(monkeypatch) -> None:
    """Limits that a hang meets after a second; those of good files are ten times as long."""
    monkeypatch.setattr(pickled, "SECONDS", 1)
    monkeypatch.setattr(trial, "SECONDS", 1)
    monkeypatch.setattr(onnx_file, "SECONDS", 0)
    monkeypatch.setattr(onnx_file, "EACH", 1)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nested tuples.pth", "broke off|far longer"),
        ("bytes.pth", "memory"),
        ("counter of many.pth", "more numbers than it has bytes"),
        ("blanks.safetensors", "has a header of"),
        ("many.safetensors", "more than any network"),
        ("overlap.safetensors", "does not describe"),
        ("deep.safetensors", "does not describe"),
        ("counter.safetensors", "num_batches_tracked does not belong"),
    ],
)
def test_weights_are_refused_in_a_sentence(home, tmp_path, quick, name, why):
    WEIGHTS[name](tmp_path / name)
    said = refused(home, "new", tmp_path / "p.espalier", "--weights", tmp_path / name)
    one_sentence(said)
    assert name in said
    assert re.search(why, said)
    assert not (tmp_path / "p.espalier").exists()


# Exported files.


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("doubling 20.onnx", "far longer"),
        ("loop.onnx", "far longer|can't be run"),
        ("six gigabytes.onnx", "far more memory|can't be run"),
        ("calls itself.onnx", "can't be run"),
        ("deep names.onnx", "can't be run"),
        ("device.onnx", "outside"),
        ("broken word.onnx", "not known here"),
        ("loop.zip", "far longer|can't be run"),
        ("noise.pt2", "no program"),
    ],
)
def test_exported_files_are_refused_in_a_sentence(home, tmp_path, quick, name, why):
    ONNX[name](tmp_path / name)
    image = image_files.image(tmp_path / "a.jpg")
    said = refused(home, "predict", tmp_path / name, image)
    one_sentence(said)
    assert name in said
    assert re.search(why, said)


def test_a_file_that_counts_by_what_it_sees_is_ended(home, tmp_path, quick):
    """It answers the first image, which is black, at once, and would count for years on another."""
    ONNX["loop by sight.onnx"](tmp_path / "m.onnx")
    dark, light = tmp_path / "dark.png", tmp_path / "light.png"
    Image.new("RGB", (16, 16), "black").save(dark)
    Image.new("RGB", (16, 16), "white").save(light)
    answered(home, "predict", tmp_path / "m.onnx", dark)
    one_sentence(refused(home, "predict", tmp_path / "m.onnx", light))


def test_a_file_is_tried_once(home, tmp_path, monkeypatch):
    saved(tmp_path / "m.onnx", model)
    image = image_files.image(tmp_path / "a.jpg")
    tries = []
    kept = trial.call
    monkeypatch.setattr(trial, "call", lambda *a, **k: (tries.append(a), kept(*a, **k)))
    for _ in range(2):
        answered(home, "predict", tmp_path / "m.onnx", image)
    assert len(tries) == 1
    saved(tmp_path / "m.onnx", lambda: model(threshold="0.25"))
    answered(home, "predict", tmp_path / "m.onnx", image)
    assert len(tries) == 2


def test_an_export_of_ones_own_is_not_tried_again(home, learnt, tmp_path, monkeypatch):
    answered(home, "export", learnt, "--to", tmp_path / "m.onnx")
    monkeypatch.setattr(trial, "call", None)
    answered(home, "predict", tmp_path / "m.onnx", image_files.image(tmp_path / "a.jpg"))


# Projects.


def made(learnt: Path, tmp_path: Path, name: str) -> Path:
    path = tmp_path / f"{name}.espalier"
    projects_of(learnt)[path.name](path)
    return path


@pytest.mark.parametrize("name", SCHEMA)
def test_tables_that_are_not_espaliers_are_not_opened(home, learnt, tmp_path, name):
    one_sentence(refused(home, "classes", made(learnt, tmp_path, name)))


@pytest.mark.logs_warnings
@pytest.mark.parametrize("name", sorted({*CELLS, *FILES} - {"classes of ten megabytes"}))
def test_odd_values_and_files_are_told_or_lived_with(home, learnt, tmp_path, name):
    path = made(learnt, tmp_path, name)
    for words in (("classes", path), ("steps", path), ("forget", path, "moth")):
        done = espalier(home, *words)
        assert done.returncode in (0, 1, 2)
        assert "defect" not in done.stderr, done.stderr
        if words[0] == "classes" and done.returncode:
            break  # it is not opened, whatever is asked


def undone(path: Path) -> Ended:
    """What undo, as the window asks for it, comes to."""
    with closing(Session()) as session:
        opened = [*run(session, "open_project", {"path": str(path)})][-1]
        return opened if opened.how != "done" else [*run(session, "undo", {})][-1]


@pytest.mark.parametrize("name", JOURNAL)
def test_a_changed_journal_undoes_nothing(home, learnt, tmp_path, name):
    before = answered(home, "classes", learnt)
    path = made(learnt, tmp_path, name)
    ended = undone(path)
    if name == "many undone":  # each of them is what a trigger could have written
        assert ended.how == "done"
        return
    assert ended.how == "refused", ended.text
    one_sentence(ended.text)
    if not name.startswith("unfinished") and name != "undo by bytes":  # those are not opened
        assert answered(home, "classes", path) == before


def test_what_a_name_holds_is_no_order_to_the_terminal(home, learnt, tmp_path):
    path = made(learnt, tmp_path, "names with signs")
    said = espalier(home, "classes", path).stdout
    assert "\x1b" not in said
    assert "[2J" in said


def test_a_table_of_latencies_with_halves_of_characters_is_kept(home, tmp_path):
    from engine.search.latency.files import save_table
    from tests.helpers.tables import invented

    file = tmp_path / "t.json"
    save_table(invented(), file)
    file.write_text(file.read_text().replace("Abacus 3", "Abacus \\ud800"))
    assert answered(home, "latency", "import", file)["tables"]
    one_sentence(
        refused(home, "latency", "import", image_files.pipe(tmp_path / "pipe.json") or "x")
    )


def test_the_good_project_is_opened(home, learnt, tmp_path):
    """What all others differ from in one thing."""
    path = Path(shutil.copytree(learnt, tmp_path / "good.espalier"))
    assert undone(path).how == "done"


def test_a_checkpoint_that_hashes_for_ever_ends_in_a_sentence(home, learnt, tmp_path, quick):
    path = Path(shutil.copytree(learnt, tmp_path / "run.espalier"))
    answered(home, "tune", path, "--set", "epochs=1", "--set", "batch=4", "--adopt", "never")
    with opened(path) as db:
        db.execute("UPDATE run SET state = 'paused'")
        number = db.execute("SELECT id FROM run").fetchone()[0]
    checkpoint = path / "runs" / str(number) / "checkpoint.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    WEIGHTS["doubled tuples (old).pth"](checkpoint)
    assert "damaged" in refused(home, "resume", path)

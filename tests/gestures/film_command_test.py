"""A person adds a film: frames that differ become images, with their time codes, as bursts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.live import film_of, scene

SECOND = 25
NAMES = ["0.00.00.000.jpg", "0.00.01.000.jpg", "0.00.02.000.jpg", "0.00.06.000.jpg"]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three scenes of a second, the third for four, then another, and the first once more."""
    order = [0] * SECOND + [1] * SECOND + [2] * 4 * SECOND + [3] * SECOND + [0] * SECOND
    return film_of(tmp_path / "film.avi", map(scene, order), side=96)


@pytest.fixture
def project(home: Path, home_weights: Path, tmp_path: Path) -> Path:
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    return path


def test_frames_that_differ_wait_to_be_named_with_their_time(home, project, film) -> None:
    told = answered(home, "add", project, film)
    assert told["added"] == told["waiting"] == 4
    assert answered(home, "add", project, film)["already_there"] == 4
    order = answered(home, "suggest", project)["groups"]
    paths = sorted(path for group in order for path in group)
    assert paths == [str(film / name) for name in NAMES], "once each scene, in the film"
    film.unlink()
    named = answered(home, "label", project, film / NAMES[0], "moth", "--burst")
    assert named["images"] == 3, "what follows within two seconds belongs together"
    assert answered(home, "label", project, film / NAMES[3], "snail")["images"] == 1
    assert {c["name"]: c["train"] + c["validation"] for c in classes(home, project)} == {
        "moth": 3,
        "snail": 1,
    }


def classes(home: Path, project: Path) -> list[dict[str, int]]:
    return answered(home, "classes", project)["classes"]  # type: ignore[return-value]


def test_a_film_is_learnt_into_a_class(home, project, film) -> None:
    assert "no class by itself" in refused(home, "learn", project, film)
    told = answered(home, "learn", project, film, "--into", "moth")
    assert told["classes"] == {"moth": 4}


def in_folders(folder: Path) -> Path:
    """A film of a moth in one class folder; of a snail two, images, and one that is broken."""
    for name, first in (("moth/a.avi", 0), ("snail/b.avi", 40), ("snail/old/c.avi", 80)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        scenes = [scene(first + second) for second in range(6) for _ in range(SECOND)]
        film_of(folder / name, scenes, side=96)
    image_files.class_folder(folder, "snail", 3, 0.5)
    (folder / "snail" / "broken.mp4").write_bytes(bytes(range(256)) * 50)
    (folder / "snail" / "index.ts").write_text("export const snail = 1;\n" * 20)
    return folder


def test_films_in_class_folders_are_of_their_class(home, project, tmp_path) -> None:
    films = in_folders(tmp_path / "films")
    (films / "moth" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    told = answered(home, "learn", project, films)
    assert told["classes"] == {"moth": 6, "snail": 15}
    left_out = {Path(one["path"]).name: one["reason"] for one in told["skipped"]}
    assert left_out.keys() == {"broken.mp4", "index.ts", "gone.mp4"}
    assert left_out["gone.mp4"] == "This link leads nowhere."
    assert "can't be read as a film" in left_out["broken.mp4"]
    assert "film" not in left_out["index.ts"], "a program by its name is no film"
    held = {c["name"]: c["validation"] for c in classes(home, project)}
    assert (held["moth"], held["snail"] > 0) == (0, True), "one burst is never cut"
    unsorted = espalier(home, "add", project, films, "--json").stdout
    assert '"added": 0' in unsorted, "they lie in classes already"


def test_it_is_said_why_a_film_alone_is_not_tested(home, project, tmp_path) -> None:
    said = espalier(home, "learn", project, in_folders(tmp_path / "films"))
    assert said.returncode == 0, said.stderr
    assert "Nothing of moth can be tested: frames that follow within two" in said.stderr
    assert "Add another film of it" in said.stderr


def test_without_the_extra_a_film_in_a_folder_is_left_out(
    home, project, tmp_path, monkeypatch
) -> None:
    films = in_folders(tmp_path / "films")
    monkeypatch.setitem(sys.modules, "cv2", None)
    told = answered(home, "learn", project, films)
    assert told["classes"] == {"snail": 3}
    left_out = {Path(one["path"]).name for one in told["skipped"] if "[camera]" in one["reason"]}
    assert left_out == {"a.avi", "b.avi", "c.avi", "broken.mp4"}


def test_what_is_no_film_leaves_no_trace(home, project, film, tmp_path, monkeypatch) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(bytes(range(256)) * 50)
    assert "can't be read as a film" in refused(home, "add", project, film, broken)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert 'pip install "espalier[camera]"' in refused(home, "add", project, film)
    assert answered(home, "suggest", project)["order"] == []

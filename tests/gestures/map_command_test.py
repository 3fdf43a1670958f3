"""Where all images of a project lie, on the command line: kept, and the same again."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from pathlib import Path

import pytest

from engine.map import refining
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.image_files import image, plain_folders

CLASSES = ["red", "teal", "violet"]
COUNT = 12
needs_extra = pytest.mark.skipif(
    not refining.can_refine(), reason="openTSNE is not installed (extra “map”)"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_folders(tmp_path_factory.mktemp("sorted"), CLASSES, COUNT)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other images of the same classes."""
    return plain_folders(tmp_path_factory.mktemp("later"), CLASSES, 4, seed=5)


@pytest.fixture(scope="module")
def empty(home: Path, home_weights: Path) -> Path:
    path = home / "empty"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    return path.with_suffix(".espalier")


@pytest.fixture(scope="module")
def filled(home: Path, empty: Path, folders: Path) -> Path:
    """Two classes that are learnt, and a third one on the heap."""
    path = shutil.copytree(empty, home / "filled.espalier")
    answered(home, "learn", path, folders / "red", folders / "teal")
    answered(home, "add", path, folders / "violet")
    return path


@pytest.fixture
def project(filled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "p.espalier")


@pytest.fixture
def fresh(empty: Path, tmp_path: Path) -> Path:
    return shutil.copytree(empty, tmp_path / "p.espalier")


Spots = dict[str, tuple[str, str, str]]


def table(home: Path, project: Path, *words: object) -> Spots:
    """Class, x and y by path, from the table that the command prints."""
    done = espalier(home, "map", project, "--csv", *words)
    assert done.returncode == 0, done.stderr
    head, *rows = csv.reader(io.StringIO(done.stdout))
    assert head == ["path", "class", "x", "y"]
    assert len({row[0] for row in rows}) == len(rows)
    return {path: tuple(rest) for path, *rest in rows}


def places(spots: Spots) -> dict[str, tuple[str, str]]:
    return {path: (x, y) for path, (_, x, y) in spots.items()}


def middle(spots: Spots, name: str) -> float:
    xs = [float(x) for path, (_, x, _) in spots.items() if Path(path).parent.name == name]
    return sum(xs) / len(xs)


def spread(spots: Spots, name: str) -> float:
    xs = [float(x) for path, (_, x, _) in spots.items() if Path(path).parent.name == name]
    return max(xs) - min(xs)


def test_all_images_lie_on_it_and_the_learnt_classes_are_parted(home, project) -> None:
    spots = table(home, project)
    assert {Path(path).parent.name: of for path, (of, *_) in spots.items()} == {
        "red": "red",
        "teal": "teal",
        "violet": "",
    }
    assert len(spots) == 3 * COUNT
    apart = abs(middle(spots, "red") - middle(spots, "teal"))
    assert apart > spread(spots, "red") + spread(spots, "teal")
    said = espalier(home, "map", project).stdout
    assert said == (
        "36 images on two axes that part 2 classes. --csv FILE writes where each lies.\n"
    )


def test_what_lies_on_it_stays_when_images_come_and_when_they_are_named(
    home, project, later
) -> None:
    """Each command is a process's work from the opening of the project on."""
    before = places(table(home, project))
    answered(home, "add", project, later / "red", later / "violet")
    came = table(home, project)
    assert len(came) == len(before) + 8
    assert {path: places(came)[path] for path in before} == before
    file = next(path for path, (of, *_) in came.items() if not of)
    answered(home, "label", project, file, "violet")
    named = table(home, project)
    assert named[file][0] == "violet"
    assert places(named) == places(came)


def test_an_image_that_is_removed_and_added_again_lies_where_it_lay(home, project, folders) -> None:
    before = table(home, project)
    answered(home, "forget", project, "red")
    answered(home, "learn", project, folders / "red")
    assert places(table(home, project)) == places(before)


def test_drawn_anew_it_parts_the_classes_that_there_are_now(home, project, folders) -> None:
    before = table(home, project)
    answered(home, "learn", project, folders / "violet")
    assert places(table(home, project)) == places(before)
    assert answered(home, "map", project, "--anew")["parted"] == 3
    assert places(table(home, project)) != places(before)


@needs_extra
def test_refined_it_is_kept_and_new_images_come_beside_their_like(home, project, later) -> None:
    drawn = places(table(home, project))
    assert answered(home, "map", project, "--refine")["refined"]
    refined = places(table(home, project))
    assert refined != drawn
    answered(home, "add", project, *(later / name for name in CLASSES))
    came = table(home, project)
    assert {path: places(came)[path] for path in refined} == refined
    spots = {path: complex(float(x), float(y)) for path, (_, x, y) in came.items()}
    for path in came.keys() - refined.keys():
        nearest = min(refined, key=lambda other, at=spots[path]: abs(spots[other] - at))
        assert Path(nearest).parent.name == Path(path).parent.name


def test_without_the_extra_it_says_how_to_get_it(home, project, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    said = refused(home, "map", project, "--refine")
    assert 'pip install "espalier[map]"' in said
    assert len(table(home, project)) == 3 * COUNT


def test_another_network_has_another_map_and_the_first_one_its_own(home, project) -> None:
    before = places(table(home, project))
    answered(home, "backbone", project, "--backbone", "embedded", "--size", 64)
    other = places(table(home, project))
    assert other.keys() == before.keys()
    assert other != before


def test_an_empty_project_has_an_empty_map(home, fresh) -> None:
    assert table(home, fresh) == {}
    assert answered(home, "map", fresh)["images"] == 0


def test_one_image_and_one_class_lie_somewhere(home, fresh, tmp_path, folders) -> None:
    image(tmp_path / "one" / "a.jpg", seed=1)
    answered(home, "add", fresh, tmp_path / "one")
    ((of, x, y),) = table(home, fresh).values()
    assert (of, float(x), float(y)) == ("", 0, 0)
    answered(home, "learn", fresh, folders / "red")
    assert len(table(home, fresh)) == 1 + COUNT
    assert answered(home, "map", fresh, "--anew")["parted"] == 0


def test_a_file_that_is_there_is_not_replaced_unasked(home, project, tmp_path) -> None:
    file = tmp_path / "map.csv"
    done = answered(home, "map", project, "--csv", file)
    assert done == {"to": str(file), "rows": 3 * COUNT}
    written = file.read_bytes()
    assert "already exists" in refused(home, "map", project, "--csv", file)
    assert file.read_bytes() == written
    answered(home, "map", project, "--csv", file, "--overwrite")


def test_a_class_that_a_spreadsheet_would_run_is_text(home, project) -> None:
    file = next(path for path, (of, *_) in table(home, project).items() if not of)
    answered(home, "label", project, file, "=1+1")
    assert table(home, project)[file][0] == "'=1+1"

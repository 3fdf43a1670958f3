"""Every format: what it writes it reads as the same rows, and a stranger reads the same in it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.errors import Refused
from engine.labels.formats import FORMATS, LabelFormat
from engine.labels.reading import guess
from engine.labels.writing import Labelled
from engine.results.labels import ENDINGS
from tests.helpers.label_files import ODD_CLASSES, a_project, read, save, target

Rows = list[tuple[str, str, str]]
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC, LR = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/lightroom/1.0/}"


@pytest.fixture(params=sorted(FORMATS))
def form(request: pytest.FixtureRequest) -> LabelFormat:
    return FORMATS.make(request.param)


def of(images: list[Labelled]) -> Rows:
    return sorted((str(one.path), one.name, one.split) for one in images)


def files_below(folder: Path) -> dict[str, bytes]:
    """All that lies there and is no image."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.suffix != ".jpg"}


def test_what_is_written_is_read_as_the_same_rows(form: LabelFormat, tmp_path: Path) -> None:
    images = a_project(tmp_path)
    done = save(images, form.name, tmp_path)
    assert done.left_out == {}
    assert sorted(read(target(form, tmp_path), form.name)) == of(images)


def test_the_order_of_the_images_changes_no_byte(form: LabelFormat, tmp_path: Path) -> None:
    images = a_project(tmp_path)
    save(images, form.name, tmp_path)
    first = files_below(tmp_path)
    save([*reversed(images), *images], form.name, tmp_path, overwrite=True)
    assert files_below(tmp_path) == first
    assert first


def test_a_file_is_known_by_what_it_holds(form: LabelFormat, tmp_path: Path) -> None:
    save(a_project(tmp_path), form.name, tmp_path)
    assert guess(target(form, tmp_path)) == form.name


def test_what_is_there_is_not_replaced_unless_that_is_asked_for(
    form: LabelFormat, tmp_path: Path
) -> None:
    images = a_project(tmp_path)
    save(images, form.name, tmp_path)
    before = files_below(tmp_path)
    with pytest.raises(Refused, match="overwritten"):
        save(images[:1], form.name, tmp_path)
    assert files_below(tmp_path) == before
    save(images[:1], form.name, tmp_path, overwrite=True)
    assert files_below(tmp_path) != before


def test_images_elsewhere_are_named_by_their_whole_path(form: LabelFormat, tmp_path: Path) -> None:
    images, place = a_project(tmp_path / "images"), tmp_path / "labels"
    place.mkdir()
    if not form.proposed:
        with pytest.raises(Refused, match="nothing is written outside"):
            save(images, form.name, place)
        assert files_below(tmp_path) == {}
        return
    save(images, form.name, place)
    assert sorted(read(place / form.proposed, form.name)) == of(images)


def test_an_image_whose_side_is_not_known_has_none(form: LabelFormat, tmp_path: Path) -> None:
    images = a_project(tmp_path, splits=("", "train"))
    save(images, form.name, tmp_path)
    assert sorted(read(target(form, tmp_path), form.name)) == of(images)


def test_the_window_takes_the_endings_of_all_formats() -> None:
    assert {ending for form in FORMATS.values() for ending in form.endings} == set(ENDINGS)


# What a stranger reads, with the standard library alone.


def in_csv(folder: Path) -> Rows:
    with (folder / "classes.csv").open(encoding="utf-8", newline="") as file:
        titles, *rows = csv.reader(file)
    assert titles == ["path", "class", "split"]
    return [(path, name, split) for path, name, split in rows]


def in_jsonl(folder: Path) -> Rows:
    lines = (folder / "metadata.jsonl").read_text("utf-8").split("\n")
    found = [json.loads(line) for line in lines if line]
    return [(one["file_name"], one["label"], one["split"]) for one in found]


def in_coco(folder: Path) -> Rows:
    found = json.loads((folder / "coco.json").read_text("utf-8"))
    images = {one["id"]: one for one in found["images"]}
    names = {one["id"]: one["name"] for one in found["categories"]}
    assert len(images) == len(found["images"])
    assert {(one["width"], one["height"]) for one in found["images"]} == {(16, 12)}
    rows = []
    for one in found["annotations"]:
        image = images[one["image_id"]]
        rows.append((image["file_name"], names[one["category_id"]], image["split"]))
    return rows


def in_label_studio(folder: Path) -> Rows:
    rows = []
    for task in json.loads((folder / "label-studio.json").read_text("utf-8")):
        (annotation,) = task["annotations"]
        (result,) = annotation["result"]
        assert result["type"] == "choices"
        for name in result["value"]["choices"]:
            rows.append((task["data"]["image"], name, task["data"]["split"]))
    return rows


def in_cvat(folder: Path) -> Rows:
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    assert root.tag == "annotations"
    assert root.findtext("version") == "1.1"
    listed = [one.findtext("name") for one in root.iterfind("meta/task/labels/label")]
    assert set(listed) == {*ODD_CLASSES, "second"}
    return [
        (image.attrib["name"], tag.attrib["label"], image.attrib["subset"])
        for image in root.iterfind("image")
        for tag in image.iterfind("tag")
    ]


STRANGERS: dict[str, Callable[[Path], Rows]] = {
    "csv": in_csv,
    "imagefolder": in_jsonl,
    "coco": in_coco,
    "label-studio": in_label_studio,
    "cvat": in_cvat,
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_reads_the_same(name: str, tmp_path: Path) -> None:
    images = a_project(tmp_path)
    save(images, name, tmp_path)
    found = STRANGERS[name](tmp_path)
    if name == "csv":  # what a spreadsheet would run has a mark before it
        found = [(unmarked(path), unmarked(kind), split) for path, kind, split in found]
    assert all(not path.startswith("/") for path, _, _ in found)
    whole = [(str(tmp_path / path), kind, split) for path, kind, split in found]
    assert sorted(whole) == of(images)


def unmarked(cell: str) -> str:
    return cell[1:] if re.match(r"''*[=+@-]", cell) and cell != "'-1" else cell


@pytest.mark.parametrize(
    ("name", "file"),
    [("csv", "classes.csv"), ("imagefolder", "metadata.csv"), ("camtrap-dp", "datapackage.json")],
)
def test_no_cell_of_a_table_is_run_by_a_spreadsheet(name: str, file: str, tmp_path: Path) -> None:
    images = a_project(tmp_path)
    save(images, name, tmp_path, file)
    cells = []
    for table in tmp_path.glob("*.csv"):
        with table.open(encoding="utf-8", newline="") as text:
            cells += [cell for row in csv.reader(text) for cell in row]
    assert [c for c in cells if c[:1] in ("=", "+", "@", "\t", "\r")] == []
    for cell in (cell for cell in cells if cell.startswith("-")):
        float(cell)  # plain numbers are none
    assert "'=1+1" in cells
    assert "'-5+3" in cells
    assert sorted(read(tmp_path / file, name)) == of(images)


def test_sidecars_have_keywords_and_hierarchies(tmp_path: Path) -> None:
    images = a_project(tmp_path)
    save(images, "xmp", tmp_path)
    for one in images[1:-1]:
        root = ElementTree.parse(f"{one.path}.xmp").getroot()
        flat = [li.text for li in root.iterfind(f".//{DC}subject/{RDF}Bag/{RDF}li")]
        deep = [li.text for li in root.iterfind(f".//{LR}hierarchicalSubject/{RDF}Bag/{RDF}li")]
        assert flat == [part for part in one.name.split("|") if part]
        assert deep == ([one.name] if "|" in one.name else [])
    twice = ElementTree.parse(f"{images[0].path}.xmp").getroot()
    assert [li.text for li in twice.iter(f"{RDF}li")] == ["moth", "second"]


def test_a_camera_trap_package_holds_together(tmp_path: Path) -> None:
    images = a_project(tmp_path)
    save(images, "camtrap-dp", tmp_path)
    about = json.loads((tmp_path / "datapackage.json").read_text("utf-8"))
    tables = {}
    for resource in about["resources"]:
        with (tmp_path / resource["path"]).open(encoding="utf-8", newline="") as file:
            tables[resource["name"]] = list(csv.DictReader(file))
        assert resource["schema"].endswith(f"/{resource['name']}-table-schema.json")
    assert set(about) >= {"profile", "created", "contributors", "project", "spatial", "temporal"}
    places = {row["deploymentID"] for row in tables["deployments"]}
    media = {row["mediaID"]: row for row in tables["media"]}
    assert len(media) == len(tables["media"]) == len(images) - 1
    assert {row["deploymentID"] for row in media.values()} == places
    allowed = re.compile(r"^(?=^[^./~])(^((?!\.{2}).)*$).*$")  # the standard's own
    assert [row["filePath"] for row in media.values() if not allowed.match(row["filePath"])] == []
    assert len({row["observationID"] for row in tables["observations"]}) == len(images)
    kinds = {}
    for row in tables["observations"]:
        assert media[row["mediaID"]]["deploymentID"] == row["deploymentID"]
        kinds[row["scientificName"]] = row["observationType"]
    assert kinds["moth"] == kinds["unknown"] == "animal"
    assert kinds[""] == "human"
    names = {one["scientificName"] for one in about["taxonomic"]}
    assert "moth" in names
    assert "human" not in names

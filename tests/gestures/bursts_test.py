"""Images that were taken together: found by what their files say, and never on both sides."""

from __future__ import annotations

import csv
import itertools
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from engine.session import Session
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.projects import done, ended

NIGHT = datetime(2026, 6, 1, 21, 0, 0)


def shot(
    path: Path,
    seed: int,
    seconds: float,
    camera: str = "Trap 1",
    hue: float = 0.3,
    place: tuple[float, float] | None = None,
) -> Path:
    """An image that says when and by which camera it was taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", camera
    when = NIGHT + timedelta(seconds=seconds)
    exif.get_ifd(0x8769)[0x9003] = when.strftime("%Y:%m:%d %H:%M:%S")
    if place:
        north, east = place
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2] = "N" if north >= 0 else "S", (abs(north), 0.0, 0.0)
        gps[3], gps[4] = "E" if east >= 0 else "W", (int(abs(east)), abs(east) % 1 * 60, 0.0)
    image_files.drawn(seed, hue=hue).save(path, "JPEG", exif=exif)
    return path


def bursts(root: Path, name: str, sizes: list[int], seed: int = 0, hue: float = 0.3) -> Path:
    """A folder with bursts of so many images, ten seconds apart, an hour between bursts."""
    number = itertools.count()
    for burst, size in enumerate(sizes):
        for image in range(size):
            n = next(number)
            shot(root / name / f"{n:03}.jpg", 1000 * seed + n, 3600 * burst + 10 * image, hue=hue)
    return root / name


@pytest.fixture
def project(home: Path, home_weights: Path, tmp_path: Path) -> Path:
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    return path


def opened(path: Path) -> Session:
    session = Session()
    done(session, "open_project", path=str(path))
    return session


def rows(path: Path, table: str) -> list[dict]:
    session = opened(path)
    found = list(session.require().db[table].rows)
    session.close()
    return found


def sides(path: Path) -> dict[str, set[str]]:
    """The sides on which the images of each burst lie."""
    found: dict[str, set[str]] = {}
    for row in rows(path, "image"):
        found.setdefault(row["burst"] or row["sha256"], set()).add(row["split"])
    return found


def test_time_camera_and_place_are_kept(home, project, tmp_path):
    shot(tmp_path / "heap" / "one.jpg", 1, 0, place=(-12.5, 45.25))
    image_files.image(tmp_path / "heap" / "two.jpg", seed=2)
    answered(home, "add", project, tmp_path / "heap")
    one, two = sorted(rows(project, "unsorted"), key=lambda row: row["path"])
    assert (one["taken"], one["camera"]) == ("2026-06-01 21:00:00", "Maker Trap 1")
    assert (one["latitude"], one["longitude"]) == pytest.approx((-12.5, 45.25), abs=1e-4)
    assert (two["taken"], two["camera"], two["latitude"]) == ("", "", None)
    answered(home, "label", project, one["path"], "moth")
    (image,) = rows(project, "image")
    assert {n: image[n] for n in ("taken", "camera", "latitude")} == {
        n: one[n] for n in ("taken", "camera", "latitude")
    }


@pytest.mark.parametrize("gap", [None, 5, 10_000])
def test_a_gap_ends_a_burst_and_can_be_set(home, project, tmp_path, gap):
    bursts(tmp_path, "heap", [3, 1, 2])
    shot(tmp_path / "heap" / "other.jpg", 99, 10, camera="Trap 2")
    words = () if gap is None else ("--gap", gap)
    answered(home, "add", project, tmp_path / "heap", *words)
    names = {Path(r["path"]).stem: r["burst"] for r in rows(project, "unsorted")}
    sizes = sorted(
        len([1 for name in names.values() if name == burst]) for burst in set(names.values()) - {""}
    )
    assert sizes == {None: [2, 3], 5: [], 10_000: [6]}[gap]
    assert names["other"] == "", "another camera"
    assert "0 or more" in refused(home, "add", project, tmp_path / "heap", "--gap", -1)


def test_another_gap_makes_other_bursts_is_kept_and_taken_back(home, project, tmp_path):
    bursts(tmp_path, "heap", [3, 1, 2])
    answered(home, "add", project, tmp_path / "heap")

    def sizes(table: str = "unsorted") -> list[int]:
        names = [row["burst"] for row in rows(project, table) if row["burst"]]
        return sorted(names.count(name) for name in set(names))

    session = opened(project)
    assert session.view().burst_gap == 60
    assert done(session, "set_burst_gap", gap=4000)["bursts"] == 1
    drawn = {row["drawn"] for row in session.require().db["unsorted"].rows}
    assert len(drawn) == 1, "all of a burst is drawn, or none of it"
    assert session.view().burst_gap == 4000
    done(session, "undo")
    assert session.view().burst_gap == 60
    assert done(session, "set_burst_gap", gap=9)["bursts"] == 0
    assert "0 or more" in ended(session, "set_burst_gap", gap=-1).text
    session.close()
    assert sizes() == []
    bursts(tmp_path, "more", [4, 2], seed=1)
    answered(home, "add", project, tmp_path / "more")
    assert sizes() == [], "the project keeps it for what comes later"
    answered(home, "add", project, bursts(tmp_path, "other", [4], seed=2), "--gap", 60)
    assert sizes() == [4]


def test_time_and_place_go_out_if_asked_and_come_in_the_same(home, home_weights, project, tmp_path):
    folder = tmp_path / "classes"
    shot(folder / "moth" / "one.jpg", 1, 0, place=(-12.5, 45.25))
    image_files.image(folder / "moth" / "two.jpg", seed=2)
    shot(folder / "bat" / "three.jpg", 3, 7)
    answered(home, "learn", project, folder)
    answered(home, "labels", "export", project, "--to", folder / "plain.csv")
    answered(home, "labels", "export", project, "--to", folder / "a.csv", "--with", "place,time")
    assert (folder / "plain.csv").read_text(encoding="utf-8").startswith("path,class,split\n")
    (head, *told) = csv.reader((folder / "a.csv").read_text(encoding="utf-8").splitlines())
    assert head == ["path", "class", "split", "time", "latitude", "longitude"]
    by_name = {Path(row[0]).name: row[3:] for row in told}
    assert by_name["one.jpg"] == ["2026-06-01 21:00:00", "-12.5", "45.25"]
    assert by_name["two.jpg"] == ["", "", ""]
    assert by_name["three.jpg"] == ["2026-06-01 21:00:07", "", ""]
    again = tmp_path / "q.espalier"
    answered(home, "new", again, "--weights", home_weights, "--size", 32)
    answered(home, "labels", "import", again, folder / "a.csv")
    answered(home, "labels", "export", again, "--to", folder / "b.csv", "--with", "time,place")
    assert (folder / "b.csv").read_bytes() == (folder / "a.csv").read_bytes()
    words = ("labels", "export", project, "--to", folder / "c.json", "--with", "time")
    assert "Write a CSV table" in refused(home, *words)
    words = ("labels", "export", project, "--to", folder / "c.csv", "--with", "weather")
    assert "There are: time, place." in refused(home, *words)


def test_a_burst_is_named_as_one_and_taken_back_as_one(home, project, tmp_path):
    bursts(tmp_path, "heap", [4, 3])
    answered(home, "add", project, tmp_path / "heap")
    path = tmp_path / "heap" / "001.jpg"
    assert answered(home, "label", project, "--burst", path, "moth")["images"] == 4
    session = opened(project)
    shown = done(session, "suggestions", order="time")
    assert [len(row["burst"]) for row in shown["rows"]] == [3, 3, 3]
    assert [row["taken"] for row in shown["rows"]] == sorted(r["taken"] for r in shown["rows"])
    done(session, "undo")
    assert session.view().unsorted == 7
    session.close()


@pytest.mark.parametrize("seed", range(4))
def test_the_split_never_cuts_a_burst_of_a_class(home, project, tmp_path, seed):
    """Bursts larger than a batch of 64 as well; each class keeps some to learn from."""
    folder = tmp_path / "classes"
    bursts(folder, "moth", [9, 5, 3, 4, 6, 1, 1, 2], seed, 0.1)
    bursts(folder, "bat", [70, 4, 4], 50 + seed, 0.6)
    bursts(folder, "owl", [7], 90 + seed, 0.9)
    answered(home, "learn", project, folder)
    found = sides(project)
    assert len(found) == 8 + 3 + 1
    assert all(len(some) == 1 for some in found.values())
    views = {c["name"]: c for c in answered(home, "classes", project)["classes"]}
    assert all(c["train"] for c in views.values())
    assert 1 <= views["moth"]["validation"] <= 0.3 * 31
    assert views["owl"]["validation"] == 0, "one burst alone is learnt from"


def test_what_folders_say_of_the_split_is_kept(home, project, tmp_path):
    source = bursts(tmp_path, "all", [4, 4])
    for part, names in (("train", ("000", "004", "005")), ("validation", ("001", "002"))):
        for name in names:
            target = tmp_path / "classes" / part / "moth" / f"{name}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / f"{name}.jpg", target)
    answered(home, "learn", project, tmp_path / "classes")
    by_name = {Path(row["path"]).stem: row["split"] for row in rows(project, "image")}
    assert by_name == {
        "000": "train",
        "004": "train",
        "005": "train",
        "001": "validation",
        "002": "validation",
    }


def test_later_images_of_a_burst_follow_those_that_were_there(home, project, tmp_path):
    folder = bursts(tmp_path, "moth", [6, 6, 6, 6, 6], 3)
    late = tmp_path / "late" / "moth"
    for name in ("002", "008", "014", "020", "026"):
        late.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / f"{name}.jpg", late / f"{name}.jpg")
    answered(home, "learn", project, folder)
    before = {row["sha256"]: row["split"] for row in rows(project, "image")}
    for path in late.iterdir():
        shutil.move(path, folder / path.name)
    answered(home, "learn", project, folder)
    after = {row["sha256"]: row["split"] for row in rows(project, "image")}
    assert len(after) == 30
    assert {h: after[h] for h in before} == before, "what was there keeps its side"
    assert all(len(some) == 1 for some in sides(project).values())
    assert set(before.values()) == {"train", "validation"}


def test_a_burst_of_the_heap_is_on_one_side_too(home, project, tmp_path):
    """Where one of it was drawn to judge by, all of it is asked about."""
    bursts(tmp_path, "heap", [5] * 8)
    answered(home, "add", project, tmp_path / "heap")
    drawn = {row["burst"] for row in rows(project, "unsorted") if row["drawn"]}
    assert 1 <= len(drawn) <= 2
    for row in rows(project, "unsorted"):
        assert bool(row["drawn"]) == (row["burst"] in drawn)
    session = opened(project)
    first_drawn = list(session.require().db["unsorted"].rows_where(order_by="drawn DESC, id"))
    for number, row in enumerate(first_drawn):
        done(session, "label_images", images=[row["id"]], to=["moth", "bat"][number % 2])
    session.close()
    found = sides(project)
    assert all(len(some) == 1 for some in found.values())


def test_times_that_make_no_sense_are_as_if_not_there(home, project, tmp_path):
    for number, said in enumerate(("0000:00:00 00:00:00", "yesterday", "2026:13:45 99:00:00")):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = said
        exif.get_ifd(0x8825)[2] = (400.0, 0.0, 0.0)
        path = tmp_path / "heap" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        image_files.drawn(number).save(path, "JPEG", exif=exif)
    assert answered(home, "add", project, tmp_path / "heap")["added"] == 3
    assert [(r["taken"], r["latitude"]) for r in rows(project, "unsorted")] == [("", None)] * 3
    assert espalier(home, "suggest", project, "--order", "time").returncode == 0

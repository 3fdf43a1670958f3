"""Label files as other programs write them, by hand in the form that their documents show."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import Refused
from engine.images.folders import FoundImages
from engine.labels.writing import Labelled, Written
from tests.helpers import image_files
from tests.helpers.label_files import find, save

Classes = dict[str, list[tuple[str, str | None]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, two of them in a folder."""
    for number, name in enumerate(("1.jpg", "sub/2.jpg", "sub/3 é.jpg")):
        image_files.image(tmp_path / name, number, (16, 12))
    return tmp_path


def classes(found: FoundImages, folder: Path) -> Classes:
    """The classes with the paths of their images from the folder on."""
    return {
        name: [(str(path.relative_to(folder)), split) for path, split in rows]
        for name, rows in found.classes.items()
    }


def reasons(found: FoundImages) -> dict[str, str]:
    return {path.name: reason for path, reason in found.skipped}


ALL = {"moth": [("1.jpg", None), ("sub/2.jpg", None)], "snail": [("sub/3 é.jpg", None)]}
"""What most of the files say."""
PLAIN = "path,class\n1.jpg,moth\nsub/2.jpg,moth\nsub/3 é.jpg,snail\n"

TABLES = {
    "commas": PLAIN.encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "Excel's line of the separator": b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
    "Excel's line of the separator, a comma": b"sep=,\n" + PLAIN.encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "a mark of UTF-8": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16, as Excel saves text": PLAIN.replace(",", "\t").encode("utf-16"),
    "line ends of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "line ends of old Macs": PLAIN.replace("\n", "\r").encode(),
    "no line end at the end": PLAIN.strip().encode(),
    "empty lines": PLAIN.replace("\n", "\n\n").encode(),
    "backslashes": PLAIN.replace("/", "\\").encode(),
    "other titles": PLAIN.replace("path,class", "Filename,Label").encode(),
    "titles in capitals, with spaces": PLAIN.replace("path,class", "Path, CLASS ").encode(),
    "other columns beside, in another order":
    "id,class,path\n1,moth,1.jpg\n2,moth,sub/2.jpg\n3,snail,sub/3 é.jpg\n".encode(),
    "quotation marks": '"path","class"\n"1.jpg","moth"\n"sub/2.jpg","moth"\n'
    '"sub/3 é.jpg","snail"\n'.encode(),
    "rows twice": (PLAIN + PLAIN.partition("\n")[2]).encode(),
    "dots in paths": PLAIN.replace("sub/", "./sub/../sub/").encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_of_all_kinds_are_read(content: bytes, folder: Path) -> None:
    (folder / "t.csv").write_bytes(content)
    found = find(folder / "t.csv")
    assert classes(found, folder) == ALL
    assert found.skipped == []


def test_paths_that_are_whole_or_climb_out_are_read(folder: Path) -> None:
    inner = folder / "sub" / "labels"
    inner.mkdir()
    (inner / "t.csv").write_text(f"path,class\n../../1.jpg,a\n{folder}/sub/2.jpg,b\n")
    assert classes(find(inner / "t.csv"), folder) == {
        "a": [("1.jpg", None)],
        "b": [("sub/2.jpg", None)],
    }


def test_what_can_be_no_file_is_left_out_with_its_reason(folder: Path) -> None:
    """Below a file, of a name that is too long, and of one that no system has."""
    rows = [("1.jpg/2.jpg", "a"), ("n" * 5000, "a"), ("zero\0.jpg", "a"), ("1.jpg", "a")]
    lines = [{"file_name": path, "label": name} for path, name in (*rows, ("half\ud800.jpg", "a"))]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = find(folder / "metadata.jsonl")
    assert classes(found, folder) == {"a": [("1.jpg", None)]}
    said = reasons(found)
    assert said["2.jpg"] == "There is nothing here now."
    assert said["n" * 5000] == "This can't be read (File name too long)."
    assert said["zero\ufffd.jpg"] == said["half?.jpg"] == "No file can have this name."


def test_a_class_is_named_as_folders_are(folder: Path) -> None:
    names = {"1.jpg": " two\nlines\u202e ", "sub/2.jpg": "e\u0301", "sub/3 é.jpg": "m" * 1001}
    lines = [{"file_name": path, "label": name} for path, name in names.items()]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = find(folder / "metadata.jsonl")
    assert list(found.classes) == ["two lines", "é"]
    assert "more than 1000 signs" in reasons(found)["3 é.jpg"]
    lines = [{"file_name": "1.jpg", "label": "\ud800"}, {"file_name": "sub/2.jpg", "label": " \n"}]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert list(find(folder / "metadata.jsonl").classes) == ["?"]


def test_formulas_come_in_as_they_were_named(folder: Path) -> None:
    (folder / "t.csv").write_text("path,class\n1.jpg,'=1+1\nsub/2.jpg,=1+1\nsub/3 é.jpg,'tis\n")
    assert classes(find(folder / "t.csv"), folder).keys() == {"=1+1", "'tis"}


@pytest.mark.parametrize(
    ("words", "sides"),
    [
        (("train", "val", "test"), ("train", "validation", "held out")),
        (("Training", "VALID", "validation"), ("train", "validation", "validation")),
        (("train", "train", "test"), ("train", "train", "validation")),
        (("train", "", "fold 3"), ("train", None, None)),
    ],
)
def test_sides_of_the_split_are_those_that_folders_would_give(
    words: tuple[str, ...], sides: tuple[str | None, ...], folder: Path
) -> None:
    names = ("1.jpg", "sub/2.jpg", "sub/3 é.jpg")
    lines = [f"{name},moth,{word}" for name, word in zip(names, words, strict=True)]
    (folder / "t.csv").write_text("\n".join(["path,class,split", *lines]))
    found = find(folder / "t.csv")
    got = dict(classes(found, folder)["moth"])
    got |= {str(p.relative_to(folder)): "held out" for p in found.held_out.get("moth", ())}
    assert tuple(got[name] for name in names) == sides
    assert any("fold 3" in hint for hint in found.hints) == ("fold 3" in words)


# COCO.


def coco(**changes: object) -> str:
    whole = {
        "info": {"description": "moths", "year": 2025},
        "licenses": [{"id": 1, "name": "CC0", "url": ""}],
        "categories": [
            {"id": 7, "name": "moth", "supercategory": "insect"},
            {"id": 9, "name": "snail", "supercategory": "mollusc"},
        ],
        "annotations": [
            {"id": 1, "image_id": 20, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 0},
            {"id": 2, "image_id": 20, "category_id": 7, "bbox": [5, 2, 3, 4], "iscrowd": 0},
            {"id": 3, "image_id": 21, "category_id": 7},
            {"id": 4, "image_id": 22, "category_id": 9},
        ],
        "images": [
            {"id": 20, "file_name": "1.jpg", "width": 16, "height": 12, "license": 1},
            {"id": 21, "file_name": "sub/2.jpg", "width": 16, "height": 12},
            {"id": 22, "file_name": "sub/3 é.jpg", "width": 16, "height": 12},
        ],
    }
    return json.dumps({**whole, **changes}, ensure_ascii=False)


def test_coco_of_others_is_read_with_boxes_once(folder: Path) -> None:
    (folder / "instances.json").write_text(coco(), "utf-8")
    found = find(folder / "instances.json")
    assert classes(found, folder) == ALL
    assert found.skipped == []


def test_coco_that_does_not_hold_together_says_what_is_left_out(folder: Path) -> None:
    strange = [
        {"id": 1, "image_id": 20, "category_id": 7},
        {"id": 2, "image_id": 21, "category_id": 99},
        {"id": 3, "image_id": [4], "category_id": {}},
        {"id": 4},
        "none",
    ]
    (folder / "c.json").write_text(coco(annotations=strange), "utf-8")
    found = find(folder / "c.json")
    assert classes(found, folder) == {"moth": [("1.jpg", None)]}
    no_class = "The file gives this image no class."
    assert reasons(found) == {
        "2.jpg": no_class,
        "3 é.jpg": no_class,
        "c.json": "2 rows without an image.",
    }


# Label Studio.


def task(image: str, *names: str, **more: object) -> dict[str, object]:
    choice = {"from_name": "choice", "to_name": "image", "type": "choices"}
    box = {"type": "rectanglelabels", "value": {"rectanglelabels": ["box"], "x": 1}}
    result = [box, {**choice, "value": {"choices": list(names)}}]
    done = [{"id": 1, "result": result, "was_cancelled": False, "lead_time": 4.2}]
    return {"id": 1, "data": {"image": image}, "annotations": done, "predictions": [], **more}


def test_label_studio_is_read_in_both_its_forms(folder: Path) -> None:
    image_files.image(folder / "up load.jpg", 9)
    cancelled = task("sub/2.jpg", "snail")["annotations"][0] | {"was_cancelled": True}
    tasks = [
        task("/data/local-files/?d=1.jpg", "moth"),
        task("sub/2.jpg", "moth") | {"predictions": [{"result": [{"type": "choices"}]}]},
        task("sub/3 é.jpg", "snail"),
        task("/data/upload/3/1a2b3c4d-up%20load.jpg", "moth", "snail"),
    ]
    tasks[1]["annotations"].append(cancelled)
    (folder / "export.json").write_text(json.dumps(tasks))
    more = ("up load.jpg", None)
    assert classes(find(folder / "export.json"), folder) == {
        "moth": [*ALL["moth"], more],
        "snail": [*ALL["snail"], more],
    }
    small = [
        {"image": "1.jpg", "id": 1, "choice": "moth", "annotator": 1},
        {"image": "sub/2.jpg", "id": 2, "choice": {"choices": ["moth"]}},
        {"image": "sub/3 é.jpg", "id": 3, "choice": "snail"},
    ]
    (folder / "min.json").write_text(json.dumps(small))
    assert classes(find(folder / "min.json"), folder) == ALL


# CVAT.

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>moths</name><size>3</size><mode>annotation</mode>
    <labels><label><name>moth</name><type>tag</type><attributes></attributes></label></labels>
  </task><dumped>2025-03-01 10:00:00+00:00</dumped></meta>
  <image id="0" name="1.jpg" subset="default" task_id="4" width="16" height="12">
    <tag label="moth" source="manual"><attribute name="sure">yes</attribute></tag>
    <box label="wing" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4" z_order="0"></box>
  </image>
  <image id="1" name="sub/2.jpg" subset="Train" width="16" height="12">
    <tag label="moth" source="auto"></tag>
  </image>
  <image id="2" name="sub/3 é.jpg" subset="Validation" width="16" height="12">
    <tag label="snail" source="manual"></tag>
  </image>
  <image id="3" name="sub/none.jpg" width="16" height="12"></image>
</annotations>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_cvat_is_read_in_every_encoding_that_it_names(encoding: str, folder: Path) -> None:
    said = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(encoding, encoding)
    content = CVAT.replace('encoding="utf-8"', f'encoding="{said}"').encode(encoding)
    (folder / "a.xml").write_bytes(content)
    found = find(folder / "a.xml", format="cvat")
    assert classes(found, folder) == {
        "moth": [("1.jpg", None), ("sub/2.jpg", "train")],
        "snail": [("sub/3 é.jpg", "validation")],
    }
    assert found.hints == ["1 image is not there: none.jpg."]


# Hugging Face.


def test_an_imagefolder_is_read_from_each_of_its_files(folder: Path) -> None:
    for name, number in (("train/4.jpg", 4), ("test/5.jpg", 5), ("val/6.jpg", 6)):
        image_files.image(folder / name, number)
    lines = [
        {"file_name": "1.jpg", "label": "moth", "text": "a note"},
        {"file_name": "train/4.jpg", "label": 3},
        {"file_name": "val/6.jpg", "labels": ["moth", "snail"]},
    ]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "train" / "metadata.csv").write_text("file_name,label\n4.jpg,moth\n")
    (folder / "test" / "metadata.csv").write_text("file_name,label\n5.jpg,moth\n")
    assert classes(find(folder / "metadata.jsonl"), folder) == {
        "3": [("train/4.jpg", "train")],
        "moth": [("1.jpg", None), ("val/6.jpg", "validation")],
        "snail": [("val/6.jpg", "validation")],
    }
    both = find(folder / "train" / "metadata.csv", folder / "test" / "metadata.csv")
    sides = [("train/4.jpg", "train"), ("test/5.jpg", "validation")]
    assert classes(both, folder) == {"moth": sides}


# Camera traps.

MEDIA = "mediaID,deploymentID,timestamp,filePath,filePublic,fileMediatype\n"
SEEN = (
    "observationID,deploymentID,mediaID,eventStart,eventEnd,observationLevel,observationType,"
    "scientificName,count\n"
)
WHEN = "2020-03-24T11:21:46Z"


def camera_trap(folder: Path, media: str = "media.csv") -> Path:
    paths = ("1.jpg", "sub/2.jpg", "sub/3 é.jpg", "https://x.org/4.jpg")
    rows = [f"m{n},d1,{WHEN},{path},true,image/jpeg" for n, path in enumerate(paths, start=1)]
    (folder / media).write_text(MEDIA + "\n".join(rows), "utf-8")
    seen = ("animal,Vulpes vulpes,1", "blank,,", "unclassified,,", "human,,1")
    rows = [f"o{n},d1,m{n},{WHEN},{WHEN},media,{one}" for n, one in enumerate(seen, start=1)]
    rows.append(f"o5,d1,,{WHEN},{WHEN},event,animal,Vulpes vulpes,3")
    (folder / "observations.csv").write_text(SEEN + "\n".join(rows), "utf-8")
    resources = [{"name": "media", "path": media}]
    about = json.dumps({"profile": "…/camtrap-dp-profile.json", "resources": resources})
    (folder / "datapackage.json").write_text(about)
    return folder / "datapackage.json"


@pytest.mark.parametrize("name", ["datapackage.json", "media.csv", "observations.csv"])
def test_a_camera_trap_package_is_read_from_any_of_its_files(name: str, folder: Path) -> None:
    camera_trap(folder)
    found = find(folder / name)
    assert classes(found, folder) == {
        "Vulpes vulpes": [("1.jpg", None)],
        "blank": [("sub/2.jpg", None)],
    }
    assert "no class" in reasons(found)["3 é.jpg"]
    assert "address on the web" in reasons(found)["4.jpg"]


@pytest.mark.parametrize("media", ["../media.csv", "/etc/passwd", "gone.csv"])
def test_a_package_names_no_table_elsewhere(media: str, folder: Path) -> None:
    about = camera_trap(folder)
    image_files.text_file(folder.parent / "media.csv")
    text = about.read_text().replace('"media.csv"', json.dumps(media))
    about.write_text(text)
    with pytest.raises(Refused, match="no table"):
        find(about)


# Sidecars.

SIDECAR = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:d="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmp:Rating="3">
   <d:title><rdf:Alt><rdf:li xml:lang="x-default">A title</rdf:li></rdf:Alt></d:title>
   <d:subject><rdf:Bag>WORDS</rdf:Bag></d:subject>
   LEVELS
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def sidecar(path: Path, words: list[str], levels: list[str]) -> None:
    items = ["".join(f"<rdf:li>{word}</rdf:li>" for word in some) for some in (words, levels)]
    deep = f"<lr:hierarchicalSubject><rdf:Bag>{items[1]}</rdf:Bag></lr:hierarchicalSubject>"
    text = SIDECAR.replace("WORDS", items[0]).replace("LEVELS", deep if levels else "")
    path.write_text(text, "utf-8")


def test_sidecars_of_other_programs_are_read(folder: Path) -> None:
    sidecar(folder / "1.jpg.xmp", ["moth"], [])
    sidecar(folder / "sub" / "2.xmp", ["animals", "fox", "night"], ["animals|fox", "night"])
    sidecar(folder / "sub" / "3 é.XMP", [], [])
    sidecar(folder / "sub" / "gone.jpg.xmp", ["moth"], [])
    found = find(folder)
    assert classes(found, folder) == {
        "animals|fox": [("sub/2.jpg", None)],
        "moth": [("1.jpg", None)],
        "night": [("sub/2.jpg", None)],
    }
    assert "no class" in reasons(found)["3 é.jpg"]
    assert classes(find(folder / "1.jpg.xmp"), folder) == {"moth": [("1.jpg", None)]}


def test_a_sidecar_of_another_program_is_never_replaced(
    folder: Path, labelled: Callable[[str, str], Written]
) -> None:
    sidecar(folder / "1.jpg.xmp", ["mine"], [])
    before = (folder / "1.jpg.xmp").read_bytes()
    done = labelled("xmp", "moth")
    assert done.rows == 2
    assert done.left_out == {
        str(folder / "1.jpg.xmp"): "Another program wrote its sidecar, which stays as it is."
    }
    assert (folder / "1.jpg.xmp").read_bytes() == before


@pytest.fixture
def labelled(folder: Path) -> Callable[[str, str], Written]:
    """Writes all images of the folder as one class, in a format, over what is there."""

    def act(form: str, name: str) -> Written:
        images = [Labelled(str(p), name, "train", 16, 12) for p in sorted(folder.rglob("*.jpg"))]
        return save(images, form, folder, overwrite=True)

    return act


def test_nothing_is_written_through_a_link_that_leads_out(folder: Path, tmp_path: Path) -> None:
    inside = folder / "sub"
    (inside / "link").symlink_to(folder.parent, target_is_directory=True)
    outside = image_files.image(folder.parent / f"{folder.name}-out.jpg", 1)
    path = str(inside / "link" / outside.name)
    with pytest.raises(Refused, match="link leads out"):
        save([Labelled(path, "moth", "train", 9, 9)], "xmp", inside)
    assert not Path(f"{outside}.xmp").exists()

"""What was dropped: which folders make which classes, and what is left out with a reason."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.images.folders import FoundImages, class_name, find_images, shown
from tests.helpers import image_files


def touch(root: Path, *names: str) -> Path:
    """Empty files: find_pictures opens none of them."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def counts(found: FoundImages) -> dict[str, int]:
    return {name: len(files) for name, files in found.classes.items()}


def reasons(found: FoundImages) -> dict[str, str]:
    return {path.name: reason for path, reason in found.skipped}


def test_a_folder_of_pictures_is_one_class(tmp_path: Path) -> None:
    found = find_images([touch(tmp_path / "dog", "a.jpg", "b.png")])
    assert found.classes == {
        "dog": [(tmp_path / "dog" / "a.jpg", None), (tmp_path / "dog" / "b.png", None)]
    }
    assert not found.skipped
    assert not found.hints


def test_one_image_in_one_class(tmp_path: Path) -> None:
    assert counts(find_images([touch(tmp_path / "pets", "dog/a.jpg")])) == {"dog": 1}


def test_a_folder_of_folders_is_one_class_each_however_deep(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg", "dog/small/old/c.jpg", "bird/one/d.jpg")
    assert counts(find_images([tmp_path])) == {"bird": 1, "cat": 1, "dog": 2}


def test_nested_folders_are_classes_within_groups(tmp_path: Path) -> None:
    touch(tmp_path, "moths/hawk-moths/hyles/a.jpg", "moths/hawk-moths/deilephila/b.jpg")
    touch(tmp_path, "moths/burnet/train/c.jpg", "moths/burnet/validation/d.jpg", "snail/e.jpg")
    touch(tmp_path, "moths/hawk-moths/loose.jpg")
    found = find_images([tmp_path], nested=True)
    assert counts(found) == {"burnet": 2, "deilephila": 1, "hyles": 1, "snail": 1}
    hawks = "moths/hawk-moths"
    assert found.within == {"burnet": "moths", "deilephila": hawks, "hyles": hawks}
    assert "1 image lies beside the class folders" in reasons(found)["hawk-moths"]
    assert {split for _, split in found.classes["burnet"]} == {"train", "validation"}
    plain = find_images([tmp_path])
    assert not plain.within
    assert [hint for hint in plain.hints if "“moths” holds several folders" in hint]
    assert not any("several folders" in hint for hint in found.hints)
    assert counts(find_images([tmp_path])) == {"moths": 5, "snail": 1}


def test_nested_folders_lie_in_the_parts_of_a_split_as_well(tmp_path: Path) -> None:
    touch(tmp_path, "train/hawk-moths/hyles/a.jpg", "validation/hawk-moths/hyles/b.jpg")
    touch(tmp_path, "train/slugs/hyles/c.jpg")
    found = find_images([tmp_path], nested=True)
    assert counts(found) == {"hyles": 3}
    assert found.within == {"hyles": "hawk-moths"}
    assert any("several groups" in hint for hint in found.hints)


def test_a_folder_that_only_wraps_the_classes_is_none(tmp_path: Path) -> None:
    touch(tmp_path / "data", "data-main/cat/a.jpg", "data-main/dog/b.jpg")
    found = find_images([tmp_path / "data"])
    assert counts(found) == {"cat": 1, "dog": 1}
    assert "data-main" in found.hints[0]


def test_into_makes_everything_one_class(tmp_path: Path) -> None:
    touch(tmp_path, "loose.jpg", "pets/cat/a.jpg", "pets/dog/b.jpg")
    found = find_images([tmp_path / "pets", tmp_path / "loose.jpg"], into="animal")
    assert counts(found) == {"animal": 3}


def test_loose_files_need_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "loose.jpg", "cat/a.jpg")
    found = find_images([tmp_path / "cat", tmp_path / "loose.jpg"])
    assert counts(found) == {"cat": 1}
    assert "no class" in reasons(found)["loose.jpg"]


def test_pictures_beside_class_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "1.jpg", "2.jpg")
    found = find_images([tmp_path])
    assert counts(found) == {"cat": 1}
    assert "2 images lie beside" in reasons(found)[tmp_path.name]


def test_pictures_beside_the_folders_of_a_split_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a.jpg", "val/cat/b.jpg", "1.jpg", "train/2.jpg")
    found = find_images([tmp_path])
    assert counts(found) == {"cat": 2}
    assert set(reasons(found)) == {tmp_path.name, "train"}


def test_pictures_beside_folders_without_any_are_a_class(tmp_path: Path) -> None:
    touch(tmp_path / "dog", "1.jpg", "notes/a.txt")
    assert counts(find_images([tmp_path / "dog"])) == {"dog": 1}


@pytest.mark.parametrize("word", ["validation", "valid", "val", "VAL", "test"])
def test_the_folders_of_a_split_are_honoured(tmp_path: Path, word: str) -> None:
    touch(tmp_path, "train/cat/a.jpg", "train/dog/b.jpg", f"{word}/cat/c.jpg", f"{word}/dog/d.jpg")
    found = find_images([tmp_path])
    assert {n: sorted(s for _, s in files) for n, files in found.classes.items()} == {
        "cat": ["train", "validation"],
        "dog": ["train", "validation"],
    }


def test_with_a_validation_folder_test_is_held_out(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a.jpg", "validation/cat/b.jpg", "test/cat/c.jpg", "other/d.jpg")
    found = find_images([tmp_path])
    assert [split for _, split in found.classes["cat"]] == ["train", "validation"]
    assert found.held_out == {"cat": [tmp_path / "test" / "cat" / "c.jpg"]}
    assert "beside train" in reasons(found)["other"]


def test_the_split_inside_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "cat/train/a.jpg", "cat/val/b.jpg", "dog/c.jpg")
    found = find_images([tmp_path])
    assert [split for _, split in found.classes["cat"]] == ["train", "validation"]
    assert [split for _, split in found.classes["dog"]] == [None]


def test_a_class_with_a_split_dropped_alone(tmp_path: Path) -> None:
    found = find_images([touch(tmp_path / "cat", "train/a.jpg", "val/b.jpg")])
    assert [split for _, split in found.classes["cat"]] == ["train", "validation"]


def test_both_sides_dropped_together(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a.jpg", "val/cat/b.jpg")
    found = find_images([tmp_path / "val", tmp_path / "train"])
    assert [split for _, split in found.classes["cat"]] == ["train", "validation"]


def test_train_alone_says_nothing_of_the_split(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/a.jpg", "train/dog/b.jpg")
    found = find_images([tmp_path / "train"])
    assert {n: files[0][1] for n, files in found.classes.items()} == {"cat": None, "dog": None}


def test_an_empty_folder_has_nothing_but_a_reason(tmp_path: Path) -> None:
    found = find_images([tmp_path])
    assert not found.classes
    assert found.skipped == [(tmp_path, "There is no image in this folder.")]


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "dog/readme.txt")
    found = find_images([tmp_path])
    assert counts(found) == {"cat": 1}
    assert found.skipped == [
        (tmp_path / "dog", "1 .txt file is no image. There is no image in this folder.")
    ]


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "nothing here" in reasons(find_images([tmp_path / "gone"]))["gone"]


def test_other_files_are_counted_and_archives_named(tmp_path: Path) -> None:
    touch(tmp_path / "cat", "a.jpg", "b.csv", "c.CSV", "d.txt", "e.zip")
    found = find_images([tmp_path / "cat"])
    assert counts(found) == {"cat": 1}
    assert reasons(found) == {
        "cat": "2 .csv files are no images. 1 .txt file is no image.",
        "e.zip": "This is an archive. Unpack it and drop the folder.",
    }


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "cat/.DS_Store", "cat/Thumbs.db", "cat/desktop.ini", "cat/._a.jpg")
    touch(tmp_path, "__MACOSX/cat/._a.jpg", ".hidden/b.jpg")
    found = find_images([tmp_path])
    assert counts(found) == {"cat": 1}
    assert not found.skipped


def test_unknown_endings_are_left_to_who_opens_them(tmp_path: Path) -> None:
    assert counts(find_images([touch(tmp_path / "cat", "a.heic", "b", "c.xyz")])) == {"cat": 3}


def test_links_that_lead_round_in_a_circle_end(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    image_files.link(tmp_path / "cat" / "up", tmp_path)
    image_files.link(tmp_path / "cat" / "other", tmp_path / "dog")
    image_files.link(tmp_path / "dog" / "other", tmp_path / "cat")
    image_files.link(tmp_path / "self", tmp_path / "self")
    found = find_images([tmp_path])
    assert counts(found) == {"cat": 1, "dog": 1}
    assert "leads nowhere" in reasons(found)["self"]
    assert "already" in reasons(found)["up"]


def test_a_link_to_elsewhere_is_followed(tmp_path: Path) -> None:
    touch(tmp_path, "store/a.jpg", "store/b.jpg", "pets/cat/c.jpg")
    image_files.link(tmp_path / "pets" / "a dog", tmp_path / "store")
    image_files.link(tmp_path / "pets" / "cat" / "d.jpg", tmp_path / "store" / "a.jpg")
    assert counts(find_images([tmp_path / "pets"])) == {"a dog": 2, "cat": 2}


def test_a_pipe_and_a_device_are_not_opened(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg")
    image_files.pipe(tmp_path / "cat" / "pipe.jpg")
    image_files.link(tmp_path / "cat" / "device.jpg", Path(os.devnull))
    found = find_images([tmp_path])
    assert counts(found) == {"cat": 1}
    assert set(reasons(found)) == {"pipe.jpg", "device.jpg"}


def test_no_permission(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    with image_files.no_permission(tmp_path / "dog"):
        found = find_images([tmp_path])
    assert counts(found) == {"cat": 1}
    assert found.skipped == [(tmp_path / "dog", "There is no permission to read this.")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such names itself")
def test_names_of_every_kind(tmp_path: Path) -> None:
    for name in image_files.BAD_NAMES:
        touch(tmp_path / name, "a\nb.jpg")
    assert set(find_images([tmp_path]).classes) == {class_name(n) for n in image_files.BAD_NAMES}
    assert class_name("new\nline") == "new line"
    assert class_name("trailing ") == "trailing"
    assert class_name("\u202egnp.exe") == "gnp.exe"
    assert class_name(" ") == "no name"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_name_that_is_no_utf_8_can_be_shown_and_opened(tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    os.mkdir(folder)
    image_files.image(Path(os.fsdecode(os.path.join(folder, b"\xff.jpg"))))
    found = find_images([tmp_path])
    ((name, [(path, _)]),) = found.classes.items()
    assert name == "caf\ufffd"
    assert path.read_bytes()
    assert shown(path.name) == "\ufffd.jpg"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems make these one folder")
def test_names_that_differ_in_form_are_one_class_and_in_case_are_two(tmp_path: Path) -> None:
    touch(tmp_path, "caf\u00e9/a.jpg", "cafe\u0301/b.jpg", "Dog/c.jpg", "dog/d.jpg")
    found = find_images([tmp_path])
    assert counts(found) == {"Dog": 1, "caf\u00e9": 2, "dog": 1}
    assert any("“Dog”, “dog”" in hint for hint in found.hints)
    assert any("one class, “caf\u00e9”" in hint for hint in found.hints)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has shorter paths")
def test_a_path_of_more_than_260_characters(tmp_path: Path) -> None:
    touch(tmp_path, "/".join(["cat", "b" * 200, "c" * 200, "a.jpg"]))
    assert counts(find_images([tmp_path])) == {"cat": 1}


def test_the_same_thing_twice_is_found_once(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    for paths in (
        [tmp_path, tmp_path],
        [tmp_path, tmp_path / "cat"],
        [tmp_path / "cat" / "a.jpg", tmp_path],
        [tmp_path, tmp_path / "cat" / ".." / "cat"],
    ):
        found = find_images(paths)
        assert counts(found) == {"cat": 1, "dog": 1}
        assert not found.skipped


def test_files_and_folders_dropped_together_on_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "more/a.jpg", "b.jpg", "notes.txt")
    paths = [tmp_path / "more", tmp_path / "b.jpg", tmp_path / "notes.txt"]
    found = find_images(paths, into="cat")
    assert counts(found) == {"cat": 2}
    assert set(reasons(found)) == {"notes.txt"}


def test_the_order_depends_on_the_names_alone(tmp_path: Path) -> None:
    one = touch(tmp_path / "one", "b/2.jpg", "b/1.jpg", "a/3.jpg", "a/x/0.jpg")
    other = touch(tmp_path / "other", "a/x/0.jpg", "a/3.jpg", "b/1.jpg", "b/2.jpg")
    found = [find_images([root]).classes for root in (one, other)]
    names = [{n: [p.name for p, _ in files] for n, files in f.items()} for f in found]
    assert names[0] == names[1] == {"a": ["3.jpg", "0.jpg"], "b": ["1.jpg", "2.jpg"]}
    assert list(found[0]) == ["a", "b"]


def test_a_folder_with_a_great_many_files(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "0.jpg").touch()
    for number in range(1, 3000):
        os.link(folder / "0.jpg", folder / f"{number}.jpg")
    assert counts(find_images([folder])) == {"many": 3000}

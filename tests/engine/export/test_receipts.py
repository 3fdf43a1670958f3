"""The papers beside an export: page, image and card, from one small export with hostile names."""

from __future__ import annotations

import io
import os
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from engine.export.receipts.confusion_picture import confusion_picture
from engine.export.receipts.papers import papers_of
from engine.export.receipts.words import readable, verdict
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.projects import done, refused

HOSTILE = ("a|b *c*", "<script>alert(1)<b>", "quote'\"s\nline\udcff")


class Page(HTMLParser):
    """What a browser would make of the page: its text, its tags, and those left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.tags, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory):
    """A project of three hostile classes, and its receipt at out/m.onnx."""
    root = tmp_path_factory.mktemp("receipts")
    session = Session()
    weights = image_files.weights(root / "net.safetensors")
    done(session, "new_project", path=str(root / "p.espalier"), weights=str(weights), size=64)
    for place, name in enumerate(HOSTILE):
        folder = image_files.class_folder(root, name, 10, place / 3)
        done(session, "learn_folder", paths=[str(folder)])
    (root / "out").mkdir()
    path = root / "out" / "m.onnx"
    receipt = done(session, "export", path=str(path), data_licence="CC0 | mine")
    yield session, path, receipt
    session.close()


def test_the_page_shows_hostile_names_and_runs_nothing(export) -> None:
    _, path, receipt = export
    page = Page(path.with_suffix(".receipt.html").read_text("utf-8"))
    assert page.open == []
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    kinds = {a["src"].partition(";")[0] for tag, a in page.tags if tag == "img"}
    assert kinds == {"data:image/png", "data:image/jpeg"}
    assert {*map(readable, receipt["classes"]), "CC0 | mine"} <= set(page.words)
    assert "<script>alert(1)<b>" in page.words
    assert all(word.isprintable() for word in map(readable, receipt["classes"]))
    assert [c["name"] for c in receipt["per_class"]] == list(receipt["classes"])
    held_out = receipt["accuracy_held_out_images"]
    assert 3 <= held_out < receipt["accuracy_images"] == 30  # each class of ten is tested
    assert sum(count for *_, count in receipt["confusion"]) == held_out
    assert sum(c["images"] for c in receipt["per_class"]) == held_out
    assert f"Accuracy on {held_out} held-out images." in page.words
    with Image.open(path.with_suffix(".confusion.png")) as image:
        assert image.width == image.height > 200


def test_the_page_shows_what_is_least_sure_with_what_speaks_for_it(export) -> None:
    session, path, _ = export
    page = Page(path.with_suffix(".receipt.html").read_text("utf-8"))
    assert "What it is least sure of" in page.words
    shown = [a for tag, a in page.tags if tag == "img" and "image/jpeg" in a["src"]]
    assert len(shown) == 6
    assert all("speak" in a["alt"] for a in shown)
    small = [Image.open(io.BytesIO(b64decode(a["src"].partition(",")[2]))) for a in shown]
    assert {image.size for image in small} == {(64, 64)}

    found = done(session, "predict_images", paths=[str(p) for p in held_out(session)])
    least = sorted(max(a["classes"].values()) for a in found["pictures"].values())[:6]
    said = [re.search(r" (\d+) %$", words) for words in page.words]
    told = [int(each[1]) for each in said if each][:6]
    assert told == pytest.approx([100 * share for share in least], abs=1.0)


@pytest.mark.parametrize("views", [1, 2])
def test_where_parts_are_covered_the_page_says_that_it_approximates(
    tmp_path: Path, views: int
) -> None:
    session, seen = Session(), tmp_path / "out" / "m.onnx"
    seen.parent.mkdir()
    weights = image_files.weights(tmp_path / "net.safetensors")
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=str(weights), size=64)
    folders = image_files.class_folders(tmp_path / "in", {"hat": 12, "shoe": 12})
    settings = {"views": views}
    done(session, "learn_folder", paths=[str(folders)], learner="tilda", settings=settings)

    done(session, "export", path=str(seen))

    page = Page(seen.with_suffix(".receipt.html").read_text("utf-8"))
    assert "What it is least sure of" in page.words
    shown = [a for tag, a in page.tags if tag == "img" and "image/jpeg" in a["src"]]
    assert shown
    assert all("An approximation: parts of the image were covered" in a["alt"] for a in shown)
    assert any("falls where its strongest place is covered" in words for words in page.words)
    session.close()


def held_out(session: Session) -> list[Path]:
    rows = session.require().db.query("SELECT path FROM image WHERE split = 'validation'")
    return [Path(os.fsdecode(row["path"])) for row in rows]


def test_the_card_tells_the_projects_own_facts(export) -> None:
    session, path, receipt = export
    card = path.with_suffix(".md").read_text("utf-8")
    scores = done(session, "scores")
    assert f"Accuracy {100 * scores['accuracy']:.1f} %" in card
    assert r"\<script\>alert(1)\<b\>" in card
    assert r"CC0 \| mine" in card
    for view in session.view().classes:
        if view.name.startswith("a|b"):
            assert rf"a\|b \*c\* | {view.train} | {view.validation} |" in card
    assert receipt["sha256"]["m.onnx"] in card
    assert receipt["digests"]["weights"] in card
    assert path.with_suffix(".py").read_text("utf-8") in card
    assert len(re.findall(r"^\| \d \| 20\d\d-", card, re.MULTILINE)) == 3, "a line a step"


def test_held_out_images_are_what_a_receipt_is_proud_of(export) -> None:
    _, path, receipt = export
    held_out, after = receipt["accuracy_held_out_images"], receipt["accuracy_held_out_after"]
    assert 0 < held_out < receipt["accuracy_images"]
    told = dict(map(tuple, receipt["summary"]))["Accuracy"]
    assert f"{100 * after:.1f} % in the file, on {held_out} held-out images" in told
    page = Page(path.with_suffix(".receipt.html").read_text("utf-8")).words
    at = next(n for n, words in enumerate(page) if words.startswith("accuracy on held-out images"))
    assert page[at - 1] == f"{100 * after:.1f} %"


@pytest.mark.parametrize(
    ("agreement", "clear", "sentence"),
    [
        (1.0, 0, "gives the same answers as the project"),
        (0.98, 0, "Wherever the project's answer is clear"),
        (0.98, 3, "does not always answer"),
    ],
)
def test_only_a_file_that_always_agrees_is_said_to(agreement, clear, sentence) -> None:
    assert sentence in verdict({"top_class_agreement": agreement, "clear_disagreements": clear})


def test_a_picture_in_two_classes_judges_nothing(tmp_path: Path) -> None:
    """As in the project's own scores: nobody knows which class it is of."""
    session = Session()
    weights = image_files.weights(tmp_path / "net.safetensors")
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=str(weights), size=32)
    for place, name in enumerate("ab"):
        folder = image_files.class_folder(tmp_path, name, 10, place / 2)
        image_files.image(folder / "both.png", 99, (64, 64), "PNG", hue=0.8)
        done(session, "learn_folder", paths=[str(folder)])
    receipt = done(session, "export", path=str(tmp_path / "m.onnx"))
    session.close()
    assert receipt["compared"] == receipt["accuracy_images"] == 20
    assert "20 images only" in receipt["compared_note"]


def test_no_export_takes_another_files_papers_away(export) -> None:
    session, path, _ = export
    other = path.with_name("README.onnx")
    path.with_name("README.md").write_text("mine")
    assert "README.md" in refused(session, "export", path=str(other))
    assert path.with_name("README.md").read_text() == "mine"


def test_the_licence_is_undone_and_survives_being_opened_again(export) -> None:
    session, *_ = export
    path = str(session.require().path)
    done(session, "open_project", path=path)
    assert session.view().data_licence == "CC0 | mine"
    done(session, "undo")
    assert session.view().data_licence == ""
    done(session, "redo")
    assert session.view().data_licence == "CC0 | mine"


@pytest.mark.parametrize("count", [2, 100, 300])
def test_the_picture_holds_any_number_of_classes_in_any_script(count: int) -> None:
    names = ["ქართული", "odd \udcff", *(f"species {n}" for n in range(count - 2))]
    image = confusion_picture(names, [(n, n, 9) for n in range(count)])
    assert 200 < image.width == image.height < 3200
    colours = {colour for _, colour in image.getcolors(1 << 24)}
    assert (42, 117, 83) in colours


@pytest.mark.parametrize("name", ["json.onnx", "numpy.onnx", "onnxruntime.onnx", "torch.pt2"])
def test_no_script_is_called_as_what_it_imports(tmp_path: Path, name: str) -> None:
    stem = name.partition(".")[0]
    assert papers_of(tmp_path / name)["script"] == f"{stem} model.py"
    assert papers_of(tmp_path / f"my{name}")["script"] == f"my{stem}.py"


def test_papers_take_the_whole_name_beside_another_formats(tmp_path: Path) -> None:
    (tmp_path / "m.receipt.json").write_text('{"sha256": {"m.onnx": "00"}}')
    assert papers_of(tmp_path / "m.onnx")["card"] == "m.md"
    assert papers_of(tmp_path / "m.pt2")["card"] == "m.pt2.md"

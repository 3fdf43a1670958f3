"""A person asks why an image gets its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QGuiApplication, QImage

from app.pages.try_it.page import TryPage
from app.widgets.viewer import Viewer
from tests.helpers.image_files import image
from tests.helpers.window import Person, drop, texts, urls


def tries(person: Person, path: Path) -> TryPage:
    page = person.page("Try")
    drop(page, urls([path]))
    person.sees(lambda: page.question is None and page.bars.bars)
    return page


def test_h_shows_what_speaks_for_the_answer_and_what_would_change_it(
    learnt: Person, images: Path
) -> None:
    page = tries(learnt, images / "apple" / "000.jpg")
    plain = page.image.accessibleDescription()
    assert not page.why.isVisible()

    learnt.presses("H")

    learnt.sees(lambda: page.why.found)
    answer, second = page.likeliest[:2]
    said = texts(page.why)
    assert f"speaks for {answer}\n" in said
    assert "add up to how far " in said
    assert answer in page.image.accessibleDescription()
    assert page.image.toolTip() == page.image.accessibleDescription()
    assert page.beside.isVisible()
    assert Path(page.beside.path).parent.name == second
    assert f"the nearest image of {second}" in said
    learnt.presses("H")
    learnt.sees(lambda: page.why.found is None)
    assert not page.why.isVisible()
    assert not page.beside.isVisible()
    assert page.image.accessibleDescription() == plain


def test_the_map_lies_over_the_image_and_is_saved_as_it_is_seen(
    learnt: Person, images: Path, tmp_path: Path
) -> None:
    page = tries(learnt, images / "banana" / "000.jpg")
    learnt.sees(lambda: not page.image.image.isNull())
    learnt.presses("H")
    learnt.sees(lambda: page.why.found)
    target = tmp_path / "banana-why.png"

    learnt.will_choose_file(target)
    learnt.presses("Shift+H")

    learnt.sees(target.exists)
    learnt.sees(lambda: target.name in page.why.how.text())
    with Image.open(images / "banana" / "000.jpg") as photo, Image.open(target) as saved:
        assert saved.format == "PNG"
        assert saved.width == 640
        below = round(640 * photo.height / photo.width)
        assert saved.height > below
        assert coloured(np.asarray(saved)[:below]) > 0.05
        assert coloured(np.asarray(saved)[below:]) > 0.05, "the scale of the legend"
    whole = page.image.grab().toImage()
    page.image.cover(QImage(), page.image.region)
    assert page.image.grab().toImage() != whole


def coloured(pixels: np.ndarray) -> float:
    """The share of pixels in which blue and red differ much, as in these colours alone."""
    rgb = pixels[..., :3].astype(int)
    return float((np.abs(rgb[..., 2] - rgb[..., 0]) > 40).mean())


def test_a_pasted_image_has_a_map_and_the_next_one_its_own(
    learnt: Person, images: Path, tmp_path: Path
) -> None:
    page = learnt.page("Try")
    QGuiApplication.clipboard().setImage(QImage(str(image(tmp_path / "one.png", kind="PNG"))))
    learnt.presses("Ctrl+V")
    learnt.sees(lambda: page.bars.bars)
    learnt.presses("H")
    learnt.sees(lambda: page.why.found)
    first = page.why.found

    drop(page, urls([images / "cherry" / "003.jpg"]))

    learnt.sees(lambda: page.why.found is not None and page.why.found is not first)
    assert page.why.found["values"] != first["values"]


def test_the_viewer_tells_it_of_each_image(learnt: Person) -> None:
    page = learnt.page("Images")
    learnt.sees(lambda: page.rows.row(0))
    page.gallery.opened.emit(0)
    learnt.sees(lambda: learnt.window.findChild(Viewer))
    viewer: Viewer = learnt.window.findChild(Viewer)

    learnt.presses("H", viewer)

    learnt.sees(lambda: viewer.reason.found)
    first = viewer.reason.found
    assert viewer.beside.isVisible()
    assert viewer.beside.path == first["beside"]["file"]
    learnt.presses("Right", viewer)
    learnt.sees(lambda: viewer.reason.found not in (None, first))
    assert viewer.reason.image == {"path": viewer.image.path}
    learnt.presses("H", viewer)
    learnt.sees(lambda: not viewer.beside.isVisible())
    viewer.close()


def test_where_parts_are_covered_it_says_that_it_approximates(learnt: Person, images: Path) -> None:
    submit = learnt.window.bridge.submit
    ended = learnt.waits_for(lambda: submit("learn", learner="tilda"))
    assert ended.how == "done", ended.text
    page = tries(learnt, images / "apple" / "001.jpg")
    told: list[str] = []
    before = page.why.where.setText
    page.why.where.setText = lambda text: (told.append(text), before(text))

    learnt.presses("H")

    learnt.sees(lambda: page.why.found)
    assert page.why.how.text().startswith("An approximation")
    assert any(text.startswith("Covering parts of the image: 8 of 49") for text in told), told
    page.why.switch.click()
    page.why.switch.click()
    page.why.switch.click()
    assert page.why.question is None, "nobody waits any more"
    assert page.why.found is None


def test_one_class_has_nothing_to_be_told_from(owner: Person, images: Path) -> None:
    submit, paths = owner.window.bridge.submit, [str(images / "apple")]
    ended = owner.waits_for(lambda: submit("learn_folder", paths=paths, into="apple"))
    assert ended.how == "done", ended.text
    page = tries(owner, images / "banana" / "000.jpg")
    owner.presses("H")
    owner.sees(lambda: "Learn another class first" in page.why.where.text())


@pytest.mark.parametrize("key", ["H", "Shift+H"])
def test_without_an_image_the_keys_do_nothing(learnt: Person, key: str) -> None:
    page = learnt.page("Try")
    assert not page.why.switch.isEnabled()
    learnt.presses(key)
    assert page.why.question is None

"""A newcomer's way: the next step is always offered, and messages say what each gesture did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QRect
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.shell import job_bar, offer
from app.shell.backbones import BackboneDialog
from engine.events import Ended, Notice, Started
from tests.app.test_accessible import complaints
from tests.helpers.window import Person, drop, random_weights, texts, urls

PATIENT = 150_000
"""Milliseconds in which some hundred images are drawn and learnt, also beside other tests."""


def marked(person: Person) -> tuple[list[str], list[str]]:
    """The steps that are marked as present, and those that come next."""
    buttons = person.window.steps.buttons
    present = [page for page, made in buttons.items() if made.isChecked()]
    return present, [page for page, made in buttons.items() if made.property("next")]


def steps_shown(person: Person) -> list[str]:
    return [made.text() for made in person.window.steps.buttons.values() if made.isVisible()]


def test_to_sort_is_a_step_while_images_wait(owner: Person, images: Path) -> None:
    submit = owner.window.bridge.submit
    owner.waits_for(lambda: submit("add_unsorted", paths=[str(images)]))
    assert steps_shown(owner) == ["1  Images", "2  Sort", "3  Learn", "4  Try", "5  Export"]
    assert marked(owner) == (["Images"], ["Sort"])
    owner.presses("F4")
    owner.sees(lambda: marked(owner) == (["Sort"], []))
    owner.presses("Ctrl+Z")
    owner.sees(lambda: not owner.project.unsorted)
    owner.page("Images")
    assert steps_shown(owner) == ["1  Images", "2  Learn", "3  Try", "4  Export"]


def test_the_row_of_steps_leads_through_the_whole_way(
    owner: Person, images: Path, tmp_path: Path
) -> None:
    assert steps_shown(owner) == ["1  Images", "2  Learn", "3  Try", "4  Export"]
    assert marked(owner) == (["Images"], [])
    owner.presses("F6")
    owner.sees(lambda: marked(owner) == (["Learn"], ["Images"]))
    assert "comes next" in owner.window.steps.buttons["Images"].toolTip()
    owner.presses("F5")
    owner.sees(lambda: marked(owner) == (["Images"], []))
    owner.waits_for(lambda: drop(owner.window.pages["Images"], urls([images])))
    assert marked(owner) == (["Images"], ["Learn"]), "nobody has looked at the scores yet"
    owner.presses("F6")
    owner.sees(lambda: marked(owner) == (["Learn"], ["Try"]))
    owner.presses("F5")
    owner.sees(lambda: marked(owner) == (["Images"], ["Try"]))
    owner.presses("F7")
    owner.sees(lambda: owner.window.stack.currentWidget() is owner.window.pages["Try"])
    assert marked(owner) == (["Try"], ["Export"])
    owner.window.steps.buttons["Export"].click()
    assert owner.window.stack.currentWidget() is owner.window.pages["Export"]
    assert marked(owner) == (["Export"], [])
    owner.page("Tune")
    assert marked(owner) == ([], ["Export"]), "no step of the way"
    target = str(tmp_path / "fruit.onnx")
    owner.waits_for(lambda: owner.window.bridge.submit("export", path=target))
    assert marked(owner) == ([], []), "the way is gone through"
    owner.waits_for(lambda: owner.window.bridge.submit("learn"))
    assert marked(owner) == ([], ["Export"]), "another model, and no file of it"


@pytest.mark.parametrize("name", ["Try", "Export", "Compare", "Tune", "Specialise"])
def test_an_empty_page_has_the_button_of_what_is_to_be_done(
    owner: Person, images: Path, name: str
) -> None:
    page = owner.page(name)
    empty = page.empty if name in ("Try", "Export") else page.nothing
    empty.act.click()
    assert owner.window.stack.currentWidget() is owner.window.pages["Images"]
    owner.waits_for(lambda: owner.window.bridge.submit("add_images", paths=[str(images)]))
    owner.page(name)
    assert empty.act.text() == "Learn 3 classes now"

    ended = owner.waits_for(empty.act.click)

    assert ended.how == "done", ended.text
    assert page.pages.currentWidget() is not empty


def test_one_click_opens_the_sample_learnt_with_its_score_and_an_image_to_try(
    person: Person,
) -> None:
    window = person.window
    names = {made.text(): made for made in window.welcome.findChildren(QPushButton)}

    names["Open the sample"].click()

    person.sees(lambda: any("sample is learnt" in text for text in person.messages()), PATIENT)
    assert person.project.current_step is not None
    assert all(view.learnt for view in person.project.classes)
    assert window.stack.currentWidget() is window.pages["Learn"]
    (card,) = (c for c in window.notices.cards if "sample is learnt" in c.text)
    tested = sum(view.validation for view in person.project.classes)
    assert f"of {tested} test images are right" in card.text
    assert card.action_button.text() == "Try an image"

    card.action_button.click()

    page = window.pages["Try"]
    assert window.stack.currentWidget() is page
    person.sees(lambda: page.question is None and page.found)
    assert page.verdict.text()
    person.waits_for(lambda: person.presses("Ctrl+W"))
    person.presses("Ctrl+Shift+O")
    person.sees(lambda: any("sample is learnt" in text for text in person.messages()))
    assert window.stack.currentWidget() is window.pages["Learn"], "the same one, opened again"


def test_a_gesture_says_what_it_did_and_offers_undo_without_moving_the_page(learnt: Person) -> None:
    window = learnt.window
    window.notices.cards[-1].dismiss()
    place = window.stack.geometry()

    learnt.waits_for(lambda: window.bridge.submit("forget", name="apple"))

    (card,) = window.notices.cards
    assert card.text == "apple is forgotten. Its images are kept."
    assert card.action_button.text() == "Undo"
    assert window.stack.geometry() == place
    assert window.notices.geometry().right() < window.content.width()

    learnt.waits_for(lambda: learnt.presses("F9"))

    assert all(view.learnt for view in learnt.project.classes)
    (card,) = window.notices.cards
    assert card.text == "Undone: Forget apple."
    learnt.waits_for(card.action_button.click)
    assert not all(view.learnt for view in learnt.project.classes), "done again"
    learnt.presses("Shift+F9")
    learnt.sees(lambda: not window.notices.cards)
    learnt.sees(lambda: not window.notices.isVisible())


def test_older_messages_wait_behind_the_newest(person: Person) -> None:
    notices = person.window.notices
    for number in range(1, 5):
        notices.say(f"Message {number}.", "warning", ("one", "two"))
    assert person.messages() == ["Message 2.", "Message 3.", "Message 4."]

    def shown() -> list[str]:
        return [card.text for card in notices.cards if card.isVisible()]

    assert shown() == ["Message 4."]
    assert "Message 3." not in texts(notices)
    person.presses("Ctrl+Shift+F9")
    person.sees(lambda: len(shown()) == 3)
    tops = [card.y() for card in notices.cards]
    assert tops == sorted(tops, reverse=True), "the newest on top"
    assert notices.height() >= 3 * notices.cards[0].height()
    person.presses("Ctrl+F9")
    person.sees(lambda: "one\ntwo" in texts(notices))
    person.presses("Shift+F9")
    person.sees(lambda: person.messages() == ["Message 2.", "Message 3."])
    assert notices.cards[-1].close_button.property("key") == "Shift+F9"
    assert complaints(notices) == []


def test_two_notices_of_one_job_are_both_read(owner: Person, images: Path) -> None:
    """One file in two classes, and one that is no image: each is told."""
    events = [Started("learn", "Learn"), Notice("One thing."), Notice("Another."), Ended("done")]
    ticket = 10**6
    owner.window.bridge.jobs[ticket] = ("learn", {})
    for event in events:
        owner.window.bridge.hand_on(ticket, event)
    assert owner.messages() == ["One thing.", "Another."]
    owner.presses("Ctrl+Shift+F9")
    owner.sees(lambda: all(card.isVisible() for card in owner.window.notices.cards))
    owner.window.bridge.jobs[ticket] = ("learn", {})
    owner.window.bridge.hand_on(ticket, Started("learn", "Learn"))
    assert owner.messages() == [], "what was said of the last try is over"
    owner.window.bridge.hand_on(ticket, Ended("done"))


def test_a_job_that_soon_ends_is_not_shown_and_one_that_lasts_is(
    owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bar = owner.window.job_bar
    seen = Shows(bar.bar)
    bar.bar.installEventFilter(seen)
    monkeypatch.setattr(job_bar, "LATE", 3600.0)
    owner.waits_for(lambda: owner.window.bridge.submit("rename_project", name="Moths"))
    assert (seen.times, bar.title.text()) == (0, "Ready")
    assert not bar.late.isActive(), "nothing is left to wait for"
    monkeypatch.setattr(job_bar, "LATE", 0.0)
    owner.waits_for(lambda: owner.window.bridge.submit("rename_project", name="Bats"))
    assert seen.times == 1
    assert not bar.bar.isVisible()


class Shows(QObject):
    """Counts how often a widget appears."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.times = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.times += event.type() == QEvent.Type.Show
        return False


def test_a_first_learning_tells_its_score_and_leads_to_it(owner: Person, images: Path) -> None:
    window = owner.window
    owner.waits_for(lambda: drop(owner.page("Images"), urls([images])))
    (card,) = (c for c in window.notices.cards if c.text.startswith("Learnt"))
    tested = sum(view.validation for view in owner.project.classes)
    assert card.text.startswith("Learnt apple, banana and cherry: ")
    assert card.text.endswith(f" of {tested} test images are right.")
    assert card.action_button.text() == "See the scores"

    owner.presses("F9")

    owner.sees(lambda: window.stack.currentWidget() is window.pages["Learn"])
    assert not window.notices.cards
    owner.waits_for(lambda: window.bridge.submit("learn"))
    (card,) = (c for c in window.notices.cards if "test images are right" in c.text)
    assert card.action_button.text() == "Undo", "the scores are there to see"


def test_what_was_said_of_a_gesture_goes_with_the_page(learnt: Person) -> None:
    learnt.page("Images")
    learnt.waits_for(lambda: learnt.window.bridge.submit("forget", name="apple"))
    assert learnt.messages()
    learnt.window.go("Images")
    learnt.window.notices.say("Something else.", "warning")

    learnt.page("Try")

    learnt.sees(lambda: learnt.messages() == ["Something else."])


def test_what_was_put_right_is_told_in_sentences_of_its_own(
    learnt: Person, images: Path, tmp_path: Path
) -> None:
    submit, page = learnt.window.bridge.submit, learnt.window.pages["Images"]
    learnt.sees(lambda: page.rows.row(1) is not None)
    one, two = (page.rows.row(n)["id"] for n in (0, 1))

    learnt.waits_for(lambda: submit("mend_images", images=[one]))
    assert learnt.messages()[-1] == "1 image stays where it is."
    learnt.waits_for(lambda: submit("mend_images", images=[one, two], to="cherry"))
    assert learnt.messages()[-1] == "2 images are in cherry now."
    path = str(images / "apple" / "003.jpg")
    learnt.waits_for(lambda: submit("teach_image", to="banana", path=path))
    assert learnt.messages()[-1] == "The image is in banana now, and learnt."
    assert len(learnt.messages()) == 1, "one gesture's message takes the other's place"


def test_the_menu_stays_inside_the_window(person: Person) -> None:
    window, made = person.window, person.window.header.menu_button
    menu, places = made.menu(), list[QRect]()

    def look() -> bool:
        if menu.isVisible():
            places.append(menu.geometry())
            menu.close()
        return bool(places)

    person.later(look)

    made.click()

    person.sees(lambda: places)
    assert places[0].right() <= window.geometry().right()


def test_an_undo_that_would_take_back_something_else_is_not_offered(learnt: Person) -> None:
    learnt.waits_for(lambda: learnt.window.bridge.submit("forget", name="apple"))
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert [c.text for c in learnt.window.notices.cards] == ["Undone: Forget apple."]


def test_a_warning_goes_when_its_cause_is_gone(learnt: Person, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    page = learnt.page("Images")
    ended = learnt.waits_for(lambda: drop(page, urls([empty])))
    assert ended.text in learnt.messages()
    plums = tmp_path / "plum"
    (tmp_path / "fruit" / "apple").rename(plums)

    learnt.waits_for(lambda: drop(page, urls([plums])))

    assert ended.text not in learnt.messages()


def test_another_network_is_learnt_with_at_once_and_one_undo_brings_the_old_one_back(
    learnt: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(offer.WEAK, "squeezenet1_1", 10)
    learnt.waits_for(lambda: learnt.window.bridge.submit("learn"))
    learnt.sees(lambda: any("recognises more" in text for text in learnt.messages()))
    (card,) = (c for c in learnt.window.notices.cards if "recognises more" in c.text)
    assert "in 89 of 100, the small one in 10" in card.text
    before = learnt.project.current_step.id
    learnt.presses("Ctrl+B")
    learnt.sees(lambda: learnt.window.findChild(BackboneDialog))
    dialog = learnt.window.findChild(BackboneDialog)
    learnt.sees(lambda: dialog.rows.rows)
    told = {row["name"]: dialog.rows.text(row, 2) for row in dialog.rows.rows}
    assert told["squeezenet1_1"].endswith("ms an image (64 px)"), "it was used here"
    assert told["resnet50"] == "not measured"
    assert "Choose a network" in texts(dialog)
    dialog.side.setValue(64)
    learnt.will_choose_file(random_weights(tmp_path / "o.safetensors", "mobilenet_v3_small"))

    ended = learnt.waits_for(dialog.file_button.click)

    assert ended.how == "done", ended.text
    assert learnt.project.backbone == "mobilenet_v3_small"
    assert learnt.project.current_step.id != before
    assert all(view.learnt for view in learnt.project.classes)
    assert not any("recognises more" in text for text in learnt.messages())
    used = "MobileNetV3-Small is in use and everything is learnt again."
    said = next(text for text in learnt.messages() if text.startswith(used))
    assert re.search(r" Now \d of \d test images are right\.$", said)
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert (learnt.project.backbone, learnt.project.current_step.id) == ("squeezenet1_1", before)
    learnt.waits_for(lambda: learnt.window.bridge.submit("learn"))
    assert not any("recognises more" in text for text in learnt.messages()), "offered once"


def test_features_of_several_stages_are_chosen_with_the_network(
    learnt: Person, tmp_path: Path
) -> None:
    learnt.presses("Ctrl+B")
    learnt.sees(lambda: learnt.window.findChild(BackboneDialog))
    dialog = learnt.window.findChild(BackboneDialog)
    learnt.sees(lambda: dialog.rows.rows)
    dialog.side.setValue(64)
    dialog.features.setFocus()
    QTest.keyClicks(dialog.features, "several")
    assert dialog.features.currentText() == "several stages"
    learnt.will_choose_file(random_weights(tmp_path / "o.safetensors", "mobilenet_v3_small"))

    ended = learnt.waits_for(dialog.file_button.click)

    assert ended.how == "done", ended.text
    assert "from its last stages" in learnt.window.header.backbone.toolTip()
    assert all(view.learnt for view in learnt.project.classes)
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert "from its last stage." in learnt.window.header.backbone.toolTip()


def test_the_offer_of_a_stronger_network_swaps_and_learns_by_one_button(
    learnt: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(offer.WEAK, "squeezenet1_1", 10)
    learnt.waits_for(lambda: learnt.window.bridge.submit("learn"))
    learnt.sees(lambda: any("recognises more" in text for text in learnt.messages()))
    (card,) = (c for c in learnt.window.notices.cards if "recognises more" in c.text)
    assert card.action_button.text() == "Use it", "it came along, so nothing is downloaded"

    ended = learnt.waits_for(card.action_button.click)

    assert ended.how == "done", ended.text
    assert learnt.project.backbone == "efficientnet_lite0"
    assert all(view.learnt for view in learnt.project.classes)
    assert not any("recognises more" in text for text in learnt.messages())


def test_a_project_is_renamed_and_undo_brings_its_name_back(owner: Person) -> None:
    window = owner.window
    path = owner.project.path
    owner.will_answer("Moths of 2025", "OK")

    owner.waits_for(lambda: owner.presses("Shift+F2"))

    assert window.header.name.text() == "Moths of 2025"
    assert window.windowTitle().startswith("Moths of 2025")
    assert owner.project.path == path, "the folder stays where it is"
    assert "The project is called Moths of 2025 now." in owner.messages()
    owner.waits_for(lambda: owner.presses("Ctrl+Z"))
    assert window.header.name.text() == "mine"
    owner.waits_for(lambda: owner.presses("Ctrl+Shift+Z"))
    owner.waits_for(lambda: owner.presses("Ctrl+W"))
    assert "Moths of 2025" in window.welcome.recent.findChild(QPushButton).text()
    actions = {a.text().replace("&", ""): a for a in window.header.menu_button.menu().actions()}
    assert not actions["Close the project"].isEnabled()
    assert not actions["Rename the project …"].isEnabled()
    assert actions["Open project …"].isEnabled()


def test_a_new_project_is_named_when_it_is_made(person: Person) -> None:
    person.will_answer("Moths", "Create")
    person.waits_for(lambda: person.presses("Ctrl+N"))
    assert person.project.name == "Moths"
    assert Path(person.project.path).name == "Moths.espalier"
    person.will_answer("Moths", "Create")
    person.waits_for(lambda: person.presses("Ctrl+N"))
    assert person.project.name == "Moths"
    assert Path(person.project.path).name == "Moths 2.espalier", "nothing is overwritten"
    assert QApplication.activeModalWidget() is None

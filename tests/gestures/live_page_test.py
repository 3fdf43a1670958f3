"""A person watches a camera on the Live page, and makes rules there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from app.pages.live.page import LivePage
from app.pages.live.rule_dialog import RuleDialog
from app.shell.window import Window
from tests.helpers.image_files import class_folders
from tests.helpers.live import Camera, Hook, served, sources_below
from tests.helpers.window import Person, drop, texts, urls
from tests.helpers.window_fixtures import with_project

SOME = 30
"""Frames after which OpenCV knows what a camera sends."""


@pytest.fixture
def camera() -> Iterator[tuple[Camera, str]]:
    made = Camera()
    with served(made) as address:
        yield made, address


def shows(camera: Camera, folder: Path) -> None:
    """Every image of a class, again and again, as a camera that is held before them."""
    for path in sorted(folder.glob("*.jpg"))[:3]:
        camera.sends(path.read_bytes(), SOME)


def watches(person: Person, address: str) -> LivePage:
    """Types the address and presses Return."""
    page = person.page("Live")
    assert isinstance(page, LivePage)
    page.field.setText(address)
    person.presses("Ctrl+Return")
    person.sees(lambda: page.watching.running)
    return page


def answers(camera: Camera, folder: Path, page: LivePage, name: str) -> Callable[[], bool]:
    """Shows an image of a class each time that the person looks, until its answer is there. What
    was shown before is not shown again to whoever looks anew."""
    camera.give_back()
    content = min(folder.glob("*.jpg")).read_bytes()

    def look() -> bool:
        assert page.watching.running, page.reason.text()
        camera.sends(content)
        return name in page.bars.accessibleDescription()

    return look


def sources(person: Person) -> list[psutil.Process]:
    """The processes in which something is read that is watched."""
    return sources_below(person.window.bridge.engine.process_id)


def test_a_camera_is_answered_until_its_page_is_left(learnt, images, camera) -> None:
    shown, address = camera
    shows(shown, images / "apple")
    page = watches(learnt, address)
    learnt.sees(lambda: not page.image.image.isNull())
    learnt.sees(lambda: "apple" in page.bars.accessibleDescription())
    for part in ("grab", "decode", "resize", "network", "preview", "draw"):
        assert part in page.parts.text()
    assert "frames a second" in page.pace.text()
    assert len(sources(learnt)) == 1
    assert page.toggle.text() == "Stop"

    shown.pull()
    learnt.sees(lambda: "goes on when it is back" in page.reason.text())
    shown.give_back()
    shows(shown, images / "cherry")
    learnt.sees(lambda: "This frame alone" in page.reason.text())

    learnt.page("Learn")
    learnt.sees(lambda: not sources(learnt))
    learnt.page("Live")
    assert page.toggle.text() == "Start"
    assert page.image.image.isNull(), "nothing of it is kept"


def test_pace_and_latencies_are_whole_and_in_view_in_a_small_window(learnt, images, camera) -> None:
    shown, address = camera
    page = learnt.page("Live")
    learnt.window.resize(1024, 700)
    learnt.presses("Alt+F")
    learnt.presses("Alt+A")
    watches(learnt, address)
    shows(shown, images / "apple")
    learnt.sees(lambda: page.why.switch.isEnabled())
    learnt.presses("H", page.toggle)
    learnt.sees(lambda: page.why.found)
    assert page.presenter.face.isVisible()
    for line in (page.pace, page.parts):
        assert "…" not in line.text()
        assert line.visibleRegion().boundingRect() == line.rect()
    assert page.pace.sizeHint().width() <= page.pace.width()
    assert page.parts.heightForWidth(page.parts.width()) <= page.parts.height()
    learnt.presses("Alt+A")
    learnt.presses("Alt+F")


def test_start_and_stop_by_the_same_key(learnt, images, camera) -> None:
    shown, address = camera
    shows(shown, images / "apple")
    page = watches(learnt, address)
    learnt.sees(lambda: sources(learnt))
    learnt.presses("Ctrl+Return")
    learnt.sees(lambda: not page.watching.running)
    learnt.sees(lambda: not sources(learnt))


def test_what_can_not_be_watched_is_said(learnt, tmp_path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(range(256)) * 50)
    page = watches(learnt, str(film))
    learnt.sees(lambda: "can't be read as a film" in texts(page))
    assert page.toggle.text() == "Start"


def dialog_of(person: Person) -> RuleDialog:
    person.presses("Ctrl+Shift+U")
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), QDialog))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, RuleDialog)
    return dialog


def test_a_rule_is_made_tried_and_done(learnt, images, camera, tmp_path) -> None:
    shown, address = camera
    page = learnt.page("Live")
    assert "Nothing leaves this computer" in texts(page)
    dialog = dialog_of(learnt)
    learnt.presses("Return", dialog)
    learnt.sees(lambda: "where to" in dialog.news.text())
    dialog.to.setText(str(tmp_path / "caught"))
    dialog.least.setValue(0)
    learnt.presses("Return", dialog)
    learnt.sees(lambda: "any class: copy into" in " ".join(r.full for r in lines(page)))

    learnt.presses("Alt+1")
    learnt.sees(lambda: any("was done once" in text for text in learnt.messages()))
    assert len(list((tmp_path / "caught").iterdir())) == 1

    shows(shown, images / "apple")
    watches(learnt, address)
    learnt.sees(lambda: len(list((tmp_path / "caught").glob("*.jpg"))) > 1)
    learnt.presses("Alt+Shift+1")
    learnt.sees(lambda: not page.rules.rules)
    learnt.sees(lambda: page.watching.running and not page.image.image.isNull())


def lines(page: LivePage) -> list[object]:
    from app.widgets.controls import Elided

    return page.rules.findChildren(Elided)


def test_a_rule_rests_on_when_how_it_is_watched_changes(learnt, images, camera, tmp_path) -> None:
    shown, address = camera
    page = learnt.page("Live")
    rule = {"name": "*", "do": "copy", "to": str(tmp_path / "caught"), "least": 0, "rest": 9000}
    page.rules.set_rules([rule])
    watches(learnt, address)
    learnt.sees(answers(shown, images / "apple", page, "apple"))
    first = page.watching.ticket
    page.half_life.setValue(0)
    assert page.watching.ticket != first
    learnt.sees(answers(shown, images / "cherry", page, "cherry"))
    learnt.presses("Ctrl+Return")  # rules finish what they began
    learnt.sees(lambda: not sources(learnt))
    assert len(list((tmp_path / "caught").glob("*.jpg"))) == 1


def test_rules_that_send_are_named_and_kept_for_the_project(learnt, tmp_path) -> None:
    hook = Hook()
    page = learnt.page("Live")
    with served(hook) as address:
        dialog = dialog_of(learnt)
        dialog.do.setCurrentIndex(3)
        dialog.to.setText("somewhere")
        learnt.presses("Return", dialog)
        learnt.sees(lambda: "begins with http" in dialog.news.text())
        dialog.to.setText(address)
        dialog.name.setCurrentText("banana")
        learnt.presses("Return", dialog)
        learnt.sees(lambda: address in texts(page))
        assert "Something leaves this computer by: banana: send to" in texts(page)
        learnt.presses("Alt+1")
        learnt.sees(lambda: hook.got)
    assert hook.got[0]["class"] == "banana"
    learnt.presses("Alt+1")
    learnt.sees(lambda: any("failed" in text for text in learnt.messages()))
    path = learnt.project.path
    learnt.waits_for(lambda: learnt.window.bridge.submit("close_project"))
    learnt.waits_for(lambda: learnt.window.bridge.submit("open_project", path=path))
    assert [rule["to"] for rule in page.rules.rules] == [address]


def test_closing_the_window_ends_what_is_watched(
    own_window: Window, qtbot, weights, tmp_path, images, camera
) -> None:
    shown, address = camera
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    person.waits_for(lambda: drop(person.page("Images"), urls([images])))
    shows(shown, images / "apple")
    page = watches(person, address)
    person.sees(lambda: not page.image.image.isNull())
    (source,) = sources(person)

    own_window.close()

    source.wait(60)
    assert not source.is_running()


def test_what_is_learnt_meanwhile_is_answered(learnt, images, camera, tmp_path) -> None:
    shown, address = camera
    shows(shown, images / "apple")
    page = watches(learnt, address)
    learnt.sees(lambda: "apple" in page.bars.accessibleDescription())
    more = class_folders(tmp_path / "more", {"fig": 12}, seed=5)
    submit = learnt.window.bridge.submit
    learnt.waits_for(lambda: submit("learn_folder", paths=[str(more / "fig")]))
    frame = next((images / "apple").glob("*.jpg")).read_bytes()

    def seen() -> bool:
        shown.sends(frame)
        return "fig" in page.bars.accessibleDescription()

    learnt.sees(seen)


def test_a_rule_and_spoken_words_follow_their_class_and_a_rule_is_passed_over_without_it(
    learnt, images, camera, tmp_path
) -> None:
    shown, address = camera
    page, submit = learnt.page("Live"), learnt.window.bridge.submit
    page.rules.set_rules(
        [{"name": "apple", "do": "copy", "to": str(tmp_path / "caught"), "least": 0}]
    )
    page.presenter.settings.put_words(learnt.project.path, {"apple": "a round red fruit"})
    watches(learnt, address)
    learnt.sees(answers(shown, images / "apple", page, "apple"))

    learnt.waits_for(lambda: submit("rename_class", name="apple", to="pippin"))
    assert page.rules.rules[0]["name"] == "pippin"
    assert page.presenter.announcer.words == {"pippin": "a round red fruit"}
    learnt.sees(answers(shown, images / "apple", page, "pippin"))
    learnt.waits_for(lambda: submit("undo"))
    assert page.rules.rules[0]["name"] == "apple"
    assert page.presenter.announcer.words == {"apple": "a round red fruit"}

    learnt.waits_for(lambda: submit("remove_class", name="apple"))
    assert "No class “apple” is learnt, so its rule is passed over." in texts(page)
    assert page.rules.rules, "it is kept: the class may come back"
    learnt.sees(answers(shown, images / "cherry", page, "cherry"))
    assert page.watching.running
    learnt.waits_for(lambda: submit("undo"))
    assert "passed over" not in texts(page)


def test_the_job_bar_says_what_is_watched(learnt, images, camera) -> None:
    shown, address = camera
    bar = learnt.window.job_bar
    assert bar.doing.full == "Nothing is running."
    shows(shown, images / "apple")
    watches(learnt, address)
    learnt.sees(lambda: bar.doing.full.startswith("Watching “http://127.0.0.1"))
    learnt.page("Learn")
    learnt.sees(lambda: bar.doing.full == "Nothing is running.")


def test_h_shows_what_speaks_for_the_answer_to_the_frame_that_stands(
    learnt, images, camera
) -> None:
    shown, address = camera
    page = learnt.page("Live")
    assert not page.why.switch.isEnabled(), "nothing is seen yet"
    asked: list[bytes] = []
    ask = learnt.window.bridge.ask

    def noted(job: str, *rest: object, **settings: object) -> int:
        if job == "explain":
            asked.append(settings["content"])
            assert page.why.question is None, "one at a time"
        return ask(job, *rest, **settings)

    learnt.window.bridge.ask = noted
    watches(learnt, address)
    frames = [path.read_bytes() for path in sorted((images / "apple").glob("*.jpg"))[:3]]
    shown.sends(frames[0], SOME)
    learnt.sees(lambda: page.why.switch.isEnabled())

    learnt.presses("H", page.toggle)

    learnt.sees(lambda: page.why.found)
    said = texts(page.why)
    assert f"speaks for {page.why.found['answer']}\n" in said
    assert "add up to how far " in said
    assert page.why.beside.isVisible()
    assert Path(page.why.beside.path).parent.name == page.why.found["second"]
    first = page.why.found

    def another() -> bool:
        shown.sends(frames[len(asked) % 3])
        return page.why.found is not None and page.why.found["values"] != first["values"]

    learnt.sees(another)
    assert page.why.image["content"] in asked, "the colours are those of the frame that stands"
    learnt.presses("H", page.toggle)
    learnt.sees(lambda: not page.why.isVisible())
    assert not page.why.beside.isVisible()
    count = len(asked)
    learnt.sees(answers(shown, images / "apple", page, "apple"))
    assert len(asked) == count, "nothing is asked while it is off"


def test_h_is_no_letter_of_the_address_once_it_is_watched(learnt, images, camera) -> None:
    shown, address = camera
    page = learnt.page("Live")
    page.field.setFocus()
    QTest.keyClicks(page.field, address)
    learnt.presses("Return", page.field)
    shows(shown, images / "apple")
    learnt.sees(lambda: page.why.switch.isEnabled())
    learnt.presses("H", QApplication.focusWidget())
    learnt.sees(lambda: page.why.found)
    assert page.field.text() == address
    learnt.presses("Ctrl+Return")
    page.field.setFocus()
    page.field.setText("nothing/here")
    learnt.presses("Return", page.field)
    learnt.sees(lambda: "no film or folder" in page.reason.text())
    assert page.field.hasFocus(), "it is mended there"


def test_reasons_for_a_frame_are_saved_with_their_legend(learnt, images, camera, tmp_path) -> None:
    shown, address = camera
    page = watches(learnt, address)
    shows(shown, images / "apple")
    learnt.sees(lambda: page.why.switch.isEnabled())
    learnt.presses("H", page.toggle)
    learnt.sees(lambda: page.why.found)
    target = tmp_path / "frame-why.png"
    learnt.will_choose_file(target)
    page.why.save_button.click()
    learnt.sees(target.exists)


def test_a_rule_without_its_class_is_no_reason_to_watch_nothing(
    learnt, images, camera, tmp_path
) -> None:
    shown, address = camera
    page = learnt.page("Live")
    gone = {"name": "gone", "do": "copy", "to": str(tmp_path / "caught"), "least": 0}
    page.watching.begin(source=address, rules=[gone])  # as the class goes while it is begun
    learnt.sees(answers(shown, images / "apple", page, "apple"))
    assert not (tmp_path / "caught").exists()

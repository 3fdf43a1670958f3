"""A person has said aloud what a camera shows, on the Live page, by keys alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtWidgets import QApplication, QComboBox

from app.pages.live.face import Face
from app.pages.live.page import LivePage
from app.pages.live.presenter import Presenter
from app.pages.live.voice_dialog import VoiceDialog
from app.shell.preferences import Preferences
from engine.events import Said
from tests.app.test_accessible import complaints
from tests.helpers.live import Camera, served
from tests.helpers.voice import RATE, Player, needs_espeak, said_alone
from tests.helpers.window import Person, drop, urls
from tests.helpers.window_fixtures import with_project

WORDS = "a round red fruit, I believe"
LONG = ", and ".join([WORDS] * 11)
SLOW = 80
"""Words a minute, at which that takes 48 seconds."""
SOON = 30_000
"""Milliseconds after which nothing is heard any more that was broken off."""
CLASSES = ("apple", "banana", "cherry")


@pytest.fixture
def player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Player:
    made = Player(tmp_path / "bin", 60)
    monkeypatch.setenv("PATH", str(made.folder))
    return made


@pytest.fixture
def watcher(player, own_window, qtbot, weights, tmp_path, images) -> Iterator[Person]:
    """A person who watches a camera that goes on showing an apple; their engine knows no other
    player than the test's."""
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    person.waits_for(lambda: drop(person.page("Images"), urls([images])))
    camera, stop = Camera(), threading.Event()
    frames = [path.read_bytes() for path in sorted((images / "apple").glob("*.jpg"))[:3]]

    def show() -> None:
        while not stop.wait(0.05):
            camera.sends(frames[0])

    with served(camera) as address:
        page = person.page("Live")
        page.field.setText(address)
        shown = threading.Thread(target=show, name="test-camera")
        shown.start()
        yield person
        stop.set()
        shown.join()


def writes_words(person: Person, words: str) -> VoiceDialog:
    """Types the same words for every class: which of them is seen is chance."""
    person.presses("Alt+W")
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), VoiceDialog))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, VoiceDialog)
    for line in range(len(CLASSES)):
        item = dialog.words.item(line, 1)
        assert item.text() == CLASSES[line]
        item.setText(f"  {words} ")
        assert item.text() == words
    return dialog


def loudness(samples: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The mean absolute sample around each time: told otherwise than the mouth is moved by."""
    whole, half = np.abs(samples.astype(float)), RATE // 100
    at = (seconds * RATE).astype(int)
    return np.array(
        [whole[max(0, i - half) : i + half].mean() if i < len(whole) else 0 for i in at]
    )


@needs_espeak
def test_what_is_seen_is_said_shown_and_followed_by_a_face(watcher, player, tmp_path) -> None:
    page = watcher.page("Live")
    assert isinstance(page, LivePage)
    presenter: Presenter = page.presenter
    assert not presenter.band.isVisible(), "off unless it is switched on"
    dialog = writes_words(watcher, LONG)
    dialog.speed.setValue(SLOW)
    watcher.presses("Ctrl+Return", dialog)
    watcher.sees(player.pids)
    (tried,) = player.pids()
    watcher.presses("Esc", dialog)
    watcher.sees(lambda: not psutil.pid_exists(tried), SOON)
    watcher.presses("Ctrl+Return")
    watcher.sees(lambda: page.verdict.full.split("  ")[0] in CLASSES)
    heard: list[Said] = []
    watcher.window.bridge.said.connect(lambda ticket, said: heard.append(said))
    watcher.presses("Alt+A")
    watcher.presses("Alt+F")
    watcher.sees(lambda: heard and presenter.face.said)
    assert presenter.caption.text == LONG == presenter.caption.accessibleDescription()
    watcher.sees(presenter.face.isVisible)
    assert presenter.caption.isVisible()
    watcher.sees(lambda: len(player.played()) == 2)
    tried_as, played = player.samples()
    alone = said_alone(LONG, tmp_path / "alone.wav", "-s", str(SLOW))
    assert played.tolist() == tried_as.tolist() == alone.tolist()
    assert lag(heard[0], played) <= 0.1

    pid = player.pids()[1]
    watcher.page("Learn")
    watcher.sees(lambda: not psutil.pid_exists(pid), SOON)
    assert not presenter.face.timer.isActive()
    assert presenter.caption.text == ""
    watcher.page("Live")
    (player.folder / "aplay").unlink()
    watcher.presses("Ctrl+Return")
    watcher.sees(lambda: presenter.caption.text == LONG)
    watcher.sees(lambda: any("No program here plays sound" in m for m in watcher.messages()))
    watcher.presses("Alt+A")
    watcher.sees(lambda: not presenter.band.isVisible())
    assert len(player.played()) == 2


def lag(said: Said, samples: np.ndarray) -> float:
    """Seconds by which the mouth is early or late: where it moves most as the sound does."""
    face = Face()
    face.said = said
    times = np.arange(0.35, said.seconds - 0.35, 0.01)
    mouth = np.array([face.opening(said.at + t) for t in times])
    shifts = np.arange(-0.3, 0.31, 0.01)
    alike = [np.corrcoef(mouth, loudness(samples, times + shift))[0, 1] for shift in shifts]
    assert max(alike) > 0.8
    return abs(float(shifts[int(np.argmax(alike))]))


@needs_espeak
def test_words_and_voice_survive_a_restart(learnt: Person) -> None:
    page = learnt.page("Live")
    dialog = writes_words(learnt, WORDS)
    assert complaints(dialog) == []
    learnt.sees(lambda: dialog.voice.count() > 20)
    chosen = choose(dialog.voice, "de")
    dialog.speed.setValue(200)
    dialog.volume.setValue(30)
    dialog.unsure.setChecked(True)
    dialog.words.item(0, 1).setText("")
    assert dialog.words.item(0, 1).text() == "apple", "emptied, it is the class's name"
    learnt.presses("Esc", dialog)

    again = Presenter(learnt.window.bridge, Preferences(), print, page.watching)
    again.show_project(learnt.project.path, CLASSES, {})
    assert dict(again.announcer.words) == {"banana": WORDS, "cherry": WORDS}
    assert again.announcer.unsure
    assert again.settings.manner() == {"voice": chosen, "speed": 200, "volume": 0.3}
    assert not again.on.isChecked()
    again.deleteLater()


def choose(voices: QComboBox, voice: str) -> str:
    voices.setCurrentIndex(voices.findData(voice))
    return voices.currentData()

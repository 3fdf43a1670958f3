"""A person has said aloud, or into a file with captions, what a film or a camera shows."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from app.presenting import Announcer
from engine.events import Watched
from tests.helpers.commands import Done, espalier, in_a_process, refused
from tests.helpers.live import Camera, colour_model, film, served
from tests.helpers.voice import RATE, Player, captions, needs_espeak, said_alone
from tests.helpers.voice import samples_of as samples

AT_ONCE = ("--every-frame", "--half-life", 0)


@pytest.fixture(scope="module")
def model(home: Path) -> Path:
    return colour_model(home / "colours.onnx")


def said(done: Done) -> list[str]:
    """The sentences that the command prints."""
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("says “")]
    return [line.removeprefix("says “").removesuffix("”") for line in lines]


@needs_espeak
def test_captions_are_what_is_said(home, model, tmp_path) -> None:
    """Each caption, said once more by espeak-ng itself, is to the sample what lies at its time;
    and nothing else is heard."""
    shown = film(tmp_path / "f.avi", ["red"] * 50 + ["blue"] * 80 + ["green"] * 50)
    words = ("--spoken", "blue", "fish & <chips> [[oU]]", "--say-to", tmp_path / "said.wav")
    done = espalier(home, "watch", model, shown, *AT_ONCE, *words)
    cues, track = captions(tmp_path / "said.vtt"), samples(tmp_path / "said.wav").copy()
    texts = [
        cue.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for cue in cues
    ]
    assert texts == said(done) == ["red", "fish & <chips> [[oU]]", "green"]
    assert [cue.begin for cue in cues] == pytest.approx([0.6, 2.6, 5.8], abs=0.05)
    for cue, text in zip(cues, texts, strict=True):
        alone = said_alone(text.replace("[[", "[ ["), tmp_path / "alone.wav")
        begin = round(cue.begin * RATE)
        near = track[begin - 30 : begin + len(alone) + 30]
        offset = int(np.flatnonzero(near)[0] - np.flatnonzero(alone)[0])
        assert abs(offset - 30) <= RATE / 1000, "captions have milliseconds"
        assert (near[offset : offset + len(alone)] == alone).all()
        assert cue.end - cue.begin == pytest.approx(len(alone) / RATE, abs=0.002)
        track[begin - 30 + offset : begin - 30 + offset + len(alone)] = 0
    assert not track.any()
    assert len(track) / RATE == pytest.approx(7.2, abs=0.1), "as long as the film"


@needs_espeak
def test_what_is_out_of_date_is_not_said(home, model, tmp_path) -> None:
    """Blue is shown for long enough, but is over when the long sentence is; a short white, too."""
    colours = ["red"] * 30 + ["blue"] * 40 + ["red"] * 100 + ["white"] * 5 + ["red"] * 30
    long = "this is a thing which is red, very red, and takes long to say"
    words = ("--spoken", "red", long, "--say-to", tmp_path / "said.wav")
    shown = film(tmp_path / "f.avi", colours)
    assert said(espalier(home, "watch", model, shown, *AT_ONCE, *words)) == [long]
    short = espalier(home, "watch", model, shown, *AT_ONCE, "--say-to", tmp_path / "said.wav")
    assert said(short) == ["red", "blue", "red"]


@needs_espeak
def test_none_of_these_is_said_only_if_asked(home, model, tmp_path) -> None:
    shown = film(tmp_path / "f.avi", ["red"] * 30 + ["white"] * 30 + ["red"] * 30)
    words = ("watch", model, shown, *AT_ONCE, "--say-to", tmp_path / "said.wav")
    assert said(espalier(home, *words)) == ["red", "red"], "it was away and came back"
    done = espalier(home, *words, "--say-unsure", "--json")
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    told = [line["said"] for line in lines if "said" in line]
    assert told == ["red", "None of these", "red"]


@needs_espeak
def test_voice_and_speed_are_as_asked(home, model, tmp_path) -> None:
    shown = film(tmp_path / "f.avi", ["red"] * 30)
    words = ("watch", model, shown, *AT_ONCE, "--say-to", tmp_path / "said.wav", "--spoken", "red")
    espalier(home, *words, "eine rote Zwiebel", "--voice", "de", "--speed", 120)
    slow = samples(tmp_path / "said.wav")
    alone = said_alone("eine rote Zwiebel", tmp_path / "a.wav", "-v", "de", "-s", "120")
    assert slow[-len(alone) :].tolist() == alone.tolist()
    espalier(home, *words, "eine rote Zwiebel", "--voice", "de", "--speed", 300)
    (cue,) = captions(tmp_path / "said.vtt")
    assert cue.end - cue.begin < len(alone) / RATE / 1.5
    done = espalier(home, *words, "a", "--voice", "nobody")
    assert "no voice “nobody”" in done.stderr


@needs_espeak
def test_what_speaks_ends_with_the_watching(home, model, tmp_path) -> None:
    """A player that would go on for a minute is given one sentence, and none after it; Ctrl+C ends
    both."""
    player, camera = Player(tmp_path / "bin", 60), Camera()
    words = ("--say", "--half-life", 0, "--json")
    with served(camera) as address:
        seen = in_a_process(home, "watch", model, address, *words, PATH=str(player.folder))
        stop = threading.Event()
        shown = threading.Thread(target=shows, args=(camera, stop), name="test-camera")
        shown.start()
        try:
            assert seen.stdout is not None
            texts = [json.loads(line) for line in until_said(seen.stdout)]
            while not player.pids():
                assert not stop.wait(0.01)
            (pid,) = player.pids()
            assert psutil.pid_exists(pid)
        finally:
            seen.send_signal(signal.SIGINT)
            stop.set()
            shown.join()
            seen.communicate(timeout=60)
    assert [text["said"] for text in texts if "said" in text] == ["red"]
    assert seen.returncode == 0
    assert not psutil.pid_exists(pid)
    assert len(player.played()) == 1


def shows(camera: Camera, stop: threading.Event) -> None:
    while not stop.wait(0.02):
        camera.shows("red")


def until_said(lines: Any) -> list[str]:
    """Lines up to the first that says something."""
    found = []
    for line in lines:
        found.append(line)
        if '"said"' in line:
            break
    return found


def test_a_lost_source_is_said_anew_and_files_each() -> None:
    """The one that decides, as both faces ask it; None: nothing is new."""
    one = Announcer({"red": " "})
    red = {"verdict": "known", "answer": "red"}

    def due(time: float, **told: str) -> str | None:
        one.hear(Watched(time=time, **{**red, **told}))
        return one.due()

    assert [due(0.0), due(0.5), due(0.7), due(0.9)] == [None, None, "red", None]
    one.hear(Watched(lost="gone"))
    assert [due(1.0), due(1.7)] == [None, "red"]
    assert [due(2.0, path="a.jpg"), due(2.1, path="b.jpg")] == ["red", "red"]
    assert one.due() is None


def test_what_can_not_be_said_is_told_in_a_sentence(home, model, tmp_path, monkeypatch) -> None:
    shown = film(tmp_path / "f.avi", ["red"] * 30)
    words = ("watch", model, shown, *AT_ONCE)
    assert "ends in .wav" in refused(home, *words, "--say-to", tmp_path / "said.mp3")
    assert "can't be written" in refused(home, *words, "--say-to", tmp_path / "no" / "said.wav")
    assert "go with --say" in refused(home, *words, "--spoken", "red", "rot")
    misspelt = refused(home, *words, "--say", "--spoken", "gren", "grün")
    assert misspelt.endswith("its words would never be said. The nearest is “green”.")
    assert "80 to 450" in refused(home, *words, "--say", "--speed", 9)
    if sys.platform == "linux":
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "Install espeak-ng" in refused(home, *words, "--say-to", tmp_path / "said.wav")
        done = espalier(home, *words, "--say", "--spoken", "red", "not in memory")
        assert said(done) == ["not in memory"], "captions are there without a voice"
        assert done.stderr.count("Install espeak-ng") == 1

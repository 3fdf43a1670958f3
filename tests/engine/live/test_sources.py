"""Sources: the newest frame wins, nothing is queued, what is lost comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from engine.live.events import Back, Ended, Frame, Lost, SourceEvent, Unusable
from engine.live.folder import FolderSource
from engine.live.places import place_named
from engine.live.sources import CaptureSource, Source, open_source
from tests.helpers.image_files import image
from tests.helpers.live import Camera, drawn, film, image_file, served

LONG = 60
SOME = 30
"""Frames after which OpenCV knows what a camera sends."""


@pytest.fixture
def camera() -> Iterator[tuple[Camera, str]]:
    made = Camera()
    with served(made) as address:
        yield made, address


def following(source: Source) -> SourceEvent:
    """The next that a source says, however long it takes."""
    event = source.next(LONG)
    while event is None:
        event = source.next(LONG)
    return event


def colour_of(frame: SourceEvent) -> str:
    assert isinstance(frame, Frame)
    return ("red", "green", "blue")[int(frame.image.mean((0, 1)).argmax())]


def test_of_a_film_that_leaves_no_frame_out_the_next_one_is_decoded_meanwhile(tmp_path) -> None:
    place = place_named(str(film(tmp_path / "f.avi", ["red", "green", "blue"])))
    with closing(CaptureSource(place, every=True)) as source:
        for number, name in enumerate(("red", "green", "blue")):
            frame = following(source)
            assert (frame.index, colour_of(frame)) == (number, name)
            assert wait([source.pipe], LONG), "it is on its way before anybody asks"
        assert isinstance(following(source), Ended)


def test_a_camera_gives_the_newest_frame_and_queues_none(camera: tuple[Camera, str]) -> None:
    """After the first nobody asks, so the others are forgotten, however many."""
    shown, address = camera
    shown.shows("red", SOME)
    with closing(CaptureSource(place_named(address))) as source:
        first = following(source)
        assert colour_of(first) == "red"
        shown.shows("green", 300)
        shown.pull()
        assert wait([source.pipe], LONG), "that it is lost is said unasked"
        lost = following(source)
        assert isinstance(lost, Lost)
        assert "127.0.0.1" in lost.sentence
        shown.give_back()
        shown.shows("blue", SOME)
        assert isinstance(following(source), Back)
        newest = following(source)
        assert colour_of(newest) == "blue"
        assert isinstance(newest, Frame)
        assert newest.index > 300


def test_a_process_that_breaks_is_begun_again(camera: tuple[Camera, str]) -> None:
    shown, address = camera
    shown.shows("red", SOME)
    with closing(CaptureSource(place_named(address))) as source:
        assert colour_of(following(source)) == "red"
        source.process.kill()
        assert isinstance(following(source), Lost)
        shown.shows("red", SOME)
        assert isinstance(following(source), Back)
        assert colour_of(following(source)) == "red"


def test_of_a_film_every_frame_waits_until_it_is_asked_for(tmp_path: Path) -> None:
    colours = ["red", "green", "blue"] * 10
    place = place_named(str(film(tmp_path / "f.avi", colours)))
    with closing(open_source(place, every=True)) as source:
        frames = [following(source) for _ in colours]
        assert [colour_of(frame) for frame in frames] == colours
        assert all(isinstance(frame, Frame) for frame in frames)
        times = [frame.time for frame in frames if isinstance(frame, Frame)]
        assert times == pytest.approx([k / 25 for k in range(30)], abs=1e-3)
        assert isinstance(following(source), Ended)


def test_a_film_that_nobody_asks_plays_on(tmp_path: Path) -> None:
    place = place_named(str(film(tmp_path / "f.avi", ["red"] * 3 + ["blue"] * 3)))
    with closing(CaptureSource(place)) as source:
        assert isinstance(following(source), Frame)
        assert wait([source.pipe], LONG), "it is over"
        assert isinstance(following(source), Ended)


def watched(folder: Path) -> FolderSource:
    folder.mkdir(exist_ok=True)
    source = open_source(place_named(str(folder)))
    assert isinstance(source, FolderSource)
    return source


def test_a_file_counts_once_it_no_longer_grows(tmp_path: Path) -> None:
    whole = image_file(tmp_path / "whole.jpg", "red").read_bytes()
    folder = tmp_path / "in"
    image_file(folder / "before.jpg", "blue")
    source = watched(folder)
    growing = folder / "growing.jpg"
    for end in (0, len(whole) // 2, len(whole) - 1, len(whole)):
        growing.write_bytes(whole[:end])
        assert source.look() == [], end
    assert source.look() == [growing]
    assert source.look() == [], "each once"
    growing.write_bytes(whole + whole)
    assert [source.look(), source.look()] == [[], [growing]], "unless it changes"
    growing.unlink()
    assert source.look() == []
    assert list(source.given) == [folder / "before.jpg"], "what went is forgotten"


def test_a_folder_gives_images_and_says_what_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    with closing(watched(folder)) as source:
        image_file(folder / "deep" / "b.jpg", "green")
        (folder / "a.jpg").write_bytes(b"\xff\xd8\xff no image")
        (folder / "notes.txt").write_text("not looked at")
        unusable, frame = following(source), following(source)
        assert isinstance(unusable, Unusable)
        assert unusable.path.endswith("a.jpg")
        assert colour_of(frame) == "green"
        assert isinstance(frame, Frame)
        assert Path(frame.path) == folder / "deep" / "b.jpg"


def test_a_folder_that_goes_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    with closing(watched(folder)) as source:
        folder.rename(tmp_path / "elsewhere")
        assert isinstance(following(source), Lost)
        image(folder / "new.jpg")
        assert isinstance(following(source), Back)
        assert isinstance(following(source), Frame)


def test_an_image_of_a_film_is_as_it_was_drawn(tmp_path: Path) -> None:
    place = place_named(str(film(tmp_path / "f.avi", ["blue"])))
    with closing(open_source(place, every=True)) as source:
        frame = following(source)
        assert isinstance(frame, Frame)
        assert abs(frame.image.astype(int) - drawn("blue")).max() < 8


def test_what_comes_while_a_folder_gets_other_settings_is_given(tmp_path: Path) -> None:
    """A folder that was empty, and one file that was on its way when the settings changed."""
    place = place_named(str(tmp_path))
    open_source(place).close()
    image_file(tmp_path / "a.png", "red")
    source = open_source(place, go_on=True)
    with closing(source):
        assert colour_of(following(source)) == "red"
        image_file(tmp_path / "b.png", "green")
        assert colour_of(following(source)) == "green"
    image_file(tmp_path / "c.png", "blue")
    with closing(open_source(place, go_on=True)) as source:
        assert colour_of(following(source)) == "blue"
    with closing(open_source(place)) as source:
        assert source.next(2.0) is None, "one who begins anew asks for what comes from now on"

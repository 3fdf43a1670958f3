"""A film taken apart: frames that differ enough become images, each with its time code."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from engine.errors import Refused
from engine.events import Progress, Work
from engine.images.folders import FoundImages
from engine.images.formats import junk
from engine.images.near_duplicates import NEAR
from engine.images.thumbnail import perceptual_hash
from engine.learning.importing import look_for
from engine.live.places import EXTRA, is_film
from engine.live.stamped import stamped
from engine.system.guarded import Limits, Send, Sentences, guarded
from engine.system.progress import Eta

if TYPE_CHECKING:
    import cv2

A_SECOND = 5.0
"""So many frames of a second are looked at."""
SMALL = 128
"""Pixels of the shorter side at which frames are compared."""
MOST = 20_000
"""Frames of one film at most."""
QUALITY = 92
AHEAD = 8
"""So many frames wait to be made into files."""
MEMORY = 4 << 30
PACKET = 188
"""Bytes of a packet of a transport stream; cameras put four before each."""
NO_CLASS = (
    "A film has no class by itself. Say into which class its frames go, put it into a folder with "
    "the class's name, or add it unsorted: its frames then wait to be named."
)


@dataclass(frozen=True)
class Kept:
    """A frame that differs from all before: its time code in seconds, and a JPEG."""

    seconds: float
    content: bytes


@dataclass(frozen=True)
class Reached:
    """How far the process is, in thousandths of the film."""

    done: int


def images_in(paths: Sequence[str], into: str, nested: bool, folder: Path) -> Work[FoundImages]:
    """What was dropped, with the frames of films, which are taken apart into `folder`. Raises
    Refused where there is nothing."""
    if any(map(is_film, paths)) and not into:
        raise Refused(NO_CLASS)
    films = yield from taken_apart(paths, folder)
    found = look_for(films.paths, into, nested, films.inside)
    found.frames = films.shown
    return found


@dataclass
class TakenApart:
    """`paths` are those that were given, with their frames in the stead of films. `inside`: films
    in folders, each with its frames or why it is left out. `shown`: for each frame the name that a
    person reads, film.mp4/0.01.23.400.jpg."""

    paths: list[str]
    inside: dict[Path, Sequence[Path] | str] = field(default_factory=dict)
    shown: dict[Path, Path] = field(default_factory=dict)


def taken_apart(paths: Sequence[str], folder: Path) -> Work[TakenApart]:
    """Films among `paths`, and those inside their folders, are taken apart into `folder`.

    Raises Refused where one that is named itself can't be read, or the extra is missing; of one in
    a folder that is why it is left out.
    """
    films = [path for path in paths if is_film(path) and os.path.isfile(path)]
    made = TakenApart([path for path in paths if path not in films])
    places = (folder / str(number) for number in itertools.count())
    for path in dict.fromkeys(films):
        made.paths += map(str, (yield from frames_into(made, Path(os.path.abspath(path)), places)))
    for film in films_inside(made.paths):
        try:
            made.inside[film] = yield from frames_into(made, film, places)
        except Refused as reason:
            made.inside[film] = str(reason)
    return made


def films_inside(paths: Sequence[str]) -> list[Path]:
    """The films in folders, and in those below, in the order of their names."""
    found = set[Path]()
    for path in paths:
        for place, _, names in os.walk(os.path.abspath(path)):
            films = (Path(place, name) for name in names if is_film(name) and not junk(name))
            found |= {film for film in films if film.is_file() and not is_program(film)}
    return sorted(found)


def is_program(path: Path) -> bool:
    """Whether what is called like a transport stream is TypeScript, of which folders are full: a
    stream begins each packet with a G."""
    if path.suffix.lower() not in (".ts", ".mts"):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(2 * PACKET)
    except OSError:
        return True
    return not any(head[at : at + 1] == head[2 * at + PACKET :][:1] == b"G" for at in (0, 4))


def frames_into(made: TakenApart, film: Path, places: Iterator[Path]) -> Work[list[Path]]:
    """The frames of a film, as files in the next of `places`."""
    if find_spec("cv2") is None:
        raise Refused(EXTRA)
    place = next(places)
    place.mkdir()
    frames = yield from frames_of(film, place)
    made.shown |= {frame: film / frame.name for frame in frames}
    return frames


def frames_of(film: Path, folder: Path) -> Work[list[Path]]:
    """Writes the frames of a film that differ enough into `folder`."""
    yield Progress(0, None, f"Looking through {film.name}")
    pace = Eta(1000, f"Looking through {film.name}")
    frames: list[Path] = []
    words = guarded(apart, film, limits=Limits(memory=MEMORY), said=sentences(film))
    with contextlib.closing(words):
        for word in words:
            if isinstance(word, Kept):
                frames.append(folder / f"{time_code(word.seconds)}.jpg")
                frames[-1].write_bytes(word.content)
            else:
                yield pace.at(word.done)
    if not frames:
        raise Refused(f"“{film.name}” can't be read as a film. It is damaged, or no film.")
    return frames


def sentences(film: Path) -> Sentences:
    again = "Get it again, or save it as MP4."
    return Sentences(
        Refused,
        f"“{film.name}” takes far too long to read. {again}",
        f"“{film.name}” needs more memory than there is to read it. {again}",
        f"“{film.name}” can't be read to its end: what read it broke off. {again}",
    )


def time_code(seconds: float) -> str:
    """As a part of a file's name, in the order of time: 0.01.23.400."""
    thousandths = round(1000 * max(0.0, seconds))
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}.{minutes:02}.{rest // 1000:02}.{rest % 1000:03}"


# In the process that reads the film.


def apart(send: Send, film: Path) -> None:
    """Sends Kept for each frame that differs from all that were kept before, and Reached between.

    A frame differs where more than NEAR of the 64 bits of its perceptual hash do.
    """
    import cv2

    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    video = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
    rate = video.get(cv2.CAP_PROP_FPS)
    rate = rate if 0 < rate < 1000 else 25.0
    total = max(1.0, video.get(cv2.CAP_PROP_FRAME_COUNT))
    began = datetime.fromtimestamp(film.stat().st_mtime) - timedelta(seconds=total / rate)
    step, told = max(1, round(rate / A_SECOND)), 0
    known = np.zeros(MOST, np.uint64)
    kept = 0
    with ThreadPoolExecutor(1) as pool:
        files = Files(send, pool)
        for index, frame in looked_at(video, step):
            mark = np.uint64(int(hash_of(frame), 16))
            if not kept or np.bitwise_count(known[:kept] ^ mark).min() > NEAR:
                known[kept], kept = mark, kept + 1
                files.keep(index / rate, frame, began + timedelta(seconds=index / rate))
                if kept == MOST:
                    break
            if (done := min(999, int(1000 * index / total))) > told:
                told = done
                send(Reached(done))
        files.flush()


def looked_at(video: cv2.VideoCapture, step: int) -> Iterator[tuple[int, np.ndarray]]:
    """Every so many of a film's frames, with its number: uint8 (height, width, 3), BGR."""
    for index in itertools.count():
        if not video.grab():
            return
        if index % step == 0:
            there, frame = video.retrieve()
            if there:
                yield index, frame


class Files:
    """Frames that are kept, sent in their order as files, which are made in another thread: that
    takes about as long as reading the film."""

    def __init__(self, send: Send, pool: ThreadPoolExecutor) -> None:
        self.send, self.pool = send, pool
        self.waiting: deque[tuple[float, Future[bytes]]] = deque()

    def keep(self, seconds: float, frame: np.ndarray, when: datetime) -> None:
        self.waiting.append((seconds, self.pool.submit(as_jpeg, frame, when)))
        self.flush(AHEAD)

    def flush(self, most: int = 0) -> None:
        """Sends what is made, and waits for the first of what is more than `most`."""
        while self.waiting and (len(self.waiting) > most or self.waiting[0][1].done()):
            seconds, made = self.waiting.popleft()
            self.send(Kept(seconds, made.result()))


def hash_of(frame: np.ndarray) -> str:
    """The perceptual hash of a frame uint8 (height, width, 3), made small first."""
    import cv2

    scale = SMALL / min(frame.shape[:2])
    if scale < 1:
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return perceptual_hash(Image.fromarray(np.ascontiguousarray(frame[:, :, ::-1])))


def as_jpeg(frame: np.ndarray, when: datetime) -> bytes:
    """A frame as a file that says when it was taken, to the second: a film's file is as old as its
    end, so its frames are told by that, and one that was copied without its time is younger.

    By OpenCV, which lets the film be read on meanwhile, as Pillow does not.
    """
    import cv2

    _, made = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return stamped(made.tobytes(), when)

"""Jobs of “From a camera”: what is seen while a button is held becomes images of a class."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from engine.errors import Refused, UnusableImage
from engine.events import Progress, Watched, Work
from engine.images.decode import open_image
from engine.jobs import job
from engine.jobs.learn import learn_found
from engine.learning.holding import holding_of
from engine.learning.importing import look_for
from engine.live.events import Ended, Frame, Lost
from engine.live.looking import Looking
from engine.live.places import place_named
from engine.live.sources import open_source
from engine.live.taking import frame_files, gap_of
from engine.live.watching import MOMENT
from engine.results.learn import FolderLearnt
from engine.results.live import FramesHeld, FramesSeen
from engine.session import Session

Frames = Sequence[tuple[float, bytes]]


@job("Look through a camera", reads=True)
def look(session: Session, *, source: str) -> Work[FramesSeen]:
    """Tells what a camera sees, as large as frames are learnt, with the answer of what is learnt
    and held by now, until it is cancelled; of a film until it is over."""
    seen, holding = 0, holding_of(session)
    place = place_named(source)
    with closing(open_source(place)) as opened:
        yield Progress(0, None, f"Looking through {place.title}")
        holding.clear()
        looking = Looking(session, holding)
        try:
            while not isinstance(event := opened.next(MOMENT), Ended):
                if isinstance(event, Frame):
                    seen += 1
                    yield looking.told(event)
                elif isinstance(event, Lost):
                    yield Watched(lost=event.sentence)
                else:
                    yield Progress(seen, None, f"Looking through {place.title}")
        finally:
            holding.clear()
    return {"frames": seen}


@job("Learn while the button is held", reads=True)
def hold_frames(session: Session, *, hold: int, frames: Frames, into: str) -> Work[FramesHeld]:
    """Learns frames of a hold that goes on, in memory alone, so that `look` answers by them. They
    are stored by `learn_frames`, once for the whole hold. Without frames the network is loaded, so
    that the first answer comes sooner."""
    yield Progress(0, None, "Learning")
    preprocessing = session.backbone().preprocessing
    if not frames:
        session.extractor()(np.zeros((1, preprocessing.size, preprocessing.size, 3), np.uint8))
        return {"images": 0}
    images = []
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        for path in frame_files(frames, Path(folder), Path("camera")):
            try:
                images.append(open_image(path, preprocessing))
            except UnusableImage as reason:
                raise Refused(f"A frame can't be used. {reason}") from reason
    return {"images": holding_of(session).add(session, hold, into.strip(), images)}


@job("Learn what a camera saw")
def learn_frames(
    session: Session, *, frames: Frames, source: str, into: str, hold: int = 0
) -> Work[FolderLearnt]:
    """Puts the frames of a hold, each with its time (seconds since 1970) and a JPEG, into a class
    and learns them. They are copied into the project, and all of them are one burst."""
    try:
        if not into.strip():
            raise Refused("A class needs a name. Type one.")
        project = session.require()
        camera = project.path / place_named(source).title.strip("“”").replace("/", " ")
        with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
            shown = frame_files(frames, Path(folder), camera)
            found = look_for([str(path) for path in shown], into.strip())
            found.frames = shown
            gap = gap_of(frames)
            return (yield from learn_found(session, found, True, "", None, gap, held=True))
    finally:
        holding_of(session).drop(hold)

"""What a camera shows, answered by what is learnt and by what a button that is held brings."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import Refused, UnusableImage
from engine.events import Watched
from engine.learning.holding import Holding
from engine.live.answering import answering_of
from engine.live.events import Frame
from engine.live.smoothing import Smoothing
from engine.live.watching import preview
from engine.models.backbone import Model
from engine.predict.answers import project_answerer
from engine.predict.asked import Answered, Answerer
from engine.predict.table import KNOWN, answer_of, verdict
from engine.session import Session
from engine.system.progress import Every

TAKEN = 1280
"""The longer side of frames that can be learnt, in pixels."""
QUALITY = 95
"""Of the JPEG that is learnt: frames that are asked later come without its losses. At 80, a third
of a small noisy camera's later frames were “none of these”, though rightly told apart."""
SMALL = 16
"""Rows and columns of the greys by which frames are compared."""
LOOK_AGAIN = 0.2
"""Seconds between two looks whether more was learnt."""
HALF_LIFE = 0.3


class Looking:
    """Whoever can answer by now is asked; before anything was learnt, nobody."""

    def __init__(self, session: Session, holding: Holding) -> None:
        self.session, self.holding = session, holding
        self.project = answering_of(session, "", 0.0)
        self.again = Every(LOOK_AGAIN, at_once=True)
        self.held: tuple[Model, Answerer] | None = None
        self.asked: Answerer | None = None
        self.smoothing = Smoothing(HALF_LIFE)

    def who(self) -> Answerer | None:
        """The model that knows what is held, else the project's; None where there is none."""
        model = self.holding.model_for(self.session.require())
        if model is not None:
            if self.held is None or self.held[0] is not model:
                # A few frames of one moment don't tell how far others of the same thing may be:
                # until the hold is stored, nothing is none of these.
                open_to_all = replace(model, threshold=math.inf)
                self.held = model, project_answerer(open_to_all, self.session.extractor())
            return self.held[1]
        try:
            return self.project()
        except Refused:  # nothing was learnt yet
            return None

    def told(self, frame: Frame) -> Watched:
        """A frame as the window shows it, with its answer where there is one."""
        if self.again.due():
            self.asked = self.who()
        image = preview(frame.image, TAKEN, QUALITY)
        seen = Watched(index=frame.index, time=frame.time, image=image, small=small(frame.image))
        return self.answered(seen, frame, self.asked) if self.asked is not None else seen

    def answered(self, seen: Watched, frame: Frame, asked: Answerer) -> Watched:
        """The same with the smoothed answer of whoever is asked."""
        try:
            pixels = asked.prepare(Image.fromarray(frame.image))
        except UnusableImage:
            return seen
        probabilities, distances = asked.run(pixels[None])
        smooth = self.smoothing.add(frame.time, probabilities[0], float(distances[0]))
        one = Answered(Path("."), *smooth)
        what, (name, share) = verdict(asked, one), answer_of(asked, one)
        return replace(
            seen,
            verdict=what,
            answer=name if what == KNOWN else "",
            share=share,
            latest=asked.class_names[int(probabilities[0].argmax())],
            classes=dict(zip(asked.class_names, map(float, smooth[0]), strict=True)),
        )


def small(image: np.ndarray) -> bytes:
    """A frame uint8 (height, width, 3) in SMALL x SMALL greys, each the mean of its part."""
    grey = Image.fromarray(image).convert("L")
    return grey.resize((SMALL, SMALL), Image.Resampling.BOX, reducing_gap=2.0).tobytes()

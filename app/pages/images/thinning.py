"""Which frames of a camera are taken while a button is held: those that differ, five a second at
most.

Frames are compared by their means in 16 x 16 parts, as greys from 0 to 255. A camera's noise moves
these by less than a half; a thing that is moved in a hand moves them by 2 to 5 in a fifth of a
second.
"""

from __future__ import annotations

from operator import sub

EVERY = 0.2
"""Seconds at least between two frames that are taken."""
STILL = 2.0
"""Seconds after which one is taken even though nothing moves."""
DIFFERENT = 1.5
"""How far the parts of a frame differ in the mean from those of every frame that was taken."""
MOST = 300
"""Frames of one hold."""


class Thinning:
    """The frames of one hold, by when they were taken (seconds) and how they look in small.

    >>> thinning = Thinning()
    >>> dark, bright = bytes(256), bytes([9] * 256)
    >>> [thinning.takes(0.0, dark), thinning.takes(0.1, bright), thinning.takes(0.3, bright)]
    [True, False, True]
    >>> [thinning.takes(0.6, dark), thinning.takes(0.9, bright), thinning.takes(2.5, bright)]
    [False, False, True]
    """

    def __init__(self) -> None:
        self.last = 0.0
        self.taken: list[bytes] = []

    def takes(self, at: float, small: bytes) -> bool:
        """Whether a frame is taken; if so, later ones are compared with it."""
        passed = at - self.last
        if self.taken and (passed < EVERY or len(self.taken) >= MOST):
            return False
        if self.taken and passed < STILL and self.like(small):
            return False
        self.last = at
        self.taken.append(small)
        return True

    def like(self, small: bytes) -> bool:
        """Whether it looks like one that was taken; the latest are the likeliest."""
        most = DIFFERENT * len(small)
        return any(sum(map(abs, map(sub, small, one))) < most for one in reversed(self.taken))

"""What can go wrong, as small classes with one sentence for the person.

The sentence says what happened, what was kept and what to do. Anything else that escapes a job is
a defect of the program, and is reported as such.
"""

from __future__ import annotations


class EspalierError(Exception):
    """The root: a job that raises one of these ends as refused, with its sentence."""


class EndEarly(Exception):
    """Raised in a job that was asked to end with what it has; one that has nothing lets it pass."""


class Refused(EspalierError):
    """What was asked for can't be done, and nothing was changed."""


class UnusableImage(EspalierError):
    """One file is no image that can be learnt from; the rest goes on."""


class UnusableWeights(EspalierError):
    """A weights file is unsafe, broken, or of no network that is known here."""


class UnusableProject(EspalierError):
    """A project folder can't be opened; it was not changed."""


class BadSetting(EspalierError):
    """A setting has an unknown name or a value out of its range."""


class ProcessLost(EspalierError):
    """Of the processes that train together one is gone: all are started again."""


class Diverged(EspalierError):
    """The loss became NaN or infinite; the last checkpoint before that is kept."""

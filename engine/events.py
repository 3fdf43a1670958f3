"""What the engine can say: a closed vocabulary of frozen values.

An event crosses from the engine process to the window, so it holds plain values only: no
tensors, no Qt, no open files. A job yields events; the worker hands them on in order.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, repeat
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

R = TypeVar("R")
How = Literal["done", "cancelled", "refused", "failed", "lost"]

CANCEL, FINISH = "cancel", "finish"
"""How a job is asked to stop: at once, or with what it has."""


@dataclass(frozen=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True)
class Started(Event):
    """A job began. `title` is what a person reads in the job bar."""

    job: str
    title: str


@dataclass(frozen=True)
class Progress(Event):
    """How far a job is. `total` is None while it is not known; `seconds_left` is an estimate."""

    done: int
    total: int | None
    doing: str
    seconds_left: float | None = None


@dataclass(frozen=True)
class Step(Event):
    """One step inside a learner or a tuner, with its figures by name (loss, rate, accuracy)."""

    done: int
    total: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class LayerState(Event):
    """How each stage learns in one step of a tuning run, from the stem to the head.

    `rates` are learning rates, 0 where a stage is frozen; `cached` says that what the stage gives
    is read from what was kept; `reasons` are sentences for the person. `updates` are the sizes of
    the stages' changes since the state before, as shares of their weights; empty where not
    measured.
    """

    done: int
    total: int
    stages: tuple[str, ...]
    rates: tuple[float, ...]
    frozen: tuple[bool, ...]
    cached: tuple[bool, ...]
    reasons: tuple[str, ...]
    updates: tuple[float, ...] = ()


@dataclass(frozen=True)
class LayerPlan(Event):
    """What a schedule will do, before it does it: a LayerState for some hundred steps.

    `steps` are the places of the columns; the other fields have a row for each stage, and in it a
    value for each of `steps`.
    """

    total: int
    stages: tuple[str, ...]
    steps: tuple[int, ...]
    rates: tuple[tuple[float, ...], ...]
    frozen: tuple[tuple[bool, ...], ...]
    cached: tuple[tuple[bool, ...], ...]
    reasons: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Scored(Event):
    """A step of learning was scored on held-out images."""

    step: StepView


@dataclass(frozen=True)
class Candidate(Event):
    """A subnet was measured on the project's classes, or is predicted to be worth it.

    `architecture` is its text, `title` what a person reads. Milliseconds are for one image;
    `error_ms` is how far predictions were off on networks that had no part in the fit.
    `measured_ms` is None until it was timed. `accuracy` is a share of validation images; `front`
    says that no other found so far is both faster and at least as accurate.
    """

    architecture: str
    title: str
    predicted_ms: float
    error_ms: float
    measured_ms: float | None
    accuracy: float
    macs: int
    parameters: int
    memory: int
    file_bytes: int
    front: bool = False


@dataclass(frozen=True)
class Watched(Event):
    """A frame of a source that is watched was answered, or, with `lost`, nothing comes from it.

    `index` counts the source's frames, `dropped` those that were not answered; `time` is in seconds
    since it began, in a film its time code. `verdict` is "known", "none of these" or "not sure",
    `answer` the class or group and `share` its probability; `classes` are all probabilities; all of
    these are smoothed. `latest` is the likeliest class of this frame alone. `milliseconds` are what
    grabbing, decoding, resizing and the network took, and `age`: how old the frame was when it was
    answered. `image` is a JPEG for the window, or empty; `path` a file of a watched folder, and
    `reason` why that can't be used. Where frames can be learnt, `small` is one in 16 x 16 greys, a
    byte each.
    """

    index: int = -1
    time: float = 0.0
    verdict: str = ""
    answer: str = ""
    share: float = 0.0
    latest: str = ""
    classes: Mapping[str, float] = field(default_factory=dict)
    per_second: float = 0.0
    dropped: int = 0
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    image: bytes = b""
    path: str = ""
    reason: str = ""
    lost: str = ""
    small: bytes = b""


@dataclass(frozen=True)
class Said(Event):
    """A sentence is said. `mouth` is how far a mouth is open, from 0 to 1, in each `step` seconds
    of the `seconds` that it takes; `at` is when it began to be heard, on the clock of
    time.perf_counter, which all processes of a computer share; 0 where it went into a file."""

    text: str
    seconds: float
    mouth: tuple[float, ...]
    step: float
    at: float = 0.0


@dataclass(frozen=True)
class Changed(Event):
    """The project changed. `project` is a frozen snapshot; None when the project was closed."""

    what: str
    project: ProjectView | None


@dataclass(frozen=True)
class Notice(Event):
    """One sentence that a person should read, with details for who wants them."""

    text: str
    level: Literal["info", "warning"] = "info"
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Saved(Event):
    """Something is safe on disk from here on, whatever happens next."""

    what: str
    path: str = ""


@dataclass(frozen=True)
class Ended(Event):
    """A job's last event. `text` is one sentence; `result` is what the job returned."""

    how: How
    text: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    def of(self, kind: type[R]) -> R:
        """The result by its type (engine/results.py). Raises TypeError where it is another's."""
        if self.how != "done":
            raise TypeError(f"A job that ended as {self.how} gives no {kind.__name__}.")
        return checked(kind, self.result, kind.__name__)


@dataclass(frozen=True)
class ClassView:
    """A class as the window shows it; counts are of images."""

    id: int
    name: str
    train: int
    validation: int
    learnt: bool
    """True when the current step has learnt exactly the class's present training images."""
    known: bool = False
    """True when the model in use can answer with this class, from whatever images it learnt."""
    accuracy: float | None = None
    hint: str = ""
    within: str = ""
    """The group that it is within, and those around it: "moths/hawk-moths"."""

    @property
    def images(self) -> int:
        return self.train + self.validation


@dataclass(frozen=True)
class StepView:
    """One step of learning, in short. Accuracies are shares from 0 to 1 of validation images."""

    id: int
    number: int
    title: str
    when: str
    learner: str
    settings: Mapping[str, Any]
    backbone: str
    classes: tuple[str, ...]
    new_classes: tuple[str, ...]
    accuracy: float | None
    old_accuracy: float | None
    new_accuracy: float | None
    average_incremental_accuracy: float | None
    forgetting: float | None
    backward_transfer: float | None
    seconds: Mapping[str, float]
    scored_on: str = "validation images"
    backbone_title: str = ""
    """What a person calls the backbone."""
    choice: Mapping[str, Any] | None = None
    """Which of several methods was chosen, and why (results.scores.Choice)."""
    tested: int = 0
    """How many validation images the accuracy stands on; 0 where there is no accuracy."""
    current: bool = False


@dataclass(frozen=True)
class ProjectView:
    """A frozen snapshot of a project. Images are asked for page by page, not carried here."""

    path: str
    name: str
    backbone: str
    input_size: int
    device: str
    learner: str
    settings: Mapping[str, Any]
    classes: tuple[ClassView, ...]
    steps: tuple[StepView, ...]
    undo: tuple[str, ...]
    """Titles of the gestures that can be undone, oldest first."""
    redo: tuple[str, ...]
    """Titles of the gestures that can be done again, next first."""
    conflicts: int
    skipped: int
    hints: tuple[str, ...] = ()
    read_only: bool = False
    features: str = "pooled"
    """Those of the network's last stage, or "moments" of one before it, too, maybe "-roots" and
    "-mirror" (models/growth.py)."""
    backbone_title: str = ""
    """What a person calls the backbone."""
    data_licence: str = ""
    """Under what terms the images are, in a person's words; empty where nothing is said."""
    unsorted: int = 0
    """Images that wait for a class; those that were set aside are not among them."""
    burst_gap: float = 60.0
    """Seconds after which an image of a camera belongs to another burst."""
    promise: float = 0.0
    """What share of the answers may be wrong; 0: nothing is promised."""
    recent_images: int = 0
    """So many of each class are learnt, the newest; 0: all."""
    recent_days: float = 0.0
    """Those of so many days before the newest one are learnt; 0: all."""
    recent_formula: str = ""
    """Which these are, in words."""

    @property
    def images(self) -> int:
        return sum(c.images for c in self.classes)

    @property
    def current_step(self) -> StepView | None:
        return next((s for s in self.steps if s.current), None)


Work = Generator[Event, None, R]
"""A job, or a part of one: it yields events and returns an R."""


# What crosses between the processes besides events: results, which are plain values too.

SOME = 8
"""So many values of a list are looked at: they are alike, and there can be 100,000."""
OPEN: set[Any] = set()
hints = cache(get_type_hints)


def with_more(kind: type[R]) -> type[R]:
    """Marks a TypedDict to which plug-ins add keys that only they know."""
    OPEN.add(kind)
    return kind


def checked(kind: type[R], given: Any, at: str) -> R:
    """Plain values as a type, mostly a TypedDict. Raises TypeError, which says what differs."""
    if why := difference(kind, given, at):
        raise TypeError(why)
    return given


@cache
def taken_apart(kind: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """What a type is of, its parts, and whether it is a TypedDict: looked up for each answer."""
    return get_origin(kind) or kind, get_args(kind), is_typeddict(kind)


def place(at: Any) -> str:
    """Where a value is, in words: a name, or a pair of where it is in and its key there."""
    if isinstance(at, str):
        return at
    outer, key = at
    return f"a key of {place(outer)}" if key is OPEN else f"{place(outer)}[{key!r}]"


def difference(kind: Any, given: Any, at: Any) -> str:
    """What of some values is not of a type, in a sentence; empty where all is. `at` is a `place`.

    Types are exact, for some of NumPy's scalars are floats and would bring NumPy to the window.
    """
    origin, parts, typed_dict = taken_apart(kind)
    if origin is Any:
        return ""
    if origin in (Union, UnionType):
        found = [difference(part, given, at) for part in parts]
        return found[0] if all(found) else ""
    wanted = dict if typed_dict else origin
    if type(given) is not wanted and (wanted, type(given)) != (float, int):
        name = getattr(kind, "__name__", kind)
        return f"{place(at)} is {given!r:.80} of {type(given)}, not {name}"
    if not parts and not typed_dict:
        return ""
    if typed_dict:
        if lost := sorted(kind.__required_keys__ - given.keys()):
            return f"{place(at)} has no {lost[0]!r}"
        if kind not in OPEN and (more := sorted(given.keys() - hints(kind).keys())):
            return f"{place(at)} has {more[0]!r}, which {kind.__name__} has not"
        inside: list[tuple[Any, Any, Any]]
        inside = [(part, given[k], (at, k)) for k, part in hints(kind).items() if k in given]
    elif wanted is dict and parts:
        some = list(islice(given.items(), SOME))
        inside = [(parts[0], key, (at, OPEN)) for key, _ in some]
        inside += [(parts[1], value, (at, key)) for key, value in some]
    elif wanted in (list, tuple) and parts:
        alike = wanted is list or parts[-1] is Ellipsis
        if not alike and len(given) != len(parts):
            return f"{place(at)} has {len(given)} values, not {len(parts)}"
        kinds = repeat(parts[0], min(len(given), SOME)) if alike else parts
        inside = [(k, v, (at, n)) for n, (k, v) in enumerate(zip(kinds, given, strict=False))]
    else:
        inside = []
    return next(filter(None, (difference(*each) for each in inside)), "")

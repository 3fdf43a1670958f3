"""Jobs: what a person can ask for. Each is a plain generator function that yields events.

`def my_job(session, *, setting=...) -> Work[MyResult]` yields events and returns a TypedDict that
engine/results.py declares. It may be closed between any two yields; then the project is as before,
or as at the last thing saved.

What a job shares with another one, as with its estimate, is a dataclass: `asked: MySettings`, which
is made of those settings that it has a field for.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from engine.errors import BadSetting, EndEarly, EspalierError, ProcessLost
from engine.events import CANCEL, FINISH, Ended, Event, Started, Work, checked
from engine.system.trouble import is_system, no_answer, sentence_for

if TYPE_CHECKING:
    from engine.session import Session


log = logging.getLogger(__name__)

Verb = TypeVar("Verb", bound=Callable[..., Work[Any]])


@dataclass(frozen=True)
class Job:
    """A registered job. `reads` says that it changes nothing, so it may run beside another.

    `result` is the TypedDict that it says it returns, `asked` the dataclass of settings that it
    shares with others.
    """

    name: str
    title: str
    work: Callable[..., Work[Any]]
    reads: bool
    result: Any
    asked: type[Any] | None = None


JOBS: dict[str, Job] = {}


def job(title: str, *, reads: bool = False) -> Callable[[Verb], Verb]:
    """Registers a generator function as a job, under its own name."""

    def keep(work: Verb) -> Verb:
        # Some files import Session for types alone.
        declared = get_type_hints(work, localns={"Session": object})
        result, asked = get_args(declared["return"])[-1], declared.get("asked")
        JOBS[work.__name__] = Job(work.__name__, title, work, reads, result, asked)
        return work

    return keep


def load_jobs() -> None:
    """Imports every file of verbs, so that each has registered its jobs."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def run(
    session: Session | None,
    name: str,
    settings: Mapping[str, Any],
    stopped: Callable[[], str] = lambda: "",
) -> Generator[Event, None, None]:
    """Does a job: yields Started, its events, and Ended, whatever happens in between.

    `stopped` is asked after each event, and says CANCEL, FINISH or nothing.
    """
    if name not in JOBS:  # a file of verbs may be imported alone, without PyTorch for the others
        load_jobs()
    chosen = JOBS.get(name)
    if chosen is None:
        yield Ended("refused", f"There is no job called “{name}”.")
        return
    yield Started(name, chosen.title)
    try:
        if stopped() == CANCEL:
            yield Ended("cancelled", "Cancelled before it began.")
        else:
            given = arguments(chosen, settings)
            yield from follow(chosen, chosen.work(session, **given), stopped)
    except Exception as error:
        yield end_of(session, name, error)


def end_of(session: Session | None, name: str, error: Exception) -> Ended:
    """How a job ends that an error broke off."""
    from engine.storage.trusted import damaged, is_damage

    project = getattr(session, "project", None)
    if isinstance(error, ProcessLost):
        return Ended("lost", str(error))
    if project and (why := no_answer(project.path)):  # whatever it was taken for
        log.warning("%s: %s", name, error)
        return Ended("failed", why)
    if isinstance(error, EspalierError):
        return Ended("refused", str(error))
    if project and is_damage(error):
        log.info("%s: %s", name, error)
        return Ended("refused", damaged(project.path / "project.db", error))
    if is_system(error):
        log.warning("%s: %s", name, error)
        return Ended("failed", sentence_for(error, project.path if project else None))
    # The boundary: a defect ends one job, and never the engine.
    log.error("%s failed", name, exc_info=error)
    return Ended(
        "failed",
        f"This is a defect of Espalier ({type(error).__name__}: {error}). "
        "What was saved before is kept. The log file tells more.",
    )


def arguments(chosen: Job, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a job is called with. Raises BadSetting where there is no such setting."""
    shared = {field.name for field in fields(chosen.asked)} if chosen.asked else set[str]()
    given = {name: value for name, value in settings.items() if name not in shared}
    if chosen.asked:
        given["asked"] = chosen.asked(**{n: settings[n] for n in settings if n in shared})
    try:
        inspect.signature(chosen.work).bind(None, **given)
        return given
    except TypeError as error:
        raise BadSetting(
            f"The job “{chosen.name}” can't be asked for like this: {error}."
        ) from error


def follow(chosen: Job, work: Work[Any], stopped: Callable[[], str]) -> Iterator[Event]:
    """The events of a job, its end included; closed or finished where `stopped` says so.

    Raises TypeError where it returns something else than it says.
    """
    how, finishing = "", False
    try:
        while how != CANCEL:
            finish = how == FINISH and not finishing
            finishing |= finish
            try:
                event = work.throw(EndEarly()) if finish else next(work)
            except StopIteration as end:
                yield Ended("done", "", checked(chosen.result, end.value, chosen.name))
                return
            yield event
            how = stopped()
    except EndEarly:
        pass
    finally:
        work.close()
    yield Ended("cancelled", "Cancelled. What was saved before is kept.")

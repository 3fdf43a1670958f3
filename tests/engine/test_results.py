"""What jobs return is checked on both sides of the pipe."""

# No annotations from the future, as in engine/results/: which keys are required is read from types.

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict, is_typeddict

import numpy as np
import pytest

import engine.results
from app.cli.terminal import plain
from engine.events import Ended, Progress, Work, checked, with_more
from engine.jobs import JOBS, job, load_jobs, run
from engine.registry import PluginView
from engine.results.learn import ImageAnswers

RESULTS = Path(engine.results.__path__[0])


class Row(TypedDict):
    name: str
    share: float | None


class Found(TypedDict):
    rows: list[Row]
    count: int
    by_name: dict[str, float]
    span: tuple[float, float] | None
    views: tuple[PluginView, ...]
    more: NotRequired[str]


@with_more
class Grows(TypedDict):
    name: str


RIGHT: dict[str, Any] = {
    "rows": [{"name": "moth", "share": 0.5}, {"name": "snail", "share": None}],
    "count": 2,
    "by_name": {"moth": 1},
    "span": (0.1, 0.9),
    "views": (PluginView("slda", "SLDA", "", ()),),
}


@pytest.fixture
def returns() -> Iterator[list[Any]]:
    """A job that returns what is put here."""
    put: list[Any] = []

    @job("Finding", reads=True)
    def find_for_test(session: object) -> Work[Found]:
        yield Progress(0, None, "Reading")
        return put[0]

    yield put
    del JOBS["find_for_test"]


def done(put: list[Any], result: Any) -> Ended:
    put.append(result)
    ended = [*run(None, "find_for_test", {})][-1]
    assert isinstance(ended, Ended)
    return ended


def test_every_job_says_what_it_returns() -> None:
    load_jobs()
    assert len(JOBS) > 60
    assert [job.name for job in JOBS.values() if not is_typeddict(job.result)] == []


@dataclass(frozen=True)
class Shared:
    name: str = "moth"


def test_settings_that_jobs_share_come_as_one() -> None:
    @job("Naming", reads=True)
    def name_for_test(session: object, *, asked: Shared, often: int = 1) -> Work[Grows]:
        yield Progress(0, None, "Reading")
        return {"name": often * asked.name}

    def named(**settings: Any) -> Ended:
        ended = [*run(None, "name_for_test", settings)][-1]
        assert isinstance(ended, Ended)
        return ended

    assert named().result == {"name": "moth"}
    assert named(name="snail", often=2).result == {"name": "snailsnail"}
    assert "can't be asked for like this" in named(colour="red").text
    del JOBS["name_for_test"]


def test_required_keys_can_be_told() -> None:
    """With annotations from the future all keys of a TypedDict are required, and nobody says so."""
    assert not [path for path in RESULTS.glob("*.py") if "from __future__" in path.read_text()]


@pytest.mark.parametrize(
    "result", [RIGHT, {**RIGHT, "more": "x"}, {**RIGHT, "span": None, "rows": [], "by_name": {}}]
)
def test_what_a_job_says_comes_through(returns: list[Any], result: Any) -> None:
    ended = done(returns, result)
    assert ended.how == "done", ended.text
    assert ended.of(Found) == result


WRONG = {
    "nothing": (None, "find_for_test is None"),
    "no key": ({k: v for k, v in RIGHT.items() if k != "count"}, "has no 'count'"),
    "a key too many": ({**RIGHT, "extra": 1}, "has 'extra'"),
    "NumPy's float": ({**RIGHT, "by_name": {"moth": np.float64(1)}}, "['by_name']['moth']"),
    "NumPy's whole number": ({**RIGHT, "count": np.int64(2)}, "['count']"),
    "a truth for a number": ({**RIGHT, "count": True}, "['count']"),
    "a fraction for a count": ({**RIGHT, "count": 2.0}, "['count']"),
    "a path for a key": ({**RIGHT, "by_name": {1: 1.0}}, "a key of find_for_test['by_name']"),
    "inside a row": ({**RIGHT, "rows": [{"name": "moth"}]}, "['rows'][0] has no 'share'"),
    "in the second row": ({**RIGHT, "rows": [*RIGHT["rows"], {}]}, "['rows'][2] has no 'name'"),
    "a list for a pair": ({**RIGHT, "span": [0.1, 0.9]}, "['span']"),
    "three for a pair": ({**RIGHT, "span": (0.1, 0.5, 0.9)}, "has 3 values"),
    "no view": ({**RIGHT, "views": ({"name": "slda"},)}, "['views'][0]"),
}


@pytest.mark.logs_warnings
@pytest.mark.parametrize(("result", "said"), WRONG.values(), ids=WRONG)
def test_a_job_that_returns_something_else_ends_as_a_defect_that_names_it(
    returns: list[Any], result: Any, said: str
) -> None:
    ended = done(returns, result)
    assert ended.how == "failed"
    assert "defect" in ended.text
    assert "find_for_test" in ended.text
    assert said in ended.text


def test_plugins_may_add_what_only_they_know() -> None:
    assert checked(Grows, {"name": "web", "pages": 2}, "it") == {"name": "web", "pages": 2}
    with pytest.raises(TypeError, match="has no 'name'"):
        checked(Grows, {"pages": 2}, "it")


def test_one_of_several_types_is_enough() -> None:
    seen = {"classes": {"moth": 1.0}, "known": True, "distance": 0.5, "threshold": 1.0}
    seen |= {"sure": True, "group": "", "share": 1.0, "promise": 0.0}
    answers = {"pictures": {"a.jpg": seen, "b.jpg": {"reason": "It is empty."}}}
    assert Ended("done", "", answers).of(ImageAnswers)["pictures"].keys() == {"a.jpg", "b.jpg"}
    answers["pictures"]["c.jpg"] = {"why": "It is empty."}
    with pytest.raises(TypeError, match=r"c\.jpg"):
        Ended("done", "", answers).of(ImageAnswers)


@pytest.mark.parametrize("ended", [Ended("refused", "No."), Ended("done", "", {"other": 1})])
def test_the_window_takes_no_result_for_another(ended: Ended) -> None:
    with pytest.raises(TypeError, match="Found"):
        ended.of(Found)


def test_a_long_list_costs_no_more_than_a_short_one() -> None:
    rows = [{"name": str(n), "share": None} for n in range(100_000)]
    rows[-1] = {}
    assert checked(Found, {**RIGHT, "rows": rows}, "it")["rows"] is rows


def test_views_are_printed_as_their_fields() -> None:
    view = PluginView("slda", "SLDA", "Help.", ())
    assert json.loads(json.dumps({"views": [view]}, default=plain))["views"][0]["title"] == "SLDA"

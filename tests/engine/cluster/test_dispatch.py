"""Shares of images among workers: whoever dies, hangs or lies costs its share, and no more.

Workers are threads here, which answer as real ones do until a test says otherwise.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.cluster import dispatch, shares, work
from engine.cluster.computers import Computers
from engine.cluster.dispatch import Dispatch
from engine.cluster.network import Network, network_of
from engine.cluster.receipt import Tally
from engine.cluster.shares import Wrong, opened, packed
from engine.errors import UnusableImage
from engine.images.decode import CheckedImage
from engine.models.backbones import load_backbone
from engine.models.extractor import Extractor
from engine.session import Session
from engine.storage.feature_cache import Features
from tests.helpers import image_files
from tests.helpers.projects import done

Answer = Callable[..., bytes]
SIZE, COUNT = 32, 48


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    extractor = Extractor(load_backbone("", None, SIZE), cache=tmp_path_factory.mktemp("cache"))
    found = network_of(extractor, 1)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Images in two folders, and one file that is none."""
    root = tmp_path_factory.mktemp("images")
    image_files.plain_folders(root, ["red", "teal"], COUNT // 2)
    (root / "red" / "no image.jpg").write_bytes(b"\xff\xd8 broken")
    return sorted(root.rglob("*.jpg"))


class Farm:
    """Workers by name, each a thread with a way to answer; those whose name is taken away are
    gone."""

    def __init__(self, **workers: Answer | None) -> None:
        self.workers = workers
        self.pools = {name: ThreadPoolExecutor(1) for name in workers}
        self.asked: list[tuple[str, dict[str, Any], int]] = []
        self.hung = threading.Event()

    def look(self) -> list[str]:
        return list(self.workers)

    def submit(self, what: Answer, *given: Any, worker: str, key: str, first: bool) -> Any:
        answer = self.workers.get(worker)
        if what is work.share:
            self.asked.append((worker, json.loads(given[0]), len(given[1])))
            what = answer or what
        return Coming(self.pools[worker].submit(what, *given))

    def close(self) -> None:
        self.hung.set()
        for pool in self.pools.values():
            pool.shutdown(wait=True, cancel_futures=True)


class Coming:
    """A future of Dask's, as far as the dispatch knows one."""

    def __init__(self, future: Future[bytes]) -> None:
        self.future, self.status = future, "finished"

    def add_done_callback(self, tell: Callable[[Any], None]) -> None:
        self.future.add_done_callback(tell)

    def result(self, timeout: float) -> bytes:
        return self.future.result(timeout)

    def release(self) -> None:
        self.future.cancel()


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "IMAGES", 8)
    monkeypatch.setattr(dispatch, "CHECK_EVERY", 16)


Found = list[tuple[Path, CheckedImage | UnusableImage]]


def run(network: Network, paths: list[Path], **workers: Answer | None) -> tuple[Found, Tally, Farm]:
    farm, tally = Farm(**workers), Tally("here")
    with closing(farm):
        made = Dispatch(network, paths, farm.submit, farm.look, tally)
        with closing(made.results()) as results:
            found = [one for one in results if one is not None]
    return found, tally, farm


def features(found: Found) -> np.ndarray:
    return np.stack([one.features for _, one in found if isinstance(one, CheckedImage)])  # type: ignore[misc]


@pytest.fixture(scope="module")
def alone(network: Network, paths: list[Path]) -> np.ndarray:
    """What this computer finds by itself."""
    found, tally, _ = run(network, paths)
    assert tally.here == len(paths)
    return features(found)


def test_two_workers_give_the_bits_of_one(
    network: Network, paths: list[Path], alone: np.ndarray
) -> None:
    for names in (("a",), ("a", "b")):
        found, tally, farm = run(network, paths, **dict.fromkeys(names))
        assert [path for path, _ in found] == paths
        assert (features(found) == alone).all()
        assert [path.name for path, one in found if isinstance(one, UnusableImage)] == [
            "no image.jpg"
        ]
        assert tally.images == len(paths)
        assert tally.here == 0
        assert tally.twice >= len(names)
        assert tally.equal == tally.twice
        assert {worker for worker, _, _ in farm.asked} == set(names)
        assert not any(sent for _, _, sent in farm.asked)  # they read the same files


def nans(answer: bytes) -> bytes:
    return answer[:-4] + np.float32(np.nan).tobytes()


def short(answer: bytes) -> bytes:
    return answer[:-4]


def other_images(answer: bytes) -> bytes:
    head, rest = opened(answer)
    return packed({**head, "images": head["images"][1:]}, bytes(rest))


def drifting(answer: bytes) -> bytes:
    head, rest = opened(answer)
    size = 4 * int(np.prod(head["shape"]))
    numbers = np.frombuffer(rest[-size:], "<f4") + np.float32(0.5) if size else np.empty(0)
    return packed(head, bytes(rest[: len(rest) - size]), numbers.astype("<f4").tobytes())


def no_bytes(answer: bytes) -> bytes:
    return "a text"  # type: ignore[return-value]


def endless(answer: bytes) -> bytes:
    head, rest = opened(answer)
    images = [{**one, "width": float("inf")} for one in head["images"]]
    return packed({**head, "images": images}, bytes(rest))


def nowhere(answer: bytes) -> bytes:
    return packed({"unseen": 1})


def failing(answer: bytes) -> bytes:
    return packed({"failed": "MemoryError: no room"})


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (nans, "no numbers"),
        (short, "another shape"),
        (other_images, "other images"),
        (drifting, "other features"),
        (no_bytes, "no bytes"),
        (endless, "no image has"),
        (nowhere, "can't be read"),
        (failing, "no room"),
    ],
)
def test_a_wrong_answer_costs_its_share_alone(
    network: Network, paths: list[Path], alone: np.ndarray, lie: Answer, why: str
) -> None:
    def liar(asked: bytes, contents: list[bytes]) -> bytes:
        return lie(work.share(asked, contents))

    found, tally, _ = run(network, paths, good=None, liar=liar)
    assert (features(found) == alone).all()
    assert why in tally.members["liar"].aside
    assert not tally.members["good"].aside
    assert tally.again > 0


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Honest until its first share was looked at, and then not."""
    honest, believed, agreed = iter([True]), threading.Event(), Dispatch.agreed

    def agreeing(self: Dispatch, held: Any, apart: float) -> None:
        agreed(self, held, apart)
        believed.set()

    def answer(asked: bytes, contents: list[bytes]) -> bytes:
        found = work.share(asked, contents)
        if next(honest, False):
            return found
        believed.wait()
        return drifting(found)

    monkeypatch.setattr(Dispatch, "agreed", agreeing)
    return answer


def test_whoever_lies_later_is_found_and_what_it_gave_told(
    network: Network, paths: list[Path], alone: np.ndarray, turned: Answer
) -> None:
    """Of the shares after the first some may have been believed."""
    found, tally, _ = run(network, paths, turned=turned)
    assert "other features" in tally.members["turned"].aside
    wrong = {
        path
        for (path, one), right in zip(
            [pair for pair in found if isinstance(pair[1], CheckedImage)], alone, strict=True
        )
        if (one.features != right).any()  # type: ignore[union-attr]
    }
    assert wrong <= set(tally.doubtful)
    assert wrong


def test_a_worker_that_hangs_or_goes_is_not_waited_for(
    network: Network, paths: list[Path], alone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "FIRST", 0.2)
    monkeypatch.setattr(dispatch, "LEAST", 0.2)
    monkeypatch.setattr(dispatch, "PACES", 0)
    monkeypatch.setattr(dispatch, "LOOK_EVERY", 0.0)
    farm, tally = Farm(hangs=None), Tally("here")

    def hang(asked: bytes, contents: list[bytes]) -> bytes:
        farm.hung.wait()
        return b""

    farm.workers["hangs"] = hang
    with closing(farm):
        made = Dispatch(network, paths, farm.submit, farm.look, tally)
        with closing(made.results()) as results:
            found = [one for one in results if one is not None]
    assert (features(found) == alone).all()
    assert "did not answer" in tally.members["hangs"].aside
    assert tally.here >= len(paths)


def test_what_a_worker_took_along_is_done_again(
    network: Network, paths: list[Path], alone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_EVERY", 0.0)
    farm, tally = Farm(goes=None, stays=None), Tally("here")

    def go(asked: bytes, contents: list[bytes]) -> bytes:
        farm.workers.pop("goes", None)
        farm.hung.wait()
        return b""

    farm.workers["goes"] = go
    with closing(farm):
        made = Dispatch(network, paths, farm.submit, farm.look, tally)
        with closing(made.results()) as results:
            found = [one for one in results if one is not None]
    assert (features(found) == alone).all()
    assert tally.members["goes"].row()["state"] == "gone"
    assert tally.again > 0


def test_workers_are_asked_again_after_their_scheduler_was_silent(
    network: Network, paths: list[Path], alone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_EVERY", 0.0)
    farm, tally = Farm(a=None), Tally("here")
    seen = chain([["a"], []], repeat(["a"]))
    with closing(farm):
        made = Dispatch(network, paths, farm.submit, lambda: next(seen), tally)
        with closing(made.results()) as results:
            found = [one for one in results if one is not None]
    assert (features(found) == alone).all()
    assert tally.members["a"].images > 0


def test_without_its_scheduler_this_computer_does_the_rest(
    network: Network, paths: list[Path], alone: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_EVERY", 0.0)
    farm, tally = Farm(a=None), Tally("here")
    submit = farm.submit

    def closing_soon(what: Answer, *given: Any, **how: Any) -> Any:
        if len(farm.asked) > 2:
            farm.workers.clear()
            raise OSError("the connection is closed")
        return submit(what, *given, **how)

    with closing(farm):
        made = Dispatch(network, paths, closing_soon, farm.look, tally)
        with closing(made.results()) as results:
            found = [one for one in results if one is not None]
    assert (features(found) == alone).all()
    assert 0 < tally.here < len(paths)


class Fakes(Computers):
    """The computers of a session, with threads for workers."""

    def __init__(self, farm: Farm) -> None:
        super().__init__("threads", None)
        self.farm = farm
        self.submit = farm.submit  # type: ignore[method-assign]

    def there(self) -> dict[str, Any]:
        return {name: {} for name in self.farm.look()}

    def close(self) -> None:
        self.farm.close()


def test_a_project_keeps_nothing_of_a_worker_that_began_to_lie(
    tmp_path: Path, paths: list[Path], turned: Answer
) -> None:
    """What was stored before it was found out is computed again, here."""
    packs = []
    for name, farm in (("alone", None), ("others", Farm(turned=turned))):
        session = Session()
        done(session, "new_project", path=str(tmp_path / f"{name}.espalier"), size=SIZE)
        session.use_computers(Fakes(farm) if farm is not None else None)
        result = done(session, "learn_folder", paths=[str(paths[0].parent.parent)])
        session.use_computers(None)
        key = session.require().db.execute("SELECT DISTINCT key FROM feature").fetchone()[0]
        kept = Features(session.require(), key)
        packs.append(kept.get(kept.all()))
        session.close()
    assert result["cluster"]["workers"][0]["state"] == "set aside"
    assert result["cluster"]["here"] < COUNT
    np.testing.assert_array_equal(*packs)


def test_files_that_a_worker_does_not_see_are_sent(
    network: Network, paths: list[Path], alone: np.ndarray
) -> None:
    """Another computer may have other files under the same names, or none."""

    def elsewhere(asked: bytes, contents: list[bytes]) -> bytes:
        head = json.loads(asked)
        head["probes"] = [
            (folder, path + ".gone", digest) for folder, path, digest in head["probes"]
        ]
        if not contents:
            head["paths"] = [path + ".gone" for path in head["paths"]]
        return work.share(json.dumps(head).encode(), contents)

    found, tally, farm = run(network, paths, far=elsewhere)
    assert (features(found) == alone).all()
    assert not tally.members["far"].aside
    assert tally.members["far"].images == len(paths)
    assert max(sent for _, _, sent in farm.asked) == 8


def test_an_image_that_was_sent_must_come_back_with_its_digest(
    network: Network, paths: list[Path], alone: np.ndarray
) -> None:
    def elsewhere(asked: bytes, contents: list[bytes]) -> bytes:
        if not contents:
            return packed({"unseen": [folder for folder, _, _ in json.loads(asked)["probes"]]})
        return work.share(asked, contents[::-1])

    found, tally, _ = run(network, paths, far=elsewhere)
    assert (features(found) == alone).all()
    assert "another digest" in tally.members["far"].aside


def test_a_worker_of_another_version_gets_nothing(
    network: Network, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "__version__", "9.9")
    _, tally, farm = run(network, paths, old=None)
    assert "this computer 9.9" in tally.members["old"].aside
    assert not farm.asked


def test_shares_end_where_files_say_and_nowhere_else(paths: list[Path]) -> None:
    cut = [share.paths for share in shares.cut(paths)]
    assert [path for share in cut for path in share] == paths
    assert max(map(len, cut)) == 8


def test_leaving_early_ends_everything(network: Network, paths: list[Path]) -> None:
    farm, tally = Farm(a=None), Tally("here")
    with (
        closing(farm),
        closing(Dispatch(network, paths, farm.submit, farm.look, tally).results()) as results,
    ):
        first: Iterator[Any] = (one for one in results if one is not None)
        assert next(first)[0] == paths[0]


@pytest.mark.parametrize("answer", [b"", b"\x00" * 8, packed({"images": [1, 2]})])
def test_bytes_that_are_no_answer_are_told(answer: bytes) -> None:
    share = shares.Share(0, (Path("a"), Path("b")), (1, 1))
    with pytest.raises(Wrong):
        shares.understood(answer, share, 1, 8)

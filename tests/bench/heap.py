"""One unsorted heap: how many keys sort it, what the order is worth, and how long an act takes.

    python -m tests.bench.heap FOLDER [--classes 20] [--each 150] [--weights FILE] [--size 224]
        [--work FOLDER] [--seeds 3] [--draws 5] [--orders useful,uncertain]
        [--parts keys,order,latency]

FOLDER holds class folders. Some of their images are put on one heap, and a person who is always
right sorts it by the jobs that the window uses: looks over a screenful, gives each image whose
suggestion is wrong its class, by a digit if it is among the nine likeliest, else by the first
letters of its name, and accepts the rest of the screenful by one key. That an image is clicked is
no key. A seed gives the order in which images come, and so which are drawn to judge by.
The table of `order` names so many per cent of the images, chosen at random or as most useful, and
says how many suggestions are right for a fifth of the images, that nobody chose from. Milliseconds
are those on the clock and those of the processor, which others on the computer lengthen less.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.heap import forecast, making
from engine.heap.state import HeapState
from engine.learning import material, own_answers
from engine.session import Session
from engine.storage import catalogue, unsorted
from engine.system import device
from tests.bench.common import do, finished, new
from tests.bench.given import parser_of, photos_of

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
SCREEN = 24
"""So many images are seen at once in a window of 1280 by 800."""
PAUSE = 25
"""After so many acts the person looks up, and the regularisation is chosen anew."""


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--each", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=5, help="seeds of the table of order")
    parser.add_argument("--work", type=Path, default=None, help="where what was looked at is kept")
    parser.add_argument("--orders", default="useful,uncertain")
    parser.add_argument("--parts", default="keys,order,latency")
    options = parser.parse_args()
    device.set_threads(window_open=True)
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        files = chosen(photos_of(options, Path(folder), 120), options.classes, options.each)
        project = filled(work, files, options)
        for part in options.parts.split(","):
            PARTS[part](options, project, files, Path(folder))


def chosen(folder: Path, classes: int, each: int) -> list[Path]:
    """Files of the first so many classes, so many of each."""
    found = sorted(path for path in folder.iterdir() if path.is_dir())[:classes]
    return [
        file for path in found for file in sorted(f for f in path.rglob("*") if f.is_file())[:each]
    ]


def filled(work: Path, files: list[Path], options: argparse.Namespace) -> Path:
    """A closed project with these images on its heap; made once in a folder that is kept."""
    source = " ".join(files[0].parts[-4:-2])
    name = f"heap {source} {len(files)} {options.size}"
    path = work / f"{name}.espalier"
    if not path.exists():
        session = new(work, name, weights=options.weights, size=options.size)
        clock = time.perf_counter()
        added = do(session, "add_unsorted", paths=[str(file) for file in files])
        print(f"{added['added']} images added in {time.perf_counter() - clock:.0f} s")
        session.close()
    return path


def opened(project: Path, folder: Path, name: str) -> Session:
    """A session with a copy of the project."""
    path = folder / f"{name}.espalier"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(project, path, ignore=shutil.ignore_patterns(".lock"))
    session = Session()
    do(session, "open_project", path=str(path))
    return session


def shuffled(session: Session, seed: int) -> None:
    """Draws other images to judge by, as if others had come."""
    project = session.require()
    ids = [row["id"] for row in project.db.query("SELECT id FROM unsorted ORDER BY sha256")]
    count = project.db.execute("SELECT SUM(drawn) FROM unsorted").fetchone()[0]
    with project.transaction() as db:
        db.execute("UPDATE unsorted SET drawn = 0")
        for number in random.Random(seed).sample(ids, count):
            db.execute("UPDATE unsorted SET drawn = 1 WHERE id = ?", [number])


# Keys.


@dataclass
class Person:
    """Who sorts a heap, is always right, and counts keys."""

    session: Session
    truth: dict[int, str]
    order: str
    keys: int = 0
    acts: int = 0
    asked: int = 0
    mended: int = 0
    screens: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def done(self, job: str, **settings: Any) -> dict[str, Any]:
        """What is shown after an act; now and then a person looks up."""
        clock, used = time.perf_counter(), time.process_time()
        found = do(self.session, job, order=self.order, **settings)
        self.wall.append(1000 * (time.perf_counter() - clock))
        self.cpu.append(1000 * (time.process_time() - used))
        self.acts += 1
        if self.acts % PAUSE == 0:
            visible = settings.get("visible", ())
            return do(self.session, "suggestions", order=self.order, visible=visible, settle=True)
        return found["suggestions"]

    def name(self, shown: dict[str, Any], visible: Sequence[int] = ()) -> dict[str, Any]:
        """Names the image that is asked about, or the first one."""
        row = shown["ask"] or shown["rows"][0]
        if not shown["classes"] and shown["groups"]:
            row = next(r for r in [row] if r) | {"id": shown["groups"][0][0]}
        wanted = self.truth[row["id"]]
        likely = [name for name, _ in row.get("likeliest", ())]
        choices = row.get("choices") or likely
        self.asked += row is shown["ask"]
        right = bool(likely) and likely[0] == wanted and row is not shown["ask"]
        offered = [*choices, *(n for n in shown["classes"] if n not in choices)]
        self.keys += 1 if wanted in choices else typed(wanted, offered)
        return self.done(
            "label_images",
            images=[row["id"]],
            to=wanted,
            how="accepted" if right else "typed",
            visible=visible,
        )

    def sort(self) -> dict[str, Any]:
        """Until the forecast says that the rest may be accepted, and what was drawn is named."""
        shown = do(self.session, "suggestions", order=self.order)
        accepted: dict[str, Any] = {"images": 0, "mistakes": 0.0}
        while shown["ask"] or shown["rows"]:
            if self.may_accept(shown):
                shown = do(self.session, "suggestions", order=self.order, settle=True)
                if self.may_accept(shown):
                    accepted = do(
                        self.session, "accept_above", least=0.0, really=True, order=self.order
                    )
                    self.keys += 2
                    shown = accepted["suggestions"]
                    continue
            few = len(shown["classes"]) < 2
            shown = self.name(shown) if few or shown["ask"] else self.look_over(shown)
        return accepted

    def may_accept(self, shown: dict[str, Any]) -> bool:
        """Whether nothing is left to be named one by one but what was drawn."""
        left = shown["standing"]["keys_left"]
        return bool(shown["rows"]) and not shown["ask"] and left == left_to_ask(self.session)

    def look_over(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Names what is wrongly suggested among what is seen, each learnt at once while the others
        stay where they are, and accepts the rest by one key."""
        seen = [row["id"] for row in shown["rows"][:SCREEN]]
        while True:
            rows = {row["id"]: row for row in shown["rows"]}
            wrong = [n for n in seen if rows[n]["likeliest"][0][0] != self.truth[n]]
            if not wrong or shown["ask"]:
                break
            seen.remove(wrong[0])
            shown = self.name({**shown, "rows": [rows[wrong[0]]]}, seen)
            self.mended += 1
        if shown["ask"] or not seen:
            return shown
        told = {n: tuple(rows[n]["likeliest"][0]) for n in seen}
        self.keys += 1
        self.screens += 1
        return self.done("accept_shown", shown=told)


def typed(name: str, offered: Sequence[str]) -> int:
    """Keys for a class's name: its first letters, Down past others that begin so and are offered
    before it, and Return; all letters of a new one."""
    if name not in offered:
        return len(name) + 1
    fewest = len(name) + 1
    for count in range(1, len(name)):
        alike = [other for other in offered if other.startswith(name[:count])]
        fewest = min(fewest, count + alike.index(name) + 1)
    return fewest


def left_to_ask(session: Session) -> int:
    found = session.require().db.execute("SELECT COUNT(*) FROM unsorted WHERE drawn AND NOT aside")
    return int(found.fetchone()[0])


def keys(options: argparse.Namespace, project: Path, files: list[Path], folder: Path) -> None:
    print(
        "order      seed  images  keys  an image  can't tell  mended  screens  asked   right    "
        "accepted wrong"
    )
    for order in options.orders.split(","):
        for seed in range(options.seeds):
            session = opened(project, folder, f"keys {order} {seed}")
            shuffled(session, seed)
            rows = list(session.require().db.query("SELECT id, path, sha256 FROM unsorted"))
            truth = {row["id"]: Path(row["path"]).parent.name for row in rows}
            by_hash = {row["sha256"]: truth[row["id"]] for row in rows}
            person = Person(session, truth, order)
            accepted = person.sort()
            found = session.require().db.query(
                "SELECT sha256, class.name AS class FROM image JOIN class ON class.id = class_id"
            )
            right = [by_hash[row["sha256"]] == row["class"] for row in found]
            print(
                f"{order:10} {seed:4} {len(right):7} {person.keys:5} "
                f"{person.keys / len(right):9.3f} {cannot_tell(session, by_hash):11} "
                f"{person.mended:7} {person.screens:8} "
                f"{person.asked:6} {100 * sum(right) / len(right):6.2f} % "
                f"{accepted['images']:9} {len(right) - sum(right):5}   an act: {figures(person)}",
                flush=True,
            )
            session.close()


def cannot_tell(session: Session, truth: Mapping[str, str]) -> int:
    """How many images the head could not answer, each left out of what it learnt from, if at most
    so many in all may be wrong as the forecast allows: the least sure ones."""
    found = finished(own_answers.judged(session))
    names = catalogue.class_names(session.require())
    told = [names[found.answers.classes[place]] for place in found.best]
    wrong = np.array([truth[h] != name for h, name in zip(found.hashes, told, strict=True)])
    mistakes = np.cumsum(wrong[np.argsort(-found.confidence, kind="stable")])
    return len(wrong) - int((mistakes <= (1 - forecast.WANTED) * len(wrong)).sum())


def figures(person: Person) -> str:
    parts = []
    for name, found in (("ms", person.wall), ("ms of processor", person.cpu)):
        parts.append(
            f"{np.median(found):.0f} {name} in the middle, p99 {np.percentile(found, 99):.0f}"
        )
    return "; ".join(parts)


# What an order is worth.


def order(options: argparse.Namespace, project: Path, files: list[Path], folder: Path) -> None:
    found: dict[str, list[list[float]]] = {"most useful": [], "random": []}
    for seed in range(options.draws):
        for name, rows in found.items():
            session = opened(project, folder, "order")
            rows.append(list(curve(session, seed, name == "most useful")))
            session.close()
    whole = [float(np.mean(values)) for values in zip(*found["random"], strict=True)][-1]
    heads = "".join(f"{100 * share:8.0f} %" for share in (*SHARES, 1))
    print(f"accuracy with labels of   {heads}")
    for name, rows in found.items():
        means = np.mean(rows, axis=0)
        print(f"{name:24}  " + "".join(f"{100 * value:8.1f}  " for value in means))
    gaps = np.array(found["most useful"]) - np.array(found["random"])
    worst = "".join(f"{100 * value:+8.1f}  " for value in gaps[:, :-1].min(axis=0))
    print(f"{'worst seed, less random':24}  {worst}")
    five = np.mean(found["most useful"], axis=0)[SHARES.index(0.05)]
    print(f"with 5 %: {100 * five / whole:.1f} % of the accuracy with all")


def curve(session: Session, seed: int, useful: bool) -> Iterator[float]:
    """The share of right suggestions for a fifth of the images, which nobody chooses from, after
    each share of labels of the others, and after all."""
    with session.require().transaction() as db:
        db.execute("UPDATE unsorted SET drawn = 0")
    state = finished(making.state_of(session))
    paths = {row["id"]: Path(row["path"]) for row in unsorted.rows(session.require())}
    truth = [paths[int(number)].parent.name for number in state.ids]
    mixed = np.random.default_rng(seed).permutation(np.argsort(np.array(state.hashes)))
    test, pool = mixed[: len(mixed) // 5], mixed[len(mixed) // 5 :]
    named = 0
    for share in (*SHARES, 1):
        while named < (count := round(share * len(pool))):
            left = pool[state.alive[pool]]
            some = min(12, count - named, max(2, named)) if useful and share < 1 else count - named
            picked = state.useful(left)[:some] if useful and share < 1 else left[:some]
            name_all(session, state, picked.tolist(), truth)
            named += len(picked)
            state = finished(making.state_of(session))
        making.settled(state)
        names = catalogue.class_names(session.require())
        told = [names[state.classes[place]] for place in state.told[test].argmax(axis=1)]
        yield float(np.mean([truth[place] == name for place, name in zip(test, told, strict=True)]))


def name_all(
    session: Session, state: HeapState, places: Sequence[int], truth: Sequence[str]
) -> None:
    """Names images, class by class."""
    for name in sorted({truth[place] for place in places}):
        images = [int(state.ids[place]) for place in places if truth[place] == name]
        do(session, "label_images", images=images, to=name)


# How long an act takes.


def latency(options: argparse.Namespace, project: Path, files: list[Path], folder: Path) -> None:
    """Acts on drawn features: 3,000 waiting with 20 classes, 20,000 with 100."""
    session = opened(project, folder, "latency")
    width = session.backbone().width
    session.close()
    for count, classes in ((3000, 20), (20_000, 100)):
        person = Person(drawn_heap(project, folder, count, classes, width), {}, "uncertain")
        rows = person.session.require().db.query("SELECT id, path FROM unsorted")
        person.truth = {row["id"]: Path(row["path"]).parent.name for row in rows}
        shown = do(person.session, "suggestions", order="uncertain")
        for number in range(300):
            row = shown["ask"] or shown["rows"][number % 7]
            shown = person.done("label_images", images=[row["id"]], to=person.truth[row["id"]])
        print(f"{count} wait, {classes} classes: {figures(person)}", flush=True)
        person.session.close()


def drawn_heap(project: Path, folder: Path, count: int, classes: int, width: int) -> Session:
    """A project whose heap has so many images that are features alone; each class has two."""
    session = opened(project, folder, f"latency {count}")
    held, rng = session.require(), np.random.default_rng(0)
    like = dict(next(iter(held.db.query("SELECT * FROM unsorted LIMIT 1"))))
    middles = rng.normal(size=(classes, width)).clip(0) / 2
    y = np.arange(count + 2 * classes) % classes
    x = (middles[y] + rng.normal(size=(len(y), width)) / 2).clip(0).astype(np.float32)
    hashes = [f"{number:064x}" for number in range(len(y))]
    with held.transaction() as db:
        db.execute("DELETE FROM unsorted")
        db.table("unsorted").insert_all(
            {**like, "id": n + 1, "sha256": h, "path": f"/heap/c{y[n]:03}/{n}.jpg", "drawn": 0}
            for n, h in enumerate(hashes)
        )
    material.features_by(held, session.extractor(), 1).put(hashes, x[:, None])
    for number in range(classes):
        ids = (np.flatnonzero(y == number)[:2] + 1).tolist()
        do(session, "label_images", images=ids, to=f"c{number:03}", order="time")
    return session


PARTS = {"keys": keys, "order": order, "latency": latency}


if __name__ == "__main__":
    main()

"""Labels that are swapped on purpose, and how early the list to look at again brings them.

    python -m tests.bench.review [FOLDER] [--classes 0] [--size 224] [--seeds 3] [--share 0.03]
        [--rare 0] [--planted 0] [--images 0] [--weights FILE] [--work FOLDER]

FOLDER holds class folders, or parts (train/, test/, ...) that hold them. A project learns them
once; then, for each seed, a share of all images is moved to other classes that are drawn, what
changed is learnt, and the list is asked for by the job that the window asks. Beside it, from the
same features in the same run: cleanlab's rankings with probabilities of five folds of the same head
(where cleanlab is installed; else by its formulas), leave-one-out probabilities as they are, ranks
within each class, and votes of neighbours. "in 4 %" is the share of swapped images in so much of a
ranking, "AP" its average precision. With --rare so many classes are cut to 8 images, and "blamed"
is the share of their rightly placed images that lie in the first 4 %. With --planted so many images
of a few (--images) are moved, some learnt from and some held out, and it is counted how many of
them lie among the first 15 that are shown. Beside it stands who learnt all images in their own
classes: how many of the moved ones it would bring among the same few, and how many of the others
that are shown it doubts, too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.learners import LEARNERS, Task
from engine.learners.confidence import temperature
from engine.learners.heads import logits_of
from engine.learning.look_again import Found, found, suspicion
from engine.learning.own_answers import judged
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.feature_cache import Features
from tests.bench.common import do, finished, new
from tests.bench.given import parser_of, photos_of

HEAD, FOLDS, FEW, SHOWN = 0.04, 5, 8, 15
ALONE = "leave-one-out, probability alone"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--classes", type=int, default=0, help="so many, drawn; 0: all")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--rare", type=int, default=0)
    parser.add_argument("--planted", type=int, default=0, help="so many, and no rankings")
    parser.add_argument("--images", type=int, default=0, help="with --planted; 0: all")
    parser.add_argument("--work", type=Path, default=None, help="where what was looked at is kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        project = filled(options, Path(name))
        if options.planted:
            return print_planted(options, project, Path(name))
        found: dict[str, list[list[float]]] = {}
        for seed in range(options.seeds):
            for ranking, figures in swapped(options, project, Path(name), seed).items():
                found.setdefault(ranking, []).append(figures)
    print(f"\n{'ranking':34}  in 4 %   each seed            in 3 %     AP  blamed")
    for ranking, each in sorted(found.items(), key=lambda pair: -np.mean(pair[1], axis=0)[0]):
        head, three, precision, blamed = np.mean(each, axis=0)
        seeds = " ".join(f"{100 * one[0]:5.1f}" for one in each)
        print(f"{ranking:34}{head:8.1%}   {seeds:20}{three:8.1%}{precision:7.3f}{blamed:8.1%}")


def filled(options: argparse.Namespace, folder: Path) -> Path:
    """A closed project that learnt the images; made once in a folder that is kept."""
    root, work = photos_of(options, folder), options.work or folder
    name = f"review {root.name} {options.classes} {options.size}"
    path = work / f"{name}.espalier"
    if not path.exists():
        session = new(work, name, weights=options.weights, size=options.size)
        for paths in parts(root, options.classes):
            do(session, "add_images", paths=paths)
        do(session, "learn")
        session.close()
    return path


def parts(root: Path, classes: int) -> list[list[str]]:
    """The class folders of each part, of drawn classes only."""
    inside = [path for path in sorted(root.iterdir()) if path.is_dir()]
    split = any(child.is_dir() for child in inside[0].iterdir())
    folders = inside if split else [root]
    names = sorted({path.name for part in folders for path in part.iterdir() if path.is_dir()})
    chosen = sorted(random.Random(0).sample(names, classes)) if classes else names
    return [[str(p / name) for name in chosen if (p / name).is_dir()] for p in folders]


def opened(project: Path, folder: Path) -> Session:
    path = folder / "swapped.espalier"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(project, path, ignore=shutil.ignore_patterns(".lock"))
    session = Session()
    do(session, "open_project", path=str(path))
    return session


def swapped(
    options: argparse.Namespace, project: Path, folder: Path, seed: int
) -> dict[str, list[float]]:
    """Figures of each ranking, with labels swapped by one seed."""
    session, rng = opened(project, folder), random.Random(seed)
    few = cut(session, rng, options.rare)
    before = head_of(finished(judged(session)))
    moved = swap(session, rng, options.share)
    do(session, "learn")
    session._loaded = {k: v for k, v in session._loaded.items() if k[0] != "own answers"}
    clock, used = time.perf_counter(), time.process_time()
    listed = do(session, "look_again")
    seconds, cpu = time.perf_counter() - clock, time.process_time() - used
    again = finished(found(session))
    seen = again.judged
    planted = np.isin(seen.ids, list(moved))
    print(
        f"{len(planted):,} images, {planted.sum()} swapped, {listed['lists']['wrong']} listed "
        f"({np.isin(list(moved), seen.ids[seen.wrong]).mean():.1%} of the swapped are answered "
        f"otherwise), {len(before & head_of(seen) - moved)} in the head before and after; "
        f"{seconds:.2f} s, {cpu:.2f} s of processor",
        flush=True,
    )
    x, y = features_of(session, seen.hashes), seen.truth
    rare = np.isin(y, [seen.answers.classes.index(n) for n in few]) & ~planted
    rankings = scores(seen.logs, y, x)
    rankings["Espalier: look again"] = listed_first(again, rankings[ALONE])
    session.close()
    return {name: figures(score, planted, rare) for name, score in rankings.items()}


def cut(session: Session, rng: random.Random, classes: int) -> set[int]:
    """Cuts some classes to FEW images; returns their numbers."""
    project = session.require()
    numbers = rng.sample(sorted(catalogue.class_names(project)), classes)
    for number in numbers:
        rows = project.db.query("SELECT id FROM image WHERE class_id = ?", [number])
        ids = sorted(row["id"] for row in rows)
        do(session, "remove_images", images=rng.sample(ids, max(0, len(ids) - FEW)))
    if numbers:
        do(session, "learn")
    return set(numbers)


def swap(session: Session, rng: random.Random, share: float) -> set[int]:
    """Moves a share of the images to classes that are drawn; returns their ids."""
    project, names = session.require(), catalogue.class_names(session.require())
    of = {r["id"]: r["class_id"] for r in project.db.query("SELECT id, class_id FROM image")}
    chosen = rng.sample(sorted(of), round(share * len(of)))
    to: dict[int, list[int]] = {}
    for image in chosen:
        to.setdefault(rng.choice([n for n in names if n != of[image]]), []).append(image)
    for number, images in to.items():
        do(session, "move_images", images=images, to=names[number])
    return set(chosen)


def listed_first(again: Found, rest: np.ndarray) -> np.ndarray:
    """Doubts as the list shows them; what is not listed comes after it, by another ranking."""
    score = -(-rest).argsort(kind="stable").argsort().astype(np.float64) - len(rest)
    score[again.lists["wrong"]] = -np.arange(len(again.lists["wrong"]))
    return score


def print_planted(options: argparse.Namespace, project: Path, folder: Path) -> None:
    """How many planted images come first, of each seed and of all of them."""
    whole = Whole.of(project, folder)
    tries = [first(options, project, folder, seed, whole) for seed in range(options.seeds)]
    brought, by_whole, others, doubted = (sum(each) for each in zip(*tries, strict=True))
    all_of = [sum(one[k] == options.planted for one in tries) for k in (0, 1)]
    print(
        f"in the first {SHOWN} {brought / len(tries):.2f} of {options.planted} in the mean, all of "
        f"them in {all_of[0]} of {len(tries)}; who learnt all images {by_whole / len(tries):.2f}, "
        f"all of them in {all_of[1]}; of {others} others that are shown it doubts {doubted}"
    )


@dataclass(frozen=True)
class Whole:
    """What a project says that learnt all images in their own classes, each left out.

    `logs` are what its judges say together (images, classes); `doubted` are the ids it lists.
    """

    logs: np.ndarray
    row_of: Mapping[int, int]
    column_of: Mapping[int, int]
    doubted: frozenset[int]

    @classmethod
    def of(cls, project: Path, folder: Path) -> Whole:
        session = opened(project, folder)
        again = finished(found(session))
        session.close()
        seen = again.judged
        rows = {image: row for row, image in enumerate(seen.ids.tolist())}
        columns = {number: column for column, number in enumerate(seen.answers.classes)}
        doubted = frozenset(seen.ids[again.lists["wrong"]].tolist())
        return cls(again.consensus, rows, columns, doubted)

    def first(self, classes: Mapping[int, int]) -> set[int]:
        """The SHOWN images whose classes (of ids) are the least likely."""
        own = {
            image: float(self.logs[self.row_of[image], self.column_of[number]])
            for image, number in classes.items()
            if image in self.row_of
        }
        return set(sorted(own, key=own.__getitem__)[:SHOWN])


def first(
    options: argparse.Namespace, project: Path, folder: Path, seed: int, whole: Whole
) -> tuple[int, int, int, int]:
    """How many of a few images that are planted in wrong classes lie among the first SHOWN, and by
    who learnt all; how many others are shown, and how many of these it doubts, too."""
    session, rng = opened(project, folder), random.Random(seed)
    ids = sorted(row["id"] for row in session.require().db.query("SELECT id FROM image"))
    few = options.images or len(ids)
    if few < len(ids):
        do(session, "remove_images", images=rng.sample(ids, len(ids) - few))
        do(session, "learn")
    moved = swap(session, rng, options.planted / few)
    do(session, "learn")
    rows = do(session, "look_again", limit=SHOWN)["rows"]
    now = session.require().db.query("SELECT id, class_id FROM image")
    by_whole = len(moved & whole.first({row["id"]: row["class_id"] for row in now}))
    session.close()
    brought = [row["id"] for row in rows if row["id"] in moved]
    others = [row for row in rows if row["id"] not in moved]
    doubted = sum(row["id"] in whole.doubted for row in others)
    names = ", ".join(f"{row['class']} {Path(row['path']).name}" for row in others)
    print(
        f"{len(brought)} of {len(moved)} planted, {by_whole} by who learnt all, which doubts "
        f"{doubted} of the others: {names}",
        flush=True,
    )
    return len(brought), by_whole, len(others), doubted


def head_of(seen: object) -> set[int]:
    score = suspicion(seen.logs, seen.truth)  # type: ignore[attr-defined]
    return set(seen.ids[np.argsort(-score)[: round(HEAD * len(score))]].tolist())  # type: ignore[attr-defined]


def features_of(session: Session, hashes: list[str]) -> Tensor:
    row = steps.current(session.require())
    assert row is not None
    return torch.from_numpy(Features(session.require(), row["features_key"]).get(hashes))


# Rankings: the greater, the more doubtful.


def scores(logs: np.ndarray, y: np.ndarray, x: Tensor) -> dict[str, np.ndarray]:
    """Each ranking's doubt of each image."""
    i = np.arange(len(y))
    own = logs[i, y].astype(np.float64)
    others = logs.copy()
    others[i, y] = -np.inf
    raw, calibrated = folded(x, y)
    found = {
        ALONE: -own,
        "leave-one-out, less the class's": suspicion(logs, y),
        "leave-one-out, margin": others.max(axis=1) - own,
        "leave-one-out, rank in the class": 1 - within(own, y),
        "10 nearest neighbours (SimiFeat)": 1 - votes(x, y),
    }
    for words, p in (("", raw), (", calibrated", calibrated)):
        for method in ("self_confidence", "normalized_margin"):
            found[f"cleanlab {method}{words}"] = 1 - cleanlab(y, p, method)
    found["cleanlab self_confidence, adjusted"] = 1 - cleanlab(y, raw, "self_confidence", True)
    return found


def cleanlab(y: np.ndarray, p: np.ndarray, method: str, adjust: bool = False) -> np.ndarray:
    """cleanlab's score of each label, or its formula (cleanlab/rank.py): the probability of the
    given class; that less the greatest other one, (1 + difference) / 2."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        i = np.arange(len(y))
        if adjust:
            usual = np.array([p[y == k, k].mean() for k in range(p.shape[1])])
            p = p - usual + usual.max()
            p = p / p.sum(axis=1, keepdims=True)
        others = p.copy()
        others[i, y] = -np.inf
        margin = (p[i, y] - others.max(axis=1) + 1) / 2
        return p[i, y] if method == "self_confidence" else margin
    return get_label_quality_scores(y, p, method=method, adjust_pred_probs=adjust)


def folded(x: Tensor, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of heads that learnt the other four folds: as they are, and calibrated."""
    from sklearn.model_selection import StratifiedKFold

    logits = torch.zeros(len(y), int(y.max()) + 1, dtype=torch.float64)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for known, asked in folds.split(y, y):
        logits[asked] = logits_of(learnt(x[known], y[known]).head(), x[asked]).double()
    heat = temperature(logits, torch.from_numpy(y))
    return logits.softmax(dim=1).numpy(), (logits / heat).softmax(dim=1).numpy()


def learnt(x: Tensor, y: np.ndarray) -> object:
    learner, classes = LEARNERS.make("slda"), torch.from_numpy(y)
    new: Mapping[int, Tensor] = {int(n): x[classes == n] for n in classes.unique()}
    step = max(1, len(y) // 1500)
    for _ in learner.learn(Task(new, x[::step], classes[::step])):
        pass
    return learner


def within(own: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The rank of each image in its class, as a share."""
    found = np.zeros(len(y))
    for place in np.unique(y):
        among = np.flatnonzero(y == place)
        found[among] = (own[among].argsort().argsort() + 0.5) / len(among)
    return found


def votes(x: Tensor, y: np.ndarray, k: int = 10) -> np.ndarray:
    """The share of the nearest images, by cosine, of the image's class (Zhu et al., 2022)."""
    u = torch.nn.functional.normalize(x.mean(dim=1))
    found = []
    for start in range(0, len(u), 1024):
        near = u[start : start + 1024] @ u.T
        near[torch.arange(len(near)), torch.arange(start, start + len(near))] = -2
        same = y[near.topk(k, dim=1).indices.numpy()] == y[start : start + len(near), None]
        found.append(same.mean(axis=1))
    return np.concatenate(found)


def figures(score: np.ndarray, planted: np.ndarray, rare: np.ndarray) -> list[float]:
    from sklearn.metrics import average_precision_score

    order = np.argsort(-score, kind="stable")
    head = order[: round(HEAD * len(score))]
    three = order[: int(planted.sum())]
    blamed = float(np.isin(np.flatnonzero(rare), head).mean()) if rare.any() else 0.0
    precision = float(average_precision_score(planted, score))
    total = planted.sum()
    return [planted[head].sum() / total, planted[three].sum() / total, precision, blamed]


if __name__ == "__main__":
    main()

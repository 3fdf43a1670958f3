"""A cap on features: what is kept on disk and in memory while a hundred thousand images are learnt.

    python -m tests.bench.memory [--images 100000] [--steps 20] [--cap 64] [--learner slda]

Drawn features of 20 classes, as wide as EfficientNet-Lite0's, come in steps into a project without
files of images; each step is learnt as a person's is. "features" are those on disk after the step,
"tables" the project's tables, "RSS" the process's memory; seconds are of processor time.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from engine.learners import LEARNERS
from engine.learning.material import choice, features_by
from engine.session import Session
from engine.storage import meter, steps
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.system.words import per_cent
from tests.bench.common import do, new

CLASSES, BATCH, HELD_OUT = 20, 64, 5


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        session = new(Path(folder), "memory", "efficientnet_lite0", size=64)
        do(session, "cap_features", most=round(options.cap * 1e6))
        session.require().set_facts(learner=options.learner, settings={})
        each, process = options.images // options.steps, psutil.Process()
        print("  images  features   others    tables       RSS   seconds  right")
        for number in range(options.steps):
            bring(session, number * each, each)
            clock = time.process_time()
            found = do(session, "learn")
            seconds = time.process_time() - clock
            parts = {part["part"]: part["bytes"] / 1e6 for part in meter.parts(session.require())}
            others = sum(parts.values()) - parts["features"] - parts["tables"]
            print(
                f"{(number + 1) * each:8,}{parts['features']:7.1f} MB{others:6.0f} MB"
                f"{parts['tables']:7.1f} MB{process.memory_info().rss / 1e6:7.0f} MB{seconds:10.1f}"
                f"  {per_cent(found['accuracy'])}",
                flush=True,
            )
            forget_older(session.require())
        exact(session, options)
        session.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cap", type=float, default=64)
    parser.add_argument("--learner", default="slda")
    return parser.parse_args()


def drawn(first: int, count: int, width: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Hashes, class numbers and features: the same for the same numbers of images."""
    numbers = np.arange(first, first + count)
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]
    means = np.random.default_rng(0).normal(size=(CLASSES, width)).astype(np.float32)
    noise = np.random.default_rng([1, first]).normal(size=(count, width)).astype(np.float32)
    return hashes, numbers % CLASSES + 1, means[numbers % CLASSES] + 7 * noise


def to_learn(count: int) -> np.ndarray:
    """Which of so many images are learnt; the others are held out."""
    return np.arange(count) // CLASSES % HELD_OUT != 0


def bring(session: Session, first: int, count: int) -> None:
    """Puts images and their features into the tables, as dropped folders are."""
    project, cache = session.require(), features_of(session)
    hashes, classes, x = drawn(first, count, session.backbone().width)
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        cache.put(hashes[part], x[part, None])
    with project.gesture("Add") as gesture, project.transaction(gesture) as db:
        for number in range(1, CLASSES + 1):
            db.execute(
                "INSERT OR IGNORE INTO class (id, name, made) VALUES (?, ?, '')",
                [number, f"class {number:02}"],
            )
        db.conn.executemany(
            "INSERT INTO image (class_id, sha256, path, width, height, bytes, split, phash, pack, "
            "thumb_at, thumb_length) VALUES (?, ?, ?, 1, 1, 1, ?, '0', '', 0, 0)",
            [
                (
                    int(k),
                    sha256,
                    f"/{sha256}.jpg",
                    "train" if i // CLASSES % HELD_OUT else "validation",
                )
                for i, (k, sha256) in enumerate(zip(classes, hashes, strict=True))
            ],
        )


def features_of(session: Session) -> Features:
    project = session.require()
    views = LEARNERS.make(*choice(project)).views
    return features_by(project, session.extractor(), views)


def forget_older(project: Project) -> None:
    """Removes the memory of earlier steps: what each keeps is no matter of this bench."""
    used = steps.current(project)
    assert used is not None
    for row in steps.all_rows(project):
        if row["id"] != used["id"]:
            project.blobs.path(row["memory"]).unlink(missing_ok=True)


def exact(session: Session, options: argparse.Namespace) -> None:
    """Compares what was learnt with sums over all features at once."""
    project = session.require()
    row = steps.current(project)
    assert row is not None
    kept = steps.learnt(project, row)
    assert kept is not None
    each = options.images // options.steps
    sums, counts = 0.0, np.zeros(CLASSES, np.int64)
    for number in range(options.steps):
        _, classes, x = drawn(number * each, each, session.backbone().width)
        train = to_learn(each)
        one_hot = (classes[train, None] == np.arange(1, CLASSES + 1)).astype(np.float64)
        sums, counts = sums + one_hot.T @ x[train], counts + one_hot.sum(axis=0).astype(np.int64)
    far = float(np.abs(kept.memory["sums"] - sums).max() / np.abs(sums).max())
    same = bool((kept.memory["counts"] == counts).all())
    there = len(features_of(session).all())
    print(
        f"features of {there:,} images are left; sums of all {counts.sum():,}: the same number "
        f"of each class {same}, off by {far:.0e} of the largest"
    )


if __name__ == "__main__":
    main()

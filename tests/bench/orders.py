"""Any order of steps gives the same answers: at once, in steps, reordered, with a detour.

    python -m tests.bench.orders [PHOTOS] [--weights FILE] [--size 224]

PHOTOS holds train/ and test/. Learns train/ at once; in five steps in three orders; and with one
class learnt, forgotten and learnt again. Prints how many predictions on test/ differ from those of
learning at once, and the largest difference of a probability.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from engine.session import Session
from tests.bench.common import do, new, predictions
from tests.bench.given import parser_of, parts_of


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = parts_of(options, Path(folder))
        train, test = photos / "train", photos / "test"
        names = sorted(p.name for p in train.iterdir())
        once = new(Path(folder), "once", weights=options.weights, size=options.size)
        do(once, "learn_folder", paths=[str(train / n) for n in names])
        expected = predictions(once, test)
        for seed in range(3):
            order = random.Random(seed).sample(names, len(names)) if seed else names
            session = new(Path(folder), f"order {seed}", weights=options.weights, size=options.size)
            in_steps(session, train, order)
            compare(f"five steps, order {seed}", expected, predictions(session, test))
            if seed == 2:
                detour(session, order[3])
                compare(
                    "one class forgotten and learnt again", expected, predictions(session, test)
                )
            session.close()
        once.close()


def in_steps(session: Session, train: Path, order: list[str]) -> None:
    pairs = [order[i : i + 2] for i in range(0, len(order), 2)]
    for pair in pairs:
        do(session, "learn_folder", paths=[str(train / n) for n in pair])


def detour(session: Session, name: str) -> None:
    do(session, "forget", name=name)
    do(session, "learn")


def compare(
    what: str, expected: dict[str, dict[str, float]], found: dict[str, dict[str, float]]
) -> None:
    """Prints how the answers found differ from those expected."""
    winner = {path: max(answer, key=answer.__getitem__) for path, answer in expected.items()}
    other = sum(max(a, key=a.__getitem__) != winner[path] for path, a in found.items())
    most = max(abs(p - expected[path][n]) for path, a in found.items() for n, p in a.items())
    print(f"{what:40} {other} of {len(found)} predictions differ, probabilities by {most:.1e}")


if __name__ == "__main__":
    main()

"""Learning classes by gradients, step by step: what is forgotten, with and without rehearsal.

    python -m tests.bench.rehearsal [PHOTOS] [--weights FILE] [--size 64] [--step 20]

PHOTOS holds train/ and test/, each a folder of class folders. Each step brings `--step` classes.
Before it, the head is fitted to all old classes; then its new rows learn, and then network and head
are trained on the step. Forgetting counts from the head that knew the old classes only.
Scored is the trained head, and beside it the exact head on the tuned features, both on test/.
Plain fine-tuning is the control: it must forget.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.common import do, new
from tests.bench.given import parser_of, parts_of

RECIPES: dict[str, dict[str, Any]] = {
    "plain fine-tuning": {"memory": 0, "distillation": 0, "alignment": False},
    "distillation (LwF)": {"memory": 0, "distillation": 1, "alignment": False},
    "rehearsal": {"distillation": 0, "alignment": False},
    "rehearsal, distillation": {"distillation": 1, "alignment": False},
    "and weight alignment": {"distillation": 1, "alignment": True},
}


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--step", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--memory", type=int, default=400, help="exemplars of old classes, in all")
    parser.add_argument("--lr", type=float, default=0.01)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = parts_of(options, Path(name))
        steps = steps_of(photos, Path(name) / "steps", options.step)
        print(f"{'':26}{'trained head':>14}{'forgetting':>12}{'exact head':>12}{'forgetting':>12}")
        for recipe, settings in RECIPES.items():
            print(f"{recipe:26}" + line_of(options, Path(name), steps, recipe, settings))


def steps_of(photos: Path, to: Path, step: int) -> list[Path]:
    """A folder for each step, that holds train/ and validation/ (the test images)."""
    names, folders = sorted(p.name for p in (photos / "train").iterdir()), []
    for begin in range(0, len(names), step):
        folder = to / str(begin)
        for part, of in (("train", "train"), ("validation", "test")):
            (folder / part).mkdir(parents=True)
            for name in names[begin : begin + step]:
                (folder / part / name).symlink_to((photos / of / name).resolve())
        folders.append(folder)
    return folders


def line_of(
    options: argparse.Namespace,
    folder: Path,
    steps: list[Path],
    name: str,
    settings: dict[str, Any],
) -> str:
    """Average incremental accuracy and mean forgetting of old classes in a step, in percent."""
    session = new(folder, name.replace(",", ""), weights=options.weights, size=options.size)
    do(session, "learn_folder", paths=[str(steps[0])])
    heads: list[float] = []
    exact: list[float] = []
    lost: list[list[float]] = [[], []]
    asked = {"memory": options.memory, "lr": options.lr, **settings}
    for step in steps[1:]:
        do(session, "learn_folder", paths=[str(step)])
        run = do(
            session,
            "tune",
            tuner="rehearsal",
            settings=asked,
            epochs=options.epochs,
            adopt="always",
        )
        heads.append(run["trained_head"]["validation_accuracy"])
        exact.append(run["after"]["accuracy"])
        lost[0].append(run["first_head"]["old_accuracy"] - run["trained_head"]["old_accuracy"])
        lost[1].append(run["before"]["old_accuracy"] - run["after"]["old_accuracy"])
    session.close()
    a, b, c, d = (100 * sum(v) / len(v) for v in (heads, lost[0], exact, lost[1]))
    return f"{a:12.1f} %{b:10.1f} {c:10.1f} %{d:10.1f}"


if __name__ == "__main__":
    main()

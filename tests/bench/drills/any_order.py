"""A person who does anything in any order, beside a model of sets (tests/helpers/any_order.py).

    python -m tests.bench.drills.any_order [--steps 10000] [--seed 0]

Says how many gestures were done. A failure is shrunk to the fewest gestures that show it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

EACH = 50
"""Steps on one project."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-drill-") as home:
        os.environ["HOME"] = os.environ["ESPALIER_HOME"] = home
        from tests.helpers.any_order import AnyOrder

        counts, clock = Counter[str](), time.monotonic()

        @seed(options.seed)
        class Counted(AnyOrder):
            def does(self, name: str, /, **given: Any) -> bool:
                done = super().does(name, **given)
                counts[f"{name} {'done' if done else 'changed nothing'}"] += 1
                return done

        how = settings(
            max_examples=-(-options.steps // EACH),
            stateful_step_count=EACH,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Counted, settings=how)
        for name, count in sorted(counts.items()):
            print(f"{name:32} {count:6}")
        print(f"{counts.total()} gestures besides undo and redo, {time.monotonic() - clock:.0f} s")


if __name__ == "__main__":
    main()

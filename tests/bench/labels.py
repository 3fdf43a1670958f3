"""How long a million rows of each format take to be written and read, in seconds.

    python -m tests.bench.labels [--rows 1000000] [--format NAME]

"read" is from the file to its rows (path, class, side of the split), in one process, nothing kept,
"work" the processor's time for it, which other programs change little;
"found" is from the file to what a dropped folder gives: paths resolved, each asked of the disk
whether it is there (here none is). Of sidecars, each a file, a hundredth is measured and told as
such.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from engine.errors import Refused
from engine.labels.formats import FORMATS, LabelFormat
from engine.labels.reading import find_labelled, rows_of
from engine.labels.writing import Labelled, write
from tests.bench.common import finished, timed

CLASSES = ("moth", "=SUM(A1)", "snail, red", "hornet “small”", "beetle\U0001fab2")
SHARE = 100
"""One of so many sidecars is measured."""


def images(folder: Path, count: int) -> Iterator[Labelled]:
    for number in range(count):
        path = str(folder / f"camera {number // 5000:03}" / f"IMG_{number:07}.jpg")
        side = "validation" if number % 5 == 0 else "train"
        yield Labelled(path, CLASSES[number % len(CLASSES)], side, 4000, 3000)


def measure(form: LabelFormat, folder: Path, count: int) -> str:
    """A line of the table."""
    to = folder / (form.proposed or "sidecars")
    given = images(folder if form.proposed else to, count)
    writing, _ = timed(lambda: finished(write(given, form, to, overwrite=False)))
    clock = time.process_time()
    reading, last = timed(lambda: deque(enumerate(rows_of(to, form), start=1), maxlen=1)[0])
    work = time.process_time() - clock
    assert last[0] == count, last

    def find() -> None:
        with suppress(Refused):
            finished(find_labelled([to], form.name))

    finding, _ = timed(find)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    times = f"{writing:7.2f}  {reading:7.2f}  {work:7.2f}  {finding:7.2f}"
    return f"{form.name:<13} {count:>9,} {size:7.1f}  {times}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", default="")
    options = parser.parse_args()
    print("format             rows      MB    write     read     work    found")
    for name in [options.format] if options.format else FORMATS:
        form = FORMATS.make(name)
        count = options.rows if form.proposed else options.rows // SHARE
        with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
            print(measure(form, Path(folder), count), flush=True)


if __name__ == "__main__":
    main()

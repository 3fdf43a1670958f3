"""Coverage-guided fuzzing (atheris, libFuzzer) of every reader of bytes that come from elsewhere.

    python -m tests.bench.drills.fuzz [--minutes 60] [--only images,csv] [--keep FOLDER] [--seed 0]

Begins with files that the program itself writes (readers.py). A finding is whatever a reader
raises that is no sentence of the program's own, whatever takes longer than LONGEST seconds of
work, and a crash. Each is printed once, by the line that raised it, and its file is kept in FOLDER.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.bench.drills import readers
from tests.bench.drills.readers import READERS, TRAPS, Reader, opens, quiet

LONGEST, MEMORY, MOST = 10, 3000, 200_000
"""Seconds of work that one file may take, MB of memory, and bytes of a file that is tried."""
EVERY = 5
COLUMNS = ("files", "taken", "refused", "findings", "crashes", "coverage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="for each reader")
    parser.add_argument("--only", default="", help="readers, with commas between")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="where findings are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", default="", help="fuzzes this reader in this process")
    options = parser.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.exit("This drill needs atheris: pip install atheris (Linux and macOS).")
    if options.one:
        return fuzz(options.one, options.minutes * 60, options.keep, options.seed)
    print("  ".join([f"{'reader':16}", *(f"{name:>9}" for name in COLUMNS)]), flush=True)
    for name in [n for n in options.only.split(",") if n] or READERS:
        found = in_processes(name, options)
        line = "  ".join([f"{name:16}", *(f"{found[column]:9}" for column in COLUMNS)])
        print(line, flush=True)


def in_processes(name: str, options: argparse.Namespace) -> Counter[str]:
    """Fuzzes one reader in a process of its own, and goes on in another one where it crashes."""
    keep, end, total = options.keep / name, time.monotonic() + 60 * options.minutes, Counter[str]()
    keep.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "tests.bench.drills.fuzz", "--one", name, "--keep", str(keep)]
    while (left := end - time.monotonic()) > 1:
        (keep / "counts.json").unlink(missing_ok=True)
        seed = ["--seed", str(options.seed + total["crashes"]), "--minutes", str(left / 60)]
        with (keep / "log.txt").open("w") as log:
            code = subprocess.run([*words, *seed], stdout=log, stderr=log, check=False).returncode
        with contextlib.suppress(OSError):
            counts = Counter(json.loads((keep / "counts.json").read_text()))
            total["coverage"] = max(total["coverage"], counts.pop("coverage", 0))
            total.update(counts)
        if code == 0:
            break
        total["crashes"] += 1
        (keep / "log.txt").rename(keep / f"crash-{total['crashes']}.txt")
        if not (keep / "counts.json").exists():
            print(f"{name} can't be begun: see {keep}", flush=True)
            break
    for finding in sorted(keep.glob("finding-*.txt")):
        print(f"  {finding}: {finding.read_text().strip().splitlines()[-1][:200]}", flush=True)
    return total


class Fuzzing:
    """One reader's files, one after the other, and what came of them."""

    def __init__(self, name: str, folder: Path, keep: Path) -> None:
        self.reader: Reader = READERS[name]
        self.folder, self.keep = folder, keep
        self.counts = Counter[str]()
        self.said = 0.0
        self.known = {path.stem for path in keep.glob("finding-*.txt")}
        self.counts["findings"] = 0

    def __call__(self, content: bytes) -> None:
        self.counts["files"] += 1
        clock = time.process_time()
        try:
            taken = opens(self.reader, content, self.folder)
            self.counts["taken" if taken else "refused"] += 1
        except Exception as error:
            self.note(content, place_of(error), traceback.format_exc())
        if time.process_time() - clock > LONGEST and not self.reader.guarded:
            self.note(content, "slow", f"took {time.process_time() - clock:.1f} s")
        if time.monotonic() - self.said > EVERY:
            self.write()

    def note(self, content: bytes, place: str, told: str) -> None:
        """Keeps a finding, the first of its place."""
        name = f"finding-{hashlib.sha256(place.encode()).hexdigest()[:10]}"
        if name not in self.known:
            self.known.add(name)
            self.counts["findings"] += 1
            (self.keep / f"{name}.bin").write_bytes(content)
            (self.keep / f"{name}.txt").write_text(told, errors="replace")

    def write(self) -> None:
        self.said = time.monotonic()
        (self.keep / "counts.json").write_text(json.dumps(self.counts))


def place_of(error: BaseException) -> str:
    """The line that raised, so that a finding is kept once."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if "/engine/" in frame.filename] or frames
    return f"{type(error).__name__} {here[-1].filename}:{here[-1].lineno}"


def fuzz(name: str, seconds: float, keep: Path, seed: int) -> None:
    """Fuzzes in this process until the time is over. libFuzzer ends the process itself."""
    import atheris

    quiet()
    folder = Path(tempfile.mkdtemp(prefix="espalier-fuzz-"))
    os.environ["HOME"] = os.environ["ESPALIER_HOME"] = str(folder / "home")
    readers.place_in(folder)
    seeds, work, made = (folder / part for part in ("seeds", "work", "made"))
    for part in (seeds, work, made):
        part.mkdir()
    # What a reader imports late, it imports here: only then the fuzzer sees where it goes.
    with atheris.instrument_imports(include=["engine"], enable_loader_override=False):
        for number, content in enumerate(READERS[name].seeds(made)):
            (seeds / str(number)).write_bytes(content)
            opens(READERS[name], content, work)
    for number, content in enumerate(TRAPS if READERS[name].text else ()):
        (seeds / f"trap {number}").write_bytes(content)
    one = Fuzzing(name, work, keep)
    most = max(MOST if name == "project.db" else 0, *(p.stat().st_size for p in seeds.iterdir()))
    words = [f"-max_total_time={int(seconds)}", f"-seed={seed + 1}", f"-rss_limit_mb={MEMORY}"]
    words += [f"-timeout={6 * LONGEST}", f"-artifact_prefix={keep}/crash-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *words, f"-max_len={2 * most}", str(seeds)], one)
    try:
        atheris.Fuzz()
    finally:
        one.write()


if __name__ == "__main__":
    main()

"""Tries a bundle as a person without Python would: `python3 packaging/smoke.py BUNDLE [EXPECTED]`.

Run by the system's Python, with its standard library only. The bundle runs from another folder,
without a display, with an empty home and no program on PATH. EXPECTED is a JSON file of what the
source tree has: version, digests of the weights, the names in each registry, how the files of
each format end, and the shapes of a teacher's weights. Prints a line for each check and ends with 1
where one fails. With --json FILE it leaves what it measured there.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 900.0
PAINTED = "first paint"
LOOK_EVERY = 0.02
EACH = 4
"""Pictures of a class that are enough to try whether something can be taught at all."""
NAMES = {
    "learner": ("learn", "{project}", "--learner", "?"),
    "backbone": ("new", "other", "--backbone", "?"),
    "tuner": ("tune", "{project}", "--tuner", "?"),
    "method": ("adapt", "{project}", "--method", "?"),
    "schedule": ("tune", "{project}", "--schedule", "?"),
    "searcher": ("specialise", "{project}", "--latency-ms", "1", "--searcher", "?"),
    "exporter": ("export", "{project}", "--to", "x.onnx", "--format", "?"),
}
"""For each registry a command that names a plug-in that is none: its refusal lists them all."""


class Failed(Exception):
    """A check that did not hold."""


class Bundle:
    """The frozen program, and what its processes load."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder.resolve()
        self.program = self.folder / ("espalier.exe" if os.name == "nt" else "espalier")
        self.home, self.work = work / "home", work / "elsewhere"
        self.home.mkdir()
        self.work.mkdir()
        self.loaded: set[str] = set()
        self.measured: dict[str, Any] = {}
        keep = {k: os.environ[k] for k in ("SYSTEMROOT", "TEMP", "TMP") if k in os.environ}
        self.environment = {
            **keep, "HOME": str(self.home), "USERPROFILE": str(self.home), "PATH": "/nowhere",
            "QT_QPA_PLATFORM": "offscreen", "LANG": "C.UTF-8",
        }  # fmt: skip

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.program), *map(str, words)], cwd=self.work, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *words: object, code: int | None = 0) -> tuple[int, str, str]:
        """Runs a command to its end, and looks meanwhile at what its processes load."""
        process = self.start(*words)
        said = Said(process)
        end = time.monotonic() + PATIENCE
        while process.poll() is None:
            self.look()
            time.sleep(LOOK_EVERY * 5)
            if time.monotonic() > end:
                process.kill()
        out, err = said.all()
        if code is not None and process.returncode != code:
            raise Failed(f"{' '.join(map(str, words))} ended with {process.returncode}:\n{err}")
        return process.returncode, out, err

    def json(self, *words: object) -> Any:
        out = self.run(*words, "--json")[1]
        return json.loads(out.splitlines()[-1])

    def processes(self) -> dict[int, int]:
        """The processes of the bundle that are there, each with its parent (Linux)."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if Path(os.readlink(entry / "exe")) == self.program:
                    words = (entry / "stat").read_text().rpartition(")")[2].split()
                    if words[0] != "Z":
                        found[int(entry.name)] = int(words[1])
            except OSError:
                continue
        return found

    def look(self) -> None:
        """Notes the files of the bundle that its processes have in memory (Linux)."""
        for process in self.processes():
            try:
                lines = Path(f"/proc/{process}/maps").read_text().splitlines()
            except OSError:
                continue
            paths = {line.split(None, 5)[5] for line in lines if line.count("/")}
            inside = f"{self.folder}/"
            self.loaded |= {p.removeprefix(inside) for p in paths if p.startswith(inside)}

    def log(self, name: str) -> str:
        places = self.home.rglob(f"espalier/logs/{name}.log")
        return "".join(p.read_text(errors="replace") for p in places)

    def starts(self) -> int:
        """How often an engine process was ready, in all windows so far."""
        return self.log("engine").count("the engine is ready")


class Said:
    """Reads what a process says while it runs, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.texts = ["", ""]
        self.threads = [
            threading.Thread(target=self.read, args=(number, pipe))
            for number, pipe in enumerate((process.stdout, process.stderr))
        ]
        for thread in self.threads:
            thread.start()

    def read(self, number: int, pipe: Any) -> None:
        with pipe:
            self.texts[number] = pipe.read()

    def all(self) -> list[str]:
        for thread in self.threads:
            thread.join()
        return self.texts


def until(what: Callable[[], Any], words: str) -> Any:
    """Waits until something is there, and returns it."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        if time.monotonic() > end:
            raise Failed(f"this never came: {words}")
        time.sleep(LOOK_EVERY)
    return found


# The checks, in the order in which they run.


def version(bundle: Bundle, expected: dict[str, Any]) -> str:
    said = bundle.json("--version")
    if expected and said != expected["version"]:
        raise Failed(f"the bundle says {said}, the source tree {expected['version']}")
    return f"{said['espalier']}, weights {', '.join(d[:16] for d in said['weights'].values())}"


def demo(bundle: Bundle, expected: dict[str, Any]) -> str:
    made = bundle.json("demo", "--to", bundle.work / "demo")
    bundle.measured["demo"] = made
    for name in ("project", "model", "picture"):
        if not made.get(name) or not Path(made[name]).exists():
            raise Failed(f"demo made no {name}: {made}")
    best = max(made["scores"], key=lambda score: score["accuracy"])
    return f"{len(made['scores'])} learners, best {best['learner']} {100 * best['accuracy']:.1f} %"


def registries(bundle: Bundle, expected: dict[str, Any]) -> str:
    counts = []
    for kind, words in NAMES.items():
        project = bundle.measured["demo"]["project"]
        _, _, said = bundle.run(*(w.format(project=project) for w in words), code=2)
        names = set(said.strip().rstrip(".").rpartition("Choose one of: ")[2].split(", "))
        wanted = set(expected.get("registries", {}).get(kind, ()))
        if not names or (wanted and names != wanted):
            raise Failed(f"{kind}s: {sorted(names)}, wanted {sorted(wanted)}")
        counts.append(f"{len(names)} {kind}s")
    return ", ".join(counts)


def predictions(bundle: Bundle, expected: dict[str, Any]) -> str:
    made = bundle.measured["demo"]
    pictures = sorted(Path(made["pictures"]).rglob("*.*"))[:8]
    answers = [bundle.json("predict", made[by], *pictures) for by in ("project", "model")]
    for one in answers:
        if len(one) != len(pictures):
            raise Failed(f"predict answered {len(one)} of {len(pictures)} pictures: {one}")
    return f"{len(pictures)} pictures by the project and by the exported file"


def exports(bundle: Bundle, expected: dict[str, Any]) -> str:
    """Each format is written and checked in its own process; or its library is not there."""
    project = bundle.measured["demo"]["project"]
    told = []
    for name, ending in expected.get("endings", {"onnx": ".onnx"}).items():
        words = ["export", project, "--to", bundle.work / f"out-{name}{ending}", "--format", name]
        if name == "onnx-int8":  # whether it is good enough is another question
            words += ["--set", "points=100"]
        code, _, said = bundle.run(*words, code=None)
        why = said.strip().splitlines()[-1] if said.strip() else ""
        if code and not (code == 2 and "not installed" in why):
            raise Failed(f"export --format {name} ended with {code}:\n{said}")
        told.append(name if code == 0 else f"{name} not there ({why})")
    return ", ".join(told)


def tuning(bundle: Bundle, expected: dict[str, Any]) -> str:
    project = bundle.measured["demo"]["project"]
    made = bundle.json("tune", project, "--epochs", "1", "--schedule", "freezeout")
    return f"one epoch; the run says {str(made)[:60]} …"


def teaching(bundle: Bundle, expected: dict[str, Any]) -> str:
    """A teacher goes through PyTorch's other exporter, which reads sources and needs onnxscript."""
    if "teacher" not in expected:
        return "not tried: the shapes of its weights are not known"
    work = bundle.work / "teaching"
    pictures = Path(bundle.measured["demo"]["pictures"])
    for folder in {picture.parent for picture in pictures.rglob("*.*")}:
        for picture in sorted(folder.glob("*.*"))[:EACH]:
            for part in ("train", "val"):
                place = work / part / folder.name
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(picture, place)
    write_weights(work / "teacher.safetensors", expected["teacher"])
    told = {
        "data": work, "teacher": work / "teacher.safetensors", "out": work / "out.safetensors",
        "work": work / "kept", "epochs": 1, "batch": 8, "size": 32, "teacher_size": 32,
    }  # fmt: skip
    words = [word for name, value in told.items() for word in ("--set", f"{name}={value}")]
    return f"{bundle.json('pretrain', *words)['steps']} steps"


def write_weights(path: Path, shapes: dict[str, list[int]]) -> None:
    """A safetensors file of random weights, with norms that change nothing."""
    rng, header, content = random.Random(0), {}, bytearray()
    for name, shape in shapes.items():
        count, begin = math.prod(shape), len(content)
        if len(shape) > 1:
            most = math.sqrt(6 / math.prod(shape[1:]))
            values = array("f", (rng.uniform(-most, most) for _ in range(count)))
        else:
            values = array("f", [float(not name.endswith(("bias", "mean")))]) * count
        content += values.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(content)]}
    words = json.dumps(header).encode()
    path.write_bytes(len(words).to_bytes(8, "little") + words + content)


def silence(bundle: Bundle, expected: dict[str, Any]) -> str:
    """No library left an identity or a queue of what is to be sent in the person's home."""
    kept = (p.relative_to(bundle.home) for p in bundle.home.rglob("*") if p.is_file())
    others = sorted(str(p) for p in kept if not {"espalier", "fontconfig"} & set(p.parts))
    if others:
        raise Failed(f"somebody else's files are in the home: {others}")
    return "nothing in the home but Espalier's own"


def window(bundle: Bundle, expected: dict[str, Any]) -> str:
    """Opens, starts its engine, loses it and starts it again, and leaves nothing when closed."""
    before, painted = bundle.starts(), bundle.log("window").count(PAINTED)
    begin = time.monotonic()
    process = bundle.start(bundle.measured["demo"]["project"])
    said = Said(process)
    try:
        until(lambda: bundle.log("window").count(PAINTED) > painted, "the first paint")
        paint = time.monotonic() - begin
        until(lambda: bundle.starts() > before, "the engine")
        ready = time.monotonic() - begin
        bundle.look()
        lost = until(lambda: engine_of(bundle, process.pid), "the engine process")
        os.kill(lost, signal.SIGKILL)
        until(lambda: engine_of(bundle, process.pid) not in (0, lost), "a new engine process")
        until(lambda: bundle.starts() > before + 1, "a new engine")
        bundle.look()
    finally:
        process.send_signal(signal.SIGINT)
    code = process.wait(PATIENCE)
    errors = said.all()[1]
    if code or "Traceback" in errors:
        raise Failed(f"the window ended with {code}:\n{errors}")
    until(lambda: not bundle.processes(), "the end of all processes")
    reports = [p.read_text() for p in bundle.home.rglob("crashes/*.txt")]
    if len(reports) != 1 or "signal 9" not in reports[0]:
        raise Failed(f"no report of the lost engine was kept: {reports}")
    bundle.measured |= {"first_paint_s": paint, "engine_ready_s": ready}
    return f"first paint after {paint:.2f} s, engine ready after {ready:.2f} s, nothing left behind"


def engine_of(bundle: Bundle, window: int) -> int:
    """The engine process of a window: its child that does not only look after the others."""
    children = [p for p, parent in bundle.processes().items() if parent == window]
    return next((p for p in children if b"resource_tracker" not in words_of(p)), 0)


def words_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


CHECKS = (version, demo, registries, predictions, exports, tuning, teaching, window, silence)


@contextmanager
def timed(name: str) -> Iterator[list[str]]:
    """Prints a check's name, what it found, and how long it took."""
    begin, found = time.monotonic(), []
    yield found
    print(f"  {name:12} {time.monotonic() - begin:7.1f} s  {found[0]}", flush=True)


def main() -> int:
    """Tries a bundle in another folder without Python; ends with 1 where a part fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("expected", type=Path, nargs="?")
    parser.add_argument("--json", type=Path, help="where to leave what was measured")
    options = parser.parse_args()
    expected = json.loads(options.expected.read_text()) if options.expected else {}
    with tempfile.TemporaryDirectory(prefix="espalier-smoke-") as work:
        bundle = Bundle(options.bundle, Path(work))
        for check in CHECKS:
            if check is window and sys.platform != "linux":
                print("  window       not tried: this check looks into /proc")
                continue
            try:
                with timed(check.__name__) as found:
                    found.append(check(bundle, expected))
            except Failed as failure:
                print(f"  {check.__name__} FAILED: {failure}", file=sys.stderr)
                return 1
    if options.json:
        measured = {**bundle.measured, "loaded": sorted(bundle.loaded)}
        options.json.write_text(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

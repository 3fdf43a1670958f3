"""What rules do. Each either does it, or raises Failed with the reason."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shlex
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from pathlib import Path

import numpy as np
from PIL import Image

from engine.live.mqtt import NotPublished, publish
from engine.live.rules import COPY, CSV, MQTT, POST, Rule
from engine.predict.csv_writer import lines, write_whole
from engine.predict.folder_names import safe
from engine.predict.place_files import FilePlacer, rename
from engine.system.cells import text_cell
from engine.system.outside import environment

TITLES = ("when", "source", "class", "probability", "seconds", "path")
SECONDS = 5
"""How long a web address may take to answer."""
PROGRAM = 60
"""Seconds that a program may take."""
MOMENT = 0.05


class Failed(Exception):
    """It was not done; the text says why, as a part of a sentence."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What a rule is told: an answer and the frame that it was given to.

    `when` is the clock on the wall, `seconds` the frame's time in its source. `image` is uint8
    (height, width, 3); `path` the file that it came from, or empty.
    """

    when: datetime
    source: str
    name: str
    probability: float
    seconds: float
    image: np.ndarray
    path: str = ""


def act(rule: Rule, moment: Moment, stopped: threading.Event) -> None:
    """Does what a rule says. Raises Failed. A program is ended once `stopped` is set."""
    try:
        if rule.do == COPY:
            copy(Path(rule.to), moment)
        elif rule.do == CSV:
            append(Path(rule.to), moment)
        elif rule.do == POST:
            post(rule, moment)
        elif rule.do == MQTT:
            publish(rule, as_json(rule, moment), stopped)
        else:
            call(rule.to, moment, stopped)
    except NotPublished as why:
        raise Failed(str(why)) from why
    except (OSError, HTTPException, ValueError) as error:
        raise Failed(reason_of(error)) from error


def reason_of(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the address answered {error.code}"
    if isinstance(error, urllib.error.URLError):
        inner = error.reason
        return f"the address does not answer ({getattr(inner, 'strerror', None) or inner})".lower()
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def copy(folder: Path, moment: Moment) -> None:
    """The file as it is, or the frame as a JPEG that is named by its class and time."""
    folder.mkdir(parents=True, exist_ok=True)
    placer = FilePlacer(move=False)
    if moment.path:
        placer.put(Path(moment.path), folder)
        return
    stamp = moment.when.strftime("%Y-%m-%d %H.%M.%S") + f".{moment.when.microsecond // 1000:03}"
    half = folder / f".espalier-{uuid.uuid4().hex}.part"
    try:
        half.write_bytes(jpeg(moment.image))
        placer.named(folder, f"{safe(moment.name)} {stamp}.jpg", lambda to: rename(half, to))
    finally:
        half.unlink(missing_ok=True)


def jpeg(image: np.ndarray, quality: int = 92) -> bytes:
    """An image uint8 (height, width, 3) as a file's bytes."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality)
    return content.getvalue()


def append(path: Path, moment: Moment) -> None:
    """One whole line; the titles first where the file is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o644)
    try:
        fresh = os.fstat(file).st_size == 0
        row = (
            moment.when.isoformat(" ", "milliseconds"),
            text_cell(moment.source),
            text_cell(moment.name),
            f"{moment.probability:.4f}",
            f"{moment.seconds:.3f}",
            text_cell(moment.path),
        )
        write_whole(file, lines([TITLES, row] if fresh else [row]))
    finally:
        os.close(file)


def as_json(rule: Rule, moment: Moment) -> bytes:
    """The class, and the image with it only where the rule says so."""
    told = {
        "class": moment.name,
        "probability": round(moment.probability, 4),
        "when": moment.when.isoformat(timespec="milliseconds"),
        "source": moment.source,
        "seconds": round(moment.seconds, 3),
        "path": moment.path,
    }
    if rule.image:
        told["image"] = base64.b64encode(jpeg(moment.image)).decode()
    return json.dumps(told).encode()


def post(rule: Rule, moment: Moment) -> None:
    kind = {"Content-Type": "application/json"}
    asked = urllib.request.Request(rule.to, as_json(rule, moment), kind, method="POST")
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        answer.read(1 << 16)


def call(program: str, moment: Moment, stopped: threading.Event) -> None:
    """The program with three more words: the image's file, the class, its probability. No shell
    reads them."""
    words = shlex.split(program, posix=os.name != "nt")
    if not words:
        raise Failed("no program is named")
    with image_file(moment) as path:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            [*words, str(path), moment.name, f"{moment.probability:.4f}"],
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            env=environment(),
        )
        try:
            wait_for(process, stopped)
        finally:
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen[bytes], stopped: threading.Event) -> None:
    for _ in range(round(PROGRAM / MOMENT)):
        with contextlib.suppress(subprocess.TimeoutExpired):
            if code := process.wait(MOMENT):
                raise Failed(f"the program ended with {code}")
            return
        if stopped.is_set():
            raise Failed("it was stopped")
    raise Failed(f"the program took longer than {PROGRAM} seconds and was ended")


@contextlib.contextmanager
def image_file(moment: Moment) -> Iterator[Path]:
    """A file of the image for as long as a program runs; that of a watched folder is there."""
    if moment.path:
        yield Path(moment.path)
        return
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        path = Path(folder) / "frame.jpg"
        path.write_bytes(jpeg(moment.image))
        yield path

"""The presenter: seconds until a sentence is heard, and how far mouth and sound are apart.

    python -m tests.bench.voice [--sentences 20] [--player paplay]

Starts a PulseAudio of its own whose only loudspeaker is a null sink, says sentences by the engine
as the window does, lets the drawn face follow them, and records what the loudspeaker plays. The
mouth is what each paint of the face shows, at the time of the paint; the sound is the loudness of
the record, at the time at which it came out of the recorder, so some 10 ms late. The lag is the
shift at which both are most alike. What a real card, or a screen, adds is not in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

RATE, FRAGMENT = 22050, 10
GRID, FAR = 0.005, 0.6
"""Seconds between two comparisons, and the furthest shift that is looked at."""
SETTLES = 3
"""Seconds after which a null sink gives in short pieces: before, in one of two seconds."""
TEXTS = (
    "a ripe banana",
    "an apple, I believe",
    "this is a scratch on the left side",
    "nothing to see here, please go on",
    "skirt",
)


class Recorder:
    """What the loudspeaker plays, with the clock of this computer beside it."""

    def __init__(self) -> None:
        words = ["-d", "bench.monitor", "--raw", f"--rate={RATE}", "--channels=1"]
        words += ["--format=s16le", f"--latency-msec={FRAGMENT}"]
        self.process = subprocess.Popen(["parec", *words], stdout=subprocess.PIPE)
        first(self.process.pid)
        self.content = bytearray()
        self.came: list[tuple[float, int]] = []
        """When the record was how long, in bytes."""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        while some := os.read(self.process.stdout.fileno(), 1 << 16):
            self.content += some
            self.came.append((time.perf_counter(), len(self.content)))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.thread.join()

    def loudness(self, begin: float, end: float) -> tuple[float, np.ndarray]:
        """The root mean square of 20 ms, each GRID, from about `begin` to about `end` on the clock
        of time.perf_counter; and when it begins."""
        # No chunk came before its samples were played: the one that came soonest tells best.
        zero = min(at - n / 2 / RATE for at, n in self.came if begin < at < end)
        step = round(GRID * RATE)
        low, high = (max(0, int((at - zero) * RATE)) for at in (begin, end))
        some = np.frombuffer(bytes(self.content[2 * low : 2 * high]), "<i2").astype(float)
        square = np.convolve(some**2, np.ones(RATE // 50) / (RATE // 50), "same")
        return zero + low / RATE, np.sqrt(square[::step])


def first(pid: int) -> None:
    """Lets a process go first, as sound servers do, where that is allowed."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, -11)


@contextmanager
def loudspeaker(folder: Path, player: str) -> Iterator[None]:
    """A PulseAudio of its own; only `player` and espeak-ng are found besides."""
    programs = folder / "bin"
    programs.mkdir()
    for name in (player, "espeak-ng", "parec"):
        found = shutil.which(name)
        if found is None:
            sys.exit(f"{name} is not installed here, so nothing is measured.")
        (programs / name).symlink_to(found)
    socket = folder / "native"
    words = [f"module-native-protocol-unix socket={socket}", "module-null-sink sink_name=bench"]
    home = {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
    server = subprocess.Popen(
        [str(shutil.which("pulseaudio")), "-n", "--daemonize=no", "--exit-idle-time=-1",
         *(f"--load={word}" for word in words)],
        env={**os.environ, **home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    first(server.pid)
    # By this ALSA's programs reach it, too.
    (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    os.environ |= {"PULSE_SERVER": f"unix:{socket}", "PATH": str(programs), **home}
    try:
        while not socket.exists():
            if server.poll() is not None:
                sys.exit("PulseAudio can't be started here, so nothing is measured.")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait()


def lag(moves: list[tuple[float, float]], recorder: Recorder, end: float) -> float:
    """Seconds by which the sound comes after the mouth that was painted."""
    at, opened = map(np.array, zip(*moves, strict=True))
    times = np.arange(at[0] - 0.1, end, GRID)
    mouth = np.where(times < at[0], 0.0, opened[np.searchsorted(at, times, "right") - 1])
    zero, loud = recorder.loudness(at[0] - 0.1 - FAR, end + FAR)
    shifts = np.arange(-FAR + 2 * GRID, FAR - 0.1, GRID)
    alike = []
    for shift in shifts:
        places = ((times + shift - zero) / GRID).astype(int)
        inside = (places >= 0) & (places < len(loud))
        alike.append(np.corrcoef(mouth[inside], loud[places[inside]] ** 0.6)[0, 1])
    return float(shifts[int(np.nanargmax(alike))])


def measure(sentences: int) -> None:
    """Says sentences one after the other as the page does."""
    from PySide6.QtWidgets import QApplication

    from app.bridge import Bridge
    from engine.worker import Engine

    application = QApplication([])
    face, bridge, recorder = noted_face(), Bridge(Engine()), Recorder()
    bridge.said.connect(lambda ticket, said: face.speak(said))
    face.show()
    bridge.start()
    asked(bridge, "voices")  # the engine has begun once it answers
    time.sleep(SETTLES)
    lags, waits = list[float](), list[float]()
    for number in range(sentences):
        face.moves.clear()
        clock = time.perf_counter()
        asked(bridge, "say", text=TEXTS[number % len(TEXTS)])
        over = time.perf_counter() + FAR
        while time.perf_counter() < over:
            application.processEvents()
        said = face.last
        lags.append(1000 * lag(face.moves, recorder, said.at + said.seconds))
        waits.append(1000 * (said.at - clock))
        print(
            f"{said.text:40} begins after {waits[-1]:5.0f} ms, "
            f"sound {lags[-1]:+5.0f} ms behind the mouth"
        )
    bridge.close()
    recorder.close()
    print(
        f"\nlag, median of {sentences}: {statistics.median(lags):+.0f} ms, the furthest "
        f"{max(map(abs, lags)):.0f} ms; begins after {statistics.median(waits):.0f} ms"
    )


def noted_face() -> Any:
    """A face that notes what it paints, and when."""
    from PySide6.QtGui import QPaintEvent

    from app.pages.live.face import Face
    from engine.events import Said

    class Noted(Face):
        moves: ClassVar[list[tuple[float, float]]] = []

        def speak(self, said: Said) -> None:
            self.last = said
            super().speak(said)

        def paintEvent(self, event: QPaintEvent) -> None:
            super().paintEvent(event)
            self.moves.append((time.perf_counter(), self.open))

    return Noted()


def asked(bridge: Any, job: str, **settings: Any) -> None:
    """Asks for a job and waits for its end, as a window does."""
    from PySide6.QtCore import QCoreApplication, QEventLoop

    ended: list[Any] = []
    bridge.ask(job, ended.append, **settings)
    while not ended:
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)
    if ended[0].how != "done":
        sys.exit(ended[0].text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--player", default="paplay", choices=("paplay", "aplay"))
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if not shutil.which("pulseaudio"):
        sys.exit("PulseAudio is not installed here, so nothing is measured.")
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        os.environ["ESPALIER_HOME"] = str(Path(folder) / "home")
        with loudspeaker(Path(folder), options.player):
            measure(options.sentences)


if __name__ == "__main__":
    main()

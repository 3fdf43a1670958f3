"""A headless Chromium, driven through a pipe by its own protocol: no library, no open port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
"""The browser's program, or empty where none is installed."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    # No name but this machine's is found, so that a page that asks for another fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

PIPED = """import fcntl, os, sys
read, write = (fcntl.fcntl(int(n), fcntl.F_DUPFD_CLOEXEC, 10) for n in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, whose protocol's pipes are those with the numbers 3 and 4."""


class Browser:
    """One browser with one page. `close` ends it with all its processes."""

    def __init__(self, folder: Path, camera: Path) -> None:
        """`folder` is for its profile, `camera` what its camera sees, a .mjpeg file."""
        to_read, self.to = os.pipe()
        self.answers, to_write = os.pipe()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                PIPED,
                str(to_read),
                str(to_write),
                CHROMIUM,
                *FLAGS,
                f"--user-data-dir={folder}",
                f"--use-file-for-fake-video-capture={camera}",
                "about:blank",
            ],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.rest, self.count, self.session = b"", 0, ""
        page = next(
            target
            for target in self.ask("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        )
        attached = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        self.ask("Page.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command; events that come in between are passed over."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            word = self.word()
            if word.get("id") == self.count:
                assert "error" not in word, word["error"]
                return word["result"]

    def word(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            piece = os.read(self.answers, 1 << 20)
            assert piece, "the browser ended"
            self.rest += piece
        found, self.rest = self.rest.split(b"\0", 1)
        return json.loads(found)

    def go(self, address: str) -> None:
        assert not self.ask("Page.navigate", url=address).get("errorText")

    def value(self, expression: str) -> Any:
        """What an expression gives in the page; a promise is waited for."""
        found = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Waits in the page until an expression is true there."""
        self.value(
            "new Promise(done => { const look = () => "
            f"({condition}) ? done() : setTimeout(look, 20); look(); }})"
        )

    def key(self, name: str, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            said = {"text": text} if text and kind == "keyDown" else {}
            code = {"Tab": 9, "Enter": 13}[name]
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=name,
                code=name,
                windowsVirtualKeyCode=code,
                **said,
            )

    def close(self) -> None:
        self.session = ""
        try:
            self.ask("Browser.close")
            self.process.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.answers)

"""What tests of watching use: drawn films, a model of colours, a camera and a web address that are
given and taken away."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper
from PIL import Image

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
RATE = 25.0
SIDE = 48


def colour_model(path: Path) -> Path:
    """An ONNX file as Espalier exports them, of three classes: the share of each colour. White is
    none of them."""
    names = ["red", "green", "blue"]
    nodes = [
        helper.make_node("Cast", ["pictures"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Add", ["means", "little"], ["some"]),
        helper.make_node("ReduceSum", ["some", "axis"], ["sum"], keepdims=1),
        helper.make_node("Div", ["some", "sum"], ["probabilities"]),
        helper.make_node("ReduceMin", ["means"], ["distance"], axes=[1], keepdims=0),
    ]
    weights = [
        helper.make_tensor("little", TensorProto.FLOAT, [], [1e-3]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    given = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"]),
    ]
    graph = helper.make_graph(nodes, "colours", [given], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    helper.set_model_props(model, {"class_names": json.dumps(names), "threshold": "128"})
    onnx.save(model, path)
    return path


def drawn(colour: str, side: int = SIDE) -> np.ndarray:
    return np.full((side, side, 3), COLOURS[colour], np.uint8)


def film(path: Path, colours: Iterable[str]) -> Path:
    """A film with a frame of each colour."""
    return film_of(path, (drawn(colour) for colour in colours))


def film_of(path: Path, frames: Iterable[np.ndarray], side: int = SIDE, rate: float = RATE) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, (side, side))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame[:, :, ::-1])
    writer.release()
    return path


def scene(number: int, side: int = 96) -> np.ndarray:
    """Large squares by chance: scenes look different from each other."""
    squares = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return np.kron(squares, np.ones((side // 6, side // 6, 1), np.uint8))


def image_file(path: Path, colour: str) -> Path:
    """Whole at once, as a program writes it that renames its files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    Image.fromarray(drawn(colour)).save(half, "JPEG", quality=95)
    return half.rename(path)


class Camera:
    """A network camera that gives a frame when it is told to, and can be pulled."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.frames: list[bytes] = []
        self.number = 0
        self.here = True
        self.viewers = 0

    def shows(self, colour: str, times: int = 1) -> None:
        content = io.BytesIO()
        Image.fromarray(drawn(colour)).save(content, "JPEG", quality=95)
        self.sends(content.getvalue(), times)

    def sends(self, content: bytes, times: int = 1) -> None:
        """The bytes of a JPEG."""
        with self.changed:
            self.frames += [content] * times
            self.changed.notify_all()

    def pull(self) -> None:
        """Those who look get what was shown before, and then nothing more."""
        with self.changed:
            self.here = False
            self.changed.notify_all()

    def give_back(self) -> None:
        with self.changed:
            self.here, self.frames = True, []

    def serve(self, asked: BaseHTTPRequestHandler) -> None:
        if not self.here:
            asked.send_error(503)
            return
        asked.send_response(200)
        asked.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        asked.end_headers()
        sent = 0
        while fresh := self.following(sent):
            for content in fresh:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}"
                asked.wfile.write(f"{head}\r\n\r\n".encode() + content + b"\r\n")
            sent += len(fresh)

    def following(self, sent: int) -> list[bytes]:
        """What was shown after so many, once there is some; none once it is pulled."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.frames) > sent or not self.here)
            return self.frames[sent:]


def sources_below(engine: int | None) -> list[psutil.Process]:
    """The processes in which an engine reads what is watched; those that end now are none."""
    found = []
    for child in psutil.Process(engine).children():
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


class Hook:
    """A web address that notes what is posted to it; it answers with `codes` first, then 200."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.got: list[dict[str, Any]] = []
        self.codes: list[int] = []

    def serve(self, asked: BaseHTTPRequestHandler) -> None:
        told = json.loads(asked.rfile.read(int(asked.headers["Content-Length"])))
        with self.changed:
            code = self.codes.pop(0) if self.codes else 200
            self.got += [told] if code == 200 else []
            self.changed.notify_all()
        asked.send_response(code)
        asked.end_headers()


@contextmanager
def served(what: Camera | Hook) -> Iterator[str]:
    """The address at which it is, in this process."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                what.serve(self)
            except OSError:
                self.close_connection = True  # whoever looked went away

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="test-server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/cam"
    finally:
        if isinstance(what, Camera):
            what.pull()
        server.shutdown()
        server.server_close()
        thread.join()

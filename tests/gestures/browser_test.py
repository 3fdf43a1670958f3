"""The export for the browser, used as a person does, in a headless Chromium without a network."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import UnusableWeights
from engine.export.formats import ExportData
from engine.export.formats.web import WebPage
from engine.export.graphs.model_onnx import Whole
from engine.export.readers import open_exported, predict_exported, upright
from engine.export.write import export_model
from engine.images.decode import open_image
from engine.learners.promise import NEVER, Promise
from engine.models.backbone import Model
from engine.models.backbones import untrained
from tests.engine.export.test_export import NAMES, LinearHead
from tests.helpers import image_files
from tests.helpers.browser import CHROMIUM, Browser
from tests.helpers.generators import result

WITHIN = ("all of it/one", "all of it/one", "all of it", "")
"""The groups of NAMES."""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
Answers = dict[Path, np.ndarray]
FRAME = """(() => {
  const video = document.getElementById("video"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png");
})()"""
"""What the camera shows now, as a PNG."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """PNGs, which every program decodes alike: plain, grey, transparent, turned."""
    folder = tmp_path_factory.mktemp("pictures")
    image_files.image(folder / "plain.png", 1, (300, 201), "PNG")
    image_files.image(folder / "tall.png", 3, (90, 171), "PNG")
    image_files.drawn(4).convert("L").save(folder / "grey.png")
    image_files.in_mode(folder / "clear.png", "RGBA")
    image_files.turned_by_exif(folder / "turned.png", 6, "PNG")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def exported(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answers]:
    """The zip, and the project's answers. Some are "none of these", some "not sure"."""
    torch.manual_seed(0)
    backbone = untrained("squeezenet1_1", 64)
    model = Model(backbone, LinearHead(backbone.width), NAMES, 0.0)
    pixels = [open_image(path, backbone.preprocessing).pixels for path in images]
    with torch.inference_mode():
        found, distances = Whole(model).eval()(torch.from_numpy(np.stack(pixels)))
    apart, _ = distances.sort()
    gap = int(apart.diff().argmax())  # no image lies on the threshold, where rounding would decide
    model = replace(model, threshold=float(apart[gap : gap + 2].mean()))
    # The second class's answers are just not sure enough, the third's never are.
    seconds = found[(distances <= model.threshold) & (found.argmax(1) == 1), 1]
    least = (0.5, float(seconds.max()) + 0.05, NEVER, 0.5)
    model = replace(model, within=WITHIN)
    model = replace(model, promise=Promise(0.02, least, model.groups))
    path = tmp_path_factory.mktemp("export") / "page.zip"
    result(export_model(WebPage(), model, path, ExportData(images, found.numpy())))
    return path, dict(zip(images, found.numpy(), strict=True))


@pytest.fixture(scope="module")
def unpacked(exported: tuple[Path, Answers], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(exported[0]) as packed:
        packed.extractall(folder)
    return folder


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None: ...


@pytest.fixture(scope="module")
def address(unpacked: Path) -> Iterator[str]:
    handler = functools.partial(Silent, directory=str(unpacked))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
    film = Image.open(images[2]).convert("RGB").resize((320, 240))  # none is of an odd size
    film.save(folder / "camera.jpg", quality=95)
    camera = (folder / "camera.jpg").rename(folder / "camera.mjpeg")
    browser = Browser(folder / "profile", camera)
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Browser:
    browser.go(address)
    browser.until("document.body?.dataset.state === 'ready'")
    return browser


def choose(page: Browser, *files: Path) -> None:
    """As the browser's own dialog gives files to the page."""
    box = page.ask("Runtime.evaluate", expression="document.getElementById('file')")
    page.value("delete document.body.dataset.state")
    page.ask(
        "DOM.setFileInputFiles", files=list(map(str, files)), objectId=box["result"]["objectId"]
    )
    page.until("document.body.dataset.state === 'ready'")


def drop(page: Browser, *files: Path) -> None:
    data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
    page.value("delete document.body.dataset.state")
    for kind in ("dragEnter", "dragOver", "drop"):
        page.ask("Input.dispatchDragEvent", type=kind, x=200, y=300, data=data)
    page.until("document.body.dataset.state === 'ready'")


def text(page: Browser, id: str) -> str:
    return page.value(f"document.getElementById('{id}').innerText")


def agrees(page: Browser, exported: tuple[Path, Answers], image: Path) -> None:
    """The page says what the project says, in numbers and in words."""
    told = predict_exported(exported[0], [image])[str(image)]
    shares = json.loads(page.value("document.body.dataset.shares"))
    np.testing.assert_allclose(shares, exported[1][image], atol=0.02)
    best = NAMES[int(exported[1][image].argmax())] if told["known"] else "None of these"
    if told["known"]:
        best = told["group"] or (best if told["sure"] else "Not sure")
    assert page.value("document.getElementById('verdict').textContent") == best
    # Shares are of a choice among the classes: beside "None of these" they would contradict it.
    assert (f"{max(shares):.1%}".rstrip("%") in text(page, "bars")) == told["known"]


@needs_chromium
def test_a_chosen_picture_gets_the_project_s_answer(
    page: Browser, exported: tuple[Path, Answers], images: list[Path]
) -> None:
    verdicts = set()
    for image in images:
        choose(page, image)
        agrees(page, exported, image)
        verdicts.add(text(page, "verdict"))
    assert verdicts == {"None of these", "Not sure", "all of it"}
    assert len(verdicts) >= 3
    asked = page.value("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in asked if not name.startswith(("data:", "blob:"))] == []
    assert page.value("fetch('/README.txt').then(() => 'sent', () => 'refused')") == "refused"


@needs_chromium
def test_a_dropped_picture_and_what_is_none(
    page: Browser, exported: tuple[Path, Answers], images: list[Path], tmp_path: Path
) -> None:
    drop(page, *images[:2])
    agrees(page, exported, images[0])
    assert text(page, "name") == f"{images[0].name} (the first of 2)"
    drop(page, image_files.truncated_png(tmp_path / "half.png"), images[0])
    drop(page, image_files.text_file(tmp_path / "text.png"))
    assert text(page, "verdict") == "This can't be read as a picture"
    assert text(page, "reason").endswith("try again.")
    assert text(page, "bars") == ""
    drop(page, images[1])
    agrees(page, exported, images[1])


@needs_chromium
def test_the_page_needs_no_server(
    browser: Browser, unpacked: Path, exported: tuple[Path, Answers], images: list[Path]
) -> None:
    browser.go((unpacked / "index.html").as_uri())
    browser.until("document.body?.dataset.state === 'ready'")
    choose(browser, images[0])
    agrees(browser, exported, images[0])


@needs_chromium
def test_the_camera_answers_until_it_is_stopped(
    page: Browser, exported: tuple[Path, Answers], tmp_path: Path
) -> None:
    page.value("document.getElementById('camera').click()")
    page.until("document.getElementById('video').videoWidth > 2")
    for _ in range(2):  # the first answer may be about a frame from before there was an image
        page.value("delete document.body.dataset.shares")
        page.until("document.body.dataset.shares")
    shares = json.loads(page.value("document.body.dataset.shares"))
    frame = tmp_path / "frame.png"
    frame.write_bytes(base64.b64decode(page.value(FRAME).partition(",")[2]))
    # The film repeats one image, compressed anew: the page sees what the file sees of that frame.
    expected, _ = open_exported(exported[0]).answer(np.asarray(upright(frame)))
    np.testing.assert_allclose(shares, expected, atol=0.02)
    assert text(page, "camera") == "Stop the camera"
    page.value("document.getElementById('camera').click()")
    assert text(page, "camera") == "Use the camera"
    assert page.value("document.getElementById('video').srcObject === null")


@needs_chromium
def test_the_page_is_used_by_keys(page: Browser) -> None:
    page.ask("Page.setInterceptFileChooserDialog", enabled=True)
    page.key("Tab")
    assert page.value("document.activeElement.id") == "pick"
    page.value(
        "window.opened = new Promise(done => document.getElementById('file')"
        ".addEventListener('click', () => done(true))); 0"
    )
    page.key("Enter", "\r")
    assert page.value("opened")
    page.key("Tab")
    assert page.value("document.activeElement.id") == "camera"
    page.ask("Page.setInterceptFileChooserDialog", enabled=False)


def refusal(path: Path) -> str:
    with pytest.raises(UnusableWeights) as error:
        open_exported(path)
    assert path.name in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


def test_zips_that_are_damaged_or_from_elsewhere(
    exported: tuple[Path, Answers], tmp_path: Path
) -> None:
    whole, path = exported[0].read_bytes(), tmp_path / "copied.zip"
    assert "can't be opened" in refusal(path)
    for content, said in (
        (b"", "empty"),
        (b"<html>404</html>", "web page"),
        (b"hello" * 50, "no zip"),
        (whole[: len(whole) // 2], "cut short"),
        (whole[:4_200_000].ljust(len(whole) - 2000, b"\0") + whole[-2000:], "damaged"),
    ):
        path.write_bytes(content)
        assert said in refusal(path)

    def holding(**files: bytes) -> Path:
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in files.items():
                packed.writestr(name, content)
        return path

    assert "holds no model.onnx" in refusal(holding(**{"notes.txt": b"none"}))
    outside = {"../../escaped.txt": b"!", "model.onnx": b"?"}
    assert "outside of its own folder" in refusal(holding(**outside))
    assert "no ONNX file" in refusal(holding(**{"model.onnx": b"hello" * 50}))
    assert list(tmp_path.iterdir()) == [path]

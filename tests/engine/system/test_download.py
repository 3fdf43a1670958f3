"""Downloads against a server on this computer that breaks off, lies, or is not there."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.errors import Refused, UnusableWeights
from engine.models.backbones import download_weights
from engine.models.backbones.base import BACKBONES
from engine.system.download import fetch, stated_digest
from engine.system.paths import weights_folder
from tests.helpers.generators import result
from tests.helpers.timm_networks import CNN, needs_timm

CONTENT = bytes(i * i % 251 for i in range(900_000))
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT, with ranges if the server knows them, and breaks off where it is told."""

    server: Server

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if self.path.endswith("absent.pth"):
            self.send_error(404)
            return
        start = int(re.findall(r"\d+", asked)[0]) if asked and server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked and server.ranges else 200)
        if asked and server.ranges:
            last = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = server.breaks.pop(0) if server.breaks else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def do_HEAD(self) -> None:
        """As servers do that keep large files elsewhere: they send there, and state the digest."""
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        if "unstated" not in self.path:
            self.send_header("X-Linked-Etag", f'"{DIGEST}"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the tests look at what was asked."""


class Server(ThreadingHTTPServer):
    """What was asked of it, where it breaks off next, and whether it knows ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.breaks: list[int] = []
        self.ranges = True

    def url(self, name: str = "net-abc.pth") -> str:
        return f"http://127.0.0.1:{self.server_port}/models/{name}"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def part(name: str = "net-abc.pth.part") -> Path:
    return weights_folder() / name


def test_a_download_says_how_far_it_is_and_ends_in_the_folder(server: Server) -> None:
    path, events = result(fetch(server.url(), DIGEST[:8]))
    assert path == weights_folder() / "net-abc.pth"
    assert path.read_bytes() == CONTENT
    assert [e.done for e in events] == sorted(e.done for e in events)
    assert (events[-1].done, events[-1].total) == (len(CONTENT), len(CONTENT))
    assert all("net-abc.pth" in e.doing for e in events)
    assert not part().exists()


def test_a_download_that_breaks_off_goes_on_from_there(server: Server) -> None:
    server.breaks = [300_000, 700_000]
    path, _ = result(fetch(server.url(), DIGEST))
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=700000-"]


def test_what_came_is_kept_for_the_next_time(server: Server) -> None:
    server.breaks = [300_000, 300_000]
    with pytest.raises(Refused, match=r"0\.3 MB that came are kept"):
        result(fetch(server.url(), DIGEST))
    assert part().stat().st_size == 300_000
    path, events = result(fetch(server.url(), DIGEST))
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=300000-"
    assert events[0].done > 300_000


def test_a_cancelled_download_goes_on_from_there(server: Server) -> None:
    work = fetch(server.url(), DIGEST)
    next(work)
    work.close()
    kept = part().stat().st_size
    assert 0 < kept < len(CONTENT)
    path, _ = result(fetch(server.url(), DIGEST))
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={kept}-"


def test_a_server_that_knows_no_ranges_sends_all_again(server: Server) -> None:
    part().write_bytes(b"x" * 1000)
    server.ranges = False
    path, _ = result(fetch(server.url(), DIGEST))
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_whole_already(server: Server) -> None:
    part().write_bytes(CONTENT)
    path, _ = result(fetch(server.url(), DIGEST))
    assert path.read_bytes() == CONTENT


def test_a_wrong_digest_is_thrown_away(server: Server) -> None:
    with pytest.raises(UnusableWeights, match="thrown away"):
        result(fetch(server.url(), "0" * 8))
    assert list(weights_folder().iterdir()) == []


def test_a_file_that_is_not_on_the_server(server: Server) -> None:
    with pytest.raises(Refused, match="404"):
        result(fetch(server.url("absent.pth")))


def test_without_internet_the_sentence_says_what_to_get_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Server() as server:  # bound and never serving; closed at the end of the block
        port = server.server_port
    monkeypatch.setenv("ESPALIER_MIRROR", f"http://127.0.0.1:{port}")
    facts = BACKBONES.make("resnet18").facts()
    with pytest.raises(Refused) as refusal:
        result(download_weights("resnet18"))
    assert facts["url"] in str(refusal.value)
    assert str(weights_folder()) in str(refusal.value)


def test_a_backbone_is_downloaded_by_name_from_a_mirror_and_checked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESPALIER_MIRROR", server.url("").rstrip("/"))
    digest = BACKBONES.make("resnet18").facts()["digest"]
    with pytest.raises(UnusableWeights, match=digest):
        result(download_weights("resnet18"))
    assert server.asked == [None]


def test_a_digest_that_the_server_states_is_taken_where_there_is_one(server: Server) -> None:
    assert stated_digest(server.url()) == DIGEST
    assert stated_digest(server.url("unstated.safetensors")) == ""
    with Server() as closed:
        url = closed.url()
    assert stated_digest(url) == ""


@needs_timm
def test_a_network_of_timm_is_checked_by_that_digest_and_kept_under_its_own_name(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESPALIER_MIRROR", server.url("all")[:-4])
    path, _ = result(download_weights(CNN))
    assert path == weights_folder() / "timm-resnet18.a1_in1k.safetensors"
    assert path.read_bytes() == CONTENT
    path.unlink()
    part(f"{path.name}.part").write_bytes(b"x" * 1000)  # goes on from bytes that are none of it
    with pytest.raises(UnusableWeights, match="arrived damaged"):
        result(download_weights(CNN))

"""Brokers for tests: mosquitto, where it is installed, and a few lines that speak enough of MQTT to
refuse and to take messages."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
MOSQUITTO = shutil.which("mosquitto") or next(
    filter(None, (shutil.which("mosquitto", path=place) for place in PLACES)), None
)
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None or shutil.which("mosquitto_passwd") is None,
    reason="mosquitto, a broker of MQTT, is not installed here",
)
CONNECT, PUBLISH, DISCONNECT = 1, 3, 14
"""Kinds of packets."""


class Broker:
    """Takes what is published at quality of service 1. The first who come are answered with
    `codes` (5: not allowed)."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.changed = threading.Condition()
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.users: list[tuple[str, str]] = []

    def serve(self, stream: Any) -> None:
        """Answers one who connects until they leave."""
        while head := stream.read(1):
            content = stream.read(length(stream))
            kind = head[0] >> 4
            if kind == CONNECT:
                code = self.codes.pop(0) if self.codes else 0
                self.users.append(user_of(content))
                stream.write(bytes([0x20, 2, 0, code]))
            elif kind == PUBLISH:
                topic, rest = text_at(content)
                stream.write(bytes([0x40, 2]) + rest[:2])
                with self.changed:
                    self.got.append((topic.decode(), json.loads(rest[2:])))
                    self.changed.notify_all()
            elif kind == DISCONNECT:
                return
            stream.flush()

    def gets(self) -> tuple[str, dict[str, Any]]:
        with self.changed:
            assert self.changed.wait_for(lambda: self.got, 120)
            return self.got[0]


def length(stream: Any) -> int:
    total = shift = 0
    while True:
        byte = stream.read(1)[0]
        total |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return total


def text_at(content: bytes) -> tuple[bytes, bytes]:
    """A text with its length before it, and what follows."""
    size = int.from_bytes(content[:2], "big")
    return content[2 : 2 + size], content[2 + size :]


def user_of(content: bytes) -> tuple[str, str]:
    """Who connects, and with which password."""
    flags = content[7]
    _, rest = text_at(content[10:])
    user, rest = text_at(rest) if flags & 0x80 else (b"", rest)
    password, rest = text_at(rest) if flags & 0x40 else (b"", rest)
    return user.decode(), password.decode()


@contextmanager
def brokering(broker: Broker, port: int = 0) -> Iterator[int]:
    """The port at which it is, in this process."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with closing(self.request.makefile("rwb")) as stream:
                broker.serve(stream)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="test-broker")
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def mosquitto(folder: Path, user: str, password: str) -> Iterator[tuple[int, int, Path]]:
    """The ports of a real broker, without and with TLS, and its certificate; it knows one user."""
    assert MOSQUITTO is not None
    folder.mkdir()
    plain, tls = free_port(), free_port()
    certificate, key, known = folder / "cert.pem", folder / "key.pem", folder / "users"
    words = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", *words, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    made = ["mosquitto_passwd", "-b", "-c", str(known), user, password]
    subprocess.run(made, check=True, capture_output=True)
    settings = folder / "mosquitto.conf"
    settings.write_text(
        # As root it would become a user that can't read a test's folder.
        f"user root\nper_listener_settings false\nallow_anonymous false\npassword_file {known}\n"
        f"listener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\n"
        f"certfile {certificate}\nkeyfile {key}\n"
    )
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_listens(process, plain)
        yield plain, tls, certificate
    finally:
        process.terminate()
        process.wait(30)


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            threading.Event().wait(0.02)
    raise AssertionError("mosquitto ended")


@contextmanager
def subscribed(port: int, user: str, password: str, topic: str) -> Iterator[Any]:
    """Gives a function that waits for so many messages of a topic: their contents."""
    changed, got, ready = threading.Condition(), list[dict[str, Any]](), threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(user, password)

    def hear(client: Any, given: Any, message: Any) -> None:
        with changed:
            got.append(json.loads(message.payload))
            changed.notify_all()

    def wait(count: int) -> list[dict[str, Any]]:
        with changed:
            assert changed.wait_for(lambda: len(got) >= count, 120)
            return got

    client.on_message = hear
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    assert ready.wait(60)
    try:
        yield wait
    finally:
        client.disconnect()
        client.loop_stop()

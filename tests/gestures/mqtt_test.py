"""A person has a class published by MQTT, on the command line and on the Live page."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit

from app.pages.live.passwords import Passwords
from app.pages.live.rule_dialog import ACTIONS, RuleDialog
from app.pages.live.rules import RuleList
from app.shell.preferences import Preferences, settings_file
from engine.live import mqtt
from tests.helpers.commands import espalier, in_a_process, refused
from tests.helpers.live import Camera, colour_model, film, served
from tests.helpers.mqtt import Broker, brokering, mosquitto, needs_mosquitto, subscribed
from tests.helpers.window import Person, texts

SECRET = "open sesame: ä/%"
LATER = ("--every-frame", "--half-life", 0)


@pytest.fixture(scope="module")
def model(home: Path) -> Path:
    return colour_model(home / "colours.onnx")


@needs_mosquitto
def test_a_real_broker_gets_the_class(home, model, tmp_path, monkeypatch) -> None:
    """With a user, plainly and with TLS; a wrong password is refused and said."""
    shown = film(tmp_path / "f.avi", ["red"] * 30 + ["blue"] * 30)
    words = ("watch", model, shown, *LATER, "--json", "--rest", 10, "--rule")
    with (
        mosquitto(tmp_path / "broker", "me", SECRET) as (plain, tls, certificate),
        subscribed(plain, "me", SECRET, "line/#") as messages,
    ):
        monkeypatch.setenv("ESPALIER_MQTT_PASSWORD", SECRET)
        done = espalier(home, *words, "*", "mqtt", f"me@127.0.0.1:{plain}/line/2 seen")
        assert done.returncode == 0, done.stderr
        (message,) = messages(1)
        assert [message["class"], message["source"], "image" in message] == ["red", "f.avi", False]
        to = f"mqtts://me@localhost:{tls}/line/tls"
        failed = espalier(home, *words, "blue", "mqtt", to)
        assert "certificate verify failed" in failed.stderr, "it proves its name to nobody else"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        espalier(home, *words, "blue", "mqtt", to)
        assert [m["class"] for m in messages(2)] == ["red", "blue"]
        wrong = espalier(
            home, *words, "red", "mqtt", f"mqtt://me:{SECRET[0]}@127.0.0.1:{plain}/line/x"
        )
        assert "the broker refused: not authorized" in wrong.stderr
        assert len(messages(2)) == 2


def test_a_broker_that_refuses_is_tried_again(home, model) -> None:
    if sys.platform == "win32":
        pytest.skip("sends a POSIX signal")
    broker, camera = Broker(5, 3), Camera()
    with brokering(broker) as port, served(camera) as address:
        camera.shows("red", 30)
        rule = ("--rule", "red", "mqtt", f"mqtt://me:{SECRET.split()[0]}@127.0.0.1:{port}/seen")
        seen = in_a_process(home, "watch", model, address, "--half-life", 0, *rule)
        try:
            topic, told = broker.gets()
        finally:
            seen.send_signal(signal.SIGINT)
            out, err = seen.communicate(timeout=60)
    assert [topic, told["class"]] == ["seen", "red"]
    assert broker.users[0] == ("me", SECRET.split()[0])
    assert err.count("failed: the broker refused: not authorized. It is tried again.") == 1
    assert "done 1 times" in out
    assert SECRET.split()[0] not in out + err


def test_what_is_no_address_or_no_broker_is_said(home, model, tmp_path, monkeypatch) -> None:
    shown = film(tmp_path / "f.avi", ["red"] * 3)
    words = ("watch", model, shown, *LATER, "--rule", "red", "mqtt")
    assert "no topic" in refused(home, *words, "broker.local")
    assert "without + and #" in refused(home, *words, "mqtt://broker.local/line/+")
    assert "belongs to a user" in refused(home, *words, f"mqtt://:{SECRET[:4]}@broker.local/a")
    said = refused(home, *words, f"mqtt://me:{SECRET[:4]}@broker.local:no/a")
    assert "mqtts:// for TLS" in said
    assert SECRET[:4] not in said
    monkeypatch.setattr(mqtt, "SECONDS", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # it never says a word
        done = espalier(home, *words, f"127.0.0.1:{silent.getsockname()[1]}/a")
    assert "does not answer as a broker" in done.stderr
    monkeypatch.setitem(sys.modules, "paho", None)
    assert 'pip install "espalier[mqtt]"' in refused(home, *words, "broker.local/a")


# On the page.


def adds(person: Person, port: int) -> RuleDialog:
    """Makes a rule in the dialog, and tries to leave it half done on the way."""
    person.presses("Ctrl+Shift+U")
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), RuleDialog))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, RuleDialog)
    dialog.do.setCurrentIndex(list(ACTIONS).index("mqtt"))
    person.presses("Return", dialog)
    person.sees(lambda: "which computer" in dialog.news.text())
    dialog.mqtt.host.setText("127.0.0.1")
    dialog.mqtt.port.setValue(port)
    dialog.mqtt.topic.setText("line/2 #")
    dialog.mqtt.password.setText(SECRET)
    person.presses("Return", dialog)
    person.sees(lambda: "without + and #" in dialog.news.text())
    dialog.mqtt.topic.setText("line/2 seen")
    person.presses("Return", dialog)
    person.sees(lambda: "belongs to a user" in dialog.news.text())
    dialog.mqtt.user.setText("me@work")
    return dialog


def test_a_rule_publishes_and_its_password_is_kept_apart(learnt: Person) -> None:
    broker, page = Broker(), learnt.page("Live")
    with brokering(broker) as port:
        dialog = adds(learnt, port)
        assert dialog.mqtt.password.echoMode() == QLineEdit.EchoMode.Password
        assert "passwords.json" in " ".join(w.text() for w in dialog.findChildren(QLabel))
        learnt.presses("Return", dialog)
        address = f"mqtt://me%40work@127.0.0.1:{port}/line/2%20seen"
        learnt.sees(
            lambda: f"leaves this computer by: any class: publish to {address}" in texts(page)
        )
        learnt.presses("Alt+1")
        learnt.sees(lambda: broker.got)
        assert broker.gets()[0] == "line/2 seen"
        learnt.sees(lambda: any("was done once" in text for text in learnt.messages()))
    assert broker.users == [("me@work", SECRET)]
    learnt.presses("Alt+1")
    learnt.sees(lambda: any("failed: connection refused" in text for text in learnt.messages()))
    settings = settings_file().read_text("utf-8")
    assert address in settings
    assert SECRET[:11] not in settings + texts(learnt.window) + json.dumps(learnt.messages())
    kept = Passwords().path
    assert json.loads(kept.read_text("utf-8")) == {address: SECRET}
    if os.name == "posix":
        assert kept.stat().st_mode & 0o777 == 0o600
    again = RuleList(learnt.window.bridge, Preferences(), print)  # as after a restart
    again.show_project(learnt.project)
    assert again.rules[0]["password"] == SECRET
    again.deleteLater()
    learnt.presses("Alt+Shift+1")
    learnt.sees(lambda: not page.rules.rules)
    assert not kept.exists()

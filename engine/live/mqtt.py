"""What a rule tells is published by MQTT: one connection for each message, and a receipt for it."""

from __future__ import annotations

import os
import ssl
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from engine.errors import BadSetting, Refused

if TYPE_CHECKING:
    import paho.mqtt.client as paho

    from engine.live.rules import Rule

SCHEMES = {"mqtt": 1883, "mqtts": 8883}
"""How addresses begin, and the ports that are usual; mqtts is with TLS."""
PASSWORD = "ESPALIER_MQTT_PASSWORD"
"""The variable that holds the password of a user, where nothing else does."""
SECONDS = 5.0
"""How long a broker may take, from looking its name up to the receipt."""
KEEPALIVE = 20
"""Seconds after which paho gives up by itself what says nothing."""
MOMENT = 0.05
TOPIC = 65_535
"""Bytes of a topic at most, says MQTT."""
EXTRA = (
    "Publishing by MQTT wants the package paho-mqtt, which is not installed: "
    'pip install "espalier[mqtt]".'
)


@dataclass(frozen=True)
class Broker:
    """Where something is published, and as whom."""

    host: str
    port: int
    tls: bool
    user: str
    topic: str


class ClosedSocket(ssl.SSLSocket):
    """Closes itself where the two do not come to terms; paho forgets it then."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class NotPublished(Exception):
    """Why not, as a part of a sentence."""


def without_password(to: str) -> tuple[str, str]:
    """An address as it may be shown, whole, and the password that was in it."""
    if "://" not in to:
        to = f"mqtt://{to}"
    parts = split(to)
    password = unquote(parts.password or "")
    if parts.password is not None:
        user, host = parts.username or "", parts.netloc.rpartition("@")[2]
        to = parts._replace(netloc=f"{user}@{host}").geturl()
    return to, password


def split(to: str) -> SplitResult:
    """Raises BadSetting where it is no address; it may hold a password, which is not repeated."""
    try:
        parts = urlsplit(to)
        good = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        good = False
    if not good:
        raise BadSetting(
            "This is no address to publish to. Write it as mqtt://host/topic or "
            "mqtt://user@host:1883/topic, with mqtts:// for TLS."
        )
    return parts


def broker_of(to: str) -> Broker:
    """What an address names. Raises BadSetting."""
    parts = split(to)
    topic = unquote(parts.path[1:] + (f"?{parts.query}" if parts.query else ""))
    if not topic or set("+#\0") & set(topic) or len(topic.encode()) > TOPIC:
        raise BadSetting(
            f"“{topic}” is no topic. Write it behind the host, as in mqtt://host/line/2, without + "
            "and #."
        )
    tls = parts.scheme == "mqtts"
    port = parts.port or SCHEMES[parts.scheme]
    return Broker(parts.hostname or "", port, tls, unquote(parts.username or ""), topic)


def check_mqtt(rule: Rule) -> None:
    """Raises BadSetting where the address is none, and Refused without the extra."""
    if not broker_of(rule.to).user and rule.password:
        raise BadSetting(
            "A password belongs to a user. Write the address as mqtt://user@host/topic."
        )
    if find_spec("paho") is None:
        raise Refused(EXTRA)


def client_of(broker: Broker, password: str) -> paho.Client:
    """Somebody who can connect to a broker, and has not yet."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect_timeout = SECONDS
    if broker.user:
        client.username_pw_set(broker.user, password or os.environ.get(PASSWORD))
    if broker.tls:
        context = ssl.create_default_context()
        context.sslsocket_class = ClosedSocket
        client.tls_set_context(context)
    return client


def publish(rule: Rule, content: bytes, stopped: threading.Event) -> None:
    """Publishes at quality of service 1, so that the broker says that it has it.

    Raises NotPublished, also where `stopped` is set meanwhile, and OSError.
    """
    broker = broker_of(rule.to)
    client = client_of(broker, rule.password)
    sent: list[paho.MQTTMessageInfo] = []
    refused: list[str] = []

    def connected(client: Any, given: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            refused.append(f"the broker refused: {str(reason).lower()}")
        else:
            sent.append(client.publish(broker.topic, content, qos=1))

    client.on_connect = connected
    end = time.monotonic() + SECONDS
    try:
        client.connect(broker.host, broker.port, keepalive=KEEPALIVE)
        while not (sent and sent[0].is_published()):
            code = client.loop(MOMENT)
            if stopped.is_set():
                raise NotPublished("it was stopped")
            if refused:
                raise NotPublished(refused[0])
            if code or time.monotonic() > end:
                raise NotPublished("what is there does not answer as a broker of MQTT")
    except RuntimeError as error:  # paho's, where the connection goes meanwhile
        raise NotPublished(str(error)) from error
    finally:
        client.disconnect()
        client.loop(0)

"""Where a rule publishes by MQTT, field by field, as an address and its password."""

from __future__ import annotations

from urllib.parse import quote

from PySide6.QtWidgets import QCheckBox, QLineEdit, QSpinBox, QWidget

from app.widgets.controls import buddy, column, indented, label, named, row

PLAIN, TLS = 1883, 8883
"""The ports that are usual."""
WHERE = (
    "The password is kept on this computer, in passwords.json beside Espalier's settings. Only you "
    "can read that file, and it is not encrypted."
)


class MqttFields(QWidget):
    """Host, port, topic, and what a broker may want besides."""

    def __init__(self) -> None:
        super().__init__()
        self.host, self.topic = QLineEdit(), QLineEdit()
        self.user, self.password = QLineEdit(), QLineEdit()
        self.port, self.tls = indented(QSpinBox()), QCheckBox("T&LS")
        named(self.host, "Host", "The computer on which the broker runs", "Alt+H")
        named(self.port, "Port", "Usually 1883, or 8883 with TLS", "Alt+P")
        named(self.topic, "Topic", "What it is published as, like line/2/seen", "Alt+T")
        named(
            self.tls,
            "TLS",
            "Speaks encrypted, and only with a broker that proves its name",
            "Alt+L",
        )
        named(self.user, "User", "Empty where the broker asks for none", "Alt+U")
        named(
            self.password,
            "Password",
            "Shown nowhere; kept in a file that only you can read",
            "Alt+W",
        )
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.host.setPlaceholderText("broker.local")
        self.topic.setPlaceholderText("line/2/seen")
        self.port.setRange(1, 65_535)
        self.port.setValue(PLAIN)
        self.port.setGroupSeparatorShown(False)
        self.tls.toggled.connect(self.show_port)
        self.lay_out()

    def lay_out(self) -> None:
        where = row(
            buddy("&Host", self.host), self.host, buddy("&Port", self.port), self.port, self.tls
        )
        where.setStretch(1, 1)
        what = row(buddy("&Topic", self.topic), self.topic)
        who = row(
            buddy("&User", self.user), self.user, buddy("Pass&word", self.password), self.password
        )
        self.setLayout(column(where, what, who, label(WHERE, "caption", wrap=True)))

    def show_port(self, tls: bool) -> None:
        """The other usual port, unless a person set one of their own."""
        if self.port.value() in (PLAIN, TLS):
            self.port.setValue(TLS if tls else PLAIN)

    def wrong(self) -> str:
        """What is missing, in a sentence; empty where nothing is."""
        if not self.host.text().strip():
            return "Say on which computer the broker runs."
        topic = self.topic.text().strip()
        if not topic or set("+#") & set(topic):
            return "Say as which topic it is published, without + and #."
        if self.password.text() and not self.user.text().strip():
            return "A password belongs to a user. Say which."
        return ""

    def address(self) -> str:
        """As engine/live/mqtt.py reads it; the password is not in it."""
        scheme = "mqtts" if self.tls.isChecked() else "mqtt"
        user = quote(self.user.text().strip(), safe="")
        host = self.host.text().strip()
        host = f"[{host}]" if ":" in host else host
        at = f"{user}@" if user else ""
        return f"{scheme}://{at}{host}:{self.port.value()}/{quote(self.topic.text().strip())}"

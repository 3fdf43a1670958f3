"""Where a rule publishes by MQTT, field by field, as an address and its password."""

from __future__ import annotations

from urllib.parse import quote

from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QSpinBox, QWidget

from app.theme import GRID
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
        """Where, as what, and as whom, their edges in line."""
        grid = QGridLayout()
        grid.setSpacing(GRID)
        grid.addWidget(buddy("&Host", self.host), 0, 0)
        grid.addWidget(self.host, 0, 1)
        grid.addWidget(buddy("&Port", self.port), 0, 2)
        grid.addLayout(row(self.port, self.tls), 0, 3)
        grid.addWidget(buddy("&Topic", self.topic), 1, 0)
        grid.addWidget(self.topic, 1, 1, 1, 3)
        grid.addWidget(buddy("&User", self.user), 2, 0)
        grid.addWidget(self.user, 2, 1)
        grid.addWidget(buddy("Pass&word", self.password), 2, 2)
        grid.addWidget(self.password, 2, 3)
        self.setLayout(column(grid, label(WHERE, "caption", wrap=True)))

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

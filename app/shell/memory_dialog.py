"""What the project keeps on disk, by part, and a cap on the part that can be spared."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDoubleSpinBox, QGridLayout, QProgressBar, QWidget

from app.bridge import Bridge
from app.widgets.controls import buddy, button, card, column, indented, label, named, row, scrolled
from app.widgets.sizes import sized
from engine.events import Ended
from engine.results.memory import Memory
from engine.system.words import plural, size

MB = 1_000_000
LARGEST = 1_000_000
"""MB that can be typed."""
NO_CAP = "all"


class MemoryDialog(QDialog):
    """A bar for each part; below it the cap, what gives way to it first, and what that costs."""

    def __init__(self, bridge: Bridge, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What the project keeps")
        sized(self, 680, 640)
        self.bridge, self.question = bridge, 0
        self.meter = QGridLayout()
        self.meter.setHorizontalSpacing(16)
        self.meter.setVerticalSpacing(8)
        self.meter.setColumnStretch(1, 1)
        self.total = label("", "muted")
        self.order, self.stays = label("", wrap=True), label("", "muted", wrap=True)
        self.news = label("Reading …", "muted", wrap=True)
        self.cap = indented(QDoubleSpinBox())
        self.make_controls()
        self.lay_out()
        self.finished.connect(lambda _: self.bridge.drop(self.question))
        bridge.changed.connect(self.ask)
        self.ask()

    def make_controls(self) -> None:
        """How much is kept at most, and the two answers."""
        self.cap.setRange(0, LARGEST)
        self.cap.setDecimals(0)
        self.cap.setSuffix(" MB")
        self.cap.setSpecialValueText(NO_CAP)
        self.cap.setKeyboardTracking(False)
        self.cap.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        named(
            self.cap,
            "Features and thumbnails kept at most",
            "In MB, 1 or more; 0 keeps all",
            "Alt+K",
        )
        self.close_button = button("Close", "Goes back", self.reject, key="Esc")
        self.set_button = button(
            "Set the cap",
            "What lies above it gives way now and after each step of learning; it can be undone",
            self.set_cap,
            key="Ctrl+Return",
            kind="primary",
        )

    def lay_out(self) -> None:
        """The bars, below them the cap, and the answers at the foot."""
        bars = QWidget()
        bars.setLayout(self.meter)
        field = row(buddy("&Keep features and thumbnails up to", self.cap), self.cap, 0)
        below = QWidget()
        below.setLayout(column(field, self.order, self.stays))
        foot = row(self.news, self.close_button, self.set_button)
        foot.setStretch(0, 1)
        inside = QWidget()
        inside.setLayout(column(card(bars), card(below), 0, gap=16))
        head = row(label("What the project keeps", "big"), 0, self.total)
        whole = column(head, scrolled(inside), foot, gap=16, edge=24)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    # Gestures.

    def ask(self, *_: object) -> None:
        """Asks for what is kept now."""
        self.bridge.drop(self.question)
        self.question = 0
        if self.bridge.project is None:
            self.reject()
            return
        self.set_button.setEnabled(not self.bridge.project.read_only)
        self.question = self.bridge.ask("memory", self.take)

    def set_cap(self) -> None:
        self.news.setText("Looking for room …")
        self.bridge.submit("cap_features", self.capped, most=round(self.cap.value()) * MB)

    # Showing.

    def take(self, ended: Ended) -> None:
        self.question = 0
        if ended.how == "done":
            self.show_memory(ended.of(Memory))
        elif ended.text:
            self.news.setText(ended.text)

    def capped(self, ended: Ended) -> None:
        """What became of the wish; the figures come with the change."""
        if ended.how != "done":
            self.news.setText(ended.text)

    def show_memory(self, found: Memory) -> None:
        self.show_parts(found)
        self.cap.setValue(found["cap"] / MB)
        lines = ["What gives way to a cap first:"]
        lines += [f"{number}. {what}" for number, what in enumerate(found["goes_first"], 1)]
        self.order.setText("\n".join(lines))
        self.stays.setText(found["stays"])
        there = f"Features of {plural(found['kept'])} are kept"
        self.news.setText(
            f"{there}, and {found['dropped']:,} gave way." if found["dropped"] else f"{there}."
        )

    def show_parts(self, found: Memory) -> None:
        """A line for each part that has anything, the largest first."""
        while (item := self.meter.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        parts = sorted((p for p in found["parts"] if p["bytes"]), key=lambda p: -p["bytes"])
        most = max((part["bytes"] for part in parts), default=1)
        for line, part in enumerate(parts):
            bar = QProgressBar(textVisible=False)
            bar.setRange(0, 1000)
            bar.setValue(round(1000 * part["bytes"] / most))
            name, bytes_ = part["part"].capitalize(), size(part["bytes"])
            named(bar, name, f"{bytes_} of {size(found['bytes'])}")
            self.meter.addWidget(label(name), line, 0)
            self.meter.addWidget(bar, line, 1)
            self.meter.addWidget(label(bytes_, "muted"), line, 2, Qt.AlignmentFlag.AlignRight)
        self.total.setText(f"{size(found['bytes'])} in all")

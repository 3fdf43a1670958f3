"""The rules of the Live page: a line each, with a button that tries it, kept for each project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.bridge import Bridge
from app.pages.live.passwords import Passwords
from app.pages.live.rule_dialog import ANY, RuleDialog, in_words
from app.shell.preferences import Preferences
from app.widgets.controls import (
    Elided,
    Yielding,
    button,
    calling,
    column,
    label,
    laid_out,
    named,
    pack,
    row,
    scrolled,
)
from engine.events import Ended, ProjectView
from engine.system.words import BETWEEN

KEPT = "rules"
GONE = "No class “{}” is learnt, so its rule is passed over."
STAYS = "Nothing leaves this computer."
LEAVES = "Something leaves this computer by: {}."
NONE = "When the model is sure of a class, a rule can copy the image, note it, or tell a program."
ROOM = 76
"""Pixels in which rules are seen: two of them; more are scrolled."""
KEYED = 9
"""So many rules have keys of their own."""


def leaves(rule: dict[str, Any]) -> bool:
    """Whether something leaves this computer by a rule, or may."""
    return rule["do"] in ("post", "mqtt", "run")


class RuleList(QWidget):
    """All rules of the project that is open. `changed` comes when there are others."""

    changed = Signal()

    def __init__(
        self, bridge: Bridge, preferences: Preferences, tell: Callable[..., object]
    ) -> None:
        super().__init__()
        self.bridge, self.preferences, self.tell = bridge, preferences, tell
        self.path, self.names, self.groups = "", list[str](), set[str]()
        self.classes: dict[int, str] = {}
        self.passwords = Passwords()
        self.rules: list[dict[str, Any]] = []
        self.add = button(
            "Add a rule …", "When sure of a class, do something", self.ask, key="Ctrl+Shift+U"
        )
        self.said = label(STAYS, "muted", wrap=True)
        self.lines = QWidget()
        pack(QVBoxLayout(self.lines), gap=4)
        self.place = scrolled(self.lines, Yielding)
        self.place.setMinimumHeight(ROOM)
        self.place.setMaximumHeight(ROOM)
        heading = row(label("Rules", "heading"), 0, self.add)
        self.setLayout(column(heading, self.place, self.said))
        self.refresh()

    @property
    def active(self) -> list[dict[str, Any]]:
        """Those whose class there is; the others are passed over, and their lines say so."""
        return [rule for rule in self.rules if self.has_class(rule)]

    def has_class(self, rule: dict[str, Any]) -> bool:
        return rule["name"] == ANY or rule["name"] in self.names or rule["name"] in self.groups

    def show_project(self, project: ProjectView) -> None:
        """Rules follow classes that are renamed; those whose class goes are passed over."""
        classes = {c.id: c.name for c in project.classes}
        groups = {part for c in project.classes for part in c.within.split(BETWEEN) if part}
        self.show_of(project.path, classes, [c.name for c in project.classes if c.known], groups)

    def show_file(self, path: str, names: Sequence[str]) -> None:
        """The rules that belong to an exported file, and what it can answer."""
        self.show_of(path, {}, names, set())

    def show_of(
        self, path: str, classes: dict[int, str], names: Sequence[str], groups: set[str]
    ) -> None:
        """Those kept for `path`; of the same one as before they follow classes that were renamed.

        `classes` are names by number, `names` and `groups` what can be answered.
        """
        before, active, other = self.classes, self.active, path != self.path
        self.classes, self.names, self.groups = classes, list(names), groups
        if other:
            self.path = path
            kept = self.preferences.get(KEPT, {}).get(self.path, [])
            self.rules = self.passwords.put_into([rule for rule in kept if whole(rule)])
            self.refresh()
            return
        now = {name: self.classes.get(number, name) for number, name in before.items()}
        followed = [{**rule, "name": now.get(rule["name"], rule["name"])} for rule in self.rules]
        if followed != self.rules:
            self.set_rules(followed)
        elif active != self.active:
            self.refresh()
            self.changed.emit()

    def set_rules(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules
        kept = {**self.preferences.get(KEPT, {}), self.path: self.passwords.taken_out(rules)}
        self.passwords.keep(
            rules, [rule["to"] for some in kept.values() for rule in some if whole(rule)]
        )
        self.preferences.put(KEPT, {path: some for path, some in kept.items() if some})
        self.refresh()
        self.changed.emit()

    def ask(self) -> None:
        RuleDialog(
            self.window(), self.names, lambda rule: self.set_rules([*self.rules, rule])
        ).open()

    def remove(self, number: int) -> None:
        self.set_rules([rule for at, rule in enumerate(self.rules) if at != number])

    def test(self, number: int) -> None:
        """Does it once, with a drawn image; the answer is a message."""
        rule = self.rules[number]

        def say(ended: Ended) -> None:
            if ended.how == "done":
                self.tell(f"“{in_words(rule)}” was done once, with a drawn image.")
            else:
                self.tell(ended.text, "warning")

        self.bridge.ask("try_rule", say, rule=rule)

    def refresh(self) -> None:
        """A line for each rule, and below them what leaves this computer."""
        layout = self.lines.layout()
        assert layout is not None
        while (item := layout.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for number, rule in enumerate(self.rules):
            layout.addWidget(self.line(number, rule))
        if not self.rules:
            layout.addWidget(label(NONE, "muted", wrap=True))
        out = [in_words(rule) for rule in self.active if leaves(rule)]
        gone = dict.fromkeys(rule["name"] for rule in self.rules if not self.has_class(rule))
        said = [LEAVES.format("; ".join(out)) if out else STAYS, *map(GONE.format, gone)]
        self.said.setText("\n".join(said))
        self.said.setObjectName("warning" if out else "muted")
        self.said.style().polish(self.said)

    def line(self, number: int, rule: dict[str, Any]) -> QWidget:
        """A rule in words, with the buttons that try it and take it away."""
        words = in_words(rule) if self.has_class(rule) else f"{in_words(rule)} (passed over)"
        text = Elided("", "")
        text.set_full(words)
        key, other = (
            (f"Alt+{number + 1}", f"Alt+Shift+{number + 1}") if number < KEYED else ("", "")
        )
        help = "Does it once, with a drawn image"
        test = button("Test", help, calling(self.test, number), key=key)
        named(test, f"Test “{words}”", help, key)
        help = "Takes this rule away"
        remove = button("Remove", help, calling(self.remove, number), key=other, kind="quiet")
        named(remove, f"Remove “{words}”", help, other)
        made = QWidget()
        made.setLayout(row(text, test, remove))
        laid_out(made).setStretch(0, 1)
        return made


def whole(rule: Any) -> bool:
    """Whether something that was kept is a rule; the engine checks the rest."""
    return isinstance(rule, dict) and all(
        isinstance(rule.get(k), str) for k in ("name", "do", "to")
    )

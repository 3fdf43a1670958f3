"""What a run of tuning is asked for: tuner, schedule, settings, and what becomes of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QComboBox, QFrame, QProgressBar, QWidget

from app import theme
from app.bridge import Bridge
from app.forms import Form
from app.pages.tune.presets import OWN, SET, WITHOUT, PresetChoice
from app.pages.tune.source import ImageSource
from app.widgets.controls import (
    Yielding,
    buddy,
    button,
    column,
    keeps_place,
    label,
    named,
    row,
    scrolled,
)
from engine.events import Ended, Progress
from engine.registry import PluginView
from engine.results.tune import Estimate, PresetRow, PresetTimes, TuningChoices
from engine.system.words import duration, plural, times

FIRST = ("epochs", "lr", "batch")
"""The settings that matter most; the others are folded away at first."""
USUAL = {"tuner": "fine_tune", "method": "vicreg", "schedule": "none"}
UPPER = "last_stages"
"""The schedule that is proposed without classes: a network that sees already changes above."""
IMAGES = "images"
"""The setting of a method that has a control of its own."""
ADOPT = (
    ("If clearly better", "clearly"),
    ("If better at all", "better"),
    ("Always", "always"),
    ("Never", "never"),
)
"""“Clearly” comes first, so that what the verdict calls no clear difference is not used unasked."""
TAKEN = "tsurpqhnozg"
"""Letters that the page uses with Alt for other things than settings."""
ASKING = "Estimating the time …"
READING = "Reading the images the first time comes on top."
PAUSE = 600
"""Milliseconds after the last change before the time is estimated anew."""


class TuneForm(QFrame):
    """The left side of the page. `started` carries a job and its settings."""

    started = Signal(str, dict)
    preview_asked = Signal(dict)
    branches_asked = Signal()

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setFixedWidth(288)
        self.bridge = bridge
        self.plugins: dict[str, dict[str, PluginView]] = {}
        self.proposed: Mapping[str, Mapping[str, Any]] = {}
        self.presets: dict[str, PresetRow] = {}
        self.seconds: dict[str, float] = {}
        self.estimated = self.busy = self.refused = False
        self.question = 0
        self.way = PresetChoice()
        self.source = ImageSource()
        self.choices = {name: QComboBox() for name in USUAL}
        self.helps = {name: label("", "caption", wrap=True) for name in self.choices}
        self.words: dict[str, QWidget] = {}
        self.first, self.more = Form(TAKEN), Form(TAKEN)
        self.adopt = QComboBox()
        self.time = label("", "muted", wrap=True)
        self.bar = QProgressBar(textVisible=False)
        self.pause = QTimer(self, singleShot=True, interval=PAUSE)
        self.make_controls()
        self.lay_out()
        self.connect_all()

    # Layout.

    def make_controls(self) -> None:
        """The combo boxes and the buttons."""
        named(self.choices["tuner"], "Tuner", "What of the network may change", "Alt+T")
        named(self.choices["method"], "Method", "How it learns from images alone", "Alt+T")
        named(self.choices["schedule"], "Schedule", "Which stages learn when", "Alt+S")
        used = "Whether the tuned network is used at the end; undo goes back"
        named(self.adopt, "Use the result", used, "Alt+U")
        for words, name in ADOPT:
            self.adopt.addItem(words, name)
        named(self.bar, "Estimating the time", "How far the estimate is; you can start now")
        self.fold = button(
            "More settings",
            "Settings of the schedule, and what else can be set",
            self.toggle,
            key="Ctrl+Shift+L",
            icon="chevron",
            kind="link",
        )
        self.fold.setCheckable(True)
        self.preview_button = button(
            "Preview images …",
            "Shows twelve images as training will see them",
            lambda: self.preview_asked.emit(self.previewed),
            key="Ctrl+P",
        )
        self.branches_button = button(
            "Branches …",
            "Grows branches of the network for new classes, removes and merges them",
            self.branches_asked.emit,
            key="Ctrl+Shift+B",
            kind="quiet",
        )
        self.start_button = button(
            "Start",
            "Starts a run with these settings; the estimate of its time need not be waited for",
            self.start,
            key="Ctrl+Return",
            icon="tune",
            kind="primary",
        )

    def lay_out(self) -> None:
        """The settings scroll where there is no room; time and buttons stay below them."""
        inside, self.own = QWidget(), QWidget()
        parts: list[Any] = [self.source]
        for name, text in (("tuner", "&Tuner"), ("method", "Me&thod"), ("schedule", "&Schedule")):
            choice, self.words[name] = self.choices[name], QWidget()
            lines = column(buddy(text, choice), choice, self.helps[name])
            self.words[name].setLayout(lines)
            parts += [self.words[name], 4]
        self.more.hide()
        self.own.setLayout(column(*parts, self.first, row(self.fold, 0), self.more))
        self.own.hide()
        heading = label("How shall it learn?", "heading")
        inside.setLayout(column(heading, self.way, self.own, 0))
        self.settings_part = scrolled(inside, Yielding)
        self.settings_part.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        use = row(buddy("&Use the result", self.adopt), self.adopt)
        use.setStretch(1, 1)
        tools = row(self.preview_button, self.branches_button, gap=4)
        tools.setStretch(0, 1)
        keeps_place(self.bar)
        time = column(self.time, self.bar, gap=4)
        whole = column(self.settings_part, tools, use, time, self.start_button, edge=16)
        whole.setStretch(0, 1)
        self.setLayout(whole)

    def toggle(self) -> None:
        self.more.setVisible(self.fold.isChecked())
        theme.put_icon(self.fold, "chevron-up" if self.fold.isChecked() else "chevron", pixels=18)

    def connect_all(self) -> None:
        self.way.chosen.connect(self.show_way)
        for choice in self.choices.values():
            choice.activated.connect(lambda _: self.show_choice())
        for form in (self.first, self.more, self.source):
            form.edited.connect(self.ask_anew)
        self.pause.timeout.connect(self.estimate)

    # Showing.

    def show_ways(self, found: TuningChoices) -> None:
        """The plug-ins, and what is proposed for this project."""
        self.proposed = found["proposed"]
        self.presets = {preset["name"]: preset for preset in found["presets"]}
        offered = {name: found[f"{name}s"] for name in USUAL}  # type: ignore[literal-required]
        for name, views in offered.items():
            choice = self.choices[name]
            chosen = choice.currentData() or USUAL[name]
            self.plugins[name] = {view.name: view for view in views}
            choice.clear()
            for view in views:
                choice.addItem(view.title, view.name)
            choice.setCurrentIndex(max(choice.findData(chosen), 0))
        self.show_settings(self.proposal)
        self.way.show_presets(found["presets"])

    def show_way(self, name: str) -> None:
        """The settings are seen where they can be set. The time of a preset may be known."""
        self.own.setVisible(name in SET)
        for kind, shown in (("tuner", name == OWN), ("method", name == WITHOUT)):
            self.words[kind].setVisible(shown)
        self.source.setVisible(name == WITHOUT)
        if name in SET and self.plugins and self.first.property("tuner") != self.learner.name:
            usual = UPPER if name == WITHOUT else USUAL["schedule"]
            self.choices["schedule"].setCurrentIndex(self.choices["schedule"].findData(usual))
            self.show_settings(self.proposal)
        if name in self.seconds and not self.busy:
            self.forget_question()
            self.show_time_of(name)
        else:
            self.ask_anew()

    @property
    def proposal(self) -> Mapping[str, Any]:
        return self.proposed.get(self.learner.name, {})

    @property
    def learner(self) -> PluginView:
        """The tuner that is chosen, or the method that needs no classes."""
        return self.plugin("method" if self.way.name == WITHOUT else "tuner")

    def plugin(self, name: str) -> PluginView:
        return self.plugins[name][self.choices[name].currentData()]

    def show_choice(self) -> None:
        """Another tuner or schedule: its own proposal, and of the rest what was set before."""
        values = self.values
        if self.first.property("tuner") != self.learner.name:
            values |= self.proposal
        self.show_settings(values)

    def show_settings(self, values: Mapping[str, Any]) -> None:
        """The settings of the chosen tuner and schedule, filled with `values` or the defaults."""
        tuner, schedule = self.learner, self.plugin("schedule")
        for name, text in self.helps.items():
            text.setText(self.plugin(name).help)
        first = tuple(view for view in tuner.settings if view.name in FIRST)
        others = (view for view in tuner.settings if view.name not in (*FIRST, IMAGES))
        rest = (*schedule.settings, *others)
        self.first.setProperty("tuner", tuner.name)
        self.first.show_plugin(replace(tuner, settings=first), values)
        keys = [str(made.property("key"))[-1:] for made in self.first.controls.values()]
        self.more.taken = TAKEN + "".join(keys)
        self.more.show_plugin(replace(tuner, settings=rest), values)
        self.put_in_order()

    def put_in_order(self) -> None:
        """Tab goes from above to below, also through controls that were made anew."""
        chain = [
            self.source.choice,
            *self.choices.values(),
            *self.first.controls.values(),
            self.fold,
            *self.more.controls.values(),
            self.preview_button,
        ]
        for before, after in pairwise(chain):
            QWidget.setTabOrder(before, after)

    def repeat(self, tuner: str, schedule: str, settings: Mapping[str, Any]) -> None:
        """Shows the settings of another run."""
        kind = "method" if tuner in self.plugins["method"] else "tuner"
        self.way.choose(WITHOUT if kind == "method" else OWN)
        for name, wanted in ((kind, tuner), ("schedule", schedule)):
            choice = self.choices[name]
            choice.setCurrentIndex(max(choice.findData(wanted), 0))
        if kind == "method":
            self.source.show_value(str(settings[IMAGES]))
        self.show_settings(settings)
        self.ask_anew()

    @property
    def values(self) -> dict[str, Any]:
        return {**self.first.values, **self.more.values}

    @property
    def settings(self) -> dict[str, Any]:
        """What a run and its estimate are asked with."""
        if self.way.name not in SET:
            return {"preset": self.way.name}
        names = ("method" if self.way.name == WITHOUT else "tuner", "schedule")
        found = {name: self.choices[name].currentData() for name in names}
        if self.way.name == WITHOUT:
            found[IMAGES] = self.source.value
        return {**found, "settings": self.values}

    @property
    def previewed(self) -> dict[str, Any]:
        """What the preview is asked with: the tuner with its own settings."""
        if preset := self.presets.get(self.way.name):
            return {"tuner": preset["tuner"], "settings": preset["settings"]}
        values, views = self.values, self.learner.settings
        own = {view.name: values[view.name] for view in views if view.name in values}
        return {"tuner": self.learner.name, "settings": own}

    # The estimate.

    def ask_anew(self) -> None:
        """The time is estimated a moment after the last change; until then there is none."""
        self.forget_question()
        if self.plugins and not self.busy:
            self.time.setText(ASKING)
            self.bar.setRange(0, 0)
            self.bar.show()
            self.pause.start()
        self.refresh_tools()

    def forget_time(self) -> None:
        """Other images or another network: the time is another one."""
        self.seconds = {}
        self.way.show_times({})
        self.forget_question()

    def forget_question(self) -> None:
        self.estimated = self.refused = False
        self.bar.hide()
        self.pause.stop()
        self.bridge.drop(self.question)

    def ask_if_needed(self) -> None:
        """After the page was hidden, or something ran."""
        if not self.estimated and not self.busy:
            self.ask_anew()

    def estimate(self) -> None:
        """Only while it is looked at: it costs the engine seconds."""
        if not self.busy and self.isVisible():
            own, jobs = self.way.name in SET, {OWN: "estimate_tune", WITHOUT: "estimate_adapt"}
            job, settings = (
                jobs.get(self.way.name, "estimate_presets"),
                self.settings if own else {},
            )
            take = self.take_estimate if own else self.take_presets
            self.question = self.bridge.ask(job, take, self.show_timing, **settings)

    def show_timing(self, event: Progress) -> None:
        if event.total:
            self.time.setText(f"{ASKING} {event.done + 1} of {event.total}")
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)

    def take_estimate(self, ended: Ended) -> None:
        """The time in words; or why there would be no run with these settings."""
        self.show_end(ended)
        self.estimated = ended.how == "done"
        if self.estimated:
            found = ended.of(Estimate)
            often = f", each seen {times(found['epochs'])}" if "epochs" in found else ""
            self.time.setText(
                f"{duration(found['seconds']).capitalize()} for {plural(found['steps'], 'step')} "
                f"on {plural(found['pictures'])}{often}. {READING}"
            )
        self.refresh_tools()

    def take_presets(self, ended: Ended) -> None:
        """The time of each preset; or why there would be no run."""
        self.show_end(ended)
        if ended.how == "done":
            self.seconds = ended.of(PresetTimes)["seconds"]
            self.way.show_times(self.seconds)
            self.show_time_of(self.way.name)
        self.refresh_tools()

    def show_end(self, ended: Ended) -> None:
        """An estimate is over; what refused it would refuse the run too."""
        self.refused = ended.how == "refused"
        self.bar.hide()
        self.time.setText(ended.text)

    def show_time_of(self, name: str) -> None:
        """The time of a preset, once more in the place where that of own settings stands."""
        self.estimated = name in self.seconds
        if self.estimated:
            self.time.setText(f"{duration(self.seconds[name]).capitalize()}. {READING}")
        self.refresh_tools()

    # Gestures.

    def set_busy(self, busy: bool) -> None:
        """While something runs nothing can be set, since its time could not be told."""
        if busy and not self.busy:
            self.forget_question()
            self.time.clear()
        self.busy = busy
        if not busy and self.way.name in self.seconds:
            self.show_time_of(self.way.name)
        elif not busy and self.isVisible():
            self.ask_if_needed()
        self.refresh_tools()

    def refresh_tools(self) -> None:
        for part in (self.settings_part, self.preview_button, self.adopt):
            part.setEnabled(bool(self.plugins) and not self.busy)
        self.start_button.setEnabled(bool(self.plugins) and not self.busy and not self.refused)

    def hideEvent(self, event: QHideEvent) -> None:
        """Another page must not wait for an estimate that nobody looks at."""
        super().hideEvent(event)
        if not event.spontaneous() and not self.estimated:
            self.forget_question()

    def start(self) -> None:
        job = "adapt" if self.way.name == WITHOUT else "tune"
        self.started.emit(job, {**self.settings, "adopt": self.adopt.currentData()})

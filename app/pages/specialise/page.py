"""The Specialise page: ask for a latency on this computer, get the subnet that meets it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from app import theme
from app.bridge import Bridge
from app.pages.specialise.chosen_subnet import SUBNET, UNDOABLE, ChosenSubnet
from app.pages.specialise.figures import about_table, event_point, landmark_of, point_of
from app.pages.specialise.fold_news import FoldNews
from app.pages.specialise.form import SearchForm
from app.pages.specialise.networks import decimals
from app.pages.specialise.scatter_plot import ScatterPlot
from app.pages.specialise.training_dialog import TrainDialog
from app.pages.specialise.training_run import TrainingRun
from app.widgets.controls import (
    Yielding,
    button,
    card,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    rule,
    say_on,
    scrolled,
    set_kind,
    tip,
)
from app.widgets.empty import Either, EmptyState
from app.widgets.next_step import NextStep
from engine.events import Candidate, Ended, ProjectView, Started
from engine.results.specialise import SubnetFound, Subnets
from engine.system.words import per_cent

JOBS = (
    "specialise",
    "measure_latency",
    "measure_landmarks",
    "make_elastic",
    "train_form",
    "fold_anew",
    "use_subnet",
    "export_subnet",
    "shrink",
)
"""Jobs of this page; after each of them it is read anew."""
SEARCH = "Finds the smaller network inside yours that knows your classes best and is fast enough."
TRAIN = "Train these networks …"
WATCH = "Watch the training …"
EMPTY = "No network has been tried yet. Say how long an image may take, then press Search."
UNKNOWN = (
    "Press “Measure this computer” first: then this plot shows how fast the smaller networks are "
    "here, and you can say how long an image may take. It takes about half a minute."
)
ONE_SIZE, MAKING = "This network comes in one size", "Making it elastic …"
ELASTIC = "Make it elastic (about 2 minutes)"
WHY_ELASTIC = (
    "It can be made elastic: Espalier then knows which of its parts count for your images, and "
    "finds a narrower form of it for any speed that you ask for. That takes about two minutes, "
    "once. The network that you use stays as it is."
)
STAYS = "Your images and classes stay, and are learnt again with it."
TOO_LITTLE = "Nothing to specialise yet"
FIRST = (
    "Learn some classes first: drop folders of images on the Images page. Then find here the "
    "network that is fast enough for this computer and knows them best."
)
WAIT, WHY_WAIT = "One moment …", "The networks of this project are being read."


class SpecialisePage(QWidget):
    """Searches the supernet for the network that is wanted, and shows what was found."""

    def __init__(
        self, bridge: Bridge, choose_backbone: Callable[[], object], tell: Callable[..., object]
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.shown: tuple[object, ...] = ()
        self.stale = True
        self.question = 0
        self.tickets: dict[int, str] = {}
        self.found = ""
        self.training = TrainingRun(bridge, tell, self)
        self.form = SearchForm()
        self.news = label("", "muted", wrap=True)
        self.news.hide()
        self.table_news = label("", "muted", wrap=True)
        self.plot = ScatterPlot("Latency and accuracy on your classes", EMPTY)
        self.subnet = ChosenSubnet(bridge)
        self.fold = FoldNews(bridge)
        self.make_buttons()
        self.make_ways_out(choose_backbone)
        self.lay_out()
        self.connect_all()

    def make_buttons(self) -> None:
        """What can be asked for on the left side."""
        self.search_button = button(
            "Search", SEARCH, self.search, key="Ctrl+F", icon="specialise", kind="primary"
        )
        self.measure_button = button(
            "Measure this computer",
            "Times the parts of all smaller networks here, once; from that a search predicts how "
            "fast each is",
            self.measure,
            key="Ctrl+M",
            icon="device",
        )
        self.compare_button = button(
            "Compare with MobileNet",
            "Times and scores the network in use, and MobileNetV2 and "
            "V3 where their weights are here, on your classes",
            self.compare,
            key="Ctrl+Shift+M",
        )
        self.train_button = button(
            TRAIN,
            "Trains all smaller networks inside yours (its subnets) on your images, so that each "
            "is better at your classes; you see first how long it takes",
            self.train,
            key="Ctrl+Shift+T",
        )

    def make_ways_out(self, choose_backbone: Callable[[], object]) -> None:
        """The buttons of the page where there is nothing to search yet."""
        self.elastic_button = button(
            ELASTIC,
            "Measures once, on your images, what each part of your network counts for, and how "
            "fast it is here",
            self.make_elastic,
            key="Ctrl+Shift+W",
            icon="specialise",
            kind="primary",
        )
        self.backbone_button = button(
            "Choose a network …",
            "Shows the networks, and which of them hold many sizes",
            choose_backbone,
            key="Ctrl+Shift+B",
            icon="backbone",
            kind="primary",
        )

    def lay_out(self) -> None:
        """What is searched on the left; the plot and below it the chosen subnet on the right."""
        self.nothing = NextStep(self.bridge, "specialise", TOO_LITTLE, text=FIRST)
        self.no_subnets = EmptyState("specialise", ONE_SIZE, STAYS, self.backbone_button)
        self.one_size = EmptyState("specialise", ONE_SIZE, WHY_ELASTIC, self.elastic_button)
        self.waiting = EmptyState("specialise", WAIT, WHY_WAIT)
        plot = card(self.plot, edge=12)
        named(
            self.plot,
            self.plot.title,
            "Arrow keys choose a network; Shift with an arrow key "
            "moves the target; Ctrl+S saves the plot",
        )
        reach(self.plot, "Alt+A")
        self.plot.setToolTip("")
        right = column(plot, self.subnet, gap=16)
        right.setStretch(0, 9)
        right.setStretch(1, 8)
        self.both = QWidget()
        self.both.setLayout(row(self.left_side(), right, gap=16))
        laid_out(self.both).setStretch(1, 1)
        self.pages = Either(self.nothing, self.waiting, self.no_subnets, self.one_size, self.both)
        self.setLayout(column(self.fold, self.pages, edge=16))
        self.setFocusProxy(self.plot)

    def left_side(self) -> QWidget:
        """The form and this computer, which scroll where there is no room; the button below."""
        about = label(SEARCH, "muted", wrap=True)
        about.setToolTip(SUBNET)
        self.computer = QWidget()
        tools = (self.table_news, self.measure_button, self.compare_button, self.train_button)
        self.computer.setLayout(column(rule(), label("This computer", "heading"), *tools))
        inside = QWidget()
        inside.setLayout(column(label("Search", "heading"), about, self.form, self.computer, 0))
        scroll = scrolled(inside, Yielding)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made = card(scroll, self.search_button, self.news, edge=16)
        made.setFixedWidth(264)
        laid_out(made).setContentsMargins(16, 16, 12, 16)  # beside it is the bar
        laid_out(made).setStretch(0, 1)
        return made

    def connect_all(self) -> None:
        self.bridge.changed.connect(self.show_project)
        self.bridge.started.connect(self.on_started)
        self.bridge.candidate.connect(self.on_candidate)
        self.bridge.ended.connect(self.on_ended)
        self.plot.picked.connect(self.subnet.choose)
        self.plot.target_moved.connect(self.form.set_target)
        self.form.target_set.connect(self.plot.set_target)
        self.subnet.marked.connect(self.plot.mark)
        self.subnet.said.connect(self.say)
        self.fold.said.connect(self.say)
        self.training.changed.connect(self.refresh_training)

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Reads the candidates anew where another network or step is in use."""
        step = project.current_step if project is not None else None
        now = (
            (project.path, project.backbone, project.input_size, step.id)
            if project and step
            else ()
        )
        if project is None or self.project is None or project.path != self.project.path:
            self.forget()
        self.project = project
        self.nothing.show_project(project)
        if now != self.shown:
            if now[:3] != self.shown[:3]:  # of this network nothing is known yet
                self.pages.setCurrentWidget(self.waiting)
            self.shown, self.stale = now, True
            self.read()

    def forget(self) -> None:
        """Another project: nothing of the last one stays."""
        self.form.set_target(0.0)
        self.plot.set_target(0.0)
        self.plot.show_points([])
        self.subnet.clear()
        self.fold.clear()
        if not self.training.running:
            self.training.clear()
        self.say("")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read()

    def read(self) -> None:
        """Asks for the candidates while the page is looked at; it costs the engine a moment."""
        if not self.shown:
            self.pages.setCurrentWidget(self.nothing)
        elif self.stale and self.isVisible():
            self.stale = False
            self.bridge.drop(self.question)
            self.question = self.bridge.ask("candidates", self.take)
            self.fold.read()

    def take(self, ended: Ended) -> None:
        """Shows the candidates; or why there can be none with this backbone."""
        found = ended.of(Subnets) if ended.how == "done" else None
        if found is not None and found["elastic"] and not found["ready"]:
            self.pages.setCurrentWidget(self.one_size)
            return
        if found is None or not (found["supernet"] or found["elastic"]):
            self.show_why(found, ended.text)
            return
        self.pages.setCurrentWidget(self.both)
        self.form.show_resolutions(found.get("resolutions", ()))
        elastic = found["elastic"]
        self.form.show_budget(not elastic)
        self.computer.setVisible(not elastic)
        self.plot.empty = EMPTY if found["table"] or elastic else UNKNOWN
        self.plot.show_points(
            [point_of(made) for made in found["rows"]],
            [landmark_of(made) for made in found["landmarks"]],
            found["range_ms"],
            found["in_use"],
        )
        self.table_news.setText(about_table(found["table"], found["error_ms"] or 0.0))
        table = found["table"]
        self.show_first(measured=elastic or (table is not None and table["fits"]))
        self.offer_target()
        self.refresh_tools()
        self.subnet.keep(self.plot.points, self.found)
        self.found = ""

    def show_first(self, measured: bool) -> None:
        """What is to be done next has the accent: a search needs a computer that was measured."""
        for made, first, icon in (
            (self.search_button, measured, "specialise"),
            (self.measure_button, not measured, "device"),
        ):
            set_kind(made, "primary" if first else "")
            theme.put_icon(made, icon, "on_accent" if first else "muted", 18)

    def show_why(self, found: Subnets | None, trouble: str) -> None:
        """No networks: another one has some, or there are too few images; or `trouble`."""
        self.stale = found is None
        fixed = found is not None and found["fixed"]
        title = ONE_SIZE if fixed else TOO_LITTLE if found else "The subnets can't be read now"
        why = found["why"] if found else trouble
        self.no_subnets.title.setText(title)
        self.no_subnets.text.setText(f"{why} {STAYS}" if fixed else why)
        self.backbone_button.setVisible(fixed)
        self.pages.setCurrentWidget(self.no_subnets)

    def offer_target(self) -> None:
        """A target in the middle of what is possible, until a person sets another."""
        self.form.show_step(self.plot.pace)
        if not self.plot.target and self.plot.range is not None:
            target = self.plot.round(sum(self.plot.range) / 2)
            self.plot.set_target(target)
            self.form.set_target(target)

    def refresh_tools(self) -> None:
        read_only = self.project is not None and self.project.read_only
        free = not self.tickets and not read_only
        tools = (self.search_button, self.measure_button, self.compare_button, self.elastic_button)
        for made in tools:
            made.setEnabled(free)
        self.one_size.title.setText(MAKING if "make_elastic" in self.tickets.values() else ONE_SIZE)
        self.subnet.refresh_tools(not free)
        self.fold.button.setEnabled(free)
        self.refresh_training()

    def refresh_training(self) -> None:
        """A training is watched while it runs, and set up where nothing else does."""
        running = self.training.running
        self.train_button.setEnabled(running or not self.tickets)
        say_on(self.train_button, WATCH if running else TRAIN)

    # During a job.

    def on_started(self, ticket: int, event: Started) -> None:
        if event.job in JOBS:
            self.tickets[ticket] = event.job
            self.refresh_tools()

    def on_candidate(self, ticket: int, event: Candidate) -> None:
        self.plot.add(event_point(event))
        count = len(self.plot.points)
        self.say(f"{count:,} {'network' if count == 1 else 'networks'} tried so far.")

    def on_ended(self, ticket: int, event: Ended) -> None:
        if self.tickets.pop(ticket, None) is not None:
            self.stale = True
            self.refresh_tools()
            self.read()

    # Gestures.

    def search(self) -> None:
        self.say("Searching …")
        self.bridge.submit("specialise", self.take_found, **self.form.values)

    def take_found(self, ended: Ended) -> None:
        """Says what was found and chooses it; a refusal is told as all messages are."""
        self.say("")
        if ended.how == "done":
            found = ended.of(SubnetFound)
            self.found, measured = found["architecture"], found["measured_ms"]
            took = measured["p50"] if measured else found["predicted_ms"]
            words = f"{per_cent(found['accuracy'])} at {took:.{decimals(took)}f} ms"
            self.say(f"Found: {words}. {UNDOABLE}")

    def say(self, text: str, details: str = "") -> None:
        self.news.setText(text)
        self.news.setVisible(bool(text))
        self.news.setToolTip(tip(details))

    def make_elastic(self) -> None:
        if self.elastic_button.hasFocus():  # a button that is off would hand it to the header
            self.one_size.setFocus()
        self.bridge.submit("make_elastic")

    def measure(self) -> None:
        self.bridge.submit("measure_latency", resolutions=self.form.values["resolutions"])

    def train(self) -> None:
        TrainDialog(self.bridge, self.training, self.window()).open()

    def compare(self) -> None:
        self.bridge.submit("measure_landmarks")

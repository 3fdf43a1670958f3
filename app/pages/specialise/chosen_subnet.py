"""The card of the chosen subnet: its drawing, figures and classes, and what can be done with it."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QScrollArea, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.specialise.figures import FigureTable
from app.pages.specialise.subnet_drawing import SLOTS, SubnetDrawing
from app.pages.specialise.train_a_little import TrainALittle
from app.widgets.class_plots import BarPlot, ClassBar
from app.widgets.controls import (
    Elided,
    button,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    say_on,
    scrolled,
)
from app.widgets.plots import Legend
from app.widgets.receipt import rows_of
from engine.events import Ended
from engine.registry import PluginView
from engine.results.export import Exporters, Receipt
from engine.results.specialise import SubnetDetails

SUBNET = (
    "A subnet is a smaller network inside the supernet. It works at once, without being trained "
    "again."
)
ARCHITECTURE = (
    "The architecture: how many blocks the network has, and how each one is built. The kernel is "
    "how far a block looks around each point of the image; expand is how many times wider it "
    "is inside."
)
UNDOABLE = "“Use this” learns all classes again from the images. Undo takes it back."
COMES = "One moment …"
CHOOSE = "Click a point in the plot, or go to it with the arrow keys: its network is shown here."


class ClassBars(BarPlot):
    """The accuracy of each class with the chosen subnet."""

    def legend(self) -> Legend:
        return [("share recognised", super().legend()[0][1])]


class ChosenSubnet(QFrame):
    """Shows the subnet that was chosen, beside a pinned one where there is one."""

    marked = Signal(str, str)
    """Which architectures are chosen and pinned."""
    said = Signal(str, str)
    """A sentence about what was asked for, and its details."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.bridge = bridge
        self.question = 0
        self.busy = False
        self.chosen: SubnetDetails | None = None
        self.pinned: SubnetDetails | None = None
        self.title = label("Smaller network", "heading")
        self.title.setToolTip(SUBNET)
        self.text = Elided("", "caption")
        self.drawing = SubnetDrawing("Architecture", "")
        self.other = SubnetDrawing("Pinned", "")
        self.table = FigureTable()
        self.bars = ClassBars("Classes", "No class was scored.")
        self.training = TrainALittle(bridge, self)
        self.training.said.connect(self.said)
        self.make_buttons()
        self.lay_out()
        self.show_chosen()

    def make_buttons(self) -> None:
        """What can be done with the chosen subnet."""
        self.pin_button = button(
            "Pin",
            "Keeps this network beside the next one that you choose, to compare the two",
            self.pin,
            key="Ctrl+K",
        )
        self.export_button = button(
            "Export …",
            "Writes this network as one file; the project stays as it is",
            self.export,
            key="Ctrl+E",
            icon="export",
        )
        self.use_button = button(
            "Use this",
            "Makes this the project's network and learns all classes again; undo takes it back",
            self.use,
            key="Ctrl+U",
            kind="primary",
        )

    def lay_out(self) -> None:
        """Title and buttons above; below them drawing, figures and classes in a line."""
        words = column(self.title, self.text, gap=0)
        tools = (self.pin_button, self.training.button, self.export_button, self.use_button)
        head = row(words, *tools)
        head.setStretch(0, 1)
        self.bars_part = scrolled(self.bars)
        self.bars_part.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.bars_part.setMinimumWidth(152)
        self.bars.setMinimumWidth(136)
        for plot, key in ((self.drawing, "Alt+D"), (self.other, "Alt+N"), (self.bars, "Alt+C")):
            named(plot, plot.title, "Arrow keys read values; Ctrl+S saves the drawing")
            reach(plot, key)
            plot.setToolTip("")
        self.drawing.setToolTip(ARCHITECTURE)
        self.hint = label(CHOOSE, "muted", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body = QStackedWidget()
        self.body.addWidget(self.hint)
        self.body.addWidget(self.in_a_line(self.other, self.drawing, self.table, self.bars_part))
        self.setLayout(column(head, self.body, edge=12))
        laid_out(self).setStretch(1, 1)

    def in_a_line(self, *parts: QWidget | QScrollArea) -> QWidget:
        made = QWidget()
        line: QHBoxLayout = row(*parts, gap=16)
        for number, share in enumerate((5, 5, 4, 4)):
            line.setStretch(number, share)
        made.setLayout(line)
        return made

    # Showing.

    def choose(self, architecture: str) -> None:
        """Asks for a subnet's figures, and shows them when they come."""
        self.bridge.drop(self.question)
        self.hint.setText(COMES)
        self.marked.emit(architecture, name_of(self.pinned))
        self.question = self.bridge.ask("candidate", self.take, architecture=architecture)

    def take(self, ended: Ended) -> None:
        if ended.how == "done":
            self.chosen = ended.of(SubnetDetails)
        else:
            self.said.emit(ended.text, "")
        self.show_chosen()

    def keep(self, known: Container[str], better: str = "") -> None:
        """Reads the chosen subnet anew, or chooses `better`; lets go what is not known any more."""
        if name_of(self.pinned) not in known:
            self.pinned = None
        made, self.training.made = self.training.made, ""
        chosen = better or made or name_of(self.chosen)
        if chosen in known:
            self.choose(chosen)
        else:
            self.chosen = None
            self.show_chosen()

    def clear(self) -> None:
        """Nothing is chosen: another project or backbone is shown."""
        self.bridge.drop(self.question)
        self.chosen = self.pinned = None
        self.show_chosen()

    def show_chosen(self) -> None:
        """One drawing with figures and classes, or two drawings and what differs."""
        chosen, pinned = self.chosen, self.pinned
        two = bool(pinned)
        self.hint.setText(CHOOSE)
        self.body.setCurrentIndex(1 if chosen else 0)
        self.text.set_full(shown_name(chosen))
        self.text.setToolTip(f"{name_of(chosen)}\n\n{ARCHITECTURE}" if chosen else "")
        self.drawing.title = "Chosen" if two else "Architecture"
        self.drawing.setAccessibleName(self.drawing.title)
        for drawing, subnet in ((self.drawing, chosen), (self.other, pinned)):
            slots = SLOTS if is_subnet(name_of(subnet)) else 0
            drawing.show_stages(subnet["stages"] if subnet else (), slots)
        self.table.show_rows(*([pinned] if pinned else []), *([chosen] if chosen else []))
        shares = chosen["per_class"] if chosen else {}
        self.bars.show_bars([ClassBar(name, share) for name, share in shares.items()])
        self.other.setVisible(two)
        self.bars_part.setVisible(not two)
        say_on(self.pin_button, "Unpin" if two else "Pin")
        name = name_of(chosen)
        self.training.show_chosen(name, bool(name) and not is_subnet(name))
        self.refresh_tools(self.busy)
        self.marked.emit(name_of(chosen), name_of(pinned))

    def refresh_tools(self, busy: bool) -> None:
        self.busy = busy
        self.pin_button.setEnabled(bool(self.chosen))
        for made in (self.export_button, self.use_button):
            made.setEnabled(bool(self.chosen) and not busy)
        self.training.button.setEnabled(bool(self.training.wanted) and not busy)

    # Gestures.

    def pin(self) -> None:
        """Keeps the chosen subnet beside the next one, or lets the pinned one go."""
        self.pinned = None if self.pinned else self.chosen
        self.show_chosen()

    def use(self) -> None:
        def follow(ended: Ended) -> None:
            done = "This is the project's network now. Undo takes it back."
            self.said.emit(done if ended.how == "done" else ended.text, "")

        if self.chosen:  # A key acts a moment after it is pressed, when there may be none left.
            self.said.emit("Learning all classes again …", "")
            self.bridge.submit("use_subnet", follow, architecture=self.chosen["architecture"])

    def export(self) -> None:
        """Asks which formats there are, then for a file."""
        self.bridge.ask("list_exporters", self.choose_file)

    def choose_file(self, ended: Ended) -> None:
        """Asks for a file in one of the formats that can be used here, and writes the subnet."""
        project = self.bridge.project
        if ended.how != "done" or project is None or not self.chosen:
            self.said.emit(ended.text, "")
            return
        all_views = ended.of(Exporters)["exporters"]
        views = [view for view in all_views if not view.facts["missing"]]
        filters = {f"{view.title} (*{view.facts['suffix']})": view for view in views}
        start = str(Path(project.path).parent / f"{project.name} subnet.onnx")
        path, kind = QFileDialog.getSaveFileName(self, "Export to", start, ";;".join(filters))
        if path:
            self.submit(self.chosen["architecture"], path, filters.get(kind, views[0]))

    def submit(self, architecture: str, path: str, view: PluginView) -> None:
        """Writes the subnet there; the answer is what was checked."""
        suffix = view.facts["suffix"]
        # The dialog asked whether to replace just the file that it was given.
        whole = path.endswith(suffix)
        self.said.emit("Writing and checking …", "")
        self.bridge.submit(
            "export_subnet",
            self.take_receipt,
            architecture=architecture,
            path=path if whole else f"{path.removesuffix('.onnx')}{suffix}",
            format=view.name,
            overwrite=whole,
        )

    def take_receipt(self, ended: Ended) -> None:
        """Says first what was checked; the tooltip holds the whole receipt."""
        if ended.how != "done":
            self.said.emit(ended.text, "")
            return
        lines = [f"{name}: {value}" for name, value in rows_of(ended.of(Receipt))]
        self.said.emit(f"Exported and checked. {'. '.join(lines[:4])}.", "\n".join(lines))


def name_of(subnet: SubnetDetails | None) -> str:
    """Its architecture; nothing where there is none."""
    return subnet["architecture"] if subnet else ""


def shown_name(subnet: SubnetDetails | None) -> str:
    """Its title, where its architecture is a line of figures for each block of a known network."""
    name = name_of(subnet)
    return subnet["title"] if subnet and not is_subnet(name) else name


def is_subnet(architecture: str) -> bool:
    """Whether a supernet holds it, which begins with the resolution; others with their name."""
    return architecture[:1].isdecimal()

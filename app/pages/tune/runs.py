"""The runs of tuning that are kept, as a table, and what differs between some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView

from app.widgets.controls import named, reach
from app.widgets.table import Table, TableRows
from engine.registry import PluginView
from engine.results.tune import RunRow
from engine.system.words import per_cent

Kind = Literal["tuner", "schedule"]
TITLES = ("Run", "Tuner", "Schedule", "State", "Epochs", "Time", "Accuracy")
STATES = {
    "live": "running",
    "running": "stopped",
    "paused": "paused",
    "done": "done",
    "adopted": "in use",
    "discarded": "not used",
}
HELP = {
    "live": "This run goes on now",
    "running": "The engine stopped in the middle of it; it can go on from its last checkpoint",
    "paused": "It can go on from its checkpoint",
    "done": "Its network can be used",
    "adopted": "The project uses the network of this run",
    "discarded": "The network from before was kept; this one can be used all the same",
}


def took(seconds: float) -> str:
    """A time as a table tells it; one that is saved may be below 0."""
    if seconds < 0:
        return f"−{took(-seconds)}" if seconds < -0.05 else took(0.0)
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def short(name: str) -> str:
    """The name of a tuner or a schedule as the command line knows it, in a narrow column."""
    return name.replace("_", " ")


def accuracies(run: RunRow) -> str:
    """Before and after where they were compared, as in use; else its best epoch so far."""
    if run["before"] and run["after"]:
        before, after = run["before"]["accuracy"], run["after"]["accuracy"]
        return f"{per_cent(before).removesuffix(' %')} → {per_cent(after)}"
    best = run["best_accuracy"]
    return "–" if best is None else f"best {per_cent(best)}"


class RunRows(TableRows):
    """One row for each run, newest first. `live` is the number of the one that goes on."""

    def __init__(self) -> None:
        super().__init__(TITLES)
        self.live = 0
        self.titles_of: dict[str, dict[str, str]] = {"tuner": {}, "schedule": {}}
        self.labels: dict[str, str] = {}

    def know(self, kind: Kind, plugins: Sequence[PluginView]) -> None:
        """The titles of tuners or of schedules, and what their settings are called."""
        self.titles_of[kind] = {view.name: view.title for view in plugins}
        self.labels |= {view.name: view.label for plugin in plugins for view in plugin.settings}

    def state(self, run: RunRow) -> str:
        return "live" if run["id"] == self.live else run["state"]

    def title(self, run: RunRow, kind: Kind) -> str:
        return self.titles_of[kind].get(run[kind], run[kind])

    def text(self, given: RunRow, column: int) -> str:
        """A cell: what it is called, how far it is, what came of it."""
        return (
            str(given["id"]),
            short(given["tuner"]),
            short(given["schedule"]),
            STATES[self.state(given)],
            f"{given['epochs_done']:.3g}/{given['epochs']:g}",
            took(given["seconds"]),
            accuracies(given),
        )[column]

    def help(self, given: RunRow, column: int) -> str:
        ways = f"{self.title(given, 'tuner')} · {self.title(given, 'schedule')}"
        return f"Run {given['id']}: {ways}\n{given['made']}\n{HELP[self.state(given)]}."

    def tell(self, number: int, **facts: Any) -> None:
        """New facts of one run; the others stay as they are."""
        for place, run in enumerate(self.rows):
            if run["id"] == number:
                run.update(facts)
                self.dataChanged.emit(self.index(place, 0), self.index(place, len(TITLES) - 1))


class RunTable(Table):
    """The runs; `chosen` carries the numbers of those that are selected."""

    chosen = Signal(list)

    def __init__(self) -> None:
        self.runs = RunRows()
        super().__init__(self.runs)
        self.setObjectName("figures")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        named(self, "Runs", "Choose a run to see its curves, or several to compare them")
        reach(self, "Alt+R")

    def show_runs(self, runs: Sequence[RunRow], live: int) -> None:
        """Shows the runs; what was selected stays selected, and tells of it anew."""
        kept, index = self.selected(), self.currentIndex()
        current = self.runs.rows[index.row()]["id"] if index.isValid() else 0
        self.runs.live = live
        self.blockSignals(True)
        self.runs.give([run.copy() for run in runs])
        self.choose(kept, current)
        self.blockSignals(False)

    def selected(self) -> list[int]:
        """The numbers of the chosen runs, oldest first."""
        rows = {index.row() for index in self.selectionModel().selectedRows()}
        return sorted(self.runs.rows[row]["id"] for row in rows)

    def choose(self, numbers: Sequence[int], current: int = 0) -> None:
        """Selects these runs alone; those that are gone are left out. Keys go on from `current`."""
        model, flags = self.selectionModel(), QItemSelectionModel.SelectionFlag
        places = {run["id"]: self.runs.index(n, 0) for n, run in enumerate(self.runs.rows)}
        chosen = [index for number, index in places.items() if number in numbers]
        model.clearSelection()
        for index in chosen:
            model.select(index, flags.Select | flags.Rows)
        if chosen:
            model.setCurrentIndex(places.get(current, chosen[0]), flags.NoUpdate)
            self.scrollTo(self.currentIndex())

    def run(self, number: int) -> RunRow:
        """A run's row. Raises StopIteration where there is none."""
        return next(run for run in self.runs.rows if run["id"] == number)

    def selectionChanged(self, now: QItemSelection, before: QItemSelection) -> None:
        super().selectionChanged(now, before)
        self.chosen.emit(self.selected())


class DifferingRows(TableRows):
    """Settings that are not the same in all of some runs: a row for each, a column for each run."""

    def __init__(self) -> None:
        super().__init__(())

    def compare(self, runs: Sequence[RunRow], rows: RunRows) -> None:
        """Shows what differs; a setting that a run does not have is told with a dash."""
        told = [
            {
                "Tuner": rows.title(run, "tuner"),
                "Schedule": rows.title(run, "schedule"),
                **{
                    rows.labels.get(name, name): words(value)
                    for name, value in run["settings"].items()
                },
            }
            for run in runs
        ]
        names = list(dict.fromkeys(name for settings in told for name in settings))
        table = [(name, *(settings.get(name, "–") for settings in told)) for name in names]
        self.titles = ("Setting", *(f"Run {run['id']}" for run in runs))
        self.give([line for line in table if len(set(line[1:])) > 1])


def words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

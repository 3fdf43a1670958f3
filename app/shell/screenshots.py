"""Pictures of the window for the README: `python -m app.shell.screenshots FOLDER`.

Opens the sample project in a real window on the real engine, without a display, learns it with
three learners, tries images, exports the model, and writes each page in light and dark.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer

from app import theme
from app.forms import set_value
from app.pages import PAGES
from app.pages.compare.page import ComparePage
from app.pages.export.page import ExportPage
from app.pages.map.page import MapPage
from app.pages.specialise.page import SpecialisePage
from app.pages.try_it.page import TryPage
from app.pages.tune.page import TunePage
from app.shell.preferences import Preferences
from app.shell.sample import some_to_try
from app.shell.window import Window, make_application
from engine.events import Ended
from engine.results.images import SampleMade
from engine.worker import Engine

PATIENCE = 600_000
EPOCHS = 3
"""Of the runs of tuning in the pictures."""
PAGE_WIDTH, PAGE_HEIGHT = 1280, 800


class Photographer:
    """Drives the window, and takes its picture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.window = Window(Engine(), Preferences())
        self.window.resize(PAGE_WIDTH, PAGE_HEIGHT)
        self.window.show()
        self.until(lambda: len(self.window.pages) == len(PAGES))

    def until(self, done: Callable[[], object]) -> None:
        """Runs the event loop until `done`, or gives up."""
        loop = QEventLoop()
        look = QTimer(interval=20)

        def quit_when_done() -> None:
            if done():
                loop.quit()

        look.timeout.connect(quit_when_done)
        look.start()
        QTimer.singleShot(PATIENCE, loop, lambda: sys.exit("The window did not get this far."))
        loop.exec()

    def ask(self, job: str, **settings: Any) -> Ended:
        """Does one job, and says how it ended."""
        ended: list[Ended] = []
        self.window.bridge.submit(job, ended.append, **settings)
        self.until(lambda: ended)
        return ended[0]

    def do(self, job: str, **settings: Any) -> Ended:
        """Does one job; ends the program where it does not end well."""
        ended = self.ask(job, **settings)
        if ended.how != "done":
            sys.exit(f"{job}: {ended.text}")
        return ended

    def rest(self, milliseconds: int = 700) -> None:
        """Lets thumbnails and answers arrive."""
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def take(self, name: str) -> None:
        """The window in light and in dark."""
        for mode in ("light", "dark"):
            theme.use(mode)
            self.rest()
            self.window.grab().save(str(self.folder / f"{name}-{mode}.png"))
        theme.use("light")


def photograph(folder: Path, work: Path) -> None:
    """Goes through a first day with the program, and takes a picture of each page."""
    person = Photographer(folder)
    window = person.window
    person.take("welcome")
    made = person.do("make_sample", path=str(work / "Sample.espalier"))
    for learner in ("ncm", "ridge", "slda"):
        person.do("learn", learner=learner)
    for card in window.notices.cards:
        card.dismiss()
    pictures = Path(made.of(SampleMade)["pictures"])
    window.go("Images")
    person.take("images")
    window.go("Map")
    chart = window.pages["Map"]
    assert isinstance(chart, MapPage)
    person.until(lambda: chart.mapping.at_rest)
    person.take("map")
    window.go("Learn")
    person.take("learn")
    page = window.pages["Try"]
    assert isinstance(page, TryPage)
    window.go("Try")
    page.try_paths(some_to_try(pictures))
    person.until(lambda: page.question is None)
    person.take("try")
    export = window.pages["Export"]
    assert isinstance(export, ExportPage)
    window.go("Export")
    export.target.setText(str(work / "sample.onnx"))
    export.export()
    person.until(lambda: export.export_button.isEnabled())
    person.take("export")
    compare(person)
    tune(person)
    specialise(person)
    window.close()


def compare(person: Photographer) -> None:
    """Compares a few ways to learn, and looks at the table."""
    page = person.window.pages["Compare"]
    assert isinstance(page, ComparePage)
    person.window.go("Compare")
    person.until(lambda: page.form.items)
    strategies = ["ncm", "slda", "ridge", "last_1", "all_stages"]
    person.do("compare", strategies=strategies, epochs=EPOCHS)
    person.until(lambda: page.last["done"])
    person.rest()
    person.take("compare")


def specialise(person: Photographer) -> None:
    """Takes a network that holds many, searches for half of the slowest's latency, and looks."""
    person.do("use_backbone", name="embedded", learn=True)
    page = person.window.pages["Specialise"]
    assert isinstance(page, SpecialisePage)
    person.window.go("Specialise")
    person.do("measure_latency")
    person.until(lambda: page.plot.range)
    assert page.plot.range is not None
    page.form.target.setValue(page.plot.round(page.plot.range[1] / 2))
    page.form.budget.setValue(40)
    page.search()
    person.until(lambda: page.subnet.chosen)
    person.do("measure_landmarks")
    person.take("specialise")


def tune(person: Photographer) -> None:
    """Watches a run whose stages freeze, and compares it with one in which none does."""
    page = person.window.pages["Tune"]
    assert isinstance(page, TunePage)
    person.window.go("Tune")
    person.until(lambda: page.form.first.controls)
    page.form.way.choose("own")
    page.form.adopt.setCurrentIndex(page.form.adopt.findData("never"))
    for schedule, picture in (("freezeout", "tune"), ("none", "")):
        choice = page.form.choices["schedule"]
        choice.setCurrentIndex(choice.findData(schedule))
        page.form.show_choice()
        set_value(page.form.first.controls["epochs"], EPOCHS)
        person.until(lambda: page.form.start_button.isEnabled())
        page.form.start()
        if picture:
            person.until(lambda: len(page.live.curves.epochs) > EPOCHS / 2)
            person.take(picture)
        person.until(lambda: page.form.start_button.isEnabled())
    page.table.choose([run["id"] for run in page.table.runs.rows])
    for card in person.window.notices.cards:
        card.dismiss()
    person.rest()
    person.take("runs")


def picture_of_project(folder: str, project: str) -> Ended:
    """Opens a project without a display, and takes one picture, of its scores: `picture`."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    place = Path(folder).absolute()
    place.mkdir(parents=True, exist_ok=True)
    make_application()
    theme.use("light")
    person = Photographer(place)
    ended = person.ask("open_project", path=str(Path(project).absolute()))
    if ended.how != "done":
        person.window.close()
        return ended
    person.window.go("Learn")
    person.rest()
    picture = place / "window.png"
    person.window.grab().save(str(picture))
    person.window.close()
    return Ended("done", "", {"picture": str(picture)})


def main() -> int:
    """Writes the pictures into FOLDER, which is made where it is missing; see --help."""
    parser = argparse.ArgumentParser(
        prog="app.shell.screenshots", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", nargs="?", default="screenshots", type=Path)
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="espalier-screenshots-") as work:
        # A home of its own: paths in the pictures begin with ~ and say nothing of this computer.
        os.environ["HOME"] = work
        os.environ["ESPALIER_HOME"] = str(Path(work) / "home")
        projects = Path(work) / "Espalier"
        projects.mkdir()
        make_application()
        theme.use("light")
        photograph(folder, projects)
    print(f"The pictures are in {folder}")
    return 0


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())

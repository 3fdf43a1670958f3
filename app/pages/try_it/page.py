"""The Try page: give it an image, and see what the model says and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QGuiApplication, QImage, QImageWriter
from PySide6.QtWidgets import QFileDialog, QPushButton, QSizePolicy, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.images.adding import IMAGES
from app.pages.try_it.answers import AnswerBars
from app.pages.try_it.sort_dialog import SortDialog, told
from app.widgets.ask import choose_class
from app.widgets.captions import Caption, Name
from app.widgets.controls import Elided, button, card, column, label, laid_out, named, reach, row
from app.widgets.desktop import show_file
from app.widgets.drops import Drops, paths_of
from app.widgets.gallery import Gallery
from app.widgets.images import Picture
from app.widgets.next_step import NextStep
from app.widgets.rows import ROW, ImageRows, short
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from app.widgets.why import Reason
from engine.events import Ended, Notice, Progress, ProjectView
from engine.results.learn import ImageAnswer, ImageAnswers, ImagesSorted, NoAnswer, PastedAnswer
from engine.results.why import Why
from engine.system.words import duration, per_cent

SMALL = 72
MOST = 200
"""How many images are answered at once; a test folder belongs to the command `score`."""


def answering(project: ProjectView) -> object:
    """What answers depend on."""
    return project.current_step, project.promise, [c.within for c in project.classes]


def png_of(image: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, b"PNG").write(image)
    return bytes(buffer.data().data())


ALIKE = "Most alike of what was learnt"


class TryPage(QWidget):
    """Drop, paste or pick images; bars of calibrated confidence, and the nearest train images."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails, tell: Callable[..., object]) -> None:
        """`tell` shows a message: its text, level, details, action and topic."""
        super().__init__()
        self.setObjectName("page")
        self.bridge, self.tell_all = bridge, tell
        self.project: ProjectView | None = None
        self.question: int | None = None
        self.found: dict[str, ImageAnswer | NoAnswer] = {}
        self.paths: list[str] = []
        self.likeliest: list[str] = []
        self.content = b""
        """The pasted image as a file's bytes."""
        self.image = Picture("Drop an image here, paste one, or pick one.")
        self.why = Reason(bridge, self.image)
        self.beside = Picture("This file can't be read. It may have been moved or deleted.")
        self.name = Elided("", "muted")
        self.verdict = label("", "title", wrap=True)
        self.reason = label("", "muted", wrap=True)
        self.bars = AnswerBars()
        self.near = ImageRows(bridge)
        self.nearest = Gallery(self.near, thumbs, SMALL)
        self.tried = ImageRows(bridge)
        self.list = Gallery(self.tried, thumbs, SMALL)
        then = "Then drop any image here to see what it is."
        self.empty = NextStep(bridge, "try", "Nothing is learnt yet", then)
        self.lay_out()
        self.bridge.changed.connect(self.show_project)
        self.why.told.connect(self.show_second)
        self.nearest.opened.connect(lambda n: Viewer(self.near, n, self.window()).open())
        Drops(self, "Drop to see what this is", self.can_try).dropped.connect(self.try_paths)

    def lay_out(self) -> None:
        """The image on the left, the answer on the right."""
        self.name_parts()
        pick, paste, sort = self.ways()
        self.mend_button = button(
            "No, it is …",
            "Adds the image to the class that you say, and learns it at once",
            self.mend,
            key="Ctrl+K",
        )
        self.stop_button = button("Stop", "Gives up on this question", self.stop, key="Ctrl+.")
        self.stop_button.setVisible(False)
        pair = row(self.image, self.beside)
        pair.setStretch(0, 2)
        pair.setStretch(1, 1)
        line = row(self.name, self.why.switch)
        line.setStretch(0, 1)
        left = card(pair, line, self.why, self.list, row(pick, paste, sort, 0, self.stop_button))
        laid_out(left).setStretch(0, 1)
        self.heading = label(ALIKE, "heading")
        self.heading.hide()
        answer = row(self.verdict, self.mend_button)
        answer.setStretch(0, 1)
        right = card(answer, self.reason, 16, self.bars, 0, self.heading, self.nearest)
        both = QWidget()
        both.setLayout(row(left, right, gap=16))
        laid_out(both).setStretch(0, 1)
        laid_out(both).setStretch(1, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(both)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(pick)
        self.say_nothing()

    def name_parts(self) -> None:
        """What each part is called and is for, and its size."""
        named(self.image, "Image", "The image that is asked about")
        named(self.bars, "Confidences", "The likeliest classes with their calibrated confidences")
        named(
            self.nearest, "Most alike of what was learnt", "Those that look most alike to the model"
        )
        reach(self.nearest, "Alt+N")
        named(self.list, "Tried images", "Choose one to see its answer again")
        reach(self.list, "Alt+I")
        self.list.chosen.connect(self.show_chosen)
        self.list.tile.lines = 2
        self.list.setFixedHeight(self.list.cell.height() + 2)
        self.list.hide()
        self.nearest.setFixedHeight(self.nearest.cell.height() + 2)
        self.image.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        named(self.beside, "What would change the answer", "The nearest of the second class")
        self.beside.hide()

    def ways(self) -> tuple[QPushButton, QPushButton, QPushButton]:
        """The buttons that bring images: from a file, from the clipboard, a whole folder."""
        return (
            button("Pick an image", "Opens a file", self.pick, key="Ctrl+P", icon="folder"),
            button("Paste", "Tries the copied image", self.paste, key="Ctrl+V", icon="paste"),
            button(
                "Sort a folder …",
                "Copies images into one folder for each class",
                self.sort,
                key="Ctrl+Shift+S",
                icon="move",
            ),
        )

    # Showing.

    def can_try(self) -> bool:
        return self.project is not None and self.project.current_step is not None

    def show_project(self, project: ProjectView | None) -> None:
        """Where another model is in use, asks the same images again."""
        before = self.project
        self.project = project
        self.empty.show_project(project)
        self.pages.setCurrentIndex(1 if self.can_try() else 0)
        if before is None or project is None or before.path != project.path:
            self.clear()
        elif not self.can_try() or answering(before) == answering(project):
            return
        elif self.paths:
            self.try_paths(self.paths)
        elif self.content:
            self.wait_for("predict_pixels", self.take_pasted, content=self.content)

    def clear(self) -> None:
        self.found, self.paths, self.content = {}, [], b""
        self.image.show_image(QImage())
        self.name.set_full("")
        self.tried.give([])
        self.list.hide()
        self.say_nothing()

    def show_second(self, found: Why | None) -> None:
        """The nearest image of the second likeliest class, beside the one that is asked about."""
        there = found.get("beside") if found is not None else None
        self.beside.setVisible(there is not None)
        if there is not None:
            self.beside.show_file(there["file"])
            self.why.say_beside()

    def say_nothing(self) -> None:
        self.likeliest = []
        self.why.ask()
        self.mend_button.setEnabled(False)
        self.verdict.setText("What is it?")
        self.reason.setText("The answer appears here, with how sure the model is.")
        self.bars.show_answer({}, True)
        self.near.give([])
        self.heading.hide()

    def show_answer(self, answer: ImageAnswer | NoAnswer) -> None:
        """The likeliest class in words, the bars, and the nearest train images."""
        if "reason" in answer:
            self.say_nothing()
            self.verdict.setText("This can't be read as an image")
            self.reason.setText(answer["reason"])
            return
        order = sorted(answer["classes"].items(), key=lambda item: -item[1])
        best, share = order[0]
        self.likeliest = [name for name, _ in order]
        path = self.image.path
        self.why.ask(**({"path": path} if path else {"content": self.content}))
        read_only = self.project is not None and self.project.read_only
        self.mend_button.setEnabled(not read_only)
        given = answer["known"] and answer["sure"]
        verdict, reason = in_words(answer, best, share)
        self.verdict.setText(verdict)
        self.reason.setText(reason)
        bold = answer["sure"] and not answer["group"]
        self.bars.show_answer(answer["classes"], answer["known"], bold)
        near = answer.get("nearest", [])
        if given and not answer["group"] and self.image.path in {row["file"] for row in near}:
            self.reason.setText(
                "This very image was learnt, so the answer says little. Try others, and add more "
                f"images of {best}."
            )
        self.heading.setVisible(bool(near))
        self.near.give([{**r, "caption": r["class"], "split": ""} for r in near])

    def show_chosen(self) -> None:
        index = self.list.currentIndex()
        if index.isValid() and (path := index.data(ROW)["file"]) in self.found:
            self.image.show_file(path)
            self.name.set_full(short(path))
            self.show_answer(self.found[path])

    # Gestures.

    def pick(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Pick images", "", IMAGES)
        if paths:
            self.try_paths(paths)

    def paste(self) -> None:
        """Tries the clipboard's image, or its files; says so where it holds neither."""
        # Qt gives no data at all for a clipboard that was cleared.
        mime = QGuiApplication.clipboard().mimeData() or QMimeData()
        if not self.can_try():
            return
        if paths := paths_of(mime):
            self.try_paths(paths)
        elif mime.hasImage():
            self.try_image(QGuiApplication.clipboard().image())
        else:
            self.say_nothing()
            self.reason.setText("There is no image on the clipboard. Copy one, then paste again.")

    def try_image(self, image: QImage) -> None:
        self.clear()
        self.image.show_image(image)
        self.content = png_of(image)
        self.name.set_full("pasted image")
        self.wait_for("predict_pixels", self.take_pasted, content=self.content)

    def mend(self) -> None:
        """Asks what the image is, and adds it to that class; the second likeliest is proposed."""
        names = [c.name for c in self.project.classes] if self.project else []
        path, second = self.image.path, self.likeliest[1:2]
        to = choose_class(self, "What is it?", names, first=second[0] if second else "")
        if not to:
            return
        given = {"path": path} if path else {"content": self.content}
        self.bridge.submit("teach_image", to=to, **given)

    def try_paths(self, paths: list[str]) -> None:
        self.clear()
        self.paths = paths[:MOST]
        self.image.show_file(self.paths[0])
        self.name.set_full(short(self.paths[0]))
        self.wait_for("predict_images", self.take, paths=self.paths)

    def sort(self) -> None:
        """Asks which folder is sorted into which, and how."""
        if self.can_try():
            SortDialog(self.window(), self.start_sorting).open()

    def start_sorting(self, settings: Mapping[str, Any]) -> None:
        """The job bar shows it; at its end a message says what came of it."""

        def say(ended: Ended) -> None:
            if ended.how == "done":
                said = told(ended.of(ImagesSorted))
            elif ended.how == "cancelled":
                said = Notice(f"What was sorted before stays in “{settings['to']}”, with a list.")
            else:
                return
            show = ("Show in folder", lambda: show_file(Path(settings["to"]), self.tell_all))
            self.tell_all(said.text, said.level, said.details, show, topic="sort_images")

        self.bridge.submit("sort_images", say, **settings)

    def wait_for(self, job: str, take: Callable[[Ended], None], **settings: Any) -> None:
        """Asks; an older question that is still open is dropped."""
        if self.question is not None:
            self.bridge.drop(self.question)
        self.why.ask()
        self.verdict.setText("Looking …")
        self.reason.setText("")
        self.question = self.bridge.ask(job, take, self.tell, **settings)
        self.stop_button.setVisible(True)

    def tell(self, event: Progress) -> None:
        """How many images were looked at, and how long the rest will take."""
        if event.total and event.total > 1:
            seconds = event.seconds_left
            left = f", {duration(seconds)} left" if seconds is not None else ""
            self.reason.setText(f"{event.done:,} of {event.total:,} images{left}")

    def stop(self) -> None:
        """Gives up on the open question."""
        if self.question is not None:
            self.bridge.drop(self.question)
            self.question = None
            self.clear()
            self.stop_button.setVisible(False)

    def answered(self, ended: Ended) -> bool:
        """Whether there is an answer; why there is none is said."""
        self.question = None
        self.stop_button.setVisible(False)
        if ended.how != "done":
            self.verdict.setText("No answer")
            self.reason.setText(ended.text)
        return ended.how == "done"

    def take_pasted(self, ended: Ended) -> None:
        if self.answered(ended):
            self.show_answer(ended.of(PastedAnswer)["picture"])

    def take(self, ended: Ended) -> None:
        """Shows the first answer; with several images a list of all of them."""
        if not self.answered(ended):
            return
        self.found = ended.of(ImageAnswers)["pictures"]
        if len(self.found) > 1:
            self.tried.give([self.tile(path, answer) for path, answer in self.found.items()])
            self.list.show()
            self.list.setCurrentIndex(self.tried.index(0))
        if self.found:
            self.show_answer(next(iter(self.found.values())))

    def tile(self, path: str, answer: ImageAnswer | NoAnswer) -> dict[str, Any]:
        """One image of several, captioned with its answer."""
        caption = Caption.of(("can't be",), ("read",))
        if "classes" in answer:
            classes = answer["classes"]
            best = max(classes, key=lambda name: classes[name])
            caption = Caption.of(("none of",), ("these",))
            if answer["known"] and not answer["sure"]:
                caption = Caption.of(("not",), ("sure",))
            elif answer["known"] and answer["group"]:
                share = per_cent(answer["share"], 0)
                caption = Caption.of((Name(answer["group"]),), (share,))
            elif answer["known"]:
                caption = Caption.of((Name(best),), (per_cent(classes[best], 0),))
        return {"path": path, "file": path, "caption": caption, "thumb": (path, 0, 0)}


def in_words(answer: ImageAnswer, best: str, share: float) -> tuple[str, str]:
    """What is answered, and how sure that is; `best` is the likeliest class, `share` its
    probability."""
    if not answer["known"]:
        return "None of these", (
            f"It lies far from all classes that were learnt. If it must be one of them, {best}."
        )
    if not answer["sure"]:
        return "Not sure", (
            f"At most {100 * answer['promise']:g} % of the answers may be wrong, as promised "
            f"under Learn. For {best} it would take more than {per_cent(share)}."
        )
    if answer["group"]:
        return answer["group"], (
            f"Sure enough of this group ({per_cent(answer['share'])}), not of the class. "
            f"{best} is the likeliest."
        )
    sure = "Quite sure" if share >= 0.8 else "Not very sure" if share >= 0.5 else "Unsure"
    return best, (
        f"{sure}: of images of these classes, about {per_cent(share, 0)} of such answers are right."
    )

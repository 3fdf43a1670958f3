"""The command that watches: a camera, a film or a folder is answered as it comes."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from contextlib import ExitStack
from typing import Any

from app.cli.predict import stopped_by_control_c
from app.cli.saying import Presenter, add_voice, presenter_of
from app.cli.terminal import Screen, columns, do, finish, follow
from engine.errors import Refused
from engine.events import CANCEL, FINISH, Ended, Event, Notice, Watched
from engine.results.live import SourceWatched, line_of
from engine.system.words import harmless, per_cent, plural

NAMES = ("watch",)
SOURCE = "a camera's number (0 is the first), an address (rtsp:// or http://), a film, or a folder"
SMOOTHED = (
    "seconds after which a frame counts half; 0.5 unless set, 0 for no smoothing. The mean of the "
    "probabilities after each frame is w * mean + (1 - w) * new, where w = 0.5 ** (seconds since "
    "the frame before / half-life). A promise is proven for single images, and so for --half-life 0"
)
BETWEEN = 0.5
"""Seconds between two words of how fast it goes."""


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes a parser for it."""
    help = "Say what a camera, a film or a watched folder shows, as it comes, until Ctrl+C."
    parser = command("watch", watch, help)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a project or an exported file")
    add("source", metavar="SOURCE", help=SOURCE)
    add("--half-life", type=float, default=0.5, metavar="SECONDS", help=SMOOTHED)
    help = "of a film: leave no frame out, at whatever speed; otherwise it plays at its own"
    add("--every-frame", action="store_true", help=help)
    help = "of a folder: answer what lies there already, too"
    add("--existing", action="store_true", help=help)
    help = "what is less probable, from 0 to 1, is “not sure”"
    add("--least", type=float, default=0.0, metavar="PROBABILITY", help=help)
    help = "of a folder: copy each image into the folder of its class in DIR; those of which it is "
    add("--sort-into", default="", metavar="DIR", help=help + "not sure have a folder as well")
    help = "of a folder: what is none of the classes, or not sure, waits in the project to be "
    help += "named; with --sort-into the others alone are copied"
    add("--to-heap", action="store_true", help=help)
    add_rules(parser)
    add_voice(parser)


def add_rules(parser: argparse.ArgumentParser) -> None:
    """What is done when the model is sure of a class."""
    add = parser.add_argument
    help = (
        "when sure of CLASS (* for any), DO with TO: copy the image into a folder, add a line to a "
        "csv file, run a program (with the image's file, the class and its probability as three "
        "more words), post the class to a web address, or publish it by mqtt to mqtt://host/topic "
        "(mqtts:// with TLS; a user stands before the host, as in user@host, and the password in "
        "the variable ESPALIER_MQTT_PASSWORD). Can be given several times. Nothing leaves this "
        "computer but by run, post and mqtt"
    )
    add("--rule", nargs=3, action="append", default=[], metavar=("CLASS", "DO", "TO"), help=help)
    help = "how probable the class must be for a --rule; 0.9 unless set"
    add("--sure", type=float, default=None, metavar="PROBABILITY", help=help)
    help = "seconds for which a --rule rests once it was done; 10 unless set"
    add("--rest", type=float, default=None, metavar="SECONDS", help=help)
    help = (
        'a JSON file of rules: [{"class": "moth", "do": "copy", "to": "caught", "rest": 10, '
        '"least": 0.9}]; "image": true sends the image as well; MQTT may want a "password"'
    )
    add("--rules", default="", metavar="FILE", help=help)


class LiveScreen(Screen):
    """A line for each change of the answer or each file, or with --json for each frame."""

    def __init__(self, as_json: bool, presenter: Presenter | None = None) -> None:
        super().__init__(quiet=as_json)
        self.json, self.presenter = as_json, presenter
        self.said = ""
        self.told = 0.0

    def show(self, event: Event) -> None:
        if isinstance(event, Notice):
            super().show(event)
        elif not isinstance(event, Watched):
            self.say(None)  # how many frames there were is told with the pace
        elif self.json:
            print(json.dumps(line_of(event), ensure_ascii=False), flush=True)
            self.say(event)
        else:
            self.show_answer(event)
            self.say(event)

    def say(self, event: Watched | None) -> None:
        """Has said what is due, and prints it."""
        if self.presenter is not None:
            text = self.presenter.hear(event) if event else self.presenter.look()
            if text:
                self.clear()
                print(self.presenter.line(text), flush=True)

    def show_answer(self, event: Watched) -> None:
        words = event.lost or event.reason or answer_in_words(event)
        said = event.lost or event.answer or event.verdict
        if event.path or said != self.said:
            self.clear()
            where = "" if event.lost else f"{event.path or clock(event.time)}  "
            print(harmless(f"{where}{words}"), flush=True)
        self.said = said
        self.show_pace(event)

    def show_pace(self, event: Watched) -> None:
        now = time.monotonic()
        if self.line and event.milliseconds and now - self.told >= BETWEEN:
            self.told = now
            print(f"\r\033[K{pace(event)}", end="", file=sys.stderr, flush=True)


def answer_in_words(event: Watched) -> str:
    return f"{event.answer} {per_cent(event.share, 0)}" if event.answer else event.verdict


def clock(seconds: float) -> str:
    """A time code: 1:02:03.4."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}"


def pace(event: Watched) -> str:
    parts = ", ".join(f"{name} {ms:.0f}" for name, ms in event.milliseconds.items())
    return f"{event.per_second:.1f} frames/s; ms: {parts}; {event.dropped} left out"


def watch(options: argparse.Namespace) -> int:
    """Watches until a film is over or Ctrl+C is pressed, then says what came of it."""
    settings: dict[str, Any] = {
        "source": options.source,
        "existing": options.existing,
        "least": options.least,
        "rules": rules_of(options),
        "rules_file": options.rules,
        "spoken": [name for name, _ in options.spoken],
        "sort_into": options.sort_into,
    }
    if not options.to_heap:
        settings["every"], settings["half_life"] = options.every_frame, options.half_life
    try:
        presenter = presenter_of(options)
    except Refused as why:
        return finish(options, Ended("refused", str(why)), SourceWatched, watched_table)
    ended = ask(options, "watch_to_heap" if options.to_heap else "watch", settings, presenter)
    if ended.how == "done" and not options.json:
        print(file=sys.stderr)
    return finish(options, ended, SourceWatched, watched_table)


def ask(
    options: argparse.Namespace, job: str, settings: dict[str, Any], presenter: Presenter | None
) -> Ended:
    """Watches with a project, or with an exported file and then without PyTorch. Ctrl+C ends it
    with what it has; a second one at once."""
    from engine.export.endings import is_exported
    from engine.jobs import run
    from engine.system.log import start_log

    importlib.import_module("engine.jobs.live")  # it alone: all take seconds and memory
    screen, exported = LiveScreen(options.json, presenter), is_exported(options.model)
    if exported and options.to_heap:
        return Ended("refused", "An exported file has no place for images. Name a project.")
    with stopped_by_control_c() as pressed, ExitStack() as stack:

        def stopped() -> str:
            return FINISH if pressed() == CANCEL else ""

        if presenter is not None:
            stack.callback(lambda: presenter.close(at_once=bool(pressed())))
        if not exported:
            importlib.import_module("engine.jobs.project")
            return do(
                options, job, project=options.model, screen=screen, stopped=stopped, **settings
            )
        start_log("command", options.verbose)
        return follow(run(None, job, {**settings, "model": options.model}, stopped), screen)


def rules_of(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Those of the command line."""
    own = {"least": options.sure, "rest": options.rest}
    same = {name: value for name, value in own.items() if value is not None}
    return [{"name": name, "do": do, "to": to, **same} for name, do, to in options.rule]


def watched_table(result: SourceWatched) -> str:
    """What was seen, what it took, and what rules did."""
    lines = [columns([("answer", "frames"), *((n, str(c)) for n, c in result["answers"].items())])]
    rate = result["frames"] / result["seconds"] if result["seconds"] else 0.0
    lines += ["", f"{plural(result['frames'], 'frame')} answered, {rate:.1f} a second"]
    parts = {
        "left out, newer ones came": result["dropped"],
        "can't be used": result["unusable"],
        "times nothing came": result["losses"],
        "wait in the project to be named": result["heap"],
    }
    lines += [f"{what}: {count}" for what, count in parts.items() if count]
    if result["milliseconds"]:
        took = ", ".join(f"{name} {ms:.1f}" for name, ms in result["milliseconds"].items())
        lines.append(f"median milliseconds: {took}")
    lines += [f"sorted into {name}: {count}" for name, count in result["sorted"].items()]
    for rule in result["rules"]:
        left = f", {rule['left_out']} left out" if rule["left_out"] else ""
        lines.append(f"{rule['rule']}: done {rule['done']} times{left}")
    return "\n".join(lines)

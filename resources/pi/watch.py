"""Says what a camera, a film or a folder shows, one JSON line a frame, until it is stopped.

    .venv/bin/python watch.py 0
    .venv/bin/python watch.py incoming/ --copy seen/ --csv seen.csv
    .venv/bin/python watch.py rtsp://10.0.0.7/door --rule cat run "python3 open_the_flap.py"

It needs NumPy, Pillow, ONNX Runtime and OpenCV alone. What it does is done by the parts of Espalier
in the folder `engine`, as `espalier watch` does it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from engine.errors import EndEarly, EspalierError
from engine.events import Event, Notice, Watched
from engine.results.live import line_of

HERE = Path(__file__).resolve().parent
SMOOTHED = (
    "seconds after which a frame counts half in the mean that is answered (0.5), 0 for each frame "
    "alone. A promise is proven for single images, and so for --half-life 0"
)
RULE = (
    "when sure of CLASS (* for any), DO with TO: copy the image into a folder, add a line to a csv "
    "file, run a program (with the image's file, the class and its probability as three more "
    "words), or post the class to a web address. Nothing leaves this computer but by run and post"
)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    help = "a camera's number (0 is the first), an address (rtsp:// or http://), a film, a folder"
    add("source", metavar="SOURCE", help=help)
    add("--half-life", type=float, default=0.5, metavar="SECONDS", help=SMOOTHED)
    help = "what is less probable, from 0 to 1, is “not sure”"
    add("--least", type=float, default=0.0, metavar="PROBABILITY", help=help)
    add("--every-frame", action="store_true", help="of a film: leave no frame out")
    add("--existing", action="store_true", help="of a folder: answer what lies there, too")
    add("--changes", action="store_true", help="say a line only where the answer is another")
    add("--csv", metavar="FILE", help="add a line to FILE when sure of a class")
    add("--copy", metavar="DIR", help="copy the frame into DIR when sure of a class")
    names = ("CLASS", "DO", "TO")
    add("--rule", nargs=3, action="append", default=[], metavar=names, help=RULE)
    help = "how probable a class must be for --csv, --copy and --rule (0.9)"
    add("--sure", type=float, default=0.9, metavar="PROBABILITY", help=help)
    help = "seconds for which each of them rests once it was done (10)"
    add("--rest", type=float, default=10.0, metavar="SECONDS", help=help)
    add("--rules", default="", metavar="FILE", help="a JSON file of more rules; see README.txt")
    add("--threads", type=int, default=0, help="cores that answer a frame (at most 4)")
    return parser.parse_args()


class Stop:
    """Set by SIGTERM, as systemd sends it, and by Ctrl+C."""

    def __init__(self) -> None:
        self.asked = False
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self.ask)

    def ask(self, *_: object) -> None:
        self.asked = True


def watching(chosen: argparse.Namespace) -> Generator[Event, None, Any]:
    """What is seen, as events. Raises EspalierError where something can't be done."""
    from model import answerer

    from engine.live.places import place_named
    from engine.live.rules import ANY, rule_of, rules_in
    from engine.live.watching import Wanted, Watching

    shorter = [(ANY, do, to) for do, to in (("csv", chosen.csv), ("copy", chosen.copy)) if to]
    own = {"least": chosen.sure, "rest": chosen.rest}
    told = [{"name": n, "do": do, "to": to, **own} for n, do, to in (*shorter, *chosen.rule)]
    rules = tuple(map(rule_of, [*told, *rules_in(chosen.rules)]))
    wanted = Wanted(chosen.every_frame, chosen.existing, max(0.0, chosen.half_life), rules=rules)
    asked = answerer(HERE, chosen.threads, chosen.least)
    return Watching(place_named(chosen.source), wanted, lambda: asked).run()


def follow(events: Generator[Event, None, Any], stop: Stop, changes: bool) -> Any:
    """Says each event until its end, and returns what came of it all."""
    said, ending = "", False
    while True:
        early = stop.asked and not ending
        ending |= early
        try:
            event = events.throw(EndEarly()) if early else next(events)
        except StopIteration as end:
            return end.value
        except EndEarly:  # it had not begun
            return {"frames": 0}
        if isinstance(event, Notice):
            print(event.text, file=sys.stderr, flush=True)
        elif isinstance(event, Watched):
            now = event.lost or event.reason or event.answer or event.verdict
            if not changes or event.path or now != said:
                tell(line_of(event))
            said = now


def tell(line: Any) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


def main() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    chosen, stop = options(), Stop()
    try:
        tell(follow(watching(chosen), stop, chosen.changes))
    except EspalierError as why:
        print(why, file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read went away
        sys.stderr.close()
        return 1
    return 0


if __name__ == "__main__":  # the process that reads a camera imports this file again
    sys.exit(main())

"""The command line: the second face of the same jobs. It imports no Qt.

Each command prints a readable table, or with --json one JSON object on standard output and nothing
else there. Progress goes to standard error. Exit 0: done; 1: it failed (a defect, or a full disk);
2: refused, or no image could be used; 130: cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence

from app.cli import project
from app.cli.terminal import EXIT, with_suffix
from app.licences import digests
from engine import __version__
from engine.system.files import is_full
from engine.system.log import log_file
from engine.system.missing import TORCH_MISSING, lacks_torch

NO_DISPLAY = (
    "There is no display here, so the window can't be opened. Use the commands instead (espalier "
    "--help lists them), or come with a display, for example by ssh -X."
)
WITHOUT_TORCH = (
    "Without it, predict, sort and watch ask exported files, but for .pt2 and .safetensors."
)
STDERR = 2
SHOWN = 16
"""Digits of a digest that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; without a command, opens the window."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if opens_window(arguments):
        if not has_display():
            print(NO_DISPLAY, file=sys.stderr)
            return EXIT["refused"]
        from engine.worker import Engine

        engine = Engine()  # its process imports its libraries while this one imports Qt
        from app.shell.window import main as open_window

        project = next((a for a in arguments if not a.startswith("-")), None)
        path = with_suffix(project) if project else None
        return open_window(engine, path, verbose=len(arguments) > (project is not None))
    if "--version" in arguments:
        print(version(whole="--json" in arguments))
        return 0
    options = make_parser().parse_args(arguments)
    options.words = arguments
    keep_libraries_quiet()
    try:
        code = options.command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Cancelled. What was saved before is kept.", file=sys.stderr)
        return EXIT["cancelled"]
    except BrokenPipeError:
        # The reader of a pipe went away, as with `| head`; that is no fault.
        return 0
    except ModuleNotFoundError as error:
        if not lacks_torch(error):
            raise
        print(f"This command {TORCH_MISSING} {WITHOUT_TORCH}", file=sys.stderr)
        return EXIT["refused"]
    except OSError as error:
        if not is_full(error):  # a defect; jobs say themselves what was refused them
            raise
        silence()
        why = (error.strerror or str(error)).lower()
        print(f"What was found can't be written here ({why}). Write it elsewhere.", file=sys.stderr)
        return EXIT["refused"]
    return code


def keep_libraries_quiet() -> None:
    """What libraries in C write by themselves goes into a file beside the log, not between lines.

    An image of a TIFF that is broken, for one, is told by libtiff in words of its own. Done once in
    a process whose standard error is the terminal's, or whatever the person sent it to.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stderr.fileno() != STDERR:
            return
        place = log_file("libraries")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            said = os.dup(STDERR)
            os.dup2(file.fileno(), STDERR)
        sys.stderr = os.fdopen(said, "w", 1, sys.stderr.encoding, "backslashreplace")


def silence() -> None:
    """Writes nothing more to standard output: what is left would fail once more at the end."""
    with contextlib.suppress(OSError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def has_display() -> bool:
    """Whether a window can be opened: where none can, Qt would end the process with a dump."""
    named = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(map(os.environ.get, named))


def version(whole: bool) -> str:
    """The version and the embedded weights' digests: whole ones as JSON, or the beginnings."""
    if whole:
        return json.dumps({"espalier": __version__, "weights": digests()})
    lines = [f"{name}: sha256 {digest[:SHOWN]}" for name, digest in digests().items()]
    return "\n".join([f"espalier {__version__}", *lines])


def opens_window(arguments: Sequence[str]) -> bool:
    """`espalier` or `espalier PROJECT`, with or without --verbose, opens the window."""
    words = [a for a in arguments if not a.startswith("-")]
    flags = set(arguments) - set(words)
    return flags <= {"-v", "--verbose"} and (
        not words or (len(words) == 1 and words[0] not in project.NAMES)
    )


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with what all commands have in common."""
    parser = argparse.ArgumentParser(
        prog="espalier",
        description="Teach a pretrained image classifier new classes in seconds. "
        "Without a command, opens the window (espalier PROJECT opens a project in it).",
    )
    help = "the version, and the digests of the embedded weights (whole ones with --json)"
    parser.add_argument("--version", action="store_true", help=help)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object")
    common.add_argument("-v", "--verbose", action="store_true", help="write the log here too")
    common.add_argument("--device", default="auto", help="where to compute: auto, cpu, cuda or mps")
    project.add_to(parser.add_subparsers(metavar="COMMAND", required=True), common)
    return parser


if __name__ == "__main__":
    sys.exit(main())

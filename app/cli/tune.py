"""The commands that tune a project's network: tune it, go on with a run, list the runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.cli.terminal import ADOPT, columns, do, finish, scores_table
from app.cli.together import add_processes, do_leading, gone_on_with, together
from engine.results.tune import Estimate, RunDetails, Runs, Tuned
from engine.system.words import duration, per_cent, plural, times

PRESETS = ("quick", "thorough", "long", "overnight")
"""The last is what `long` was called before: scripts may say it."""
NAMES = ("tune", "runs", "resume")
FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "epoch": ("epoch", "{:g}".format),
    "seconds": ("seconds", "{:.1f}".format),
    "train_loss": ("loss", "{:.3f}".format),
    "train_accuracy": ("accuracy", per_cent),
    "train_spread": ("spread", "{:.2f}".format),
    "validation_loss": ("held-out loss", "{:.3f}".format),
    "validation_accuracy": ("held-out accuracy", per_cent),
}
"""What an epoch tells of itself: the title of its column, and how it is written."""


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    add_tune(command("tune", tune, "Tune the network on the project's images.", "project"))
    command("runs", runs, "List the runs of tuning, or look at one.", "project").add_argument(
        "--run", type=int, default=0, metavar="N", help="show this run's epochs"
    )
    add_resume(command("resume", resume, "Go on with a run that was stopped.", "project"))


def add_tune(parser: argparse.ArgumentParser) -> None:
    """The options of a run: what changes, when, how long, and whether it is used."""
    add = parser.add_argument
    help = "quick, thorough or long, by the number of images; instead of --tuner and --schedule"
    add("--preset", choices=PRESETS, default="", metavar="NAME", help=help)
    add(
        "--tuner",
        default="fine_tune",
        help="fine_tune, adapters, lora, batch_norm, rehearsal or scratch",
    )
    add(
        "--schedule",
        default="none",
        help="none, head_only, last_stages, freezeout, gradual or slanted",
    )
    help = "a setting of the tuner or of the schedule"
    add("--set", action="append", default=[], metavar="NAME=VALUE", help=help)
    add("--epochs", type=float, default=0, metavar="N", help="how often each image is seen")
    add("--estimate", action="store_true", help="only say how long it would take")
    add_adopt(parser)
    add_processes(parser)


def add_resume(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--run", type=int, default=0, metavar="N", help="its number; else the newest unfinished")
    add("--epochs", type=float, default=0, metavar="N", help="extend the run to so many")
    add("--stop", action="store_true", help="stop early: keep the best weights so far")
    add_adopt(parser)
    add_processes(parser)


def add_adopt(parser: argparse.ArgumentParser) -> None:
    help = (
        "use the result: better (on held-out images), clearly (better with 95 %% certainty), "
        "always or never"
    )
    parser.add_argument("--adopt", default="better", choices=ADOPT, help=help)


def tune(options: argparse.Namespace) -> int:
    """Tunes, and prints how the result compares with the network in use."""
    asked = {
        "project": options.project,
        "tuner": options.tuner,
        "schedule": options.schedule,
        "settings": dict(text.partition("=")[::2] for text in options.set),
        "epochs": options.epochs,
        "preset": options.preset,
    }
    if options.estimate:
        ended = do(options, "estimate_tune", **asked)
        return finish(options, ended, Estimate, estimated)
    return trained(options, "tune", asked, comparison)


def trained(
    options: argparse.Namespace, job: str, asked: dict[str, Any], told: Callable[[Tuned], str]
) -> int:
    """Trains in one process or in several; a group that is started again goes on with its run."""

    def work() -> int:
        begun, given = gone_on_with(), {"project": asked["project"], "adopt": options.adopt}
        if begun:
            ended = do_leading(options, "resume_run", run=begun, **given)
        else:
            ended = do_leading(options, job, **{**asked, **given})
        return finish(options, ended, Tuned, told)

    return together(options, work)


def estimated(result: Estimate) -> str:
    took = duration(result["seconds"])
    said = f"{took[0].upper()}{took[1:]}, {plural(result['steps'], 'step')}"
    if "epochs" in result:
        said += f" on {plural(result['pictures'])}, each seen {times(result['epochs'])}"
    return f"{said}."


def resume(options: argparse.Namespace) -> int:
    """Goes on with a run to its end, or ends it where it is."""
    asked = {"project": options.project, "run": options.run}
    if options.stop:
        ended = do(options, "finish_run", adopt=options.adopt, **asked)
        return finish(options, ended, Tuned, comparison)
    return trained(options, "resume_run", {**asked, "epochs": options.epochs}, comparison)


def comparison(result: Tuned) -> str:
    """Both networks' accuracy on the same held-out images, and their difference."""
    saved = result["saved"]
    return "\n".join(
        [
            scores_table(result, "before", "after"),
            "",
            f"run {result['run']}: {result['seconds']:.0f} s of training; freezing saved "
            f"{saved['seconds']:.0f} s and {saved['flops'] / 1e12:.2f} TFLOP",
            "The new network is in use now." if result["adopted"] else "The network in use stays.",
        ]
    )


def runs(options: argparse.Namespace) -> int:
    """The list of runs, or one with its epochs."""
    if options.run:
        ended = do(options, "run_details", project=options.project, run=options.run)
        return finish(options, ended, RunDetails, epochs_table)
    return finish(options, do(options, "list_runs", project=options.project), Runs, runs_table)


def runs_table(result: Runs) -> str:
    """A line for each run, newest first."""
    rows = [("run", "when", "what", "epochs", "seconds", "before", "after", "state")]
    for r in result["runs"]:
        before, after = r["before"], r["after"]
        rows.append(
            (
                str(r["id"]),
                r["made"],
                r["title"],
                f"{r['epochs_done']:g}",
                f"{r['seconds']:.0f}",
                per_cent(before["accuracy"] if before else None),
                per_cent(after["accuracy"] if after else None),
                r["state"],
            )
        )
    return columns(rows)


def epochs_table(result: RunDetails) -> str:
    """A line for each epoch of a run; without classes there is less to tell of it."""
    epochs = result["epochs_curve"]
    figures = {name: found for name, found in FIGURES.items() if all(name in e for e in epochs)}
    rows = [tuple(title for title, _ in figures.values())]
    for epoch in epochs:
        rows.append(tuple(words(epoch[name]) for name, (_, words) in figures.items()))
    return columns(rows)

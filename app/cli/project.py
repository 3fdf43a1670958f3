"""The commands: each names its arguments, asks for one job, and prints what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from app.cli import (
    adapt,
    branch,
    cluster,
    compare,
    demo,
    heap,
    image_map,
    labels,
    latency,
    memory,
    predict,
    promise,
    recent,
    review,
    specialise,
    stream,
    together,
    tune,
    watch,
    why,
)
from app.cli.terminal import columns, do, finish
from app.cli.together import do_leading
from engine.results.export import Receipt
from engine.results.learn import FolderLearnt, Forgotten, Learnt, Score
from engine.results.project import AtPath, Backbones, BackboneUsed, Classes, ProjectRenamed, Steps
from engine.results.specialise import Pretrained, SupernetTrained
from engine.results.tune import Estimate
from engine.system.words import per_cent, plural

NAMES = (
    "new",
    "rename",
    "backbone",
    "learn",
    "score",
    "forget",
    "classes",
    "backbones",
    "steps",
    "export",
    *demo.NAMES,
    "pretrain",
    "shrink",
    "download",
    *heap.NAMES,
    *image_map.NAMES,
    *review.NAMES,
    *stream.NAMES,
    *memory.NAMES,
    *recent.NAMES,
    *predict.NAMES,
    *watch.NAMES,
    *why.NAMES,
    *promise.NAMES,
    *specialise.NAMES,
    *labels.NAMES,
    *latency.NAMES,
    *tune.NAMES,
    *together.NAMES,
    *adapt.NAMES,
    *compare.NAMES,
    *branch.NAMES,
    *cluster.NAMES,
)
Command = Callable[[argparse.Namespace], int]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Adds every command with its arguments."""

    def command(name: str, work: Command, help: str, *places: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=help, description=help, parents=[common])
        parser.set_defaults(command=work)
        for place in places:
            parser.add_argument(place)
        return parser

    add_network(command("new", new, "Make an empty project.", "project"))
    help = "Give a project another network, and learn its classes again with it."
    add_network(command("backbone", backbone, help, "project"))
    help = "Give a project another name; its folder stays where it is."
    p = command("rename", rename, help, "project")
    p.add_argument("name", metavar="NAME")
    help = "Learn folders of images; each folder is one class."
    add_learn(command("learn", learn, help, "project"))
    help = "Score the model on held-out images, or on a folder of classes."
    add_score(command("score", score, help, "project"))
    p = command("forget", forget, "Unlearn a class, exactly. Its images are kept.", "project")
    p.add_argument("name", metavar="CLASS")
    command("classes", classes, "List the classes of a project.", "project")
    command("steps", steps, "List the steps of learning.", "project")
    listed = command("backbones", backbones, "List the networks to start from.")
    listed.add_argument("word", nargs="*", help="those with it in their names, timm's as well")
    command("download", download, "Download the weights of a network.", "backbone")
    for others in (heap, image_map, review, stream, memory, recent, predict, why, promise, watch):
        others.add_to(command)
    add_export(command("export", export, "Export the model to a file, and check it.", "project"))
    demo.add_to(command)
    p = command("pretrain", pretrain, "Train the embedded network anew (hours).")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    for others in (specialise, tune, adapt, together, compare, branch):
        others.add_to(command)
    cluster.add_to(command)
    labels.add_to(commands, common)
    latency.add_to(commands, common)
    add_shrink(command("shrink", shrink, "Train a once-for-all network on images (hours)."))


def add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--to", required=True, metavar="FILE")
    help = "onnx, onnx-fp16, onnx-int8, pt2, safetensors, openvino, litert, web or pi"
    add("--format", default="onnx", help=help)
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the format")
    add("--overwrite", action="store_true", help="replace the file if it is there")
    help = "under what terms the images are; kept in the project, and named in every export"
    add("--data-licence", metavar="TEXT", help=help)


def add_network(parser: argparse.ArgumentParser) -> None:
    """Which network a project has, and how it looks at images."""
    add = parser.add_argument
    add("--backbone", default="", help="its name; `espalier backbones` lists them")
    add("--weights", default="", help="a weights file of your own (.safetensors, .pth, .pt)")
    add("--size", type=int, default=0, help="the side in pixels that the network sees")
    help = (
        "pooled: those of the last stage; moments: of an earlier one beside them; with -roots "
        "after it their square roots, with -mirror the mean with the mirror image (twice the "
        "time), with -roots-mirror both"
    )
    add("--features", default="", metavar="KIND", help=help)


def add_learn(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", nargs="*", help="none: learn what the project has and has not learnt yet")
    add("--into", default="", help="put all images into this one class")
    add("--copy", action="store_true", help="copy the images into the project")
    help = "the deepest folders are the classes, those above them groups that they are within"
    add("--nested", action="store_true", help=help)
    add("--learner", default="", help="ncm, slda, roots, ridge, tilda, or auto")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a learner's setting")
    cluster.add_choice(add)


def add_score(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--test", default="", help="a folder with one folder of images for each class")
    add("--predictions", action="store_true", help="name the answer for each image")


def add_shrink(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--project", default="", help="train on this project's images, if no data is named")
    together.add_processes(parser)
    add("--estimate", action="store_true", help="only say how long it would take")
    help = "out, base, data, work, method, teacher, epochs, sizes, ..."
    add("--set", action="append", default=[], metavar="NAME=VALUE", help=help)


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The --set NAME=VALUE of a command; a word without "=" is handed on and refused there."""
    return dict(text.partition("=")[::2] for text in options.set)


def new(options: argparse.Namespace) -> int:
    ended = do(
        options,
        "new_project",
        path=options.project,
        backbone=options.backbone,
        weights=options.weights,
        size=options.size,
        features=options.features,
    )
    return finish(options, ended, AtPath, lambda r: f"Made {r['path']}.")


def backbone(options: argparse.Namespace) -> int:
    """Changes the network, and says what learning again came to."""
    ended = do(
        options,
        "use_backbone",
        project=options.project,
        name=options.backbone,
        weights=options.weights,
        size=options.size,
        features=options.features,
        learn=True,
    )

    def told(result: BackboneUsed) -> str:
        changed = f"The network is {result['title']} now."
        if "accuracy" not in result:
            return changed
        if result["accuracy"] is None:  # nothing is held out to judge by
            return f"{changed} Everything is learnt again."
        now, before = per_cent(result["accuracy"]), per_cent(result["before"])
        return f"{changed} Learnt again: {now} right, {before} before."

    return finish(options, ended, BackboneUsed, told)


def rename(options: argparse.Namespace) -> int:
    ended = do(options, "rename_project", project=options.project, name=options.name)
    return finish(
        options, ended, ProjectRenamed, lambda r: f"Renamed {r['before']} to {r['name']}."
    )


def learn(options: argparse.Namespace) -> int:
    """Learns folders, or what is not learnt yet, and prints the scores."""
    same = {"learner": options.learner, "settings": chosen(options) or None}
    if options.folder:
        ended = do(
            options,
            "learn_folder",
            project=options.project,
            paths=options.folder,
            into=options.into,
            nested=options.nested,
            copy=options.copy,
            **same,
        )
        return finish(options, ended, FolderLearnt, lambda r: learnt_table(r, len(r["skipped"])))
    ended = do(options, "learn", project=options.project, **same)
    return finish(options, ended, Learnt, learnt_table)


def learnt_table(result: Learnt, left_out: int = 0) -> str:
    """Each class with its pictures and accuracy, then the whole."""
    counts = result["classes"]
    rows = [("class", "images", "accuracy")]
    rows += [(n, str(counts.get(n, 0)), per_cent(a)) for n, a in result["per_class"].items()]
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in result["seconds"].items())
    lines = [
        columns(rows),
        "",
        f"accuracy on held-out images: {per_cent(result['accuracy'])}",
        seconds,
    ]
    if "choice" in result:
        lines += ["", result["choice"]["says"]]
    if left_out:
        lines.append(f"{left_out} files were left out")
    if "cluster" in result:
        lines += ["", cluster.receipt(result["cluster"])]
    return "\n".join(lines)


def score(options: argparse.Namespace) -> int:
    ended = do(
        options,
        "score",
        project=options.project,
        test=options.test,
        predictions=options.predictions,
    )
    return finish(options, ended, Score, score_table)


def score_table(result: Score) -> str:
    rows = [("class", "accuracy")] + [(n, per_cent(a)) for n, a in result["per_class"].items()]
    lines = [columns(rows), "", f"accuracy: {per_cent(result['accuracy'])}"]
    if result.get("typed_at_random"):
        typed = plural(result["typed_at_random"])
        lines.append(f"{typed} of those held out were drawn from unsorted ones and typed")
    own = ", on the project's own held-out images" if "unknown_classes" in result else ""
    average = result["average_incremental_accuracy"]
    lines.append(f"average incremental accuracy{own}: {per_cent(average)}")
    lines.append(f"forgetting{own}: {per_cent(result['forgetting'])}")
    lines += [f"{path}: {name}" for path, name in result.get("predictions", {}).items()]
    return "\n".join(lines)


def forget(options: argparse.Namespace) -> int:
    ended = do(options, "forget", project=options.project, name=options.name)
    return finish(options, ended, Forgotten, lambda r: f"Forgot {r['name']}. Its images are kept.")


def classes(options: argparse.Namespace) -> int:
    """Lists the classes with their images."""
    ended = do(options, "list_classes", project=options.project)

    def table(result: Classes) -> str:
        rows = [("class", "group", "to learn from", "held out", "learnt", "")]
        for c in result["classes"]:
            learnt = "yes" if c.learnt else "no"
            rows.append((c.name, c.within, str(c.train), str(c.validation), learnt, c.hint))
        return columns(rows)

    return finish(options, ended, Classes, table)


def steps(options: argparse.Namespace) -> int:
    """Lists the steps of learning; the one in use is marked."""
    ended = do(options, "list_steps", project=options.project)

    def table(result: Steps) -> str:
        """A line for each step, newest last."""
        rows = [("step", "when", "what", "learner", "classes", "accuracy", "")]
        for s in result["steps"]:
            rows.append(
                (
                    str(s.number),
                    s.when,
                    s.title,
                    s.learner,
                    str(len(s.classes)),
                    per_cent(s.accuracy),
                    "in use" if s.current else "",
                )
            )
        return columns(rows)

    return finish(options, ended, Steps, table)


def backbones(options: argparse.Namespace) -> int:
    """Every network with its size, ImageNet accuracy, operations, and whether it is here."""
    words = " ".join(options.word)
    ended = do(options, "find_backbones", words=words) if words else do(options, "list_backbones")

    def table(result: Backbones) -> str:
        rows = [("name", "size", "ImageNet", "operations", "here", "what")]
        for b in result["backbones"]:
            size = f"{b['bytes'] / 1e6:.0f} MB" if b["bytes"] else "–"
            macs = f"{b['macs'] / 1e6:.0f} M" if b["macs"] else "–"
            here = "yes" if b["here"] else "no"
            what = b["title"] if b["title"] != b["name"] else b["help"]
            rows.append((b["name"], size, per_cent(b["accuracy"]), macs, here, what))
        found = columns(rows) if rows[1:] else f"No network here has “{words}” in its name."
        licence = f"\n\n{result['backbones'][0]['licence']}" if len(rows) == 2 else ""
        return f"{found}{licence}\n\n{result['more']}"

    return finish(options, ended, Backbones, table)


def download(options: argparse.Namespace) -> int:
    ended = do(options, "download_weights", backbone=options.backbone)
    return finish(options, ended, AtPath, lambda r: f"The weights are in {r['path']}.")


def export(options: argparse.Namespace) -> int:
    ended = do(
        options,
        "export",
        project=options.project,
        path=options.to,
        format=options.format,
        settings=chosen(options),
        overwrite=options.overwrite,
        data_licence=options.data_licence,
    )
    return finish(options, ended, Receipt, receipt_table)


def receipt_table(receipt: Receipt) -> str:
    """What was checked, then how each class did, in the words of the page to print."""
    rows = [("class", "images", "in the project", "in the file")]
    for c in receipt.get("per_class", ()):
        name = c["name"].encode("utf-8", "backslashreplace").decode()
        rows.append((name, str(c["images"]), per_cent(c["before"]), per_cent(c["after"])))
    parts = [columns(receipt["summary"])] + ([columns(rows)] if rows[1:] else [])
    beside = ", ".join(receipt["papers"].values())
    return "\n\n".join([*parts, f"Beside the file: {beside}"])


def pretrain(options: argparse.Namespace) -> int:
    ended = do(options, "pretrain", **chosen(options))
    return finish(options, ended, Pretrained, figures)


def shrink(options: argparse.Namespace) -> int:
    asked = {"project": options.project, **chosen(options)}
    if options.estimate:
        return finish(options, do(options, "estimate_shrink", **asked), Estimate, figures)

    def work() -> int:
        return finish(options, do_leading(options, "shrink", **asked), SupernetTrained, figures)

    return together.together(options, work)


def figures(result: Mapping[str, Any]) -> str:
    return columns([(name, str(value)) for name, value in result.items()])

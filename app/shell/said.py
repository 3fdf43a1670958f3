"""What a gesture did, in a sentence, told once it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from engine.events import ProjectView
from engine.system.words import ENOUGH_TESTED, listed, per_cent, plural, size, tested_right, whole

Facts = Mapping[str, Any]


def share_right(project: ProjectView | None) -> str:
    """“83 % of 179 test images are right”; empty where none was tested."""
    step = project.current_step if project is not None else None
    if project is None or step is None or step.accuracy is None or len(step.classes) < 2:
        return ""
    return tested_right(step.accuracy, step.tested) if step.tested else ""


def learnt(asked: Facts, result: Facts) -> str:
    counts = result.get("classes") or {}
    return f"Learnt {listed(list(counts))}." if counts else "Everything is learnt."


def added(asked: Facts, result: Facts) -> str:
    counts = result.get("classes") or {}
    return f"Added images of {listed(list(counts))}. They are not learnt yet."


def saved_labels(asked: Facts, result: Facts) -> str:
    """Where the classes were written, and how many rows."""
    place = PurePath(str(result.get("to"))).name
    return f"Wrote {plural(int(result.get('rows', 0)), 'row')} to {place}."


def network(asked: Facts, result: Facts) -> str:
    again = " and everything is learnt again" if "accuracy" in result else ""
    used = f"{result.get('title', 'Another network')} is in use{again}."
    now, before, tested = result.get("accuracy"), result.get("before"), result.get("tested", 0)
    if now is None or before is None:
        return used
    if tested < ENOUGH_TESTED:
        return f"{used} Now {tested_right(now, tested)}."
    right = f"{per_cent(now, 0)} of the test images are right; before, {per_cent(before, 0)} were."
    return f"{used} {right}"


def moved(asked: Facts, result: Facts) -> str:
    count = int(result.get("moved", 0))
    return f"{plural(count)} {'is' if count == 1 else 'are'} in {asked.get('to')} now."


def mended(asked: Facts, result: Facts) -> str:
    """That images were moved, or stay where they are, and are not asked about again."""
    count = int(result.get("moved", 0))
    if count:
        return moved(asked, result)
    kept = int(result.get("kept", 0))
    return f"{plural(kept)} {'stays where it is' if kept == 1 else 'stay where they are'}."


def learnt_again(asked: Facts, result: Facts) -> str:
    now, before = result.get("accuracy"), result.get("accuracy_before")
    if now is None:
        return "What you put right is learnt."
    if (tested := result.get("tested", 0)) < ENOUGH_TESTED:
        return f"What you put right is learnt: {tested_right(now, tested)}."
    was = f" (before: {per_cent(before)})" if before is not None else ""
    return f"What you put right is learnt: {per_cent(now)} of the test images are right{was}."


def used_for(asked: Facts, result: Facts) -> str:
    count = int(result.get("moved", 0))
    what = "learning" if asked.get("split") == "train" else "testing"
    return f"{plural(count)} {'is' if count == 1 else 'are'} for {what} now."


def removed(asked: Facts, result: Facts) -> str:
    return f"{plural(int(result.get('removed', 0)))} taken out. Your files stay where they are."


def unsorted(asked: Facts, result: Facts) -> str:
    count = int(result.get("added", 0))
    wait = "waits for its" if count == 1 else "wait for their"
    return f"{plural(count)} {wait} class on the Sort page."


def gap(asked: Facts, result: Facts) -> str:
    bursts = plural(int(result.get("bursts", 0)), "burst")
    seconds = plural(round(asked.get("gap", 0)), "second")
    return f"Less than {seconds} apart is one burst now: {bursts} among what waits."


def row_used(asked: Facts, result: Facts) -> str:
    """Which way the project goes on with, and how well it does."""
    right = f": {whole(now)} of the test images are right" if (now := result["accuracy"]) else ""
    if result["already"]:
        return f"{result['title']} is in use already{right}. Nothing changed."
    return f"{result['title']} is in use{right}."


SENTENCES: dict[str, Callable[[Facts, Facts], str]] = {
    "learn_folder": learnt,
    "learn_frames": learnt,
    "learn_labels": learnt,
    "learn": learnt,
    "add_images": added,
    "add_labels": added,
    "save_labels": saved_labels,
    "add_unsorted": unsorted,
    "set_burst_gap": gap,
    "move_images": moved,
    "remove_images": removed,
    "mend_images": mended,
    "learn_again": learnt_again,
    "teach_image": lambda asked, _: f"The image is in {asked.get('to')} now, and learnt.",
    "set_split": used_for,
    "hold_out": lambda _, result: f"{plural(result['moved'])} kept for testing.",
    "use_backbone": network,
    "use_row": row_used,
    "forget": lambda asked, _: f"{asked.get('name')} is forgotten. Its images are kept.",
    "rename_class": lambda asked, _: f"{asked.get('name')} is called {asked.get('to')} now.",
    "merge_classes": lambda asked, _: f"{asked.get('name')} is a part of {asked.get('into')} now.",
    "group_classes": lambda asked, result: (
        f"{listed(asked['names'])} {'is' if len(asked['names']) == 1 else 'are'} in "
        f"{result['group'] or 'no group'} now."
    ),
    "remove_class": lambda asked, _: (
        f"{asked.get('name')} is removed. Your files stay where they are."
    ),
    "settle_conflict": lambda asked, _: (
        f"The image stays in {asked['keep']} alone." if asked.get("keep") else "It is taken out."
    ),
    "rename_project": lambda _, result: f"The project is called {result.get('name')} now.",
    "cap_features": lambda asked, _: (
        f"Features and thumbnails are kept up to {size(asked['most'])}."
        if asked.get("most")
        else "All features and thumbnails are kept from now on."
    ),
    "set_recent": lambda _, result: (
        f"{plural(result['learnt'])} are learnt, {result['old']:,} are too old."
        if result["old"]
        else f"All {plural(result['learnt'])} are learnt."
    ),
    "set_promise": lambda _, result: str(result.get("said")),
    "set_data_licence": lambda asked, _: (
        "The licence of the images is noted." if asked.get("text") else "The licence is taken away."
    ),
}


def sentence(job: str, asked: Facts, result: Facts, title: str) -> str:
    """What a job did; one that has no words of its own is told by its gesture's title."""
    made = SENTENCES.get(job)
    return made(asked, result) if made is not None else f"Done: {title}."

"""A receipt in words: what is said of it in the window, in a terminal and on paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.export.receipts import NOT_STATED
from engine.system.words import many, share, size

Receipt = Mapping[str, Any]

JOINERS = "\u200c\u200d"
"""Invisible, but part of how some scripts and images are written."""


def readable(text: object) -> str:
    """A name as it can be shown anywhere: what is no letter on a line is written as its code.

    Folders give names with line breaks, marks that turn the direction, or bytes that are no text.
    """
    return "".join(
        c if c.isprintable() or c in JOINERS else c.encode("unicode_escape").decode()
        for c in str(text)
    )


def value_in_words(value: object) -> str:
    """Any plain value, on one line."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{readable(k)} {value_in_words(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple | set):
        return ", ".join(map(value_in_words, value)) or "none"
    return readable(value)


# The lines of a receipt; each is made from the whole of it.


def compared(r: Receipt) -> str:
    note = r["compared_note"].rstrip(".").removeprefix("Compared on ")
    return f"{note}, in {r['compared_in']}"


def same_class(r: Receipt) -> str:
    count = r["clear_disagreements"]
    clear = f"{many(count, 'clear answer')} changed" if count else "no clear answer changed"
    return f"{share(r['top_class_agreement'])} of the compared images; {clear}"


def difference(r: Receipt) -> str:
    most = r["largest_difference"]
    return f"{f'{most:.4f}' if most >= 1e-4 else 'less than 0.0001'} in any probability"


def judged_on(r: Receipt) -> str:
    """The images that accuracy was counted on."""
    count, held_out = r["accuracy_images"], r["accuracy_held_out_images"]
    if held_out == count:
        return many(count, "held-out image")
    if not held_out:
        return f"{many(count, 'image')}, all of them learnt from"
    return f"{many(count, 'image')}, {held_out:,} of them held out"


def classes_judged_on(r: Receipt) -> str:
    """The images that each class's accuracy was counted on: held-out ones, where there are any."""
    held_out = r["accuracy_held_out_images"]
    return many(held_out, "held-out image") if held_out else judged_on(r)


def accuracy(r: Receipt) -> str:
    """First on held-out images, which alone say how well it does."""
    all_of_them = [share(r["accuracy_before"]), share(r["accuracy_after"])]
    if not 0 < r["accuracy_held_out_images"] < r["accuracy_images"]:
        before, after = all_of_them
        return f"{before} in the project, {after} in the file, on {judged_on(r)}"
    before, after = share(r["accuracy_held_out_before"]), share(r["accuracy_held_out_after"])
    return (
        f"{before} in the project, {after} in the file, on "
        f"{many(r['accuracy_held_out_images'], 'held-out image')}; with images that were learnt "
        f"from, {r['accuracy_images']:,} in all, {' and '.join(all_of_them)}"
    )


def beyond(r: Receipt) -> str:
    return f"{share(r['beyond_threshold'])} of the compared images of its classes, by the file"


NOT_SHOWN = (
    "which does not show it of this file: its rounding changed answers. The project's own show it; "
    "where the promise counts, export with 32 bits"
)


def promise(r: Receipt) -> str:
    """What was promised, and what the file itself gives on images that were not learnt from."""
    images, answers, wrong = (r[f"promise_{what}"] for what in ("images", "answers", "wrong"))
    groups = f" ({r['promise_groups']:,} by a group's name)" if r.get("promise_groups") else ""
    given = (
        f"{answers:,} of {many(images, 'held-out image')} get one from the file{groups}, {wrong:,} "
        f"{'is' if wrong == 1 else 'are'} wrong"
        if images
        else "no held-out image could be asked about"
    )
    told = f"at most {100 * r['promise']:g} % of the answers are wrong; {given}"
    return told if r.get("promise_shown", True) else f"{told}, {NOT_SHOWN}"


def of_compared(r: Receipt, same: int) -> str:
    """Of how many images file and project say the same."""
    return f"{same:,} of {many(r['compared'], 'compared image')}"


def latency(r: Receipt) -> str:
    took = r["latency_ms"]
    return (
        f"{took['p50']:.1f} ms median, {took['p95']:.1f} ms at 95 %, "
        f"{many(took['threads'], 'thread')}; {took['pictures']}"
    )


def network(r: Receipt) -> str:
    """The backbone as a person calls it; receipts of before name it by its key alone."""
    return str(r.get("backbone_title") or r["backbone"])


def digests(values: Mapping[str, str]) -> str:
    return ", ".join(f"{readable(name)} {value}" for name, value in values.items())


def classes(r: Receipt) -> str:
    return f"{len(r['classes'])}: {', '.join(map(readable, r['classes']))}"


LINES: tuple[tuple[str, str, Callable[[Receipt], str]], ...] = (
    ("compared", "Compared", compared),
    ("top_class_agreement", "Same top class", same_class),
    ("largest_difference", "Largest difference", difference),
    ("accuracy_images", "Accuracy", accuracy),
    ("beyond_threshold", "None of these", beyond),
    ("known_same", "Same none of these", lambda r: of_compared(r, r["known_same"])),
    ("promise", "Promise", promise),
    ("promise_same", "Same answered", lambda r: of_compared(r, r["promise_same"])),
    ("bytes", "Size", lambda r: size(r["bytes"])),
    ("latency_ms", "Time for an image", latency),
    ("memory_bytes", "Memory", lambda r: f"{size(r['memory_bytes'])} beyond the empty process"),
    ("latency_ms", "Measured on", lambda r: r["latency_ms"]["machine"]),
    ("classes", "Classes", classes),
    ("threshold", "None of these beyond", lambda r: f"a distance of {r['threshold']:.3f}"),
    ("backbone", "Network", lambda r: readable(network(r))),
    ("preprocessing", "Preprocessing", lambda r: r["preprocessing"]),
    ("licence", "Licence of the network", lambda r: readable(r["licence"] or NOT_STATED)),
    ("data_licence", "Licence of the images", lambda r: readable(r["data_licence"] or NOT_STATED)),
    ("sha256", "Digest of the file", lambda r: digests(r["sha256"])),
    ("digests", "Digest of what it was made from", lambda r: digests(r["digests"])),
    ("versions", "Made with", lambda r: value_in_words(r["versions"])),
)
"""Key, name and words of each line, in order; what a format adds stands after the memory."""

SAID = {key for key, *_ in LINES} | {
    "format",
    "title",
    "file",
    "made",
    "compared_note",
    "compared_in",
    "clear_disagreements",
    "accuracy_before",
    "accuracy_after",
    "accuracy_held_out_images",
    "accuracy_held_out_before",
    "accuracy_held_out_after",
    "per_class",
    "confusion",
    "evidence",
    "promise_images",
    "promise_answers",
    "promise_groups",
    "promise_wrong",
    "promise_shown",
    "promise_proven",
    "least",
    "papers",
    "summary",
    "verdict",
    "backbone_title",
}
"""What has a line, is part of one, or is shown in another way."""


def verdict(r: Receipt) -> str:
    """The first sentence that a person wants to read."""
    if r["clear_disagreements"]:
        return "The exported file does not always answer as the project does; see below."
    if r["top_class_agreement"] < 1:
        return "Wherever the project's answer is clear, the exported file gives the same class."
    return "The exported file gives the same answers as the project."


def summary(receipt: Receipt) -> list[list[str]]:
    """The receipt line by line: [name, words]. What a format found itself is said by its name."""
    lines = [[name, say(receipt)] for key, name, say in LINES if receipt.get(key) is not None]
    own = [
        [readable(key).replace("_", " ").capitalize(), value_in_words(value)]
        for key, value in receipt.items()
        if key not in SAID
    ]
    at = next((i for i, line in enumerate(lines) if line[0] == "Classes"), len(lines))
    return lines[:at] + own + lines[at:]

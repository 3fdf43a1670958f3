"""The model card: Markdown from a project's facts and a receipt, and nothing but facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.export.receipts import NOT_STATED, About
from engine.export.receipts.preprocess_text import TO_PIXELS, pixel_steps
from engine.export.receipts.words import (
    Receipt,
    network,
    promise,
    readable,
    summary,
    value_in_words,
)
from engine.learners.confidence import KNOWN
from engine.learners.metrics import DEFINITIONS, accuracy_interval
from engine.learners.promise import CERTAIN
from engine.models.backbone import Model
from engine.models.elastic.architecture import is_elastic, is_trained
from engine.system.words import many, share

PAIRS = 8
"""Confusions that are named, the most frequent first."""
FEW = 10
"""Images to learn from below which a class is named as learnt from few."""
LATE = ("average_incremental_accuracy", "forgetting", "backward_transfer")
COUNTED = (
    "Compared",
    "Same top class",
    "Largest difference",
    "Accuracy",
    "Size",
    "Time for an image",
    "Memory",
    "Measured on",
)
"""Lines of the receipt that the card repeats."""


def card(receipt: Receipt, model: Model, about: About, script: str, inside: bool) -> str:
    """The whole card. `script` is the sample script's text, empty where the format has none."""
    parts = [
        [f"# {plain(receipt['file'])}", "", opening(receipt, about)],
        purpose(receipt, about),
        learning(receipt, model, about),
        quality(receipt, about),
        limits(receipt, about),
        preprocessing(model, inside),
        usage(receipt, script),
        papers(receipt),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def plain(text: object) -> str:
    """A text that Markdown shows as it is, on one line, also within a table."""
    return re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", readable(text))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join('---' for _ in head)}|"]
    return lines + [f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows]


def opening(r: Receipt, about: About) -> str:
    source = f" from the project “{plain(about.project)}”" if about.project else ""
    return (
        f"A classifier of {many(len(r['classes']), 'class')} of images, exported on {r['made']} by "
        f"Espalier {plain(r['versions']['espalier'])}{source} as {plain(r['title'])}."
    )


def purpose(r: Receipt, about: About) -> list[str]:
    """What it answers, and what each class was learnt from."""
    lines = [
        "## What it is for",
        "",
        "Given an image, it answers with a probability for each of these classes, and with a "
        "distance that tells whether the image is none of them.",
        "",
    ]
    if not about.images:
        return lines + table(("", "class"), enumerate(r["classes"], start=1))
    rows = [(n, c, *about.images.get(c, (0, 0))) for n, c in enumerate(r["classes"], start=1)]
    learnt, held_out = (sum(row[at] for row in rows) for at in (2, 3))
    lines += table(("", "class", "images learnt from", "images held out"), rows)
    return [*lines, "", f"Learnt from {many(learnt, 'image')}, judged on {held_out:,} others."]


# How it was learnt.


def learning(r: Receipt, model: Model, about: About) -> list[str]:
    """The network and how it came to be, the learner, and the steps."""
    told = f"- Network: {plain(network(r))}, weights sha256 `{r['digests']['weights']}`."
    lines = ["## How it was learnt", "", told]
    lines += [f"- {line}" for line in grown(about)]
    if about.learner:
        settings = f" ({plain(value_in_words(about.settings))})" if about.settings else ""
        lines.append(f"- Learner: {plain(about.learner)}{settings}.")
    if model.views > 1:
        lines.append(f"- The network sees {model.views} views of each image.")
    if model.backbone.mirror:
        lines.append("- It looks at each image as it is and mirrored, which takes twice as long.")
    if about.steps:
        before = "" if about.steps[0].number == 1 else "; those before were of another network"
        lines += ["", f"Learnt in {many(len(about.steps), 'step')}{before}:", "", *steps(about)]
    return lines


def grown(about: About) -> list[str]:
    """How the backbone came to be what it is: a subnet, narrowed, tuned, with more on top of it."""
    found, subnet = [], about.architecture and not is_elastic(about.architecture)
    if about.narrowed:
        which = f": `{about.architecture}`" if about.architecture else ""
        blocks = f"{many(about.narrowed, 'block')} of {plain(about.began)}"
        how = "were narrowed on the project's images, without training"
        if is_trained(about.architecture):
            how = "were narrowed on the project's images, and it was trained a little on them"
        found.append(f"{blocks} {how}{which}.")
    if subnet:
        found.append(f"It is a subnet of {plain(about.began)}: `{about.architecture}`.")
    elif about.began and not (about.narrowed and about.architecture):
        tuned = " and was tuned on the project's images" if about.run or not about.branches else ""
        found.append(f"It began as {plain(about.began)}{tuned}.")
    if about.run:
        settings = plain(value_in_words(about.run["settings"]))
        found.append(f"Tuning run: {plain(about.run['title'])} ({settings}).{gain(about.run)}")
    if about.adapters:
        found.append(f"Adapters of width {about.adapters} stand after its stages.")
    if about.features:
        found.append(f"Its features are {about.features}.")
    for number, branch in enumerate(about.branches, start=1):
        names = ", ".join(map(plain, branch["classes"]))
        narrow = f", narrowed to {branch['width']} features" if branch.get("width") else ""
        found.append(
            f"Branch {number}: the stages above {plain(branch['cut'])}{narrow}, for {names}."
        )
    return found


def gain(run: Mapping[str, Any]) -> str:
    """What tuning brought, on the same held-out images."""
    if not run.get("difference") or not run["difference"].get("all"):
        return ""
    mean, low, high = run["difference"]["all"]
    return (
        f" On {many(run['images'], 'held-out image')}: {share(run['before']['accuracy'])} before, "
        f"{share(run['after']['accuracy'])} after, a difference of {100 * mean:.1f} points (95 % "
        f"interval {100 * low:.1f} to {100 * high:.1f})."
    )


def steps(about: About) -> list[str]:
    """The steps that led to the model, as a list."""
    head = ("step", "when (UTC)", "what", "classes", "accuracy", "old classes", "new classes")
    return table(
        head,
        (
            (
                s.number,
                s.when,
                s.title,
                len(s.classes),
                share(s.accuracy),
                share(s.old_accuracy),
                share(s.new_accuracy),
            )
            for s in about.steps
        ),
    )


# How well it does.


def quality(r: Receipt, about: About) -> list[str]:
    """The project's scores on all held-out images, then what was checked about the file."""
    lines = ["## How well it does", ""]
    lines += project_scores(about.scores) if about.scores.get("accuracy") is not None else []
    checked = [f"- {name}: {plain(words)}" for name, words in summary(r) if name in COUNTED]
    lines += ["The exported file was asked by itself, in another process:", "", *checked]
    return lines + file_interval(r)


def file_interval(r: Receipt) -> list[str]:
    """How sure the file's accuracy is; on images that were learnt from nothing can be said."""
    images = r.get("accuracy_held_out_images", 0)
    if not images:
        return []
    interval = accuracy_interval(round(r["accuracy_held_out_after"] * images), images)
    assert interval is not None  # there are images
    low, high = interval
    return [
        f"- On {many(images, 'held-out image')} the file's accuracy is "
        f"{share(r['accuracy_held_out_after'])}, 95 % interval {share(low)} to {share(high)}."
    ]


def project_scores(scores: Mapping[str, Any]) -> list[str]:
    """Accuracy with its interval and definition, over steps, for each class, and the confusions."""
    low, high = scores["interval"]
    images = sum(row["images"] for row in scores["rows"])
    lines = [
        f"Accuracy {share(scores['accuracy'])} (95 % interval {share(low)} to {share(high)}) on "
        f"{many(images, 'held-out image')}. {DEFINITIONS['accuracy']}",
        "",
    ]
    if scores.get("old_accuracy") is not None and scores.get("new_accuracy") is not None:
        lines += [
            f"Classes of earlier steps {share(scores['old_accuracy'])}, classes of the last step "
            f"{share(scores['new_accuracy'])}.",
            "",
        ]
    late = [(key, scores[key]) for key in LATE if scores.get(key) is not None]
    lines += [
        f"- {key.replace('_', ' ').capitalize()} {share(v)}. {DEFINITIONS[key]}" for key, v in late
    ]
    lines += [""] if late else []
    rows = (
        (n, row["name"], row["images"], share(row["recall"]), share(row["precision"]))
        for n, row in enumerate(scores["rows"], start=1)
    )
    lines += table(("", "class", "held-out images", "recall", "precision"), rows)
    lines += ["", f"Recall: {DEFINITIONS['recall']} Precision: {DEFINITIONS['precision']}", ""]
    return lines + confusions(scores)


def confusions(scores: Mapping[str, Any]) -> list[str]:
    """The pairs of classes that are mixed up most."""
    names, matrix = scores["classes"], scores["confusion"]
    pairs = [
        (count, i, j)
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j and count
    ]
    if not pairs:
        return ["No held-out image is taken for another class.", ""]
    worst = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:PAIRS]
    lines = [
        f"- {plain(names[i])}, taken for {plain(names[j])}: {count} of "
        f"{many(sum(matrix[i]), 'image')}"
        for count, i, j in worst
    ]
    return ["Most often mixed up:", "", *lines, ""]


def distance(r: Receipt) -> str:
    """What an image's distance is made from; receipts of before know of one kind of evidence."""
    kinds = (
        "1 less the cosine between its features and the nearest class's mean direction",
        "the length of its direction outside the space that the project's images fill",
        "by how little the nearest class's logit stands out from the mean one",
    )
    if not r.get("evidence"):
        return f"the distance is {kinds[0]}"
    parts = [f"{w:.3g} times {said}" for w, said in zip(r["evidence"], kinds, strict=True) if w]
    return (
        f"the distance is {' and '.join(parts)}, less what is usual (0 is a usual image). How much "
        "each counts was chosen on classes that were left out"
    )


def limits(r: Receipt, about: About) -> list[str]:
    """What it can't answer, in figures."""
    lines = [
        "## What it does not know",
        "",
        f"- It knows the {many(len(r['classes']), 'class')} above and no other. An image whose "
        f"distance is greater than {r['threshold']:.4f} is none of these: {distance(r)}. At least "
        f"{100 * KNOWN:.0f} % of the project's own images lie within it.",
    ]
    if "beyond_threshold" in r:
        lines.append(
            f"- Of the {many(r['accuracy_images'], 'compared image')} of its classes, the file "
            f"calls {share(r['beyond_threshold'])} none of these."
        )
    if r.get("promise"):
        asked = sorted({least for least in r["least"] if least <= 1})
        from_to = f"{asked[0]:.4f}" + (f" to {asked[-1]:.4f}" if len(asked) > 1 else "")
        lines.append(
            f"- It promises that at most {100 * r['promise']:g} % of its answers are wrong, "
            f"{'shown' if r.get('promise_proven', True) else 'measured, and of all classes shown '}"
            f"with {100 * CERTAIN:.0f} % certainty by the project's answers on images that it had "
            "not learnt, for images like these. An answer "
            f"less probable than {from_to}, by its class, is not sure, and is no answer. By the "
            f"file, {promise(r).partition('; ')[2]}."
        )
    if "processors" in r:
        lines.append(f"- Processors that it is for: {plain(r['processors'])}.")
    unseen = [name for name, (_, held_out) in about.images.items() if not held_out]
    few = [name for name, (learnt, _) in about.images.items() if learnt < FEW]
    if unseen:
        lines.append(f"- Not measured, for lack of held-out images: {listed(unseen)}.")
    if few:
        lines.append(f"- Learnt from fewer than {FEW} images: {listed(few)}.")
    return lines


def listed(names: Iterable[str]) -> str:
    return ", ".join(map(plain, names))


# How to use it.


def preprocessing(model: Model, inside: bool) -> list[str]:
    """From an image's file to what the network takes, to the pixel."""
    p, mirror = model.backbone.preprocessing, model.backbone.mirror
    where = (
        "It is inside the file, which takes whole images of any size; only the first step is left "
        "to whoever opens the image. The file does the others:"
        if inside
        else f"Steps 1 to {TO_PIXELS} must be done before the file is asked, as the sample script "
        f"does; it takes the pixels as uint8 (n, {p.size}, {p.size}, 3), red, green and blue, and "
        "does the others:"
    )
    steps = [f"{n}. {step}" for n, step in enumerate(pixel_steps(p, model.views, mirror), start=1)]
    return ["## Preprocessing", "", where, "", *steps]


def usage(r: Receipt, script: str) -> list[str]:
    """The sample script, whole."""
    espalier = f"`espalier predict {plain(r['file'])} PICTURE`"
    if not script:
        return ["## How to use it", "", f"With Espalier: {espalier}."]
    # A fence longer than any in the text.
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", script)), default=0))
    name = plain(r["papers"]["script"])
    return [
        "## How to use it",
        "",
        f"The script `{name}` beside the file asks it about images, without Espalier; or, with "
        f"Espalier, {espalier}.",
        "",
        f"{fence}python",
        script.rstrip("\n"),
        fence,
    ]


def papers(r: Receipt) -> list[str]:
    """Terms, digests, versions, and what else lies beside the file."""
    told = [*r["sha256"].items(), *((f"{n} (made from)", v) for n, v in r["digests"].items())]
    beside = ", ".join(f"`{readable(name)}`" for k, name in r["papers"].items() if k != "card")
    return [
        "## Licences",
        "",
        f"- Network: {plain(r['licence'] or NOT_STATED)}",
        f"- Images: {plain(r['data_licence'] or NOT_STATED)}",
        "",
        "## Digests and versions",
        "",
        *table(("of", "sha256"), told),
        "",
        f"Made with {plain(value_in_words(r['versions']))}.",
        "",
        f"Beside the file: {beside}.",
    ]

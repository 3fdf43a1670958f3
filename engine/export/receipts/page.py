"""The receipt as a page to print: one HTML file that needs nothing else, calm on A4."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from engine.export.receipts.words import Receipt, classes_judged_on, readable, summary, verdict
from engine.images.legend import densest
from engine.images.overlay import AGAINST, FOR
from engine.system.words import many, share, size

if TYPE_CHECKING:
    from engine.export.receipts.unsure import Unsure

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 24px; max-width: 760px; background: #fff; color: #1d2320;
  font: 14px/1.5 system-ui, "Segoe UI", "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
h1 { font-size: 24px; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; font-weight: 600; margin: 32px 0 8px; break-after: avoid; }
p { margin: 4px 0 0; }
.muted, th, caption, figcaption { color: #5f6a64; }
.figures { display: flex; margin: 24px 0 0; padding: 16px 0; gap: 16px;
  border: solid #dedfd9; border-width: 1px 0; break-inside: avoid; }
.figures div { flex: 1; }
.figures b { display: block; font-size: 22px; font-weight: 600; line-height: 1.3; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 5px 16px 5px 0; text-align: left; vertical-align: top; font-weight: 400;
  border-bottom: 1px solid #efefeb; overflow-wrap: anywhere; }
tr { break-inside: avoid; }
table.lines th { width: 168px; }
code { font: 11px/1.6 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace; }
table.classes td:nth-child(n+3), table.classes th:nth-child(n+3) { text-align: right;
  width: 96px; white-space: nowrap; }
table.classes td:first-child, table.classes th:first-child { width: 48px; color: #5f6a64; }
figure { margin: 16px 0 0; break-inside: avoid; }
figure img { display: block; max-width: 100%; max-height: 230mm; margin: 0 auto; }
figcaption { margin-top: 8px; }
.unsure { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }
.unsure img { width: 100%; }
.scale { display: flex; align-items: center; gap: 12px; margin: 12px 0 0; }
.scale i { flex: 1; height: 14px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.unsure b { display: block; font-weight: 600; color: #1d2320; overflow-wrap: anywhere; }
@page { size: A4; margin: 16mm 18mm; }
@media print { body { padding: 0; max-width: none; font-size: 10.5pt; } h2 { margin-top: 20pt; } }
"""

FIRST_OF_WHAT_IT_IS = "Classes"
"""The line of the receipt from which on it tells of the model, not of what was checked."""

DIGEST, CODE = re.compile(r"\b[0-9a-f]{64}\b"), r"<code>\g<0></code>"

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Nothing is fetched and nothing runs, whatever a class is called."""


def text(value: object) -> str:
    """Anything as HTML; what is no text is shown by its code."""
    return escape(readable(value))


def page(receipt: Receipt, image: bytes, unsure: Sequence[Unsure] = ()) -> str:
    """The whole page; `image` is the PNG of the confusion matrix, empty where there is none."""
    name, rows = text(receipt["file"]), summary(receipt)
    at = next(place for place, (word, _) in enumerate(rows) if word == FIRST_OF_WHAT_IT_IS)
    parts = [
        f"<h1>{name}</h1>",
        f'<p class="muted">{text(subtitle(receipt))}</p>',
        f"<p>{text(verdict(receipt))}</p>",
        figures(receipt),
        "<h2>What was checked</h2>",
        lines(rows[:at]),
        per_class(receipt),
        figure(receipt, image),
        least_sure(unsure),
        "<h2>What it is</h2>",
        lines(rows[at:]),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Receipt of {name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def subtitle(r: Receipt) -> str:
    return f"Receipt of an export · {r['title']} · {many(len(r['classes']), 'class')} · {r['made']}"


def figures(r: Receipt) -> str:
    """The four numbers that matter most."""
    shown = [(share(r["top_class_agreement"]), "same top class as the project")]
    if r.get("accuracy_images"):
        part = "held_out_" if r["accuracy_held_out_images"] else ""
        before, after = (share(r[f"accuracy_{part}{when}"]) for when in ("before", "after"))
        what = "accuracy on held-out images" if part else "accuracy"
        shown.append((after, f"{what}; {before} in the project"))
    shown.append((size(r["bytes"]), "size"))
    shown.append((f"{r['latency_ms']['p50']:.1f} ms", "for an image, median"))
    cells = (f"<div><b>{text(v)}</b><span class='muted'>{text(w)}</span></div>" for v, w in shown)
    return f'<div class="figures">{"".join(cells)}</div>'


def lines(rows: list[list[str]]) -> str:
    """Names and words; digests in letters that are all as wide, so that they keep on one line."""
    made = (
        f'<tr><th scope="row">{text(name)}</th><td>{DIGEST.sub(CODE, text(words))}</td></tr>'
        for name, words in rows
    )
    return f'<table class="lines"><tbody>{"".join(made)}</tbody></table>'


def per_class(r: Receipt) -> str:
    """Each class with its number in the image, and its accuracy before and after."""
    if not r.get("per_class"):
        return ""
    head = "".join(
        f'<th scope="col">{word}</th>'
        for word in ("", "class", "images", "in the project", "in the file")
    )
    rows = "".join(
        f"<tr><td>{number}</td><td><bdi>{text(c['name'])}</bdi></td><td>{c['images']:,}</td>"
        f"<td>{tested(c['before'])}</td><td>{tested(c['after'])}</td></tr>"
        for number, c in enumerate(r["per_class"], start=1)
    )
    return (
        f'<h2>Each class</h2><p class="muted">Accuracy on {text(classes_judged_on(r))}.</p>'
        f'<table class="classes"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def tested(value: float | None) -> str:
    return "not tested" if value is None else share(value)


def figure(r: Receipt, image: bytes) -> str:
    """The confusion matrix as a part of the page; nothing where there is no image of it."""
    if not image:
        return ""
    data = base64.b64encode(image).decode("ascii")
    counted = classes_judged_on(r)
    words = (
        "Rows are true classes, columns the file's answers; the numbers are those of the table. "
        f"{counted[:1].upper()}{counted[1:]}."
    )
    return (
        "<figure><h2>What is taken for what</h2>"
        f'<img alt="Confusion matrix" src="data:image/png;base64,{data}">'
        f"<figcaption>{text(words)}</figcaption></figure>"
    )


def least_sure(unsure: Sequence[Unsure]) -> str:
    """The images that the project is least sure of, and what speaks for its answers."""
    if not unsure:
        return ""
    made = "".join(
        f'<figure><img alt="{text(one.where)}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(one.image).decode("ascii")}"><figcaption><b><bdi>{text(one.said)}'
        f"</bdi></b>{text(one.where)}</figcaption></figure>"
        for one in unsure
    )
    logit = "the logit of the answer, less the mean of all classes"
    densest_is = (
        f"by how much {logit}, falls where its strongest place is covered (an approximation)"
        if unsure[0].covered
        else f"what its strongest place adds to {logit}"
    )
    words = (
        "The compared images with the least probable answers, as the network sees them; they are "
        "inside this page and go wherever it goes. In each of them the densest colour is "
        f"{densest_is}."
    )
    colours = f"linear-gradient(90deg, {densest(AGAINST)}, {densest()}, {densest(FOR)})"
    scale = (
        f'<span>against the answer</span><i style="background: {colours}"></i>'
        "<span>for the answer</span>"
    )
    return (
        f'<h2>What it is least sure of</h2><p class="muted">{text(words)}</p>'
        f'<div class="scale">{scale}</div><div class="unsure">{made}</div>'
    )

"""A study as files: a table for a spreadsheet, a page that any browser shows. It imports no Qt."""

from __future__ import annotations

import csv
import io
import math
from html import escape

from engine.results.compare import LearningCurve, Study, StudyEstimate, StudyRow
from engine.system.words import duration, per_cent, plural

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}th,td{padding:.25rem .75rem;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}tr{border-bottom:1px solid #8886}
.best{font-weight:600}.said{font-size:1.25rem}.wide{overflow-x:auto}svg{max-width:100%}
@media(prefers-color-scheme:dark){body{background:#181a1b;color:#e8e6e3}}
"""
HEADS = (
    "strategy",
    "accuracy",
    "95 % interval",
    "behind by (95 %)",
    "p",
    "reading",
    "seconds",
    "weights trained",
    "MACs",
    "MB of weights",
    "ms in use (p50)",
    "MB of the export",
)
CELLS = (
    "strategy",
    "title",
    "share",
    "images",
    "accuracy",
    "low",
    "high",
    "behind",
    "behind low",
    "behind high",
    "p",
    "reading",
    "seconds",
    "weights trained",
    "macs",
    "bytes",
    "p50 ms",
    "export bytes",
)
"""Columns of the table for a spreadsheet; each class has one more."""
MOST_CLASSES = 10
"""So many classes a table shows that a person reads."""
THERE = "All of it is measured already: it is shown at once."
WIDE, HIGH, EDGE = 640, 320, 56
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that can be told apart without red and green (Okabe and Ito, 2008)."""


# As a table for a spreadsheet.


def table(study: Study) -> str:
    """A line for each row, then one for each smaller share of a curve."""
    output = io.StringIO()
    lines = csv.writer(output, lineterminator="\r\n")
    classes = list(study["rows"][0]["per_class"])
    lines.writerow([*CELLS, *(f"accuracy of {name}" for name in classes)])
    for row in study["rows"]:
        behind = [str(value) for value in row["difference"] or []] or [""] * 3
        costs = [row["seconds"], row["trained"], row["macs"], row["bytes"]]
        used = ["" if value is None else value for value in (row["p50"], row["export"])]
        end = ["" if row["p"] is None else row["p"], reading(row), *costs, *used]
        seen = [row["name"], row["title"], 100, study["learnt"], row["accuracy"], *row["interval"]]
        each = ["" if share is None else share for share in row["per_class"].values()]
        lines.writerow([*seen, *behind, *end, *each])
    for curve in study["curves"]:
        for point in curve["points"]:
            if point["share"] < 100:
                share = f"{point['share']:g}"
                where = [curve["name"], curve["title"], share, point["images"]]
                rest = [""] * (11 + len(classes))
                lines.writerow([*where, point["accuracy"], *point["interval"], *rest])
    return output.getvalue()


def reading(row: StudyRow) -> str:
    return "best" if row["best"] else "tied" if row["tied"] else "behind"


def earlier_said(study: Study) -> str:
    """That rows of the last study are in the table, too; nothing where there are none."""
    count = study.get("earlier", 0)
    if not count:
        return ""
    who, them = ("1 row", "stands") if count == 1 else (f"{count} rows", "stand")
    return f"{who} of the study before {them} in the table too: the same images, seed and budget."


# Class by class.


def class_table(study: Study) -> list[tuple[str, ...]]:
    """How much of each class a row has right, the best row first; of many classes the worst."""
    names = classes_shown(study)
    rows: list[tuple[str, ...]] = [("accuracy of", *names)]
    return rows + [
        (row["title"], *(per_cent(row["per_class"][name]) for name in names))
        for row in by_rank(study)
    ]


def classes_shown(study: Study) -> list[str]:
    """All classes, or those that the rows together have right the least."""
    names = list(study["rows"][0]["per_class"])
    return names if len(names) <= MOST_CLASSES else worst_first(study)[:MOST_CLASSES]


def worst_first(study: Study) -> list[str]:
    """All classes, first those that the rows together have right the least."""
    each = [row["per_class"] for row in study["rows"]]

    def together(name: str) -> float:
        shares = [share for row in each if (share := row[name]) is not None]
        return sum(shares) / len(shares) if shares else 1.0

    return sorted(each[0], key=together)


def classes_said(study: Study) -> str:
    """What is said of classes that the table leaves out; nothing where it has all."""
    many = len(study["rows"][0]["per_class"])
    if many <= MOST_CLASSES:
        return ""
    return (
        f"Of {many:,} classes these {MOST_CLASSES} are right least, all rows taken together. "
        "The table for a spreadsheet (CSV) has all of them."
    )


# Beforehand.


def estimated(found: StudyEstimate) -> str:
    """How long the rows take that are missing."""
    missing = found["missing"]
    told = f"{plural(missing, 'row')} to measure: {duration(found['seconds'])}."
    return told if missing else THERE


# As a page.


def page(study: Study) -> str:
    """The whole page; every text is escaped."""
    rows = by_rank(study)
    heads = "".join(f"<th>{head}</th>" for head in HEADS)
    lines = "\n".join(map(line, rows))
    images = f"{plural(study['learnt'])} learnt from, {study['images']:,} asked"
    budget = f"{plural(study['classes'], 'class')}, {budget_of(study)}, seed {study['seed']}"
    left_out = "".join(
        f"<p>Left out: {escape(out['title'])}. {escape(out['why'])}</p>"
        for out in study["left_out"]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>Strategies compared</title><style>{STYLE}</style></head><body>\n"
        f'<h1>Strategies compared</h1>\n<p class="said">{escape(study["said"])}</p>\n'
        f"<p>{images}; {budget}. Behind: the best row's accuracy less this one's, in points; p is "
        "corrected for the number of rows (Holm), an interval is that of its row alone.</p>\n"
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table>'
        f"</div>\n{classes(study)}{left_out}{curves(study['curves'])}</body></html>\n"
    )


def by_rank(study: Study) -> list[StudyRow]:
    """The rows, the best first."""
    return sorted(study["rows"], key=lambda r: (not r["best"], -r["accuracy"], r["seconds"]))


def budget_of(study: Study) -> str:
    """For how long each strategy trained."""
    if study["seconds"]:
        return f"{study['seconds']:g} seconds each"
    return f"{study['epochs']:g} {'epoch' if study['epochs'] == 1 else 'epochs'}"


def told_ms(row: StudyRow) -> str:
    return "–" if row["p50"] is None else f"{row['p50']:.1f}"


def told_size(row: StudyRow) -> str:
    return "–" if row["export"] is None else f"{row['export'] / 1e6:.1f}"


def line(row: StudyRow) -> str:
    """A row of the table."""
    (low, high), behind = row["interval"], row["difference"]
    by = ""
    if behind:
        by = f"{100 * behind[0]:.1f} ({100 * behind[1]:.1f} to {100 * behind[2]:.1f})"
    cells = (
        escape(row["title"]),
        per_cent(row["accuracy"]),
        f"{100 * low:.1f} to {100 * high:.1f}",
        by,
        "" if row["p"] is None else f"{row['p']:.3f}",
        "best" if row["best"] else "tied" if row["tied"] else "behind",
        f"{row['seconds']:.1f}",
        f"{row['trained']:,}",
        f"{row['macs'] / 1e6:.0f} M",
        f"{row['bytes'] / 1e6:.1f}",
        told_ms(row),
        told_size(row),
    )
    shown = "".join(f"<td>{cell}</td>" for cell in cells)
    kind = ' class="best"' if row["best"] else ""
    return f"<tr{kind}>{shown}</tr>"


def classes(study: Study) -> str:
    """The second table: rows are strategies, columns classes."""
    heads, *rows = class_table(study)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    lines = "\n".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>" for cells in rows
    )
    said = classes_said(study)
    return (
        f"<h2>Class by class</h2>\n{f'<p>{said}</p>' if said else ''}"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table>'
        "</div>\n"
    )


def curves(found: list[LearningCurve]) -> str:
    """Accuracy against images learnt from, and what more of them would bring."""
    if not found:
        return ""
    keys = "".join(
        f'<li><span style="color:{COLOURS[at % len(COLOURS)]}">{mark(at)}</span> '
        f"{escape(curve['title'])}. {escape(curve['said'])}</li>"
        for at, curve in enumerate(found)
    )
    return f'<h2>Learning curves</h2>\n{drawing(found)}\n<ul style="list-style:none">{keys}</ul>'


def mark(at: int) -> str:
    """Tells lines apart without colours, too."""
    return "●■▲◆▼★"[at % 6]


def drawing(found: list[LearningCurve]) -> str:
    """The curves as SVG: the number of images by its logarithm, accuracy from the lowest on."""
    points = [point for curve in found for point in curve["points"]]
    images = sorted({point["images"] for point in points})
    low = math.floor(min(point["accuracy"] for point in points) * 10) / 10
    low = min(low, 0.9)
    span = math.log(images[-1] / images[0]) or 1.0

    def x(count: int) -> float:
        return EDGE + (WIDE - 2 * EDGE) * math.log(count / images[0]) / span

    def y(accuracy: float) -> float:
        return HIGH - EDGE - (HIGH - 2 * EDGE) * (accuracy - low) / (1 - low)

    parts = [text(x(count), HIGH - EDGE + 20, f"{count:,}") for count in images]
    parts.append(text(WIDE / 2, HIGH - 12, "images learnt from"))
    for step in range(round(low * 10), 11):
        height = y(step / 10)
        parts.append(
            f'<path d="M{EDGE} {height:.1f}H{WIDE - EDGE}" stroke="currentColor" opacity=".2"/>'
        )
        parts.append(text(EDGE / 2, height + 5, f"{10 * step} %"))
    for at, curve in enumerate(found):
        colour = COLOURS[at % len(COLOURS)]
        spots = [(x(p["images"]), y(p["accuracy"])) for p in curve["points"]]
        way = " ".join(f"{a:.1f},{b:.1f}" for a, b in spots)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [text(a, b + 5, mark(at), colour) for a, b in spots]
    about = "Accuracy on the held-out images against the number of images learnt from"
    inner = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" role="img" aria-label="{about}" '
        f'font-size="13" text-anchor="middle" fill="currentColor">{inner}</svg>'
    )


def text(x: float, y: float, said: str, colour: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{said}</text>'

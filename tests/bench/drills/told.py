"""What a drill finds: how each try ended, what was left, and what the person was told."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import EspalierError
from engine.system.trouble import sentence_for
from tests.bench.common import NotDone
from tests.bench.forked import LostError, in_child, killed_after
from tests.bench.kill import Calm, differences, kind_of
from tests.bench.killed_verbs import Verb, Work

KINDS = ("old", "new", "batch", "between", "unusable")
LOSSES = ("between", "unusable", "promised", "defect")
"""What may never be: a state of neither side, a project that can't be opened, something that was
said to be done and is not there, and an end that is no sentence."""
COLUMNS = ("tries", "done", "told", "ended", *KINDS, "promised", "defect")


@dataclass
class Tally:
    """What came of one drill's tries, and with how many of them each sentence was said."""

    name: str
    met: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def losses(self) -> int:
        return sum(self.met[name] for name in LOSSES)

    def line(self) -> str:
        return "  ".join([f"{self.name:34}", *(f"{self.met[name]:8}" for name in COLUMNS)])

    def add(self, other: Tally) -> None:
        self.met.update(other.met)
        self.said.update(other.said)
        self.notes += [f"{other.name}: {note}" for note in other.notes]


def heading() -> str:
    return "  ".join([f"{'drill':34}", *(f"{name:>8}" for name in COLUMNS)])


def report(tallies: list[Tally]) -> str:
    """A line for each drill, and below what the person was told, the most frequent first."""
    lines = ["| drill | tries | losses | what the person was told |", "|---|---|---|---|"]
    for tally in tallies:
        told = "; ".join(f"“{text}” ({n})" for text, n in tally.said.most_common())
        lines.append(f"| {tally.name} | {tally.met['tries']} | {tally.losses} | {told} |")
    return "\n".join(lines)


def told(work: Work, there: Path) -> tuple[str, str]:
    """Does a verb in this process: how it ended, and the sentence where it was not done."""
    try:
        work(there)
    except NotDone as found:
        return found.ended.how, found.ended.text
    except (EspalierError, OSError, MemoryError) as error:
        # The verb's own steps of opening and closing, which the window's engine wraps as well.
        return "failed", str(error) if isinstance(error, EspalierError) else sentence_for(error)
    except BaseException:
        return "defect", traceback.format_exc().strip()
    return "done", ""


def tried(tally: Tally, given: tuple[bool, Any], there: Path) -> str:
    """Notes how a try ended: `given` is what `killed_after` says of `told`."""
    ended, answer = given
    tally.met["tries"] += 1
    if not ended:  # the process is gone, as by a kill: the window says that, and starts another
        tally.met["ended"] += 1
        tally.said["the process ended"] += 1
        return "ended"
    how, text = answer
    if how == "done":
        tally.met["done"] += 1
        return how
    if not a_sentence(how, text):
        tally.met["defect"] += 1
        tally.notes.append(f"no sentence ({how}): {text[-1500:]}")
        return how
    tally.met["told"] += 1
    tally.said[without_names(text, there)] += 1
    return how


def a_sentence(how: str, text: str) -> bool:
    """Whether that is said as the program says things, and is no defect."""
    fine = how in ("refused", "failed", "cancelled") and text.endswith((".", "”"))
    return fine and "\n" not in text and "defect" not in text and "Errno" not in text


def without_names(text: str, there: Path) -> str:
    """The same sentence for all files, so that it is counted as one."""
    text = text.replace(str(there), "…")
    return re.sub(r"“[^”]*”|'[^']*'", "“…”", re.sub(r"\d+", "N", text))


def left(tally: Tally, verb: Verb, there: Path, calm: Calm, how: str, when: str) -> str:
    """Notes what a try has left of a project, which anybody may open again now."""
    try:
        state = in_child(verb.state, there)
    except LostError as error:
        tally.met["unusable"] += 1
        tally.notes.append(f"unusable ({when}): {str(error).strip()[-1500:]}")
        return "unusable"
    kind = kind_of(verb, state, calm)
    tally.met[kind] += 1
    if kind == "between":
        tally.notes.append(f"between ({when}): {differences(state, calm)}")
    if how == "done" and kind in ("old", "batch"):
        tally.met["promised"] += 1
        tally.notes.append(f"said to be done, and it is not there ({when})")
    return kind


__all__ = ["Tally", "heading", "killed_after", "left", "report", "told", "tried"]

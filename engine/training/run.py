"""A run of tuning from its images to its last epoch: what trains, what is said, what is kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import UnusableWeights
from engine.events import Event, LayerPlan, LayerState, Progress, Saved, Step
from engine.models import flops as models_flops
from engine.results.tune import Unlabelled
from engine.storage.runs import CHECKPOINT
from engine.system import device as devices
from engine.system.progress import Eta
from engine.system.trouble import pass_on
from engine.training.activation_cache import ActivationCache
from engine.training.augment import Views
from engine.training.batches import Batch
from engine.training.checkpoints import BROKEN, read_state, write_state
from engine.training.distributed.group import ALONE
from engine.training.loop import Stack, Training, train
from engine.training.run_metrics import RunMetrics, UpdateTracker, training_clock
from engine.training.tuner import GradientTuner, Supply

BEST = "best.pt"
COLUMNS = 200
"""Columns of the layer plot's plan, and about as many points of a kept curve."""
SECONDS_BETWEEN_CHECKPOINTS = 60.0
SECONDS_BETWEEN_STATES = 1 / 30
TRIAL = 3
"""Steps in which nothing is frozen, timed before the run begins; the first is not counted."""
TIMED = 16
"""Images of such a step, at most: all of a batch, twice where there are pairs, took 6 GB."""


@dataclass
class TuningRun:
    """One run. `shown` are the held-out images, `new` the places of classes that are new."""

    training: Training
    lessons: Supply
    tuning: GradientTuner
    shown: Views
    kept: ActivationCache | None
    new: frozenset[int]
    loss: Any
    folder: Path
    account: RunMetrics = field(default_factory=RunMetrics)
    flops: dict[tuple[frozenset[str], int], float] = field(default_factory=dict)
    drift: UpdateTracker = field(default_factory=lambda: UpdateTracker())
    aside: float = 0.0
    """Seconds of the present step that are no training."""
    processes: int = 0
    """How many trained it to its last checkpoint, where it goes on from one."""
    watched: bool = True
    """Whether what it is on the way counts: it is judged at the beginning and after each epoch, its
    best weights are kept, and what freezing saves is told."""
    made: ClassVar[str] = "tuned"
    """What the network is called that comes of it."""
    doing: ClassVar[str] = "Tuning"

    @property
    def stack(self) -> Stack:
        network = self.training.network
        assert isinstance(network, Stack)
        return network

    @property
    def total(self) -> int:
        return self.training.schedule.total

    # Training.

    def follow(self) -> Iterator[Event]:
        """Trains to the end or until patience is over; checkpoints each epoch and each minute."""
        if not self.training.position:
            if self.watched:
                yield from self.time_full_steps()
                self.account.begun = self.held_out()
            self.tuning.begin(self.stack, self.lessons, self.new)
        yield self.plan()
        pace, begun = Eta(self.total - self.training.position, self.doing), self.training.position
        while (end := self.next_score()) is not None:
            for step in self.epoch(end):
                yield from step
                yield pace.at(self.training.position - begun)
            yield self.score()
            self.save()
            yield Saved("checkpoint", str(self.folder / CHECKPOINT))

    def next_score(self) -> int | None:
        """The step after which there is to be scored: the end of an epoch, which may be here if
        the run was paused before it was scored. None where the run is over."""
        done, each = self.training.position, self.tuning.per_epoch(len(self.lessons))
        scored = self.account.epochs[-1]["step"] if self.account.epochs else 0
        if scored < done and (done % each == 0 or done == self.total):
            return done
        if done >= self.total or self.patience_is_over():
            return None
        return min(self.total, (done // each + 1) * each)

    def epoch(self, end: int) -> Iterator[list[Event]]:
        """The steps up to `end`, each with what is to be said of it."""
        training, begun = self.training, training_clock()
        training.share()
        steps = training.lead(range(training.position, end))
        supply = (self.lessons.batch(position) for position in steps)
        shown, saved, before = 0.0, begun, begun
        for step in train(training, self.counted(supply), self.predict, self.loss):
            now = training_clock()
            self.pay(now - before - self.aside, step.done - 1)
            self.aside = 0.0
            self.note(step)
            events: list[Event] = [self.told(step)]
            if now - shown > SECONDS_BETWEEN_STATES or step.done == end:
                shown = now
                events.append(self.state(step.done - 1))
            if now - saved > SECONDS_BETWEEN_CHECKPOINTS and step.done < end:
                self.save()
                saved = now
            yield events
            before = training_clock()

    def pay(self, seconds: float, position: int) -> None:
        """Counts a step's seconds."""
        account = self.account
        account.seconds += seconds
        if not self.training.schedule.frozen(position):
            account.free_steps += 1
            account.free_seconds += seconds
            if account.free_steps > TRIAL:  # too few say less than the trial
                account.full_seconds = account.free_seconds / account.free_steps

    def predict(self, batch: Batch) -> torch.Tensor:
        return answers(self.stack, batch)

    def counted(self, supply: Iterator[Batch]) -> Iterator[Batch]:
        """Hands on batches and counts the FLOPs of each step, measured once for each state, and
        those of what is kept."""
        if not self.watched:
            yield from supply
            return
        prefix = self.lessons.prefix
        before = prefix.flops if prefix else 0.0
        for batch in supply:
            if prefix:
                self.account.flops += (prefix.flops - before) / batch.part
                before = prefix.flops
            frozen = self.training.schedule.frozen(self.training.position)
            if (frozen, batch.start) not in self.flops:
                clock = training_clock()
                self.flops[frozen, batch.start] = self.flops_of(batch, frozen)
                self.aside += training_clock() - clock
            self.account.flops += self.flops[frozen, batch.start]
            yield batch

    def flops_of(self, batch: Batch, frozen: frozenset[str]) -> float:
        """Floating point operations of a step, forward and backward, counted on two images.

        Nothing is drawn of the run's random numbers: a run that goes on counts once more.
        """
        trial, two = copy.deepcopy(self.stack), min(2, len(batch.given))
        trial.train()
        trial.freeze(frozen)
        with torch.random.fork_rng(devices=[]), models_flops.counter() as counted:
            trial(batch.given[:two], batch.start).sum().backward()
        return counted.get_total_flops() / two * len(batch.given) / batch.part

    def measure_full_step(self) -> None:
        """Times steps in which nothing is frozen, at one go."""
        for _ in self.time_full_steps():
            pass

    def time_full_steps(self) -> Iterator[Event]:
        """Times steps of a copy in which nothing is frozen, and counts their FLOPs; of few images,
        for a whole step. Can be closed between any two steps."""
        whole = min(self.tuning.batch, len(self.lessons))
        few = min(whole, TIMED)
        few_each = replace(self.lessons.tuning, batch=few)
        plain = replace(self.lessons, prefix=None, group=ALONE, tuning=few_each)
        trial = copy.deepcopy(self.stack)
        trial.freeze(())
        trial.train()
        times, optimiser = [], self.tuning.optimised(trial)
        for position in range(TRIAL):
            yield Progress(position, TRIAL, "Timing a few steps")
            state, clock = torch.get_rng_state(), training_clock()
            batch = plain.batch(position)
            optimiser.zero_grad()
            self.loss(answers(trial, batch), batch)[0].backward()
            optimiser.step()
            times.append(training_clock() - clock)
            torch.set_rng_state(state)
        self.account.full_seconds = min(times[1:]) * whole / few / self.training.group.size
        self.account.full_flops = self.flops_of(batch, frozenset()) * whole / few

    def unlabelled(self) -> Unlabelled | None:
        """What there is to say of a run without classes."""
        return None

    # Scores.

    def score(self) -> Step:
        """The epoch's figures, on held-out images too, with what was learnt and saved; keeps the
        best weights."""
        account, done = self.account, self.training.position
        each = self.tuning.per_epoch(len(self.lessons))
        since = [i for i, s in enumerate(account.steps["step"]) if s > done - each]
        figures = {
            "epoch": round(done / each, 3),
            "step": done,
            "seconds": account.seconds,
            **{
                f"train_{name}": float(np.mean([values[i] for i in since]))
                for name, values in account.steps.items()
                if name not in ("step", "seconds")
            },
            **(self.held_out(self.lessons.start(done - 1)) if self.watched else {}),
            **{f"saved_{name}": value for name, value in account.saved(done).items()},
        }
        account.epochs.append(figures)
        if self.watched and (not account.best or merit(figures) > merit(account.best)):
            account.best = figures
            write_state(self.stack.state_dict(), self.folder / BEST)
        return Step(done, self.total, figures)

    @torch.no_grad()
    def held_out(self, start: int = 0) -> dict[str, float]:
        """Loss and accuracy on the held-out images, old and new classes apart.

        What the first `start` stages give is taken from what is kept.
        """
        corpus = self.shown.corpus
        self.stack.eval()
        losses, rights = [], []
        for at in range(0, len(corpus), 64):
            rows = np.arange(at, min(at + 64, len(corpus)))
            plain = np.zeros(len(rows), np.int64)
            given = (
                self.kept(rows, plain, start) if start and self.kept else (self.shown(rows, plain))
            )
            first = start if self.kept else 0
            logits = self.stack(given.to(self.lessons.device), first).cpu().float()
            truth = torch.from_numpy(corpus.classes[rows])
            losses.append(F.cross_entropy(logits, truth, reduction="none"))
            rights.append(logits.argmax(1) == truth)
        self.stack.train()
        right = torch.cat(rights).numpy()
        added = np.isin(corpus.classes, sorted(self.new))
        found = {
            "validation_loss": float(torch.cat(losses).mean()),
            "validation_accuracy": float(right.mean()),
        }
        for name, among in (("old_accuracy", ~added), ("new_accuracy", added)):
            if self.new and among.any():
                found[name] = float(right[among].mean())
        return found

    def patience_is_over(self) -> bool:
        """Whether so many epochs brought nothing better."""
        epochs, best = self.account.epochs, self.account.best
        if not self.tuning.patience or not epochs:
            return False
        return sum(e["step"] > best["step"] for e in epochs) >= self.tuning.patience

    def note(self, step: Step) -> None:
        """Keeps a step's figures for the curve."""
        figures = {**step.figures, "step": step.done, "seconds": self.account.seconds}
        for name, values in self.account.steps.items():
            values.append(float(figures[name]))

    def told(self, step: Step) -> Step:
        """A step with the seconds so far, and what freezing saved of them and of FLOPs."""
        saved = {f"saved_{n}": value for n, value in self.account.saved(step.done).items()}
        return replace(step, figures={**step.figures, "seconds": self.account.seconds, **saved})

    # What the layer plot shows.

    def plan(self) -> LayerPlan:
        """What the schedule will do, in some hundred columns."""
        count = min(COLUMNS, self.total)
        steps = sorted({round(p) for p in np.linspace(0, self.total - 1, count)})
        return LayerPlan(self.total, tuple(self.stack.parts), tuple(steps), **self.layers(steps))

    def layers(self, steps: list[int]) -> dict[str, tuple[tuple[Any, ...], ...]]:
        """Rates, frozen, cached and reasons: a row for each stage, a value for each step."""
        table, names = self.lessons.timetable, list(self.stack.parts)
        return {
            "rates": rows_of([[table.at(p, n) for p in steps] for n in names]),
            "frozen": rows_of([[table.stands(i, p) for p in steps] for i, _ in enumerate(names)]),
            "cached": rows_of(
                [[i < self.lessons.start(p) for p in steps] for i, _ in enumerate(names)]
            ),
            "reasons": rows_of([[self.reason(i, p) for p in steps] for i, _ in enumerate(names)]),
        }

    def state(self, position: int) -> LayerState:
        found = {
            name: tuple(row[0] for row in rows) for name, rows in self.layers([position]).items()
        }
        updates = self.drift.of(self.stack)
        return LayerState(
            position + 1, self.total, tuple(self.stack.parts), **found, updates=updates
        )

    def reason(self, number: int, position: int) -> str:
        said = self.lessons.timetable.reason(number, position)
        return f"{said} Its output is kept." if number < self.lessons.start(position) else said

    # Checkpoints.

    def save(self) -> None:
        """Keeps all that it takes to go on as if nothing had happened; nothing before a step."""
        if not self.training.position:
            return
        group, path = self.training.group, self.folder / CHECKPOINT
        self.training.save(path, account=vars(self.account), processes=group.size)

    def resume(self) -> None:
        """Goes on from the checkpoint. Raises UnusableWeights where it is broken."""
        path = self.folder / CHECKPOINT
        try:
            notes = self.training.load(path)
            self.account = RunMetrics(**notes["account"])
            self.processes = notes.get("processes", 1)
        except (UnusableWeights, TypeError, KeyError) as error:
            raise UnusableWeights(
                "The checkpoint of this run is damaged. Remove the run and start a new one."
            ) from error

    def best(self) -> nn.ModuleDict:
        """The stages as they were when they scored best. Raises UnusableWeights."""
        path = self.folder / BEST
        try:
            if path.exists():
                self.stack.load_state_dict(read_state(path))
        except BROKEN as error:
            pass_on(error)
            raise UnusableWeights(
                "The best weights of this run are damaged. Remove the run and start a new one."
            ) from error
        self.stack.freeze(())
        self.stack.eval()
        return self.stack.parts


def answers(stack: Stack, batch: Batch) -> torch.Tensor:
    """What a network says of a batch, in mixed precision where that is quicker."""
    with devices.mixed(batch.given.device):
        return batch.asked(lambda given: stack(given, batch.start).float())


def merit(figures: Mapping[str, float]) -> tuple[float, float]:
    """What the best epoch is chosen by. A few held-out images are often right in many epochs
    alike: of those the one with the lowest loss counts, not the first."""
    return figures["validation_accuracy"], -figures.get("validation_loss", 0.0)


def rows_of(values: list[list[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in values)

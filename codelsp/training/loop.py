"""The training loop: steps, checkpoints, validation, and what to do when something goes wrong.

A run may be killed at any moment and goes on from its last checkpoint as if nothing had happened:
on a CPU the losses are the same to the last bit.  A full disk costs a checkpoint, never the run;
a loss that is not finite costs a step, and too many in a row end the run before it is spoiled.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from codelsp.errors import CheckpointError, TrainingError
from codelsp.training import checkpoint as checkpoints
from codelsp.training.assembly import checked_rows, fresh_model, objective_of, validator_of
from codelsp.training.checkpoint import RunState
from codelsp.training.devices import Machine, threads
from codelsp.training.model import flops_per_token
from codelsp.training.monitor import StepReport, usual_observers
from codelsp.training.objective import Learner
from codelsp.training.optimizer import Optimizer
from codelsp.training.recipe import check_resumable
from codelsp.training.session import NO_LIMITS, Clock, Limits, stopping_on_signals
from codelsp.training.tokenizer import load_tokenizer, tokenizer_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from codelsp.training.monitor import Observer
    from codelsp.training.recipe import Recipe
    from codelsp.training.validation import ValidationReport

_MAX_SKIPPED = 5
"""Steps in a row without a finite loss before a run gives up."""


class Run:
    """One run in its folder."""

    def __init__(self, recipe: Recipe, folder: Path, observers: Sequence[Observer] = ()) -> None:
        """Open a run, new or with checkpoints.

        Raises:
            TrainingError: the recipe, the rows or the tokenizer do not fit each other.
            CheckpointError: the folder holds another run.
        """
        self._recipe, self._folder = recipe, folder
        self._machine = Machine()
        self._tokenizer = load_tokenizer(recipe.tokenizer)
        self._digest = tokenizer_hash(self._tokenizer)
        self._phases = [checked_rows(p, recipe, self._digest) for p in recipe.phases]
        self._objective = objective_of(self._tokenizer, recipe)
        self._validator = validator_of(recipe, self._tokenizer, self._objective, self._digest)
        torch.manual_seed(recipe.seed)
        self.model = fresh_model(recipe, self._tokenizer, self._objective)
        self._optimizer = Optimizer(self.model, recipe.optimizer)
        self.state = self._resumed()
        folder.mkdir(parents=True, exist_ok=True)
        self._observers: list[Observer] = []
        if self._machine.is_first:
            self._observers = [*observers, *usual_observers(folder, self.state.step)]
        self._learner = self._machine.wrapped(Learner(self.model, self._objective))
        self._n_skipped_in_a_row = 0
        self._is_measured = False
        self._stop = threading.Event()

    def _resumed(self) -> RunState:
        found = checkpoints.checkpoints_in(self._folder)
        if not found:
            return RunState(tokenizer_hash=self._digest, recipe=self._recipe.facts())
        state = checkpoints.read_state(found[-1])
        checkpoints.check_tokenizer(state, self._digest, found[-1])
        check_resumable(self._recipe, state.recipe)
        self.model.to(self._machine.device)
        checkpoints.restore(found[-1], self.model, self._optimizer)
        return replace(state, recipe=self._recipe.facts())

    def observe(self, observers: Sequence[Observer]) -> None:
        """Let more listeners hear what happens, those that need the run itself."""
        if self._machine.is_first:
            self._observers.extend(observers)

    @property
    def is_stopping(self) -> bool:
        """Whether a signal has asked the run to end after its step."""
        return self._stop.is_set()

    @property
    def planned(self) -> float:
        """How long the schedule is, in its own unit."""
        return self._recipe.schedule.total

    @property
    def is_finished(self) -> bool:
        """Whether the schedule has come to its end."""
        return self._is_over()

    def train(self, limits: Limits = NO_LIMITS) -> RunState:
        """Train until the schedule, a limit or a signal ends it; return how far it came.

        Raises:
            TrainingError: the loss stopped being a number; the last checkpoint is unharmed.
        """
        with threads(self._recipe.threads), stopping_on_signals(self._stop):
            self._train(limits)
        return self.state

    def _train(self, limits: Limits) -> None:
        self.model.train()
        flops = flops_per_token(self.model, self._phases[self.state.phase].context)
        peak = self._machine.peak_flops()
        clock = Clock(self._recipe, self.state.seconds, limits)
        if self._machine.compiles and not self._has_ended():
            self._warm_up()
        first_step = self.state.step
        while not self._has_ended() and not clock.is_over(self.state.step - first_step):
            before = time.monotonic()
            done = self._step()
            now = time.monotonic()
            self.state.seconds += now - before
            if done is not None:
                speed = done.n_tokens / (now - before)
                self._tell(done, speed, speed * flops / peak)
            if self._decide(clock):
                break
        if self.state.step > first_step:
            self._end_session()

    def _warm_up(self) -> None:
        """Go forward and back once and learn nothing.

        That compiles, for up to a minute, which a schedule by the clock would take for training.
        """
        rows = self._phases[self.state.phase].batch(self.state.row, self._recipe.batch.micro_rows)
        with self._machine.autocast():
            weighted, _ = self._learner(torch.from_numpy(rows).to(self._machine.device))
        weighted.backward()
        self._optimizer.clear()

    def _end_session(self) -> None:
        """Save, and measure unless someone is waiting; the end of a run may be its best place."""
        is_wanted = not self._stop.is_set() and not self._is_measured
        counts = self._recipe.cadence.validate_steps > 0 and self._has_ended()
        if is_wanted and counts:
            self._weigh(self._validate())
        self._save()
        if is_wanted and not counts:
            self._validate()

    def _decide(self, clock: Clock) -> bool:
        """Save and validate when it is time; tell whether someone asked the run to stop."""
        seconds = self.state.seconds
        wishes = [
            float(self._stop.is_set()),
            seconds,
            float(clock.checkpoint_is_due(seconds, self.state.step)),
            float(clock.validation_is_due(seconds, self.state.step)),
        ]
        stop, self.state.seconds, save, measure = self._machine.agreed(wishes)
        if stop:
            return True
        self._is_measured = bool(measure)
        if measure and self._recipe.cadence.validate_steps:
            # First measured and then saved: a run that goes on from there has not missed it.
            save = float(self._weigh(self._validate())) or save
            measure = 0.0
        if save:
            self._save()
        if measure:
            self._validate()
        return False

    def _weigh(self, report: ValidationReport | None) -> bool:
        """Count a validation for the early stop; tell whether it is the best so far."""
        state = self.state
        nats = report.nats_per_token if report is not None else float("inf")
        (nats,) = self._machine.agreed([nats])
        is_best = nats < state.best_nats
        if is_best:
            state.best_nats, state.best_step, state.n_worse = nats, state.step, 0
        else:
            state.n_worse += 1
        return is_best

    def _has_ended(self) -> bool:
        patience = self._recipe.early_stop
        return self._is_over() or 0 < patience <= self.state.n_worse

    def _is_over(self) -> bool:
        schedule = self._recipe.schedule
        return schedule.is_over(self._done)

    @property
    def _done(self) -> float:
        """How far the run is, in the schedule's own unit."""
        state = self.state
        return self._recipe.schedule.done(state.tokens, state.seconds, state.step)

    def _step(self) -> _Done | None:
        """Learn from one batch; None if its loss is not finite and nothing was learned."""
        rows = self._next_batch()
        n_tokens = int(self._objective.is_learned(rows[:, 1:]).sum())
        total = float(self._objective.weights(rows[:, 1:]).sum())
        machine = self._machine
        own = rows[machine.rank :: machine.n_processes].to(machine.device)
        parts = torch.split(own, self._recipe.batch.micro_rows)
        nats = torch.zeros((), device=machine.device)
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            with machine.accumulating(self._learner, is_last=is_last):
                with machine.autocast():
                    weighted, part_nats = self._learner(part)
                (weighted * machine.n_processes / total).backward()
            nats += part_nats
        loss = machine.summed(nats) / max(1, n_tokens)
        factor = self._recipe.schedule.factor(self._done)
        norm = self._optimizer.step(factor) if math.isfinite(loss) else None
        self.state.step += 1
        if norm is None:
            self._skip(loss)
            return None
        self._n_skipped_in_a_row = 0
        self.state.tokens += n_tokens
        return _Done(loss, norm, factor, n_tokens)

    def _next_batch(self) -> torch.Tensor:
        """Return the rows of the next step, ``(rows, time + 1)``, and move the cursor."""
        state = self.state
        while (
            state.phase < len(self._phases) - 1
            and state.tokens >= self._recipe.phases[state.phase].until_tokens
        ):
            state.phase, state.row = state.phase + 1, 0
        rows = self._phases[state.phase]
        n = max(1, self._recipe.batch.tokens // rows.context)
        batch = rows.batch(state.row, n)
        state.row += n
        return torch.from_numpy(batch)

    def _skip(self, loss: float) -> None:
        self._optimizer.clear()
        self.state.n_skipped += 1
        self._n_skipped_in_a_row += 1
        self._note(f"step {self.state.step} left out: loss {loss}, or its gradients, not finite")
        if self._n_skipped_in_a_row >= _MAX_SKIPPED:
            raise TrainingError(
                f"the loss has not been a number for {_MAX_SKIPPED} steps; the last checkpoint in "
                f"{self._folder} is unharmed: lower the learning rates and start again from it"
            )

    def _save(self) -> None:
        """Write a checkpoint; when the disk has no room, say so and go on."""
        if not self._machine.is_first:
            return
        cadence = self._recipe.cadence
        try:
            checkpoints.save_checkpoint(
                self._folder, self.model, self._optimizer, self.state, self._recipe.tokenizer
            )
            checkpoints.remove_old(
                self._folder, cadence.keep, cadence.keep_every_tokens, self.state.best_step
            )
        except (OSError, CheckpointError) as error:
            self._note(f"the checkpoint of step {self.state.step} was not written: {error}")

    def _validate(self) -> ValidationReport | None:
        if self._validator is None or not self._machine.is_first:
            return None
        report = self._validator.measure(self.model, self._machine)
        for observer in self._observers:
            observer.on_validation(self.state.step, self.state.tokens, report)
        return report

    def _tell(self, done: _Done, speed: float, utilization: float) -> None:
        state = self.state
        report = StepReport(
            state.step,
            state.tokens,
            round(state.seconds, 2),
            done.loss,
            done.norm,
            done.factor,
            speed,
            utilization,
        )
        for observer in self._observers:
            observer.on_step(report)

    def _note(self, text: str) -> None:
        for observer in self._observers:
            observer.on_note(text)


@dataclass(frozen=True)
class _Done:
    """What one step came to."""

    loss: float
    norm: float
    factor: float
    n_tokens: int

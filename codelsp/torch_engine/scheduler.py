"""Who is next: one thread runs the model, and generations take turns on it, token by token.

Sessions take turns, and within one the newest request goes first, as it alone is still of use to
somebody who types.  The queue is bounded: who comes when it is full is told so at once.

Architecture invariant: only this thread touches the model; a cancel is looked at before each run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.errors import CodelspError, EngineError
from codelsp.torch_engine.generation import Figures, Generation

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Generator

    from codelsp.torch_engine.generation import Event, GenerationPlan
    from codelsp.torch_engine.residence import Residence

logger = logging.getLogger(__name__)

MOST_WAITING = 64
MOST_ACTIVE = 4
_MOST_UNREAD = 256
"""Batches of events that a slow reader may leave behind before it has to wait."""
_STALL_SECONDS = 30.0
_LOOK_SECONDS = 0.01
_REST_SECONDS = 1.0


class QueueFullError(EngineError):
    """More wait than can be served in any reasonable time."""


class Job:
    """One generation on its way: made and read on the event loop, run on the model's thread."""

    def __init__(self, plan: GenerationPlan, session: str, loop: asyncio.AbstractEventLoop) -> None:
        self.plan = plan
        self.session = session
        self.figures = Figures(n_prompt=len(plan.prompt))
        self.steps: Generator[list[Event], None, None] | None = None
        self.stalled_since: float | None = None
        self._loop = loop
        self._unread: deque[list[Event]] = deque()
        self._is_woken = False
        self._is_ended = self._is_cancelled = False
        self._error: Exception | None = None
        self._wake: asyncio.Event | None = None

    async def batches(self) -> AsyncGenerator[list[Event], None]:
        """Yield events as they come, all there are at once; closing this cancels.

        Raises:
            EngineError: the generation failed.
        """
        import asyncio

        self._wake = asyncio.Event()
        try:
            while True:
                if self._unread:
                    events: list[Event] = []
                    while self._unread:
                        events += self._unread.popleft()
                    yield events
                elif self._error is not None:
                    raise self._error
                elif self._is_ended:
                    return
                else:
                    self._is_woken = False
                    self._wake.clear()
                    if not self._unread and not self._is_ended:
                        await self._wake.wait()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Stop before the next run of the model."""
        self._is_cancelled = True

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants the rest."""
        return self._is_cancelled

    @property
    def is_stalled(self) -> bool:
        """Whether its reader is so slow that it should wait."""
        return len(self._unread) > _MOST_UNREAD

    def tell(self, events: list[Event]) -> None:
        """Pass events to the reader; from the model's thread."""
        if events:
            self._unread.append(events)
            self._wake_reader()

    def end(self, error: Exception | None = None) -> None:
        """Tell the reader that nothing more comes; from the model's thread."""
        self._error, self._is_ended = error, True
        self._is_woken = False
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._is_woken:
            return
        self._is_woken = True
        try:
            self._loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            self._is_cancelled = True  # The loop has ended; nobody reads any more.

    def _set(self) -> None:
        if self._wake is not None:
            self._wake.set()


class FairQueue:
    """Jobs that wait: sessions take turns, and of one session the newest goes first."""

    def __init__(self) -> None:
        self._by_session: OrderedDict[str, list[Job]] = OrderedDict()
        self._n_jobs = 0

    def __len__(self) -> int:
        return self._n_jobs

    def put(self, job: Job) -> None:
        """Add a job."""
        self._by_session.setdefault(job.session, []).append(job)
        self._n_jobs += 1

    def take(self, busy: frozenset[str] = frozenset()) -> Job | None:
        """Return the next job of a session that is not ``busy``; None if there is none."""
        for session in self._by_session:
            if session in busy:
                continue
            jobs = self._by_session.pop(session)
            job = jobs.pop()
            self._n_jobs -= 1
            if jobs:
                self._by_session[session] = jobs  # Behind all others.
            return job
        return None

    def drop_cancelled(self) -> list[Job]:
        """Take out and return the jobs that nobody waits for any more."""
        dropped = []
        for session, jobs in list(self._by_session.items()):
            kept = [job for job in jobs if not job.is_cancelled]
            dropped += [job for job in jobs if job.is_cancelled]
            if kept:
                self._by_session[session] = kept
            else:
                del self._by_session[session]
        self._n_jobs -= len(dropped)
        return dropped


@dataclass
class Totals:
    """What has been done since the start, for the metrics."""

    n_prompt_tokens: int = 0
    """Read, not reused."""
    n_reused_tokens: int = 0
    n_written_tokens: int = 0
    prompt_seconds: float = 0.0
    predict_seconds: float = 0.0
    n_done: int = 0
    n_cancelled: int = 0
    n_failed: int = 0
    n_refused: int = 0
    n_drafted: int = 0
    n_drafts_held: int = 0


@dataclass
class ModelThread:
    """The thread that runs the model of ``residence``."""

    residence: Residence
    most_waiting: int = MOST_WAITING
    most_active: int = MOST_ACTIVE
    now: Callable[[], float] = time.monotonic
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        self._waiting = FairQueue()
        self._active: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_stopping = self._is_running = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the run of the model that is going on."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def n_active(self) -> int:
        """Generations that take turns now."""
        return len(self._active) + self._is_running

    @property
    def n_waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    def submit(self, job: Job) -> None:
        """Let ``job`` be done when it is its turn.

        Raises:
            QueueFullError: too many wait already.
        """
        with self._changed:
            for gone in self._waiting.drop_cancelled():
                gone.end()
            if len(self._waiting) >= self.most_waiting:
                self.totals.n_refused += 1
                raise QueueFullError(
                    f"The engine is too busy: {len(self._waiting)} requests wait; ask again soon."
                )
            self._waiting.put(job)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            job = self._next_job()
            if job is None:
                break
            self._is_running = True
            if self._step(job):
                self._active.append(job)
            self._is_running = False
        for job in (*self._active, *iter(self._waiting.take, None)):
            if job.steps is not None:
                job.steps.close()
            job.end(EngineError("The engine is leaving."))

    def _next_job(self) -> Job | None:
        """Return whose turn it is, once there is somebody; None to end."""
        last_work = self.now()
        with self._changed:
            while not self._is_stopping:
                self._admit()
                for _ in range(len(self._active)):
                    job = self._active.popleft()
                    if not self._has_to_wait(job):
                        return job
                    self._active.append(job)
                self._changed.wait(_LOOK_SECONDS if self._active else _REST_SECONDS)
                if not self._active and not len(self._waiting):
                    self.residence.rest(self.now() - last_work)
        return None

    def _admit(self) -> None:
        n_moving = sum(job.stalled_since is None for job in self._active)
        while n_moving < self.most_active:
            job = self._waiting.take(frozenset(each.session for each in self._active))
            if job is None:
                return
            self._active.append(job)
            n_moving += 1

    def _has_to_wait(self, job: Job) -> bool:
        if not job.is_stalled or job.is_cancelled:
            job.stalled_since = None
            return False
        job.stalled_since = job.stalled_since or self.now()
        if self.now() - job.stalled_since > _STALL_SECONDS:
            job.cancel()
        return True

    def _step(self, job: Job) -> bool:
        """Run the model once for ``job``; tell whether it goes on."""
        try:
            if job.is_cancelled:
                self._finish(job, cancelled=True)
                return False
            if job.steps is None:
                generation = Generation(job.plan, self.residence.decoder())
                job.figures = generation.figures
                job.steps = generation.steps()
            events = next(job.steps, None)
        except CodelspError as error:
            self._fail(job, error)
            return False
        except Exception as error:
            logger.exception("a generation failed")
            self._fail(job, EngineError(f"The engine failed: {type(error).__name__}; see its log."))
            return False
        if events is None:
            self._finish(job)
            return False
        job.tell(events)
        return True

    def _finish(self, job: Job, *, cancelled: bool = False) -> None:
        if job.steps is not None:
            job.steps.close()
        self._count(job)
        self.totals.n_cancelled += cancelled
        self.totals.n_done += not cancelled
        job.end()

    def _fail(self, job: Job, error: CodelspError) -> None:
        logger.error("a generation failed: %s", error)
        self.totals.n_failed += 1
        self._count(job)
        job.end(error)

    def _count(self, job: Job) -> None:
        totals, figures = self.totals, job.figures
        totals.n_prompt_tokens += figures.n_read
        totals.n_reused_tokens += figures.n_reused
        totals.n_written_tokens += figures.n_written
        totals.prompt_seconds += figures.prompt_ms / 1e3
        totals.predict_seconds += figures.predict_ms / 1e3
        totals.n_drafted += figures.n_drafted
        totals.n_drafts_held += figures.n_drafts_held

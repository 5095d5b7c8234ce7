"""``Completer``: every request of one session, answered exactly once.

Architecture invariant: the newest request of a document wins; an older one that still waits is
answered *superseded*.
Architecture invariant: nothing waits before an answer that is already known.
Architecture invariant: same snapshot, model, settings and seed, same answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.context.neighbors import index_of
from codelsp.context.text_policy import is_wanted
from codelsp.errors import EngineError, EngineLoadingError, ModelError, SettingsError
from codelsp.model_store.by_language import for_language
from codelsp.pipeline.admission import Admission
from codelsp.pipeline.answer import (
    SUPERSEDED,
    Answer,
    InsertionEvent,
    Outcome,
    Status,
    StatusKind,
)
from codelsp.pipeline.engines import Engines
from codelsp.pipeline.run import Run
from codelsp.pipeline.selection import tree_with_selection, unselected, with_selection
from codelsp.pipeline.speculation import Speculation
from codelsp.pipeline.trace import RequestTrace
from codelsp.pipeline.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.context.completion_context import CompletionContext
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.store import DocumentStore
    from codelsp.engine.port import Engine
    from codelsp.pipeline.author import Author
    from codelsp.pipeline.generated import Generated
    from codelsp.pipeline.journey import Journey
    from codelsp.reply import Insertion
    from codelsp.settings import Settings

logger = logging.getLogger(__name__)

KEPT_TRACES = 50
ISSUED_INSERTIONS = 512


@dataclass
class _Turn:
    """One request being answered, in the task of who asks."""

    query: CompletionQuery
    task: asyncio.Task[Any]
    answer: asyncio.Future[Answer | None]
    """None if who asked was cancelled."""
    is_superseded: bool = False


@dataclass(frozen=True)
class _Issued:
    """What is remembered of an insertion that was handed out."""

    language_id: str
    root: str
    lines: str
    """As the document has them if it is taken, up to its end."""


def _issued(insertion: Insertion, query: CompletionQuery, root: str) -> _Issued:
    document = query.document
    line_start = document.line_start(document.line_at(insertion.start))
    lines = document.text[line_start : insertion.start] + insertion.text
    return _Issued(document.language_id, root, lines)


class Completer:
    """Answers the requests of one session, over its open documents and its engines."""

    def __init__(
        self,
        store: DocumentStore,
        engine_factory: Callable[[Settings], Engine],
        settings: Settings,
        *,
        client_debounce_ms: float = 0.0,
        choose_model: Callable[[Settings, str], Settings] = for_language,
    ) -> None:
        self.client_debounce_ms = client_debounce_ms
        self.on_status: Callable[[Status], None] = _ignore
        self.on_event: Callable[[InsertionEvent], None] = _ignore
        engines = Engines(engine_factory, settings, self._tell, choose_model)
        self._bench = Workbench(store, settings, Admission(settings), engines)
        self._speculation = Speculation(self._bench)
        self._turns: dict[str, _Turn] = {}
        self._runs: dict[str, Run] = {}
        self._traces: deque[RequestTrace] = deque(maxlen=KEPT_TRACES)
        self._issued: OrderedDict[str, _Issued] = OrderedDict()
        self._is_automatic = False
        """Whether the editor asks by itself while its user types; some are told not to."""

    @cached_property
    def author(self) -> Author:
        """What writes what the user asks for by name: docstrings, tests, bodies."""
        from codelsp.pipeline.author import Author  # few ask, and not at the start

        return Author(self._bench)

    async def complete(self, query: CompletionQuery, *, root: str = "") -> Answer:
        """Return the one answer to ``query``; never raises for what an editor or engine may do.

        Raises:
            asyncio.CancelledError: the caller was cancelled; the model has been stopped.
        """
        uri = query.document.uri
        self._is_automatic |= query.trigger is Trigger.AUTOMATIC
        while (turn := self._turns.get(uri)) is not None and _is_same(turn.query, query):
            # Shielded: one of two who ask the same may be cancelled, and the other not.
            joined = await asyncio.shield(turn.answer)
            if joined is not None:
                return joined
        self._supersede(uri)
        self._speculation.stop()
        turn = self._turns[uri] = _turn(query)
        answer: Answer | None = None
        try:
            answer = await self._answer(query, root)
        except asyncio.CancelledError:
            if not turn.is_superseded:
                raise
            # It was we who cancelled the task, and not who else may have its reasons.
            if sys.version_info >= (3, 11):
                turn.task.uncancel()
            answer = SUPERSEDED
        finally:
            self._forget(uri, turn)
            turn.answer.set_result(answer)
        return answer

    def _forget(self, uri: str, turn: _Turn) -> None:
        if self._turns.get(uri) is turn:
            del self._turns[uri]

    def _supersede(self, uri: str) -> None:
        turn = self._turns.pop(uri, None)
        if turn is not None:
            turn.is_superseded = True
            turn.task.cancel()

    async def _answer(self, query: CompletionQuery, root: str) -> Answer:
        trace = RequestTrace.of(query)
        try:
            answer = await self._decide(query, root, trace)
        except asyncio.CancelledError:
            trace.end("cancelled, or a newer request took its place")
            raise
        except (EngineError, ModelError, SettingsError) as error:
            logger.warning("no completion: %s", error)
            self._tell_error(error)
            answer = Answer(note=str(error))
        trace.end("shown" if answer.insertions else answer.note or "nothing to show")
        self._traces.append(trace)
        # When the loop turns, the answer is on its way; what it leads to can wait for that.
        asyncio.get_running_loop().call_soon(self._tell_idle)
        return answer

    async def _decide(self, query: CompletionQuery, root: str, trace: RequestTrace) -> Answer:
        refused = self._bench.admission.reason_refused(query, root)
        if refused:
            return Answer(note=refused)
        self._bench.connection(query.document).pace.note_keystroke(time.monotonic() * 1e3)
        if query.selected is None:
            with trace.stage("cache"):
                is_invoked = query.trigger is Trigger.INVOKED
                shown = self._bench.cache.shown(query, is_invoked=is_invoked)
            if shown is not None:
                trace.source = "cache"
                trace.repeat(shown.origin)
                return self._hand_out(query, shown.items, root)
        journey = await self._bench.journey(query.document)
        if journey is None:
            return Answer(note="the model is still being loaded")
        return await self._complete(journey, query, root, trace)

    async def _complete(
        self, journey: Journey, query: CompletionQuery, root: str, trace: RequestTrace
    ) -> Answer:
        context = self._gather(journey, query, root, trace)
        if not is_wanted(context.text_kind, query.trigger, self._bench.settings):
            return Answer(note=f"completions in {context.text_kind.value}s are turned off")
        insertions = await self._insertions(journey, context, trace)
        if insertions is None:
            return SUPERSEDED
        if query.selected is None:
            is_invoked = query.trigger is Trigger.INVOKED
            self._bench.cache.keep_shown(query, insertions, trace, is_invoked=is_invoked)
        else:
            insertions = tuple(unselected(each, query, context.query) for each in insertions)
        return self._hand_out(query, insertions, root)

    def _gather(
        self, journey: Journey, query: CompletionQuery, root: str, trace: RequestTrace
    ) -> CompletionContext:
        with trace.stage("parse"):
            tree = tree_with_selection(self._bench.store.tree(query.document), query)
        query = with_selection(query)
        with trace.stage("gather"):
            others = self._bench.others(query, root)
            habits = self._bench.habits.text(query.document, others, root, self._bench.settings)
            context = replace(journey.gather(query, tree, others, root), habits=habits)
        trace.facts.update(
            model=journey.model.name,
            multiline=context.multiline,
            text_kind=context.text_kind.value,
            neighbors=len(context.neighbors),
            prefix_chars=len(context.prefix),
            suffix_chars=len(context.suffix),
        )
        return context

    async def _insertions(
        self, journey: Journey, context: CompletionContext, trace: RequestTrace
    ) -> tuple[Insertion, ...] | None:
        """Return what is worth showing, from what is kept, what is running, or a new run."""
        query = context.query
        is_invoked = query.trigger is Trigger.INVOKED
        kept = self._bench.cache.generated(
            query, context.dropped_indentation, is_invoked=is_invoked
        )
        if kept is not None:
            candidates = journey.judge(kept.items, context, trace)
            if candidates:
                trace.source = "kept generation"
                trace.prompt = kept.origin.prompt
                return journey.reply(candidates, context)
            trace.candidates.clear()
        generations = await self._ride_or_run(journey, context, trace)
        if generations is None:
            return None
        return journey.reply(journey.judge(generations, context, trace), context)

    async def _ride_or_run(
        self, journey: Journey, context: CompletionContext, trace: RequestTrace
    ) -> tuple[Generated, ...] | None:
        query = context.query
        run = self._runs.get(query.document.uri)
        if run is not None and run.is_running:
            if run.trigger is query.trigger and run.agrees(query.document, query.offset):
                trace.source = "attached"
                with trace.stage("attached"):
                    if await self._ride(run, query) is not None:
                        is_invoked = query.trigger is Trigger.INVOKED
                        found = self._bench.cache.generated(
                            query, context.dropped_indentation, is_invoked=is_invoked
                        )
                        if found is not None:
                            trace.prompt = found.origin.prompt
                            return found.items
            else:
                run.abort()
        with trace.stage("debounce"):
            await self._debounce(query, trace)
        trace.source = "model"
        run = self._start(journey, context, trace)
        # The run begins when the loop turns; who draws the status can wait for that.
        asyncio.get_running_loop().call_soon(self._tell_busy, run, journey.model.name)
        return await self._ride(run, query)

    async def _ride(self, run: Run, query: CompletionQuery) -> tuple[Generated, ...] | None:
        try:
            return await run.ride(query)
        finally:
            run.leave_to(self._bench.store.find(query.document.uri))

    def _start(self, journey: Journey, context: CompletionContext, trace: RequestTrace) -> Run:
        run = Run(journey, context, trace, self._bench.slots, self._bench.keep)
        self._runs[context.query.document.uri] = run
        return run

    async def _debounce(self, query: CompletionQuery, trace: RequestTrace) -> None:
        """Wait for another keystroke; what was done since this one counts as waiting."""
        if query.trigger is Trigger.AUTOMATIC:
            wait_ms = self._bench.pace.wait_ms(self._bench.settings, self.client_debounce_ms)
            left_ms = wait_ms - trace.elapsed_ms
            if left_ms > 0:
                await asyncio.sleep(left_ms / 1e3)

    def _hand_out(
        self, query: CompletionQuery, insertions: tuple[Insertion, ...], root: str
    ) -> Answer:
        """Return the answer as of now: the user may have typed on while the model worked."""
        latest = self._bench.store.find(query.document.uri)
        if latest is not None and latest is not query.document:
            typed = len(latest.text) - len(query.document.text)
            query = replace(query, document=latest, offset=max(0, query.offset + typed))
            shown = self._bench.cache.shown(query, is_invoked=query.trigger is Trigger.INVOKED)
            if shown is None or not shown.items:
                return SUPERSEDED
            insertions = shown.items
        for insertion in insertions:
            self._issued[insertion.id] = _issued(insertion, query, root)
        while len(self._issued) > ISSUED_INSERTIONS:
            self._issued.popitem(last=False)
        if insertions and query.trigger is Trigger.AUTOMATIC:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._speculation.begin, query, insertions[0], root)
        return Answer(insertions, document=query.document)

    # What the editor tells.

    def document_changed(self, latest: DocumentSnapshot) -> None:
        """Stop at once what the change has made useless; a run that agrees goes on."""
        self._speculation.stop()
        run = self._runs.get(latest.uri)
        if run is not None and run.is_running and not run.follows(latest):
            run.abort()

    def cursor_rests(self, query: CompletionQuery, *, root: str = "") -> None:
        """The cursor was moved to where nothing was asked yet: be ready for the first key there."""
        bench = self._bench
        # What is known, as after every key, leaves a speculation alone that goes on from there.
        is_known = bench.cache.shown(query, is_invoked=False) is not None
        if query.document.uri in self._turns or is_known or not self._is_automatic:
            return
        if not bench.admission.reason_refused(query, root):
            self._speculation.begin(query, None, root)

    def keep_up(self, query: CompletionQuery, *, root: str = "") -> None:
        """The answer is out: parse now what was typed, so that the next request need not wait."""
        if not self._bench.admission.reason_refused(query, root):
            self._bench.store.keep_up(query.document.uri, query.offset)

    def document_closed(self, uri: str) -> None:
        """Answer what is pending for ``uri`` as superseded, and stop the model."""
        self._supersede(uri)
        self._speculation.stop()
        run = self._runs.pop(uri, None)
        if run is not None:
            run.abort()

    async def warm_up(self, uri: str = "", *, language_id: str = "") -> None:
        """Make ready before the first request: the engine, and the document's tree and index.

        Failures are told by status.

        Args:
            uri: Of the document.
            language_id: Where there is no document yet, what the first one is likely to be in.
        """
        if uri and self._bench.admission.reason_uri_refused(uri):
            return
        document = self._bench.store.find(uri)
        try:
            journey = await self._bench.journey(document or language_id)
            document = self._bench.store.find(uri)
            if document is not None:
                self._bench.store.tree(document)
                if journey is not None and journey.layout.reads_other_files:
                    index_of(document.text)
        except (EngineError, ModelError, SettingsError) as error:
            logger.warning("no engine: %s", error)
            self._tell_error(error)

    def shown(self, insertion_id: str) -> None:
        """The editor shows an insertion."""
        self._event(Outcome.SHOWN, insertion_id, 0)

    def accepted(self, insertion_id: str, length_chars: int = 0) -> None:
        """The user took an insertion."""
        self._event(Outcome.ACCEPTED, insertion_id, length_chars)
        issued = self._issued.get(insertion_id)
        if issued is not None:
            self._bench.habits.accepted(issued.lines, issued.root, self._bench.settings)

    def partially_accepted(self, insertion_id: str, length_chars: int) -> None:
        """The user took the first ``length_chars`` code points of an insertion."""
        self._event(Outcome.PARTIALLY_ACCEPTED, insertion_id, length_chars)

    def _event(self, outcome: Outcome, insertion_id: str, length_chars: int) -> None:
        issued = self._issued.get(insertion_id)
        if issued is not None:
            self.on_event(InsertionEvent(outcome, insertion_id, issued.language_id, length_chars))

    def explain_last(self) -> dict[str, Any]:
        """Return the trace of the newest finished request, or an empty one."""
        return self._traces[-1].as_dict() if self._traces else {}

    @property
    def traces(self) -> Sequence[RequestTrace]:
        """The newest finished requests, oldest first."""
        return tuple(self._traces)

    def pause(self, *, language: str = "", uri: str = "") -> None:
        """Offer nothing any more: everywhere, in one language, or in one document."""
        self._bench.admission.pause(language=language, uri=uri)
        self._stop_everything()
        self._tell_idle()

    def resume(self, *, language: str = "", uri: str = "") -> None:
        """Undo ``pause`` of the same extent; without arguments, of every extent."""
        self._bench.admission.resume(language=language, uri=uri)
        self._tell_idle()

    def is_paused(self, *, language: str = "", uri: str = "") -> bool:
        """Whether nothing is offered there."""
        return self._bench.admission.is_paused(language=language, uri=uri)

    async def update_settings(self, settings: Settings) -> None:
        """Work by ``settings``, and the models chosen now; kept answers are forgotten."""
        if settings == self._bench.settings and not self.has_other_model:
            return
        self._bench.settings = settings
        self._bench.admission.update(settings)
        self._bench.habits.clear()
        self._stop_everything()
        self._bench.cache.clear()
        await self._bench.engines.update(settings)

    @property
    def has_other_model(self) -> bool:
        """Whether a model was adapted to the workspace, or taken back, since the last look."""
        return self._bench.engines.are_outdated

    async def restart_engine(self) -> None:
        """Let go of the engines and connect anew."""
        self._stop_everything()
        self._bench.cache.clear()
        await self._bench.engines.close()
        await self.warm_up()

    async def close(self) -> None:
        """Stop everything; shared engines go on for other windows."""
        self._stop_everything()
        self._bench.habits.save()
        await self._bench.engines.close()

    def _stop_everything(self) -> None:
        self._speculation.stop()
        for uri in tuple(self._turns):
            self._supersede(uri)
        for run in self._runs.values():
            run.abort()
        self._runs.clear()

    # What the editor is told.

    @property
    def status(self) -> Status:
        """How the completer is now."""
        if self._bench.admission.is_paused():
            model = self._bench.engines.current.model_name
            return Status(StatusKind.PAUSED, "completions are paused", model)
        status = self._bench.engines.current.status
        return replace(status, tokens_per_second=self._bench.pace.decode_tokens_per_second)

    def _tell(self, status: Status) -> None:
        self.on_status(status)

    def _tell_busy(self, run: Run, model: str) -> None:
        if run.is_running:
            self._tell(Status(StatusKind.BUSY, model=model))

    def _tell_idle(self) -> None:
        self.on_status(self.status)

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, EngineLoadingError):
            self._bench.engines.current.lost(str(error))


def _is_same(one: CompletionQuery, other: CompletionQuery) -> bool:
    """Whether both ask the same of the very same text: two requests of one keystroke."""
    return (
        one.document is other.document
        and one.offset == other.offset
        and one.trigger is other.trigger
        and one.selected == other.selected
    )


def _turn(query: CompletionQuery) -> _Turn:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a request is answered in a task")
    return _Turn(query, task, asyncio.get_running_loop().create_future())


def _ignore(_told: object) -> None:
    """Nobody listens yet."""

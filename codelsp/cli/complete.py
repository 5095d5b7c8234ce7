"""``codelsp complete FILE:LINE:COLUMN``: one request through the whole pipeline, shown."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from codelsp.cli.ghost_text import ghosted_code
from codelsp.cli.options import EngineOption, ModelOption  # noqa: TC001  # typer reads annotations
from codelsp.cli.place import offset_of, parse_place, read_document
from codelsp.cli.session import (
    Invocation,
    effective_settings,
    make_console,
    wait_until_ready,
    workspace_of,
)

if TYPE_CHECKING:
    from rich.console import Console

    from codelsp.context.completion_context import CompletionQuery
    from codelsp.engine.port import ModelInfo
    from codelsp.pipeline.answer import Answer
    from codelsp.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """One answer, and how it came about."""

    query: CompletionQuery
    answer: Answer
    trace: dict[str, Any]
    model: ModelInfo
    ready_ms: float
    """Until the engine was found or started and its model loaded; an editor waits for it once."""


def complete(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE[:LINE[:COLUMN]]",
            help="Where to complete, counted from 1; without a column at the line's end,"
            " without a line at the file's end.",
        ),
    ],
    candidates: Annotated[
        int | None, typer.Option("--n", min=1, max=10, help="Candidates to generate.")
    ] = None,
    engine: EngineOption = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Ask as typing does: one answer above threshold.")
    ] = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show what each step said of each candidate.")
    ] = False,
) -> None:
    """Complete the code at a place of a file, and show how it came about."""
    from codelsp.context.completion_context import CompletionQuery, Trigger
    from codelsp.model_store.by_language import for_workspace

    path, line, column = parse_place(place)
    document = read_document(path)
    trigger = Trigger.AUTOMATIC if automatic else Trigger.INVOKED
    query = CompletionQuery(document, offset_of(document, line, column), trigger)
    invocation: Invocation = context.obj.with_options(
        candidates=candidates, engine=engine, model=model
    )
    root = workspace_of(path)
    settings = for_workspace(effective_settings(invocation, root), document.language_id, root)
    outcome = asyncio.run(_completed(query, settings, root.as_uri()))
    console = make_console()
    if as_json:
        console.out(json.dumps(_as_json(outcome), indent=2), highlight=False)
        return
    _show(console, outcome)
    if trace:
        _show_candidates(console, outcome.trace)


async def _completed(query: CompletionQuery, settings: Settings, root: str) -> Outcome:
    from codelsp.document.store import DocumentStore
    from codelsp.engine.open import open_engine
    from codelsp.pipeline.completer import Completer

    store = DocumentStore()
    store.open(query.document)
    engine = open_engine(settings)
    completer = Completer(store, lambda _settings: engine, settings)
    try:
        model, ready_ms = await wait_until_ready(engine)
        answer = await completer.complete(query, root=root)
        return Outcome(query, answer, completer.explain_last(), model, ready_ms)
    finally:
        await completer.close()
        await engine.close()


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "uri": outcome.query.document.uri,
        "offset": outcome.query.offset,
        "model": outcome.model.name,
        "ready_ms": round(outcome.ready_ms, 1),
        "insertions": [dataclasses.asdict(each) for each in outcome.answer.insertions],
        "note": outcome.answer.note,
        "trace": outcome.trace,
    }


def _show(console: Console, outcome: Outcome) -> None:
    insertions = outcome.answer.insertions
    best = insertions[0] if insertions else None
    console.print(ghosted_code(outcome.query, best, is_colored=console.is_terminal))
    console.print()
    if best is None:
        console.print(f"No completion: {outcome.answer.note or _why_nothing(outcome.trace)}")
    else:
        table = Table("", "candidate", "score", box=None, pad_edge=False)
        for number, insertion in enumerate(insertions, 1):
            score = "" if insertion.score is None else f"{insertion.score:.2f}"
            table.add_row(str(number), Text(insertion.text), score)
        console.print(table)
    console.print()
    console.print(_summary(outcome), markup=False)
    console.print(_timings(outcome))


def _why_nothing(trace: dict[str, Any]) -> str:
    """Return what happened to the candidates that there were."""
    for candidate in trace.get("candidates", ()):
        for verdict in reversed(candidate["verdicts"]):
            if verdict["action"] == "dropped":
                by = f"{verdict['step']}: {verdict['reason']}"
                return f"{candidate['text']!r} was dropped by {by}"
    return str(trace.get("decision") or "the model had nothing to say")


def _summary(outcome: Outcome) -> str:
    facts = outcome.trace.get("facts", {})
    parts = [f"model {outcome.model.name}", f"layout {facts.get('layout', 'unknown')}"]
    sent = facts.get("prompt_tokens_sent") or facts.get("prompt_tokens")
    if sent is not None:
        reused = facts.get("prompt_tokens_reused")
        parts.append(f"prompt {sent} tokens" + ("" if reused is None else f", {reused} reused"))
    if facts.get("decoded_tokens") is not None:
        parts.append(f"{facts['decoded_tokens']} tokens decoded")
    return "; ".join(parts)


def _timings(outcome: Outcome) -> Table:
    table = Table("stage", "ms", box=None, pad_edge=False, header_style="dim")
    table.columns[1].justify = "right"
    table.add_row("engine ready", f"{outcome.ready_ms:.1f}", style="dim")
    stages = outcome.trace.get("stages_ms", {})
    for name, spent_ms in stages.items():
        table.add_row(name, f"{spent_ms:.1f}", style="bold" if name == "total" else "")
    return table


def _show_candidates(console: Console, trace: dict[str, Any]) -> None:
    """Print what each step said of each candidate that it touched."""
    for candidate in trace.get("candidates", ()):
        mean = candidate["mean_log_prob"]
        confidence = "unknown" if mean is None else f"{mean:.2f}"
        console.print(f"\n{candidate['text']!r}, mean log-probability {confidence}", markup=False)
        for verdict in candidate["verdicts"]:
            console.print(
                f"  {verdict['step']}: {verdict['action']} {verdict['reason']}", markup=False
            )

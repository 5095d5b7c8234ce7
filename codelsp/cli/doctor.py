"""``codelsp doctor``: what works here, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from codelsp import __version__
from codelsp.cli.checks import (
    Finding,
    State,
    check_completion,
    check_folders,
    check_layout,
    check_model_file,
    check_python,
    check_settings,
    check_tokens,
    check_torch,
)
from codelsp.cli.options import EngineOption, ModelOption  # noqa: TC001  # typer reads annotations
from codelsp.cli.session import Invocation, make_console, settings_layers, wait_until_ready
from codelsp.errors import CodelspError
from codelsp.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from codelsp.settings import Settings

EXIT_BROKEN = 1
SAMPLE = '''"""Sums."""


def total(prices):
    """Return the sum of ``prices``."""
    result = 0
    for price in prices:
        result += price
    return result


def mean(prices):
    """Return the mean of ``prices``."""
    return '''
_STYLES = {State.GOOD: "green", State.HINT: "yellow", State.BROKEN: "bold red"}


def doctor(
    context: typer.Context,
    engine: EngineOption = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Try every part for itself; exit with 1 if something is broken."""
    invocation: Invocation = context.obj.with_options(engine=engine, model=model)
    findings = asyncio.run(_examined(invocation))
    console = make_console()
    if as_json:
        console.out(json.dumps([each.as_dict() for each in findings], indent=2), highlight=False)
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            style = _STYLES[finding.state]
            table.add_row(f"[{style}]{finding.state.value}[/]", finding.subject, Text(finding.text))
            if finding.advice:
                table.add_row("", "", Text(finding.advice, style=style))
        console.print(table)
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(EXIT_BROKEN)


async def _examined(invocation: Invocation) -> list[Finding]:
    from codelsp.model_store.by_language import DEFAULT_LANGUAGE, for_workspace

    layers, problems = settings_layers(invocation, Path.cwd())
    settings, more = read_settings(layers)
    findings = list(_at_rest(settings))
    findings += check_settings(layers, (*problems, *more))
    chosen = for_workspace(settings, DEFAULT_LANGUAGE, Path.cwd())
    findings += [finding async for finding in _at_work(chosen)]
    return findings


def _at_rest(settings: Settings) -> Iterator[Finding]:
    """Look at everything that can be seen without starting anything."""
    yield Finding("codelsp", State.GOOD, f"{__version__} at {Path(__file__).parents[1]}")
    yield from check_python()
    yield from check_torch(settings)
    yield from check_folders()
    yield from check_model_file(settings, Path.cwd())


async def _at_work(settings: Settings) -> AsyncIterator[Finding]:
    """Start or find the engine, and have it complete a sample."""
    from codelsp.engine.open import open_engine

    engine = None
    try:
        engine = open_engine(settings)
        model, ready_ms = await wait_until_ready(engine)
        text = f"{model.name}, {model.context_tokens} tokens of context, ready in {ready_ms:.0f} ms"
        yield Finding("engine", State.GOOD, text)
        yield check_layout(model, settings)
        yield await check_tokens(engine, model)
        yield await _completed(settings)
    except CodelspError as error:
        yield Finding("engine", State.BROKEN, str(error), "codelsp engine logs may say more.")
    finally:
        if engine is not None:
            await engine.close()


async def _completed(settings: Settings) -> Finding:
    from codelsp.context.completion_context import CompletionQuery, Trigger
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.store import DocumentStore
    from codelsp.engine.open import open_engine
    from codelsp.pipeline.completer import Completer

    document = DocumentSnapshot.of("untitled:sample.py", "python", 1, SAMPLE)
    store = DocumentStore()
    store.open(document)
    completer = Completer(store, open_engine, settings)
    try:
        began = time.perf_counter()
        query = CompletionQuery(document, len(SAMPLE), Trigger.INVOKED)
        answer = await completer.complete(query)
        elapsed_ms = (time.perf_counter() - began) * 1e3
    finally:
        await completer.close()
    text = answer.insertions[0].text if answer.insertions else ""
    return check_completion(completer.explain_last(), text, elapsed_ms)

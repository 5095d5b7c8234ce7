"""``codelsp docstring FILE:FUNCTION``: a docstring by any engine's model, the surest of several."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli.options import EngineOption, ModelOption  # noqa: TC001  # typer reads annotations
from codelsp.cli.place import offset_of, read_document
from codelsp.cli.session import (
    Invocation,
    effective_settings,
    make_console,
    wait_until_ready,
    workspace_of,
)
from codelsp.errors import DocumentError

if TYPE_CHECKING:
    from codelsp.context.docstring_hole import DocstringHole
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.pipeline.docstrings import DocstringCandidate
    from codelsp.settings import Settings

_SHOWN_NAMES = 12


def docstring(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE:FUNCTION",
            help="A Python function by its name (Class.method), or by a line of it, from 1.",
        ),
    ],
    candidates: Annotated[
        int, typer.Option("--n", min=1, max=20, help="Candidates to write and rank.")
    ] = 3,
    engine: EngineOption = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write the best one into the file.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where there is a docstring already.")
    ] = False,
) -> None:
    """Write a docstring for a Python function, the surest of several."""
    path, function, document, hole = _asked(place)
    if function.docstring is not None and not replace:
        raise DocumentError(
            f"{function.qualified_name} has a docstring already; --replace writes another one."
        )
    invocation: Invocation = context.obj.with_options(engine=engine, model=model)
    settings = effective_settings(invocation, workspace_of(path))
    name, found = asyncio.run(_written(settings, document, function, hole, candidates))
    console = make_console()
    if as_json:
        told = {
            "function": function.qualified_name,
            "model": name,
            "candidates": [dataclasses.asdict(each) for each in found],
        }
        console.out(json.dumps(told, indent=2, ensure_ascii=False), highlight=False)
    if not found:
        raise DocumentError(f"The model {name} found no words for {function.qualified_name}.")
    if write:
        _put(path, document, hole, found[0].text)
    if not as_json:
        for number, each in enumerate(found):
            sure = "" if each.mean_log_prob is None else f"  # {each.mean_log_prob:.2f} a token"
            console.print(f"{number + 1}.{sure}", style="dim", markup=False)
            console.out(hole.opening.lstrip("\n") + each.text + hole.closing, highlight=False)
        done = f", the first one stands in {path}" if write else ""
        make_console(stderr=True).print(f"by {name}{done}", style="dim", markup=False)


def _asked(place: str) -> tuple[Path, Function, DocumentSnapshot, DocstringHole]:
    """Return what ``place`` means.

    Raises:
        DocumentError: there is no such file or function, or none that can have a docstring.
    """
    from codelsp.context.docstring_hole import docstring_hole

    file, _, name = place.rpartition(":")
    if not file or not name:
        raise DocumentError("A function is FILE:FUNCTION, as in src/app.py:Server.start.")
    path = Path(file)
    document = read_document(path)
    if document.language_id != "python":
        raise DocumentError(
            f"{path} is no Python; in an editor the code action writes documentation comments for"
            " other languages."
        )
    function = _function(document, path, name)
    hole = docstring_hole(document, function)
    if hole is None:
        raise DocumentError(
            f"{function.qualified_name} has no room for a docstring: its body stands on the line of"
            " its signature."
        )
    return path, function, document, hole


def _function(document: DocumentSnapshot, path: Path, name: str) -> Function:
    from codelsp.document.syntax import parse

    tree = parse(document)
    functions = () if tree is None else tree.functions()
    if re.fullmatch(r"\d+", name) and tree is not None:
        line_start = offset_of(document, int(name), 1)
        text = document.line_text(document.line_at(line_start))
        function = tree.function_at(line_start + len(text) - len(text.lstrip()))
        if function is None:
            raise DocumentError(f"Line {name} of {path} is in no function; name a line of one.")
        return function
    found = [each for each in functions if name in {each.name, each.qualified_name}]
    if len(found) == 1:
        return found[0]
    exact = [each for each in found if each.qualified_name == name]
    if len(exact) == 1:
        return exact[0]
    names = list(dict.fromkeys(each.qualified_name for each in found or functions))
    listed = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
    if found:
        raise DocumentError(f"{path} has several called {name}: {listed}; name one, or its line.")
    raise DocumentError(f"{path} has no function {name}; there is {listed or 'none'}.")


async def _written(
    settings: Settings,
    document: DocumentSnapshot,
    function: Function,
    hole: DocstringHole,
    n_candidates: int,
) -> tuple[str, list[DocstringCandidate]]:
    from codelsp.engine.open import open_engine
    from codelsp.pipeline.docstrings import write_docstrings
    from codelsp.pipeline.journey import Journey
    from codelsp.pipeline.pace import Pace

    engine = open_engine(settings)
    try:
        model, _ = await wait_until_ready(engine)
        journey = Journey(engine, model, settings, Pace())
        found = await write_docstrings(journey, document, function, hole, n_candidates)
    finally:
        await engine.close()
    return model.name, found


def _put(path: Path, document: DocumentSnapshot, hole: DocstringHole, text: str) -> None:
    """Write the file with the docstring in it, whole or not at all; its line ends stay."""
    whole = document.text[: hole.start] + hole.opening + text + hole.closing
    added = whole[hole.start :]
    if "\r\n" in document.text:
        added = added.replace("\r\n", "\n").replace("\n", "\r\n")
    result = document.text[: hole.start] + added + document.text[hole.end :]
    raw = path.read_bytes()
    mark = raw[:3] if raw.startswith(b"\xef\xbb\xbf") else b""
    path = path.resolve()  # a link stays one
    part = path.with_name(f".{path.name}.codelsp-part")
    try:
        part.write_bytes(mark + result.encode("utf-8"))
        part.chmod(path.stat().st_mode & 0o7777)
        part.replace(path)
    except OSError as error:
        raise DocumentError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)

"""Docstrings that a model writes into a Python function, several candidates, best first.

What Codex-D does (Chen et al. 2021, arXiv 2107.03374, section 5), with any model: one that fills
holes fills the docstring's, any other reads the function and then goes on with its docstring, the
order in which Codex-D was trained (``AFTER_BODY``).
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.pipeline.trace import RequestTrace

if TYPE_CHECKING:
    from codelsp.context.docstring_hole import DocstringHole
    from codelsp.document.functions import Function
    from codelsp.engine.port import GenerationRequest
    from codelsp.pipeline.journey import Journey

AFTER_BODY = '\n\n# Docstring of the function above:\n"""'
"""Between a function and its docstring, for models that only go on."""
_MOST_TOKENS = 160
_TEMPERATURE = 0.6
_WORD = re.compile(r"[^\W\d_]{2,}")
_ECHO_WORDS = 4
_QUOTES = ('"""', "'''")


@dataclass(frozen=True)
class DocstringCandidate:
    """One docstring, without its quotes."""

    text: str
    mean_log_prob: float | None
    has_ended: bool
    """Whether it is as the model closed it; if not, it was cut (``without_babble``)."""


async def write_docstrings(
    journey: Journey,
    document: DocumentSnapshot,
    function: Function,
    hole: DocstringHole,
    n_candidates: int,
) -> list[DocstringCandidate]:
    """Return different docstrings for ``function``, the surest first; those without words left out.

    Raises:
        EngineError: the engine does not answer any more.
    """
    first = await _request(journey, document, function, hole)
    found: dict[str, DocstringCandidate] = {}
    for number in range(n_candidates):
        request = first if number == 0 else replace(first, temperature=_TEMPERATURE, seed=number)
        candidate = await _written(journey, request)
        if _WORD.search(candidate.text):
            found.setdefault(candidate.text, candidate)

    def order(each: DocstringCandidate) -> tuple[bool, float]:
        return (not each.has_ended, -(each.mean_log_prob or 0.0))

    return sorted(found.values(), key=order)


def function_without(hole: DocstringHole, function: Function) -> str:
    """Return the text of ``function`` as if it had no docstring."""
    signature, body = hole.around(function)
    bare = signature[: len(signature) - len(hole.opening)].rstrip()
    return f"{bare}\n{body[len(hole.closing) :].strip(chr(10))}"


async def _request(
    journey: Journey, document: DocumentSnapshot, function: Function, hole: DocstringHole
) -> GenerationRequest:
    """Return the greedy request; the others differ in temperature and seed."""
    uri, language, version = document.uri, document.language_id, document.version
    if journey.layout.has_fim:
        text, offset = hole.before + hole.after, len(hole.before)
    else:
        text = function_without(hole, function) + AFTER_BODY
        offset = len(text)
    snapshot = DocumentSnapshot.of(uri, language, version, text)
    settings = replace(journey.settings, max_tokens=_MOST_TOKENS, multiline="always")
    own = replace(journey, settings=settings)
    query = CompletionQuery(snapshot, offset, Trigger.INVOKED)
    context = own.gather(query, parse(snapshot), (), "")
    prompt = await own.write_prompt(context, RequestTrace.of(query))
    return replace(own.requests(prompt, context)[0], temperature=0.0)


async def _written(journey: Journey, request: GenerationRequest) -> DocstringCandidate:
    healed = len(request.forced_prefix)
    raw, log_probs, end = "", [], None
    stream = journey.engine.generate(request)
    async with aclosing(stream.tokens):
        async for token in stream.tokens:
            raw += token.text
            if token.log_prob is not None:
                log_probs.append(token.log_prob)
            end = _closing(raw[healed:])
            if end is not None:
                break
    text = raw[healed:] if end is None else raw[healed : healed + end]
    text, is_whole = without_babble(text, has_ended=end is not None)
    mean = sum(log_probs) / len(log_probs) if log_probs else None
    return DocstringCandidate(text, mean, is_whole)


def without_babble(text: str, *, has_ended: bool) -> tuple[str, bool]:
    """Return what of a docstring is worth keeping, and whether that is all of it.

    Small models fall into saying a line again and again: from the second time on nothing counts,
    and of a text without an end only the first paragraph.
    """
    lines = text.strip().split("\n")
    said: set[str] = set()
    for number, line in enumerate(lines):
        words = line.strip()
        if words in said and _WORD.search(words):
            lines, has_ended = lines[:number], False
            break
        said.add(words)
    kept = "\n".join(lines).strip()
    if has_ended:
        return kept, True
    return _without_echo(kept.partition("\n\n")[0]), False


def _without_echo(text: str) -> str:
    """Return ``text`` up to where a run of words comes for the second time."""
    words = list(re.finditer(r"\S+", text))
    said: set[tuple[str, ...]] = set()
    for number in range(len(words) - _ECHO_WORDS + 1):
        run = tuple(match[0] for match in words[number : number + _ECHO_WORDS])
        if run in said:
            return text[: words[number].start()].rstrip()
        said.add(run)
    return text.rstrip()


def _closing(text: str) -> int | None:
    places = [place for quotes in _QUOTES if (place := text.find(quotes)) >= 0]
    return min(places, default=None)

"""What holds whatever a model says, wherever the cursor stands."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from codelsp.candidates.candidate import Candidate
from codelsp.candidates.clean import STEPS, clean
from codelsp.candidates.line_ends import line_end_of
from codelsp.candidates.stream_cut import StreamCut
from codelsp.context.completion_context import CompletionContext, CompletionQuery, Trigger
from codelsp.context.gather import ContextPolicy, gather_context
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.engine.port import FinishReason
from codelsp.reply import place

LANGUAGES = ["python", "javascript", "go", "html", "shellscript", "markdown", "yaml", "unknown"]
PIECES = [
    "x", "foo", " ", "    ", "\t", "\n", "\r\n", "\r", "(", ")", "[", "]", "{", "}", '"', "'",
    '"""', "#", "//", "/*", "*/", "def f():", "return ", "if (a) {", "else:", ",", ";", ":", "=",
    "end", "</p>", "<p>", "`", "```", "\\", "é", "😋", "\x0c", "\u2028", "\x00", "0, ",
]  # fmt: skip

texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
finishes = st.sampled_from(list(FinishReason))
triggers = st.sampled_from(list(Trigger))


@st.composite
def situations(draw: st.DrawFn) -> CompletionContext:
    """Return a context somewhere in a document of odd pieces."""
    before, after = draw(texts), draw(texts)
    document = DocumentSnapshot.of(
        "file:///project/x", draw(st.sampled_from(LANGUAGES)), 1, before + after
    )
    offset = min(len(before), len(document.text))
    if document.text[offset - 1 : offset + 1] == "\r\n":
        offset += 1
    query = CompletionQuery(document, offset, draw(triggers))
    policy = ContextPolicy(
        2000, 1000, 0, draw(st.sampled_from(["auto", "always"])), use_neighbors=False
    )
    return gather_context(query, parse(document), (), policy)


def generated(context: CompletionContext, text: str, finish: FinishReason) -> Candidate:
    return Candidate(text, context.offset, context.offset, (-0.5, -0.1), finish)


@settings(max_examples=400, deadline=None)
@given(situations(), texts, finishes)
def test_whatever_comes_the_range_holds_the_cursor_on_its_line(
    context: CompletionContext, text: str, finish: FinishReason
) -> None:
    candidate = clean(generated(context, text, finish), context)

    if not candidate.is_dropped:
        insertion = place(candidate, context, "model")
        assert insertion.text == candidate.text
        assert candidate.text.strip()


@settings(max_examples=400, deadline=None)
@given(situations(), texts, finishes, st.lists(st.floats(-9, 0), max_size=6))
def test_a_text_that_is_known_keeps_the_weight_that_it_has_this_time(
    context: CompletionContext, text: str, finish: FinishReason, log_probs: list[float]
) -> None:
    weighed = replace(generated(context, text, finish), log_probs=tuple(log_probs))
    clean(replace(weighed, log_probs=tuple(number - 1 for number in log_probs)), context)

    by_step = weighed
    for step in STEPS:
        by_step = by_step if by_step.is_dropped else step(by_step, context)

    assert clean(weighed, context) == by_step


@settings(max_examples=400, deadline=None)
@given(situations(), texts, finishes)
def test_no_step_adds_what_neither_model_nor_document_said(
    context: CompletionContext, text: str, finish: FinishReason
) -> None:
    """White space aside, the text shown is a part of the text generated."""
    candidate = clean(generated(context, text, finish), context)

    if not candidate.is_dropped:
        assert "".join(candidate.text.split()) in "".join(text.split())
        ends = candidate.text.replace(line_end_of(context), "")
        assert "\n" not in ends
        assert "\r" not in ends


@settings(max_examples=300, deadline=None)
@given(situations(), texts)
def test_what_is_clean_stays_as_it_is(context: CompletionContext, text: str) -> None:
    once = clean(generated(context, text, FinishReason.END), context)
    if once.is_dropped:
        return
    # A model writes the indentation of a blank line itself, unless it stands there already.
    given_back = context.dropped_indentation if once.start == context.offset else ""
    again = replace(
        once,
        text=given_back + once.text,
        start=context.offset,
        end=context.offset,
        covered="",
        verdicts=(),
        errors_left=None,
    )
    twice = clean(again, context)

    if not twice.is_dropped:
        assert (twice.text, twice.start, twice.end) == (once.text, once.start, once.end)


@settings(max_examples=200, deadline=None)
@given(situations(), texts)
def test_what_is_kept_has_come_already(context: CompletionContext, text: str) -> None:
    cut = StreamCut(context)
    kept = next(
        (
            length
            for end in range(1, len(text) + 1)
            if (length := cut.kept_length(text[:end])) is not None
        ),
        None,
    )

    assert kept is None or 0 <= kept <= len(text)


def test_every_step_says_what_it_is_for() -> None:
    assert all(step.__doc__ for step in STEPS)
    assert len({step.__name__ for step in STEPS}) == len(STEPS)


def test_a_dropped_candidate_goes_no_further() -> None:
    document = DocumentSnapshot.of("file:///x.py", "python", 1, "x = \n")
    context = gather_context(
        CompletionQuery(document, 4),
        parse(document),
        (),
        ContextPolicy(99, 99, 0, "auto", use_neighbors=False),
    )

    found = clean(generated(context, "  ", FinishReason.END), context)

    assert [verdict.action for verdict in found.verdicts][-1:] == ["dropped"]
    assert sum(verdict.action == "dropped" for verdict in found.verdicts) == 1

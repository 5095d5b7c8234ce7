"""Cuts: to one line, to one block, and back to the last thing that is finished."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.candidates.block import MOST_LINES, Block, Judgement
from codelsp.candidates.brackets import lexis_of, scan
from codelsp.candidates.surroundings import (
    after_on_line,
    before_on_line,
    cut_text,
    is_blank_line,
    language,
)
from codelsp.document.syntax import TextKind
from codelsp.engine.port import FinishReason

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_HALF_WORD = re.compile(r"[\w$]+\Z")
# What cannot end a text that is to be read: an operator or a dot waits for what was cut off.
_DANGLING = re.compile(r"(?:\s|[.:&|+*/%=<>!~^?@\\-]|[(\[{](?=\Z))+\Z")
_LEAST_LINE_CHARS = 3
_OPENS_BLOCK = re.compile(r".*(?:[{(\[]|:)\s*")


def cut_to_line(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Keep the rest of the cursor's line, where more is not wanted."""
    if context.multiline or "\n" not in candidate.text:
        return candidate
    line = candidate.text.partition("\n")[0].rstrip()
    if not line.strip() and candidate.text.strip():
        return candidate.dropped("cut_to_line", "the line was complete, and one line is wanted")
    return cut_text(candidate, "cut_to_line", "one line is wanted", len(line))


def cut_to_block(candidate: Candidate, context: CompletionContext) -> Candidate:
    """End the text where its block ends."""
    if not context.multiline or "\n" not in candidate.text:
        return candidate
    before = before_on_line(candidate, context)
    owns = is_blank_line(context) and not before.strip()
    block = Block.at(context, None if owns else before, MOST_LINES)
    end = _block_end(block, candidate.text, owns=owns)
    if end >= len(candidate.text):
        return candidate
    if not candidate.text[:end].strip():
        return candidate.dropped("cut_to_block", "it begins outside the block")
    return cut_text(candidate, "cut_to_block", "the block ends", end)


def _block_end(block: Block, text: str, *, owns: bool) -> int:
    """Return where ``text`` leaves ``block``."""
    place = last_end = 0
    for number, line in enumerate(text.split("\n")):
        end = place + len(line)
        if number == 0 and not owns:
            block.begin(line)
            last_end = end
        else:
            judgement = block.judge(line)
            if judgement is Judgement.REFUSED:
                return last_end
            if judgement is Judgement.LAST:
                return end
            last_end = end if line.strip() else last_end
        place = end + 1
    return len(text)


def cut_unfinished(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Cut what the token budget left unfinished back to the last border that can be trusted.

    Of several lines the last is given up, then what is no whole statement.  A single line gives
    up its last word, for half a name is never right and a whole one cannot be told from it; the
    next request writes it, with the first half accepted.
    """
    if _was_cut_before(candidate) or not candidate.text.strip():
        return candidate
    if candidate.finish_reason is FinishReason.LENGTH:
        if "\n" in candidate.text.strip("\n"):
            return _cut_last_line(candidate, context)
        return _cut_last_word(candidate, context)
    if "\n" in candidate.text and context.text_kind is TextKind.CODE:
        return _cut_open_end(candidate, context)
    return candidate


def _was_cut_before(candidate: Candidate) -> bool:
    """Whether another step has already taken the unfinished end away."""
    enders = {"cut_to_line", "repetition"}
    if candidate.finish_reason is FinishReason.LENGTH:
        enders.add("cut_to_block")
    return any(each.step in enders and each.action == "changed" for each in candidate.verdicts)


def _cut_last_line(candidate: Candidate, context: CompletionContext) -> Candidate:
    whole = candidate.text.rstrip("\n") if candidate.text.endswith("\n") else ""
    whole = whole or candidate.text.rpartition("\n")[0]
    if not whole.strip():
        return _cut_last_word(candidate, context)
    end = _last_statement_end(candidate, context, len(whole))
    return cut_text(candidate, "cut_unfinished", "the last line is not finished", end)


def _cut_open_end(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Give up a last line that opens what the text does not fill."""
    text = candidate.text.rstrip()
    last = text.rpartition("\n")[2]
    if not _OPENS_BLOCK.fullmatch(last) or after_on_line(candidate, context).strip():
        return candidate
    end = _last_statement_end(candidate, context, len(text.rpartition("\n")[0]))
    if not text[:end].strip():
        return candidate
    return cut_text(candidate, "cut_unfinished", "the last block is not filled", end)


def _last_statement_end(candidate: Candidate, context: CompletionContext, limit: int) -> int:
    """Return the end of the last line up to ``limit`` that ends a statement, else ``limit``."""
    text = candidate.text
    tree = context.tree if _may_have_border(text, limit) else None
    tree = tree and tree.with_edit(candidate.start, candidate.end, text)
    if tree is not None:
        ends = tree.statement_ends(candidate.start, candidate.start + limit)
        places = {end - candidate.start for end in ends}
        borders = [place for place in places if 0 < place <= limit and _is_border(text, place)]
        if borders:
            return max(borders)
    return _last_balanced_line(text, context, limit)


def _may_have_border(text: str, limit: int) -> bool:
    """Whether a line that begins before ``limit`` may end a statement; else none need be parsed."""
    return any(
        line.endswith((";", ",")) or (line and not _OPENS_BLOCK.fullmatch(line))
        for line in map(str.strip, text[: limit + 1].split("\n"))
    )


def _is_border(text: str, place: int) -> bool:
    """Whether a line ends at ``place``, and does not open what comes after it."""
    rest = text[place:].partition("\n")[0]
    line = text[:place].rpartition("\n")[2]
    return not rest.strip(" \t;,") and not _OPENS_BLOCK.fullmatch(line)


def _last_balanced_line(text: str, context: CompletionContext, limit: int) -> int:
    lexis = lexis_of(language(context))
    end = limit
    while lexis is not None and end > 0:
        if not scan(text[:end], lexis).openers:
            return end
        end = text.rfind("\n", 0, end)
    return limit


def _cut_last_word(candidate: Candidate, context: CompletionContext) -> Candidate:
    if context.text_kind is not TextKind.CODE:
        kept = candidate.text.rpartition(" ")[0]
    else:
        kept = _HALF_WORD.sub("", candidate.text)
        kept = _DANGLING.sub("", kept)
    if len(kept.strip()) < _LEAST_LINE_CHARS:
        return candidate.dropped("cut_unfinished", "too little of it is finished")
    if kept == candidate.text:
        return candidate
    return cut_text(candidate, "cut_unfinished", "the last word is not finished", len(kept))

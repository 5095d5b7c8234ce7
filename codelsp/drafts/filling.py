"""What of a model's text may stand in a hole, and which of several texts is best there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.candidates.brackets import lexis_of, scan
from codelsp.drafts.draft import HoleKind
from codelsp.drafts.phrases import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.document.languages import Language
    from codelsp.drafts.draft import Hole

_QUOTES_OR_MARKS = re.compile(
    r'"""|\'\'\'|\*/|/\*|[\n\r\\]|(?<=\s)(?:@|:)(?:param|returns?|raises)\b'
)
# A full stop ends a sentence where a blank follows, except after what is usually shortened.
_SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)[.!?](?=\s|\Z)")
_LIKE_CODE = re.compile(r">>>|[{}]|\bself\.|\w\(|[=<>]=|\bdef\b|\blambda\b|::|->|\w\s=\s|https?:")
_NUMBER = re.compile(r"-?\d[\d_.]*[LlFfDd]?")
_STRING = re.compile(r"""\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`""")
# Not what is behind a dot, before an argument's "=", or a suffix of a number.
_NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_$][\w$]*(?!\s*=(?!=))(?!\w)")
_TYPES = frozenset(
    {"int", "str", "float", "bool", "bytes", "list", "dict", "set", "tuple", "object"}
)
_EVERYWHERE = _TYPES | {
    "True", "False", "None", "true", "false", "null", "undefined", "NaN", "Infinity", "new", "not",
    "and", "or", "in", "is", "for", "if", "else", "lambda", "range", "len", "sorted", "min", "max",
    "sum", "abs", "round", "frozenset", "bytearray", "complex", "zip", "map", "enumerate", "chr",
    "ord", "Math", "Number", "String", "Array", "Object", "Map", "Set", "Date", "List", "Integer",
    "Double", "Boolean", "Long", "java", "b", "f", "r", "u",
}  # fmt: skip
# "int: The size.": the type is told already, where it is wanted.
_TYPE_FIRST = re.compile(r"[\w.\[\], ]{1,30}:\s")
_PLAIN_WORD = re.compile(r"[A-Za-z]{2,}")
_LEAST_WORDS = 2
_MOST_SENTENCE_CHARS = 110
_MOST_EXPRESSION_CHARS = 80
_LEAST_LOG_PROB, _LEAST_LOG_PROB_ELSEWHERE = -1.25, -0.4
"""Of a sentence about its subject, and of one about something else; means over its tokens."""
_SHORTEST_STEM = 3
_FUNCTION_WORDS = frozenset({
    "a", "an", "the", "of", "to", "in", "on", "for", "with", "by", "from", "as", "at", "and", "or",
    "not", "if", "is", "are", "be", "been", "was", "were", "that", "this", "it", "its", "than",
    "then", "when", "which", "whose", "into", "used", "use", "given", "return", "returns",
})  # fmt: skip


def is_cut_known(hole: Hole, text: str, language: Language) -> bool:
    """Whether ``text``, as far as it has come, goes beyond what the hole can hold."""
    if hole.kind is HoleKind.SENTENCE:
        text = text.lstrip()
        return len(text) > _MOST_SENTENCE_CHARS or bool(
            text and (_QUOTES_OR_MARKS.search(text) or _ended(text))
        )
    return len(text) > _MOST_EXPRESSION_CHARS or _expression_end(text, language) < len(text)


def fit(hole: Hole, text: str, language: Language) -> str | None:
    """Return the part of ``text`` that may stand in ``hole``; None if nothing may."""
    if hole.kind is HoleKind.SENTENCE:
        return _fit_sentence(hole, text)
    found = _fit_expression(text, language)
    return None if found is None or _is_out_of_place(hole, found) else found


def best(hole: Hole, candidates: Sequence[tuple[str, float | None]]) -> str | None:
    """Return the best of ``candidates``, texts that fit with their mean log-probabilities.

    A small model is fluent about what it does not understand.  So a sentence has to be about its
    subject, or the model very sure of it; None where that is so of none of them, and the fallback
    says more.  An engine that gives no probabilities is trusted.
    """
    trusted = [each for each in candidates if _is_trusted(hole, *each)]
    return max(trusted, key=lambda each: each[1] or 0.0)[0] if trusted else None


def is_settled(hole: Hole, candidates: Sequence[tuple[str, float | None]]) -> bool:
    """Whether the model was so sure of one of ``candidates`` that no other need be asked for."""
    is_sure = any(mean is None or mean >= _LEAST_LOG_PROB_ELSEWHERE for _, mean in candidates)
    return is_sure and best(hole, candidates) is not None


def _is_trusted(hole: Hole, text: str, mean: float | None) -> bool:
    if hole.kind is not HoleKind.SENTENCE or mean is None:
        return True
    subject = {word.lower() for name in re.findall(r"\w+", hole.subject) for word in words_of(name)}
    is_about_it = any(_stem(word) in map(_stem, subject) for word in _content(text))
    return mean >= (_LEAST_LOG_PROB if is_about_it else _LEAST_LOG_PROB_ELSEWHERE)


def _content(text: str) -> list[str]:
    words = [word.lower() for word in _PLAIN_WORD.findall(text)]
    return [word for word in words if word not in _FUNCTION_WORDS]


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s|e)$", "", word) if len(word) > _SHORTEST_STEM else word


def _is_out_of_place(hole: Hole, text: str) -> bool:
    """Whether an expression says nothing, names what is not there, or has another type."""
    bare = _STRING.sub('""', text)
    if any(name not in _EVERYWHERE and name not in hole.names for name in _NAME.findall(bare)):
        return True
    if bare in _TYPES:
        return True
    if hole.subject and re.search(rf"\b{re.escape(hole.subject)}\s*\(", text):
        return True
    kinds = {kind for each in (hole.fallback, text) for kind in [_literal_kind(each)] if kind}
    return len(kinds) > 1


def _literal_kind(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return "number"
    return "text" if text.startswith(('"', "'")) else ""


def _ended(text: str) -> bool:
    found = _SENTENCE_END.search(text)
    return found is not None and found.end() < len(text)


def _fit_sentence(hole: Hole, text: str) -> str | None:
    text = text.lstrip()
    mark = _QUOTES_OR_MARKS.search(text)
    text = text[: mark.start()] if mark is not None else text
    end = _SENTENCE_END.search(text)
    text = (text[: end.end()] if end is not None else text).strip().strip("\"'").strip()
    words = _PLAIN_WORD.findall(text)
    if len(words) < _LEAST_WORDS or _LIKE_CODE.search(text) or len(text) > _MOST_SENTENCE_CHARS:
        return None
    content = _content(text)
    if not content or len(set(content)) < len(content):
        # "The query to the query" goes round in circles.
        return None
    if (
        _TYPE_FIRST.match(text)
        or text.endswith((":", ",", ";", "("))
        or text.count("(") != text.count(")")
    ):
        return None
    if text.count("`") % 2:
        return None
    if not text.endswith((".", "!", "?")):
        text += "."
    if not (text[0].isalnum() or text[0] == "`"):
        return None
    return text[0].upper() + text[1:] if hole.is_whole and words[0].islower() else text


def _fit_expression(text: str, language: Language) -> str | None:
    text = text[: _expression_end(text, language)].strip()
    lexis = lexis_of(language)
    if not text or len(text) > _MOST_EXPRESSION_CHARS or lexis is None:
        return None
    found = scan(text, lexis)
    if found.openers or found.closers or found.quote or found.is_comment or found.is_broken:
        return None
    return None if text.endswith((",", "=", ".", "+", "-", "*", "/")) else text


def _expression_end(text: str, language: Language) -> int:
    """Return where the first expression in ``text`` ends: a comma, a bracket, a line's end."""
    lexis = lexis_of(language)
    if lexis is None:
        return 0
    for match in re.finditer(r"[,;)\]}\n\r#]|//", text):
        before = scan(text[: match.start()], lexis)
        if before.quote is None and not before.openers and not before.is_comment:
            return match.start()
    return len(text)

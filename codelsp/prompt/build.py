"""Context to prompt: pieces, their token ids within a budget, or the same as text.

The engine's tokenizer is on the other side of a wire, so this takes two steps: ``plan_prompt``
says which texts to tokenize, ``assemble`` puts their ids together.  Special tokens come from the
layout alone; text of a document is tokenized as plain text, whatever it spells.

Architecture invariant: pure.  No clock, no disk, no network, no tokenizer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from codelsp.document.languages import language_of
from codelsp.prompt.blocks import blocks_from_end, blocks_from_start
from codelsp.prompt.budget import PromptBudget, clip
from codelsp.prompt.fim import KNOWN_SPECIAL_TOKENS, PromptText, render
from codelsp.prompt.healing import healed_end
from codelsp.prompt.prompt import (
    Piece,
    Prompt,
    PromptPart,
    PromptPlan,
    SpecialPiece,
    TextPiece,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from codelsp.context.completion_context import CompletionContext
    from codelsp.prompt.budget import Kept
    from codelsp.prompt.fim import FimLayout

__all__ = ["PromptBudget", "as_text", "assemble", "in_blocks", "plan_prompt"]

_CHARS_PER_TOKEN = 3
"""A low estimate for code, so that a text prompt does not outgrow the model's context."""
_LINE_END = re.compile(r"\r\n?")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def plan_prompt(context: CompletionContext, layout: FimLayout, *, heal: bool) -> PromptPlan:
    """Return the pieces of the prompt of ``context``, long texts in blocks.

    Models have read texts with LF line ends, so that is what the prompt has, whatever the document
    has.  What UTF-8 cannot write (lone surrogates) becomes U+FFFD.

    Args:
        context: What the model may look at.
        layout: How the model's family writes it.
        heal: Whether the engine can be made to begin with a text (``PromptPlan.healed``).
    """
    prefix = _as_models_read(context.prefix)
    healed = healed_end(prefix) if heal else ""
    document = context.query.document
    texts = PromptText(
        prefix=prefix[: len(prefix) - len(healed)],
        suffix=_as_models_read(context.suffix),
        header=_as_models_read(context.header),
        path=_as_models_read(context.path),
        language=language_of(document.language_id, document.uri).name,
        repository=_as_models_read(context.repository),
        neighbors=tuple(
            replace(each, path=_as_models_read(each.path), text=_as_models_read(each.text))
            for each in context.neighbors
        ),
    )
    pieces = render(layout, texts)
    return PromptPlan(in_blocks(pieces, layout), layout, healed)


def assemble(
    plan: PromptPlan,
    piece_ids: Sequence[tuple[int, ...]],
    special_tokens: Mapping[str, int],
    budget: PromptBudget,
    *,
    bos_id: int | None = None,
) -> Prompt:
    """Return the prompt of ``plan`` as token ids: with the generation never over ``budget``.

    Args:
        plan: Of ``plan_prompt``.
        piece_ids: The ids of each text piece, in order; special pieces have none here.
        special_tokens: The model's, spelling to id.
        budget: How many tokens there are.
        bos_id: What a text begins with; used by the layouts whose models are used to it.

    Raises:
        ValueError: ``piece_ids`` are not as many as the plan has texts.
        KeyError: the model does not have a special token of the layout.
    """
    ids_of_texts = iter(piece_ids)
    ids = [
        (special_tokens[piece.token],) if isinstance(piece, SpecialPiece) else next(ids_of_texts)
        for piece in plan.pieces
    ]
    if next(ids_of_texts, None) is not None:
        raise ValueError(f"{len(piece_ids)} lists of ids for fewer texts")
    start = (bos_id,) if plan.layout.begins_with_bos and bos_id is not None else ()
    max_tokens = _max_tokens(plan, budget)
    room = budget.context_tokens - max_tokens - len(start)
    kept = clip(plan.pieces, [len(each) for each in ids], room, budget.neighbor_tokens)
    parts = [ids[each.piece][each.start : each.end] for each in kept]
    prompt = (*start, *chain.from_iterable(parts))
    stop_ids = {special_tokens.get(token, -1) for token in plan.layout.stop_tokens} - {-1}
    return Prompt(
        ids_or_text=prompt,
        n_tokens=len(prompt),
        max_tokens=max_tokens,
        stop_ids=tuple(sorted(stop_ids)),
        stop_texts=plan.layout.stop_texts,
        healed=plan.healed,
        layout_name=plan.layout.name,
        parts=_parts(plan, kept, [len(each) for each in ids]),
    )


def as_text(plan: PromptPlan, budget: PromptBudget) -> Prompt:
    """Return the prompt of ``plan`` as text, for an engine that takes no ids.

    Such an engine reads special tokens wherever they are spelled.  Where a document spells one, a
    zero-width space breaks it.  No BOS is written: the engine puts its own.
    """
    texts = [_spelled(piece, plan.layout) for piece in plan.pieces]
    lengths = [
        1 if isinstance(piece, SpecialPiece) else -(-len(text) // _CHARS_PER_TOKEN)
        for piece, text in zip(plan.pieces, texts, strict=True)
    ]
    max_tokens = _max_tokens(plan, budget)
    kept = clip(plan.pieces, lengths, budget.context_tokens - max_tokens, budget.neighbor_tokens)
    parts = []
    for each in kept:
        text = texts[each.piece]
        is_whole = (each.start, each.end) == (0, lengths[each.piece])
        start, end = each.start * _CHARS_PER_TOKEN, each.end * _CHARS_PER_TOKEN
        parts.append(text if is_whole else text[start:end])
    spellings = plan.layout.text_spellings
    return Prompt(
        ids_or_text="".join(parts),
        n_tokens=sum(each.end - each.start for each in kept),
        max_tokens=max_tokens,
        stop_ids=(),
        stop_texts=(
            *(spellings.get(token, token).strip() for token in plan.layout.stop_tokens),
            *plan.layout.stop_texts,
        ),
        healed=plan.healed,
        layout_name=plan.layout.name,
        parts=_parts(plan, kept, lengths),
    )


def _parts(
    plan: PromptPlan, kept: Sequence[Kept], lengths: Sequence[int]
) -> tuple[PromptPart, ...]:
    """Return the pieces that were kept, as people read them."""
    return tuple(_part(plan.pieces[each.piece], each, lengths[each.piece]) for each in kept)


def _part(piece: Piece, kept: Kept, length: int) -> PromptPart:
    n_tokens = kept.end - kept.start
    if isinstance(piece, SpecialPiece):
        return PromptPart("special", piece.token, n_tokens, is_clipped=False)
    return PromptPart(piece.role, piece.text, n_tokens, is_clipped=n_tokens < length)


def _as_models_read(text: str) -> str:
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def in_blocks(pieces: Iterable[Piece], layout: FimLayout) -> tuple[Piece, ...]:
    """Return ``pieces`` with long texts in blocks, where the layout's tokenizer allows it."""
    return tuple(_blocks(pieces, layout))


def _blocks(pieces: Iterable[Piece], layout: FimLayout) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, SpecialPiece) or layout.spaces_pieces:
            yield piece
        elif piece.role == "prefix":
            yield from (TextPiece("prefix", block) for block in blocks_from_start(piece.text))
        elif piece.role == "suffix":
            yield from (TextPiece("suffix", block) for block in blocks_from_end(piece.text))
        else:
            yield piece


def _max_tokens(plan: PromptPlan, budget: PromptBudget) -> int:
    """Return how much may be generated: what was asked for, and what was healed again."""
    healed = -(-len(plan.healed.encode()) // 2)
    return min(budget.max_tokens + healed, budget.context_tokens // 2)


def _spelled(piece: Piece, layout: FimLayout) -> str:
    if isinstance(piece, SpecialPiece):
        return layout.text_spellings.get(piece.token, piece.token)
    return _spellings().sub(lambda match: f"{match[0][0]}\u200b{match[0][1:]}", piece.text)


@lru_cache(maxsize=1)
def _spellings() -> re.Pattern[str]:
    longest_first = sorted(KNOWN_SPECIAL_TOKENS, key=len, reverse=True)
    return re.compile("|".join(re.escape(token.lstrip("▁")) for token in longest_first))

"""Prompts for infilling, made by the engine for clients that send texts: ``/infill``, ``suffix``.

The layout is the one that codelsp itself would use for the model's tokens, so a client that sends
plain texts gets the order that the model was trained on, and what changes least comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.completion_context import Neighbor
from codelsp.prompt.budget import PromptBudget
from codelsp.prompt.build import assemble, in_blocks
from codelsp.prompt.fim import PromptText, choose_layout, render
from codelsp.prompt.prompt import PromptPlan, TextPiece
from codelsp.torch_engine.fields import RequestError

if TYPE_CHECKING:
    from codelsp.torch_engine.vocabulary import Vocabulary

_NOT_IMPLEMENTED = 501
_NEIGHBOR_SHARE = 0.5


@dataclass(frozen=True)
class InfillTexts:
    """What a client sends."""

    prefix: str
    suffix: str
    extra: tuple[tuple[str, str], ...]
    """Path and text of excerpts of other files."""


def infill_prompt(texts: InfillTexts, vocabulary: Vocabulary, room: int) -> tuple[int, ...]:
    """Return the prompt for the gap between prefix and suffix, at most ``room`` tokens.

    What does not fit goes in big steps, so that the next prompts begin as this one does.

    Raises:
        RequestError: the model has no tokens for infilling.
    """
    layout = choose_layout(vocabulary.special_tokens)
    if not layout.has_fim:
        raise RequestError(
            "This model does not support infill: it has no fill-in-the-middle tokens; ask"
            " /completion with the text before the cursor.",
            status=_NOT_IMPLEMENTED,
            kind="not_supported_error",
        )
    prompt_text = PromptText(
        prefix=texts.prefix,
        suffix=texts.suffix,
        neighbors=tuple(
            Neighbor(path=path, text=text, score=1.0) for path, text in texts.extra if text
        ),
    )
    pieces = in_blocks(render(layout, prompt_text), layout)
    plan = PromptPlan(pieces, layout, "")
    ids = [
        tuple(vocabulary.encoded(piece.text)) for piece in pieces if isinstance(piece, TextPiece)
    ]
    prompt = assemble(
        plan,
        ids,
        vocabulary.special_tokens,
        PromptBudget(room, 0, int(room * _NEIGHBOR_SHARE)),
        bos_id=vocabulary.bos_id,
    )
    assert not isinstance(prompt.ids_or_text, str)  # noqa: S101
    return tuple(prompt.ids_or_text)

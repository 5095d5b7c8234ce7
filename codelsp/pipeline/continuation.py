"""A text that a model simply goes on with: no document, no cursor, no rules about what fits.

What ``codelsp interact`` asks for.  The prompt is the model's own layout with nothing after the
cursor, so a model reads what it was trained on: the language's control token if it has one, a path
if it knows paths.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.languages import language_of
from codelsp.engine.port import GenerationRequest
from codelsp.errors import SettingsError
from codelsp.prompt.budget import PromptBudget
from codelsp.prompt.build import as_text, assemble
from codelsp.prompt.fim import PromptText, choose_layout, render
from codelsp.prompt.prompt import PromptPlan, SpecialPiece

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from codelsp.engine.port import Engine, ModelInfo
    from codelsp.prompt.prompt import Prompt


@dataclass(frozen=True)
class ContinuationPlan:
    """How to go on."""

    language: str = "python"
    """An LSP id."""
    length: int = 128
    """Most tokens."""
    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int | None = None
    seed: int = 0
    stop: str = "\n\n"
    """Text that ends the answer, and is not part of it; empty is none."""


async def continuation(
    engine: Engine, model: ModelInfo, text: str, plan: ContinuationPlan
) -> AsyncGenerator[str, None]:
    """Yield what ``model`` writes after ``text``, as it comes; closing it stops the model.

    Raises:
        SettingsError: the model's context has no room for so long an answer.
        EngineError: the engine has gone, or refuses.
    """
    prompt = await _prompt(engine, model, text, plan)
    stream = engine.generate(
        GenerationRequest(
            prompt=prompt.ids_or_text,
            max_tokens=plan.length,
            temperature=plan.temperature,
            top_p=plan.top_p,
            top_k=plan.top_k,
            seed=plan.seed,
            stop_ids=prompt.stop_ids,
            stop_texts=prompt.stop_texts,
            want_log_probs=False,
        )
    )
    try:
        async with aclosing(stream.tokens) as tokens:
            cut = StopText(plan.stop)
            async for token in tokens:
                told = cut.taken(token.text)
                if told:
                    yield told
                if cut.has_come:
                    return
            rest = cut.rest()
            if rest:
                yield rest
    finally:
        await stream.aclose()


class StopText:
    """Holds back what may be the beginning of the text that ends an answer."""

    def __init__(self, stop: str) -> None:
        self._stop, self._held = stop, ""
        self._has_begun = False
        self.has_come = False

    def taken(self, text: str) -> str:
        """Take more of the answer and return what can be shown of it.

        Blank lines before anything else are no end: nothing would be shown.
        """
        self._held += text
        if not self._stop:
            return self.rest()
        begin = 0 if self._has_begun else len(self._held) - len(self._held.lstrip())
        found = self._held.find(self._stop, begin)
        if found >= 0:
            shown, self._held, self.has_come = self._held[:found], "", True
            return shown
        n_held = next(
            n for n in range(len(self._stop) - 1, -1, -1) if self._held.endswith(self._stop[:n])
        )
        end = len(self._held) - n_held
        shown, self._held = self._held[:end], self._held[end:]
        self._has_begun = self._has_begun or bool(shown.strip())
        return shown

    def rest(self) -> str:
        """Return what was held back when nothing more comes."""
        held, self._held = self._held, ""
        return held


async def _prompt(engine: Engine, model: ModelInfo, text: str, plan: ContinuationPlan) -> Prompt:
    layout = choose_layout(model.special_tokens)
    language = language_of(plan.language)
    ending = language.extensions[0] if language.extensions else ""
    texts = PromptText(text, "", path=f"main{ending}", language=language.name)
    if plan.length > model.context_tokens // 2:
        raise SettingsError(
            f"the model holds {model.context_tokens} tokens: an answer may have"
            f" {model.context_tokens // 2}, half of them, not {plan.length}"
        )
    pieces = PromptPlan(render(layout, texts), layout, "")
    budget = PromptBudget(model.context_tokens, plan.length, neighbor_tokens=0)
    if not model.takes_token_ids:
        return as_text(pieces, budget)
    ids = [
        await engine.tokenize(piece.text)
        for piece in pieces.pieces
        if not isinstance(piece, SpecialPiece)
    ]
    return assemble(pieces, ids, model.special_tokens, budget, bos_id=model.bos_id)

"""A scripted engine that knows how code ends: what it says depends on the cursor's line alone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.engine.scripted import Answer, ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.engine.port import FinishReason, GenerationRequest, Token

_PREFIX = re.compile(r"<\|fim_prefix\|>(.*?)(?:<\|fim_\w+\|>|$)", re.DOTALL)


class WritingEngine(ScriptedEngine):
    """Completes the cursor's line to one of the texts of the request's seed."""

    def __init__(self, texts_by_seed: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self._texts_by_seed = texts_by_seed

    def _cut(self, answer: Answer, request: GenerationRequest) -> tuple[list[Token], FinishReason]:
        texts = self._texts_by_seed[request.seed % len(self._texts_by_seed)]
        return super()._cut(replace(answer, text=self._ending(request, texts)), request)

    def _ending(self, request: GenerationRequest, texts: Sequence[str]) -> str:
        prompt = request.prompt if isinstance(request.prompt, str) else self.text_of(request.prompt)
        found = _PREFIX.search(prompt)
        line = (found.group(1) if found else prompt).rsplit("\n", 1)[-1]
        written = (line + request.forced_prefix).lstrip()
        for text in texts:
            if written and text.startswith(written):
                return request.forced_prefix + text[len(written) :]
        return ""

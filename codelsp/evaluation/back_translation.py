"""Back-translation: how likely a docstring is, given the code, or the code, given the docstring.

Chen et al. 2021 (arXiv 2107.03374), section 5: a sample is good if it leads back to the docstring
that it was written for, P(docstring | code); a docstring, if it leads to the code.  A model that
fills holes is asked for the hole where the docstring stood; any other reads the code first and the
docstring after it, in the order that Codex-D was trained in.

An engine tells the probabilities of what it writes itself, so this takes the model's weights in
transformers (``bits.py``).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.errors import EvaluationError
from codelsp.evaluation.bits import BitsCounter
from codelsp.pipeline.docstrings import AFTER_BODY
from codelsp.prompt.fim import PREFIX_ONLY, PromptText, choose_layout, layout_named, render
from codelsp.prompt.prompt import SpecialPiece

if TYPE_CHECKING:
    from codelsp.document.functions import Function
    from codelsp.evaluation.engines import Judged
    from codelsp.prompt.fim import FimLayout
    from codelsp.prompt.prompt import Piece


@dataclass(frozen=True)
class BackTranslator:
    """One model that tells how likely a text is in a hole."""

    judged: Judged
    bits: BitsCounter

    @classmethod
    async def of(cls, judged: Judged) -> BackTranslator:
        """Return the one of a model.

        Raises:
            EvaluationError: its weights are not at hand, or its engine takes no token ids.
        """
        path = judged.path
        bits = None if path is None else await asyncio.to_thread(BitsCounter.beside, path)
        if bits is None or not judged.info.takes_token_ids:
            raise EvaluationError(
                f"Back-translation of {judged.name} needs its folder of safetensors (and"
                " `pip install 'codelsp[torch]'`): no engine tells how likely a given text is."
            )
        return cls(judged, bits)

    @property
    def layout(self) -> FimLayout:
        """The model's fill-in-the-middle layout; one without holes where it has none."""
        name = self.judged.settings.fim_layout
        if name != "auto":
            return layout_named(name)
        return choose_layout(self.judged.info.special_tokens)

    async def log_prob(self, before: str, middle: str, after: str) -> tuple[float, int]:
        """Return the log-probability of ``middle`` between two texts, and its number of tokens.

        The two are shortened at their far ends to what the model can read.
        """
        if self.layout.has_fim:
            pieces = render(self.layout, PromptText(prefix=before, suffix=after))
        else:
            pieces = render(PREFIX_ONLY, PromptText(before + after + AFTER_BODY, ""))
        return await self._after(pieces, middle)

    async def log_prob_after(self, before: str, text: str) -> tuple[float, int]:
        """Return the log-probability of ``text`` after ``before``, and its number of tokens."""
        return await self._after(render(PREFIX_ONLY, PromptText(before, "")), text)

    async def _after(self, pieces: tuple[Piece, ...], middle: str) -> tuple[float, int]:
        wanted = await self.judged.engine.tokenize(middle)
        room = self.judged.info.context_tokens - len(wanted)
        prompt = await self._ids(pieces, max(2, room))
        bits = await asyncio.to_thread(self.bits.bits, prompt, wanted)
        return -bits * math.log(2), len(wanted)

    async def _ids(self, pieces: tuple[Piece, ...], room: int) -> tuple[int, ...]:
        special = self.judged.info.special_tokens
        parts = [
            (special[piece.token],)
            if isinstance(piece, SpecialPiece)
            else await self.judged.engine.tokenize(piece.text)
            for piece in pieces
        ]
        excess = sum(map(len, parts)) - room
        for number, piece in enumerate(pieces):
            if excess <= 0 or isinstance(piece, SpecialPiece):
                continue
            part = parts[number]
            n_cut = min(excess, len(part) // 2)
            parts[number] = part[: len(part) - n_cut] if piece.role == "suffix" else part[n_cut:]
            excess -= n_cut
        start = () if self.judged.info.bos_id is None else (self.judged.info.bos_id,)
        return (*start, *(one for part in parts for one in part))


def function_named(document: DocumentSnapshot, name: str) -> Function | None:
    """Return the last function of ``document`` called ``name``, as a program would see it."""
    tree = parse(document)
    functions = () if tree is None else tree.functions()
    found = [each for each in functions if name in {each.name, each.qualified_name}]
    return found[-1] if found else None


def program_document(text: str) -> DocumentSnapshot:
    """Return the document of a Python program."""
    return DocumentSnapshot.of("file:///program/program.py", "python", 1, text)

"""An engine that says what it is told: for tests of everything above the port.

It is a whole ``Engine``: it streams, counts tokens, obeys ``max_tokens``, stop tokens and
forced prefixes, and stops when its stream is closed.  Only the words come from a script.
No process, no socket, no model.

A list is answered in order, and its last entry again and again; a function sees the request::

    engine = ScriptedEngine(["name", "value"])
    engine = ScriptedEngine(lambda prompt: "b" if prompt.endswith("a, ") else "")
    engine = ScriptedEngine([Answer("a + b", log_probs=(-0.1, -0.2, -3.0))])

What the engine was asked, and how far each run got, is kept::

    assert engine.prompts[-1].endswith("return self.")
    assert engine.runs[-1].was_cancelled and engine.runs[-1].n_delivered == 2

Time stands still at a gate until the test opens it::

    gate = engine.hold_at(2)            # the third token of the next generation
    task = asyncio.create_task(completer.complete(query))
    await gate.reached.wait()           # two tokens have been delivered
    gate.opened.set()

And it fails as asked::

    engine.fail_with(EngineUnavailableError("gone"), after_tokens=1)
    engine.is_loading = True            # connect raises EngineLoadingError
    engine.delay_ms = 5.0               # before every token
"""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.engine.port import (
    FinishReason,
    GenerationRequest,
    GenerationStats,
    GenerationStream,
    ModelInfo,
    Token,
)
from codelsp.errors import CodelspError, EngineLoadingError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

QWEN_SPECIAL_TOKENS: Mapping[str, int] = {
    "<|endoftext|>": 0,
    "<|fim_prefix|>": 1,
    "<|fim_middle|>": 2,
    "<|fim_suffix|>": 3,
    "<|fim_pad|>": 4,
    "<|repo_name|>": 5,
    "<|file_sep|>": 6,
}
"""What a scripted engine has when not told otherwise: the tokens of our own model."""

_PIECE = re.compile(r" ?\w+|\n[ \t]*|[ \t]+|.", re.DOTALL)
_FIRST_TEXT_ID = 1000


@dataclass(frozen=True)
class Answer:
    """One generation as it will come."""

    text: str
    log_probs: tuple[float, ...] = ()
    """One for each token; the last one holds for the rest; without any, -0.1."""
    ends: bool = True
    """Whether the model then says it is done; if not, it has used up its budget."""

    def log_prob_at(self, index: int) -> float:
        """Return the log-probability of token ``index``."""
        if not self.log_probs:
            return -0.1
        return self.log_probs[min(index, len(self.log_probs) - 1)]


@dataclass
class Gate:
    """Holds one token back."""

    token_index: int
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Run:
    """What became of one generation."""

    request: GenerationRequest
    prompt: str
    n_delivered: int = 0
    """Tokens the reader has been given."""
    is_running: bool = True
    was_cancelled: bool = False
    error: CodelspError | None = None


@dataclass
class _Failure:
    error: CodelspError
    after_tokens: int
    times: int


class ScriptedEngine:
    """An ``Engine`` whose answers are scripted; see the module for examples."""

    def __init__(
        self,
        answers: Sequence[str | Answer] | Callable[[str], str | Answer] = ("",),
        *,
        info: ModelInfo | None = None,
    ) -> None:
        self._answers = answers
        self._pieces: dict[int, str] = {}
        self._gates: list[Gate] = []
        self._failures: list[_Failure] = []
        self.info = info or ModelInfo(
            name="scripted",
            context_tokens=2048,
            special_tokens=QWEN_SPECIAL_TOKENS,
            takes_token_ids=True,
            slots=2,
            takes_grammar=True,
        )
        self.delay_ms = 0.0
        self.is_loading = False
        self.runs: list[Run] = []
        self.tokenized: list[str] = []
        self.n_connects = 0
        self.most_at_once = 0
        self.is_closed = False

    @property
    def requests(self) -> list[GenerationRequest]:
        """Every generation that was asked for and begun, oldest first."""
        return [run.request for run in self.runs]

    @property
    def prompts(self) -> list[str]:
        """Their prompts as text, special tokens spelled out."""
        return [run.prompt for run in self.runs]

    @property
    def cancelled(self) -> list[Run]:
        """Runs whose stream was closed before its end."""
        return [run for run in self.runs if run.was_cancelled]

    @property
    def n_running(self) -> int:
        """How many generations run now."""
        return sum(run.is_running for run in self.runs)

    def hold_at(self, token_index: int) -> Gate:
        """Hold that token (0 = the first) of the next generation to reach it."""
        gate = Gate(token_index)
        self._gates.append(gate)
        return gate

    def fail_with(self, error: CodelspError, *, after_tokens: int = 0, times: int = 1) -> None:
        """Let the next ``times`` generations raise ``error`` after so many tokens."""
        self._failures.append(_Failure(error, after_tokens, times))

    def ids_of(self, text: str) -> tuple[int, ...]:
        """Return the ids ``tokenize`` gives for ``text``: words, blanks and marks, reversibly."""
        return tuple(self._id_of(piece) for piece in _PIECE.findall(text))

    def text_of(self, ids: Iterable[int]) -> str:
        """Return the text of ``ids``, special tokens spelled out."""
        spellings = {number: spelling for spelling, number in self.info.special_tokens.items()}
        return "".join(self._pieces.get(one) or spellings.get(one, f"<|{one}|>") for one in ids)

    async def connect(self) -> ModelInfo:
        """Return the scripted model; count the call."""
        self.n_connects += 1
        if self.is_loading:
            raise EngineLoadingError("The scripted model is being loaded.")
        return self.info

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the ids of ``text``; none of them is a special token's."""
        if self.is_closed:
            raise EngineUnavailableError("The scripted engine was closed.")
        self.tokenized.append(text)
        return self.ids_of(text)

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin the next scripted generation."""
        return GenerationStream(lambda stream: self._generate(request, stream))

    async def close(self) -> None:
        """Note that the engine was let go of."""
        self.is_closed = True

    def _id_of(self, piece: str) -> int:
        # A checksum keeps ids the same in every instance and run.
        number = _FIRST_TEXT_ID + zlib.crc32(piece.encode("utf-8", "surrogatepass"))
        while self._pieces.setdefault(number, piece) != piece:
            number += 1
        return number

    def _next_answer(self, prompt: str, index: int) -> Answer:
        if callable(self._answers):
            answer = self._answers(prompt)
        else:
            answer = self._answers[min(index, len(self._answers) - 1)]
        return Answer(answer) if isinstance(answer, str) else answer

    async def _generate(
        self, request: GenerationRequest, stream: GenerationStream
    ) -> AsyncGenerator[Token, None]:
        prompt = request.prompt if isinstance(request.prompt, str) else self.text_of(request.prompt)
        run = Run(request, prompt)
        answer = self._next_answer(prompt, len(self.runs))
        self.runs.append(run)
        self.most_at_once = max(self.most_at_once, self.n_running)
        tokens, reason = self._cut(answer, request)
        n_prompt = len(request.prompt) if not isinstance(request.prompt, str) else None
        try:
            for token in tokens:
                await self._before_token(run)
                run.n_delivered += 1
                yield token
            await self._before_token(run)
        except CodelspError as error:
            run.error = error
            raise
        except (GeneratorExit, asyncio.CancelledError):
            run.was_cancelled = True
            reason = FinishReason.CUT
            raise
        finally:
            run.is_running = False
            stream.stats = GenerationStats(
                reason, prompt_tokens=n_prompt, decoded_tokens=run.n_delivered
            )

    async def _before_token(self, run: Run) -> None:
        for failure in self._failures:
            if failure.times and failure.after_tokens == run.n_delivered:
                failure.times -= 1
                raise failure.error
        await asyncio.sleep(self.delay_ms / 1000)
        for gate in self._gates:
            if gate.token_index == run.n_delivered:
                self._gates.remove(gate)
                gate.reached.set()
                await gate.opened.wait()
                break

    def _cut(self, answer: Answer, request: GenerationRequest) -> tuple[list[Token], FinishReason]:
        """Return the tokens of ``answer`` up to a stop or the budget, and which of them it was."""
        forced = request.forced_prefix
        text = answer.text if answer.text.startswith(forced) else forced + answer.text
        reason = FinishReason.END if answer.ends else FinishReason.LENGTH
        stops = [at for stop in request.stop_texts if (at := text.find(stop)) >= 0]
        if stops:
            text, reason = text[: min(stops)], FinishReason.END
        pieces = _PIECE.findall(text)
        for index, piece in enumerate(pieces):
            if self._id_of(piece) in request.stop_ids:
                pieces, reason = pieces[:index], FinishReason.END
                break
        if len(pieces) > request.max_tokens:
            pieces, reason = pieces[: request.max_tokens], FinishReason.LENGTH
        return self._with_log_probs(pieces, answer, forced), reason

    @staticmethod
    def _with_log_probs(pieces: Sequence[str], answer: Answer, forced: str) -> list[Token]:
        tokens, written = [], 0
        for index, piece in enumerate(pieces):
            written += len(piece)
            log_prob = None if written <= len(forced) else answer.log_prob_at(index)
            tokens.append(Token(piece, log_prob))
        return tokens

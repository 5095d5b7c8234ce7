"""What the engine answers: events of a generation as llama.cpp's server, or OpenAI's, would."""

from __future__ import annotations

import math
import time
import uuid
from typing import TYPE_CHECKING, Any

from codelsp.torch_engine.generation import CandidateEnded, PromptProgress, TokensWritten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from codelsp.torch_engine.generation import Event, Figures, GenerationPlan
    from codelsp.torch_engine.requests import Asked
    from codelsp.torch_engine.sampling import Choice
    from codelsp.torch_engine.scheduler import Job
    from codelsp.torch_engine.vocabulary import Vocabulary

_LOWEST_LOG_PROB = -1e4
_STOP_TYPES = {"eos": "eos", "limit": "limit", "word": "word", "rule": "word"}


def timings(figures: Figures) -> dict[str, Any]:
    """Return what a generation cost, as llama.cpp names it."""
    n_read, n_written = figures.n_read, figures.n_written
    told = {
        "cache_n": figures.n_reused,
        "prompt_n": n_read,
        "prompt_ms": round(figures.prompt_ms, 3),
        "prompt_per_token_ms": _ratio(figures.prompt_ms, n_read),
        "prompt_per_second": _ratio(1e3 * n_read, figures.prompt_ms),
        "predicted_n": n_written,
        "predicted_ms": round(figures.predict_ms, 3),
        "predicted_per_token_ms": _ratio(figures.predict_ms, n_written),
        "predicted_per_second": _ratio(1e3 * n_written, figures.predict_ms),
    }
    if figures.n_drafted:
        told["draft_n"] = figures.n_drafted
        told["draft_n_accepted"] = figures.n_drafts_held
    return told


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


class LlamaReply:
    """The answer to ``/completion`` and ``/infill``.

    Args:
        asked: The request.
        vocabulary: The model's.
        job: The generation, which goes on; it knows its figures.
    """

    def __init__(self, asked: Asked, vocabulary: Vocabulary, job: Job) -> None:
        self._asked = asked
        self._plan = asked.plans[0]
        self._vocabulary = vocabulary
        self._job = job
        n_candidates = self._plan.n_candidates
        self._texts = [""] * n_candidates
        self._choices: list[list[Choice]] = [[] for _ in range(n_candidates)]
        self._ends: list[CandidateEnded | None] = [None] * n_candidates

    def events(self, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        """Yield what a stream tells of ``events``."""
        for event in events:
            self._note(event)
            if isinstance(event, PromptProgress):
                if self._asked.tells_progress:
                    yield self._progress(event)
            elif isinstance(event, TokensWritten):
                yield self._token(event)
            else:
                yield self._final(event.candidate, content="")

    def take(self, events: Sequence[Event]) -> None:
        """Note ``events`` for the whole answer."""
        for event in events:
            self._note(event)

    def whole(self) -> Any:
        """Return the answer at once: one object, or a list for several candidates."""
        answers = [
            self._selected(self._final(number, content=text))
            for number, text in enumerate(self._texts)
        ]
        return answers[0] if len(answers) == 1 else answers

    def _note(self, event: Event) -> None:
        if isinstance(event, TokensWritten):
            self._texts[event.candidate] += event.text
            self._choices[event.candidate].extend(event.choices)
        elif isinstance(event, CandidateEnded):
            self._ends[event.candidate] = event

    def _progress(self, event: PromptProgress) -> dict[str, Any]:
        return {
            "index": 0,
            "content": "",
            "tokens": [],
            "stop": False,
            "tokens_predicted": 0,
            "tokens_evaluated": event.n_total,
            "prompt_progress": {
                "total": event.n_total,
                "cache": event.n_reused,
                "processed": event.n_reused + event.n_read,
                "time_ms": round(event.elapsed_ms),
            },
        }

    def _token(self, event: TokensWritten) -> dict[str, Any]:
        told: dict[str, Any] = {
            "index": event.candidate,
            "content": event.text,
            "tokens": [choice.token for choice in event.choices],
            "stop": False,
            "id_slot": self._slot,
            "tokens_predicted": len(self._choices[event.candidate]),
            "tokens_evaluated": self._figures_now.n_prompt,
        }
        if self._asked.tells_timings:
            told["timings"] = timings(self._figures_now)
        if self._asked.n_probs:
            told["completion_probabilities"] = [self._entry(each) for each in event.choices]
        return told

    def _final(self, number: int, content: str) -> dict[str, Any]:
        end = self._ends[number]
        reason = end.reason if end is not None else "limit"
        told: dict[str, Any] = {
            "index": number,
            "content": content,
            "tokens": [],
            "id_slot": self._slot,
            "stop": True,
            "model": self._asked.model,
            "tokens_predicted": len(self._choices[number]),
            "tokens_evaluated": self._figures_now.n_prompt,
            "generation_settings": _settings(self._plan),
            "has_new_line": "\n" in self._texts[number],
            "truncated": self._figures_now.is_truncated,
            "stop_type": _STOP_TYPES[reason],
            "stopping_word": end.stop_text if end is not None else "",
            "tokens_cached": self._figures_now.n_cached or self._figures_now.n_prompt,
            "timings": timings(self._figures_now),
        }
        if not self._asked.streams:
            if self._asked.tells_tokens:
                told["tokens"] = [choice.token for choice in self._choices[number]]
            if self._asked.n_probs:
                entries = [self._entry(choice) for choice in self._choices[number]]
                told["completion_probabilities"] = entries
        if self._asked.warnings:
            told["warnings"] = list(self._asked.warnings)
        return told

    def _entry(self, choice: Choice) -> dict[str, Any]:
        return {
            **self._named(choice.token, choice.log_prob),
            "top_logprobs": [self._named(token, log_prob) for token, log_prob in choice.top],
        }

    def _named(self, token: int, log_prob: float) -> dict[str, Any]:
        written = self._vocabulary.written(token)
        return {
            "id": token,
            "token": written.decode("utf-8", "replace"),
            "bytes": list(written),
            "logprob": max(log_prob, _LOWEST_LOG_PROB),
        }

    def _selected(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what of ``answer`` was asked for; a path like ``timings/prompt_n`` is a key."""
        paths = self._asked.response_fields
        if paths is None:
            return answer
        found = {path: _at(answer, path) for path in paths}
        return {path: value for path, value in found.items() if value is not None}

    @property
    def _figures_now(self) -> Figures:
        # Asked for each time: the job gets its own once it begins.
        return self._job.figures

    @property
    def _slot(self) -> int:
        return self._plan.slot if self._plan.slot is not None else 0


def _at(answer: Mapping[str, Any], path: str) -> Any:
    value: Any = answer
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _settings(plan: GenerationPlan) -> dict[str, Any]:
    sampling = plan.sampling
    return {
        "n_predict": plan.max_tokens,
        "seed": sampling.seed,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "samplers": list(sampling.order),
        "stop": list(plan.stop_texts),
    }


class OpenAIReply:
    """The answer to ``/v1/completions``: choices of one prompt after another."""

    def __init__(self, asked: Asked, vocabulary: Vocabulary) -> None:
        self._asked = asked
        self._vocabulary = vocabulary
        self._id = f"cmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._n_candidates = asked.plans[0].n_candidates
        n_choices = self._n_candidates * len(asked.plans)
        self._texts = [self._echo(number) for number in range(n_choices)]
        self._choices: list[list[Choice]] = [[] for _ in range(n_choices)]
        self._offsets = [len(text) for text in self._texts]
        self._reasons: list[str | None] = [None] * n_choices
        self._jobs: list[Job] = []

    def begin_prompt(self, job: Job) -> None:
        """Note that the next events belong to the next prompt."""
        self._jobs.append(job)

    def events(self, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        """Yield the chunks of a stream for ``events``."""
        for event in events:
            if isinstance(event, PromptProgress):
                continue
            number = self._number(event.candidate)
            if isinstance(event, TokensWritten):
                echo = self._texts[number] if not self._choices[number] else ""
                log_probs = self._log_probs(event.choices, self._offsets[number])
                self._note(event)
                yield self._chunk(number, echo + event.text, None, log_probs)
            else:
                self._note(event)
                yield self._chunk(number, "", self._reasons[number], None)

    def take(self, events: Sequence[Event]) -> None:
        """Note ``events`` for the whole answer."""
        for event in events:
            self._note(event)

    def usage_chunk(self) -> dict[str, Any]:
        """Return the last chunk of a stream whose client asked for the usage."""
        return {**self._head(), "choices": [], "usage": self._usage()}

    def whole(self) -> dict[str, Any]:
        """Return the answer at once."""
        choices = [
            {
                "index": number,
                "text": text,
                "finish_reason": self._reasons[number] or "length",
                "logprobs": self._log_probs(self._choices[number], len(self._echo(number))),
            }
            for number, text in enumerate(self._texts)
        ]
        answer = {**self._head(), "choices": choices, "usage": self._usage()}
        if self._asked.warnings:
            answer["warnings"] = list(self._asked.warnings)
        return answer

    def _number(self, candidate: int) -> int:
        return (len(self._jobs) - 1) * self._n_candidates + candidate

    def _note(self, event: Event) -> None:
        if isinstance(event, PromptProgress):
            return
        number = self._number(event.candidate)
        if isinstance(event, TokensWritten):
            self._texts[number] += event.text
            self._choices[number].extend(event.choices)
            self._offsets[number] = len(self._texts[number])
        else:
            self._reasons[number] = "length" if event.reason == "limit" else "stop"

    def _echo(self, number: int) -> str:
        texts = self._asked.prompt_texts
        return texts[number // self._n_candidates] if texts else ""

    def _head(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._asked.model,
        }

    def _chunk(self, number: int, text: str, reason: str | None, log_probs: Any) -> dict[str, Any]:
        choice = {"index": number, "text": text, "finish_reason": reason, "logprobs": log_probs}
        return {**self._head(), "choices": [choice]}

    def _log_probs(self, choices: Sequence[Choice], offset: int) -> dict[str, Any] | None:
        if not self._asked.wants_log_probs:
            return None
        tokens = [self._text_of(choice.token) for choice in choices]
        offsets = []
        for token in tokens:
            offsets.append(offset)
            offset += len(token)
        return {
            "tokens": tokens,
            "token_logprobs": [_finite(choice.log_prob) for choice in choices],
            "top_logprobs": [
                {self._text_of(token): _finite(log_prob) for token, log_prob in choice.top}
                for choice in choices
            ],
            "text_offset": offsets,
        }

    def _text_of(self, token: int) -> str:
        return self._vocabulary.piece(token).decode("utf-8", "replace")

    def _usage(self) -> dict[str, Any]:
        n_prompt = sum(job.figures.n_prompt for job in self._jobs)
        n_written = sum(job.figures.n_written for job in self._jobs)
        return {
            "prompt_tokens": n_prompt,
            "completion_tokens": n_written,
            "total_tokens": n_prompt + n_written,
            "prompt_tokens_details": {
                "cached_tokens": sum(job.figures.n_reused for job in self._jobs)
            },
        }


def _finite(log_prob: float) -> float:
    return log_prob if math.isfinite(log_prob) else _LOWEST_LOG_PROB

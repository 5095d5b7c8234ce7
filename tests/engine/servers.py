"""Fakes in the shape of llama-server, vLLM, Ollama and TGI, as their documentation has them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tests.engine.fake_server import Asked, Reply, Route, events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPELLINGS = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endoftext|>", "<PRE>")
"""What codelsp asks for; the fakes have all but the last as one token."""
SPECIAL = {"<|endoftext|>": 0, "<|fim_prefix|>": 1, "<|fim_middle|>": 2, "<|fim_suffix|>": 3}
BOS = 9


def ids_and_pieces(text: str, *, reads_special: bool) -> list[tuple[int, str]]:
    """Tokenize as the fakes do: special tokens if asked, else a token a character."""
    pattern = "|".join(map(re.escape, SPECIAL)) + "|." if reads_special else "."
    pieces = re.findall(pattern, text, re.DOTALL)
    return [(SPECIAL.get(piece, 100 + ord(piece[0])), piece) for piece in pieces]


def llama_event(content: str, number: int, *, tokens: Sequence[int] = (50,)) -> dict[str, Any]:
    """Return one token of llama.cpp's ``/completion``."""
    entry = {"id": tokens[0], "token": content, "bytes": list(content.encode()), "logprob": -0.5}
    return {
        "index": 0,
        "content": content,
        "tokens": list(tokens),
        "stop": False,
        "tokens_predicted": number,
        "tokens_evaluated": 12,
        "timings": {"cache_n": 10, "prompt_n": 2, "prompt_ms": 3.5, "predicted_n": number,
                    "predicted_ms": 1.5 * number},
        "completion_probabilities": [entry],
    }  # fmt: skip


def llama_progress(processed: int) -> dict[str, Any]:
    """Return what llama.cpp tells while it reads the prompt."""
    return {
        "content": "",
        "tokens": [0],
        "stop": False,
        "prompt_progress": {"total": 12, "cache": 10, "processed": processed, "time_ms": 1},
    }


def llama_end(number: int, stop_type: str = "eos") -> dict[str, Any]:
    """Return the last event of llama.cpp's ``/completion``."""
    timings = {"cache_n": 10, "prompt_n": 2, "prompt_ms": 3.5, "predicted_n": number,
               "predicted_ms": 1.5 * number}  # fmt: skip
    return {"content": "", "tokens": [], "stop": True, "stop_type": stop_type, "timings": timings}


def llama_completion(*texts: str, stop_type: str = "eos") -> Reply:
    """Return a whole generation in llama.cpp's shape."""
    tokens = [llama_event(text, number) for number, text in enumerate(texts, 1)]
    shown = [llama_progress(10), llama_progress(12), *tokens, llama_end(len(texts), stop_type)]
    return Reply(chunks=events(*shown), content_type="text/event-stream")


def llama_routes(changed: Mapping[str, Route] = MappingProxyType({})) -> dict[str, Route]:
    """Return a llama-server; ``changed`` replaces what stands at a path."""

    def tokenize(asked: Asked) -> Reply:
        pairs = ids_and_pieces(asked.body["content"], reads_special=asked.body["parse_special"])
        if asked.body["add_special"]:
            pairs.insert(0, (BOS, "<s>"))
        if asked.body.get("with_pieces"):
            return Reply({"tokens": [{"id": one, "piece": piece} for one, piece in pairs]})
        return Reply({"tokens": [one for one, _ in pairs]})

    props = {
        "default_generation_settings": {"n_ctx": 2048},
        "total_slots": 2,
        "model_path": "/models/pilot-q8.gguf",
    }
    routes: dict[str, Route] = {
        "/health": Reply({"status": "ok"}),
        "/props": Reply(props),
        "/tokenize": tokenize,
        "/completion": llama_completion("na", "me"),
        "/v1/models": Reply({"object": "list", "data": [{"id": "pilot"}]}),
    }
    return routes | dict(changed)


def openai_chunk(text: str, reason: str | None = None, log_prob: float = -0.5) -> dict[str, Any]:
    """Return one chunk of ``/v1/completions``."""
    log_probs = {"tokens": [text], "token_logprobs": [log_prob], "top_logprobs": [None]}
    choice = {"index": 0, "text": text, "logprobs": log_probs, "finish_reason": reason}
    return {"id": "cmpl-1", "object": "text_completion", "choices": [choice]}


def openai_completion(*texts: str, reason: str = "stop") -> Reply:
    """Return a whole generation in OpenAI's shape, with the usage at its end."""
    usage = {"prompt_tokens": 7, "completion_tokens": len(texts),
             "prompt_tokens_details": {"cached_tokens": 5}}  # fmt: skip
    chunks = [openai_chunk(text) for text in texts[:-1]]
    last = openai_chunk(texts[-1], reason)
    sent = events(*chunks, last, {"choices": [], "usage": usage}, done=True)
    return Reply(chunks=sent, content_type="text/event-stream")


def vllm_routes(changed: Mapping[str, Route] = MappingProxyType({})) -> dict[str, Route]:
    """Return a vLLM server: it reads special tokens wherever they are spelled."""

    def tokenize(asked: Asked) -> Reply:
        pairs = ids_and_pieces(asked.body["prompt"], reads_special=True)
        if asked.body["add_special_tokens"]:
            pairs.insert(0, (BOS, "<s>"))
        answer: dict[str, Any] = {"count": len(pairs), "tokens": [one for one, _ in pairs]}
        if asked.body.get("return_token_strs"):
            answer["token_strs"] = [piece for _, piece in pairs]
        return Reply(answer)

    routes: dict[str, Route] = {
        "/version": Reply({"version": "0.11.0"}),
        "/v1/models": Reply({"data": [{"id": "qwen-coder", "max_model_len": 8192}]}),
        "/tokenize": tokenize,
        "/v1/completions": openai_completion("na", "me"),
    }
    return routes | dict(changed)


def ollama_routes(changed: Mapping[str, Route] = MappingProxyType({})) -> dict[str, Route]:
    """Return an Ollama with one model, not loaded yet."""
    lines = [
        b'{"model":"q","response":"na","done":false,"logprobs":[{"token":"na","logprob":-0.5}]}\n',
        b'{"model":"q","response":"me","done":false}\n',
        b'{"model":"q","response":"","done":true,"done_reason":"length","prompt_eval_count":7,'
        b'"prompt_eval_duration":3500000,"eval_count":2,"eval_duration":4000000}\n',
    ]
    routes: dict[str, Route] = {
        "/api/version": Reply({"version": "0.12.11"}),
        "/api/ps": Reply({"models": []}),
        "/api/tags": Reply({"models": [{"name": "qwen2.5-coder:1.5b-base"}]}),
        "/api/show": Reply(
            {
                "template": "<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>",
                "model_info": {"qwen2.context_length": 32768},
            }
        ),
        "/api/generate": Reply(chunks=lines, content_type="application/x-ndjson"),
        "/v1/models": Reply({"data": [{"id": "qwen2.5-coder:1.5b-base"}]}),
    }
    return routes | dict(changed)


def tgi_event(text: str, *, special: bool = False, **more: Any) -> dict[str, Any]:
    """Return one event of ``/generate_stream``."""
    token = {"id": 5, "text": text, "logprob": -0.5, "special": special}
    return {"index": 1, "token": token, "generated_text": None, "details": None, **more}


def tgi_routes(changed: Mapping[str, Route] = MappingProxyType({})) -> dict[str, Route]:
    """Return a TGI server."""

    def tokenize(asked: Asked) -> Reply:
        pairs = ids_and_pieces(asked.body["inputs"], reads_special=True)
        return Reply([{"id": one, "text": text, "start": 0, "stop": 0} for one, text in pairs])

    details = {"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 7, "seed": None}
    end = tgi_event("<|endoftext|>", special=True, generated_text="name", details=details)
    stream = events(tgi_event("na"), tgi_event("me"), end)
    routes: dict[str, Route] = {
        "/info": Reply({"model_id": "bigcode/starcoder2-3b", "max_total_tokens": 4096}),
        "/tokenize": tokenize,
        "/generate_stream": Reply(chunks=stream, content_type="text/event-stream"),
    }
    return routes | dict(changed)

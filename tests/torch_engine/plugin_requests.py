"""What other people's plugins send, field by field as they do.

llama.vim: ``autoload/llama.vim`` of ggml-org/llama.vim at a1c8e6e (2026-01-31).
llama.vscode: ``src/llama-server.ts`` of ggml-org/llama.vscode at 3938fb3 (2026-08-19).
llm-ls: ``crates/llm-ls/src/backend.rs`` of huggingface/llm-ls at 1c52b94 (2026-04-07).
"""

from __future__ import annotations

from typing import Any

PREFIX = "def value(self):\n    return self.value\n\ndef other(self):\n"
SUFFIX = "\n    return value\n"
EXTRA = [{"text": "value = 1\nother = 2\n", "time": [1764, 5], "filename": "a.py"}]


def llama_vim_fim(middle: str = "    ret") -> dict[str, Any]:
    """Return what llama.vim asks when a completion is wanted."""
    return {
        "id_slot": 0,
        "input_prefix": PREFIX,
        "input_suffix": SUFFIX,
        "input_extra": EXTRA,
        "prompt": middle,
        "n_predict": 12,
        "stop": [],
        "n_indent": 4,
        "top_k": 40,
        "top_p": 0.90,
        "samplers": ["top_k", "top_p", "infill"],
        "stream": False,
        "cache_prompt": True,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 1000,
        "response_fields": [
            "content",
            "timings/prompt_n",
            "timings/prompt_ms",
            "timings/prompt_per_token_ms",
            "timings/prompt_per_second",
            "timings/predicted_n",
            "timings/predicted_ms",
            "timings/predicted_per_token_ms",
            "timings/predicted_per_second",
            "truncated",
            "tokens_cached",
        ],
    }


def llama_vim_warm_up() -> dict[str, Any]:
    """Return what llama.vim sends so that its excerpts are read before they are needed."""
    return {
        "id_slot": 0,
        "input_prefix": "",
        "input_suffix": "",
        "input_extra": EXTRA,
        "prompt": "",
        "n_predict": 0,
        "temperature": 0.0,
        "samplers": [],
        "stream": False,
        "cache_prompt": True,
        "t_max_prompt_ms": 1,
        "t_max_predict_ms": 1,
        "response_fields": [""],
    }


def llama_vscode_fim(n_completions: int = 1) -> dict[str, Any]:
    """Return what llama.vscode asks when completions are wanted."""
    return {
        "id_slot": 0,
        "input_prefix": PREFIX,
        "input_suffix": SUFFIX,
        "input_extra": EXTRA,
        "prompt": "    ret",
        "n_predict": 12,
        "n_cmpl": n_completions,
        "top_k": 40,
        "top_p": 0.99,
        "stream": False,
        "samplers": ["top_k", "top_p", "infill"],
        "cache_prompt": True,
        "n_indent": 4,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 2500,
    }


def llama_vscode_warm_up() -> dict[str, Any]:
    """Return what llama.vscode sends to have its excerpts read."""
    return {
        "id_slot": 0,
        "input_prefix": "",
        "input_suffix": "",
        "input_extra": EXTRA,
        "prompt": "",
        "n_predict": 0,
        "samplers": [],
        "cache_prompt": True,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 1,
    }


def llm_ls() -> dict[str, Any]:
    """Return what llm-ls asks of its backends `openai` and `llamacpp`, at ``/v1/completions``.

    The prompt is a text with the model's tokens for infilling spelled in it; what is not put in by
    llm-ls is the user's ``request_body``.
    """
    return {
        "temperature": 0.2,
        "top_p": 0.95,
        "max_tokens": 12,
        "prompt": f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>",
        "model": "codellama:7b",
        "stream": False,
    }

"""What the engine tells Prometheus, under the names that llama.cpp's server gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.torch_engine.scheduler import ModelThread


def metrics_text(thread: ModelThread) -> str:
    """Return all counters and gauges in Prometheus' text format."""
    totals, residence = thread.totals, thread.residence
    n_tokens, n_bytes = residence.session_figures()
    counters = residence.counters
    rows = (
        ("counter", "prompt_tokens_total", totals.n_prompt_tokens, "Prompt tokens read."),
        ("counter", "prompt_seconds_total", totals.prompt_seconds, "Time of reading prompts."),
        ("counter", "tokens_predicted_total", totals.n_written_tokens, "Tokens written."),
        ("counter", "tokens_predicted_seconds_total", totals.predict_seconds, "Time of writing."),
        ("counter", "n_decode_total", counters.n_runs, "Runs of the model."),
        ("counter", "prompt_tokens_reused_total", totals.n_reused_tokens, "Tokens not read again."),
        ("counter", "requests_done_total", totals.n_done, "Generations that came to their end."),
        ("counter", "requests_cancelled_total", totals.n_cancelled, "Generations given up."),
        ("counter", "requests_failed_total", totals.n_failed, "Generations that failed."),
        (
            "counter",
            "requests_refused_total",
            totals.n_refused,
            "Requests the queue had no room for.",
        ),
        ("counter", "draft_tokens_total", totals.n_drafted, "Tokens drafted."),
        (
            "counter",
            "draft_tokens_accepted_total",
            totals.n_drafts_held,
            "Drafted tokens that held.",
        ),
        ("counter", "memory_shrinks_total", counters.n_shrinks, "How often memory ran out."),
        ("counter", "model_loads_total", counters.n_loads, "How often the model was loaded."),
        ("gauge", "requests_processing", thread.n_active, "Generations that take turns now."),
        ("gauge", "requests_deferred", thread.n_waiting, "Requests that wait."),
        ("gauge", "kv_cache_tokens", n_tokens, "Tokens whose keys and values are kept."),
        ("gauge", "kv_cache_bytes", n_bytes, "Their bytes."),
    )
    lines = []
    for kind, name, value, meaning in rows:
        full = f"llamacpp:{name}"
        lines += [f"# HELP {full} {meaning}", f"# TYPE {full} {kind}", f"{full} {value}"]
    return "\n".join(lines) + "\n"

"""Samples to figures, each beside the budget that it has to keep.

The budgets are for two cores and the model that is part of codelsp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.evaluation.figures import Figure, median, percentile

if TYPE_CHECKING:
    from codelsp.evaluation.samples import Samples

TOKENS = 12
"""Most tokens of one completion in the bench, for codelsp and for ``/infill`` alike."""
LARGE_REPLAYS = 3
"""How often the keys of the large file are typed."""


def figures_of(samples: Samples) -> tuple[Figure, ...]:
    """Return every figure of the budget table."""
    return (*_starts(samples), *_keystrokes(samples), *_against_infill(samples), *_rest(samples))


def _starts(samples: Samples) -> tuple[Figure, ...]:
    return (
        Figure(
            "initialize",
            "process start to `initialize` answered",
            median(samples.initialize_ms),
            "ms",
            400,
        ),
        Figure(
            "first_ghost_text",
            "process start to the first ghost text, engine cold",
            median(samples.first_ghost_text_ms),
            "ms",
            1500,
        ),
    )


def _keystrokes(samples: Samples) -> tuple[Figure, ...]:
    typed, rest = samples.typed_through_ms, samples.large_file_rest_ms
    answers = [reply.elapsed_ms for reply in samples.from_model]
    reached = f"{len(answers)} of {len(samples.answers)} keystrokes reached the model"
    warm = f"warm keystroke to ghost text, {TOKENS} tokens"
    return (
        Figure(
            "typed_through",
            "typed-through answer over stdio, p95",
            percentile(typed, 95),
            "ms",
            5,
            note=f"{len(typed)} answers",
        ),
        Figure(
            "all_but_engine",
            "everything but the engine, 10,000-line file, p95",
            percentile(rest, 95),
            "ms",
            5,
            note=f"{len(rest)} answers, of each the median of {LARGE_REPLAYS} replays",
        ),
        Figure("keystroke_p50", f"{warm}, median", median(answers), "ms", 30, note=reached),
        Figure("keystroke_p95", f"{warm}, p95", percentile(answers, 95), "ms", 60),
        Figure(
            "rested_jump",
            "the first key after a jump, where the cursor has rested for a second, median",
            median(samples.rested_jump_ms),
            "ms",
            60,
            note=_beside_jump(samples),
        ),
    )


def _beside_jump(samples: Samples) -> str:
    jump_ms = median(samples.jump_ms)
    return "" if jump_ms is None else f"without that rest: median {jump_ms:.1f} ms"


def _against_infill(samples: Samples) -> tuple[Figure, ...]:
    ours = median([reply.elapsed_ms for reply in samples.from_model])
    theirs = median(samples.infill_ms)
    note = ""
    if theirs is not None:
        tokens = median(samples.infill_tokens_read) or 0
        same = median(samples.infill_same_windows_ms) or 0.0
        note = (
            f"/infill as llama.vim asks: median {theirs:.1f} ms, {tokens:.0f} prompt tokens"
            f" re-read; with our windows {same:.1f} ms"
        )
    return (
        Figure(
            "times_infill",
            "times faster than llama.cpp's `/infill` as llama.vim asks it, same keystrokes",
            theirs / ours if ours and theirs else None,
            "x",
            3,
            is_floor=True,
            note=note,
        ),
        Figure(
            "tokens_read",
            "prompt tokens re-read per keystroke, median",
            median(samples.tokens_read),
            "tokens",
            8,
        ),
    )


def _rest(samples: Samples) -> tuple[Figure, ...]:
    return (
        Figure(
            "cancel",
            "tokens begun after a cancel, beside the one at work",
            median(samples.tokens_after_cancel),
            "tokens",
            1,
            note=f"median of {len(samples.tokens_after_cancel)} cancels",
        ),
        Figure("server_mb", "memory of the server", max(samples.server_mb, default=None), "MB", 80),
        Figure(
            "engine_mb", "memory of the engine", max(samples.engine_mb, default=None), "MB", 200
        ),
    )

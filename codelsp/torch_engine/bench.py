"""Measures the decoding loop in this process: beside ``transformers.generate``, and alone.

What goes over HTTP is measured from outside, in ``evaluation/engine_replay.py``.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import torch

from codelsp.torch_engine.decoder import Decoder, DecoderPlan
from codelsp.torch_engine.generation import Generation, GenerationPlan
from codelsp.torch_engine.hardware import use_threads
from codelsp.torch_engine.infill import InfillTexts, infill_prompt
from codelsp.torch_engine.lean_runner import lean_runner_of
from codelsp.torch_engine.loading import base_runner
from codelsp.torch_engine.native_build import NativeBuild
from codelsp.torch_engine.native_shortlists import lister_of
from codelsp.torch_engine.sampling import Sampling
from codelsp.torch_engine.vocabulary import Vocabulary, read_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

M_SHAPE = {
    "vocab_size": 16_384,
    "hidden_size": 512,
    "num_hidden_layers": 10,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 1_408,
    "max_position_embeddings": 2_048,
    "tie_word_embeddings": True,
}
"""Of a Qwen3 of our size M."""
M_WEIGHTS = 36_600_000
QWEN_1_5B_SHAPE = {
    "vocab_size": 151_936,
    "hidden_size": 1_536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "intermediate_size": 8_960,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}
"""Qwen2.5-Coder-1.5B's."""
_DRY_SHAPE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
}
_CONTEXT_TOKENS = 512
_DECODED_TOKENS = 48
_ROUNDS = 5
_WARM_PROMPT_TOKENS = 1_000


def prompts_of(
    states: Iterable[tuple[int, str]], vocabulary: Vocabulary, n_tokens: int
) -> list[tuple[int, ...]]:
    """Return a prompt of ``n_tokens`` at most for each keystroke: the cursor, the text by then."""
    return [
        infill_prompt(InfillTexts(text[:cursor], text[cursor:], ()), vocabulary, n_tokens)
        for cursor, text in states
    ]


def vocabulary_of(folder: Path) -> Vocabulary:
    """Return the vocabulary of the model in ``folder``."""
    return Vocabulary(read_tokenizer(folder))


def generate_ms(folder: Path, prompts: Sequence[tuple[int, ...]], n_tokens: int) -> list[float]:
    """Return the time that ``transformers.generate`` takes for each prompt."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    model.generation_config.eos_token_id = None
    taken = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        begun = time.perf_counter()
        with torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=n_tokens,
                min_new_tokens=n_tokens,
                do_sample=False,
                pad_token_id=0,
            )
        taken.append((time.perf_counter() - begun) * 1e3)
    return taken


def replay_ms(decoder: Decoder, prompts: Sequence[tuple[int, ...]], n_tokens: int) -> list[float]:
    """Return the time that our loop takes for each prompt, one after another, drafts and all."""
    taken = []
    for prompt in prompts:
        begun = time.perf_counter()
        for events in Generation(GenerationPlan(prompt, n_tokens), decoder).steps():
            del events
        taken.append((time.perf_counter() - begun) * 1e3)
    return taken


def decode_ms(vocabulary: Vocabulary, n_candidates: Sequence[int]) -> dict[int, float]:
    """Return milliseconds a step of a random model of size M in 8 bits, by number of candidates.

    The rounds alternate, so that a busy moment of the machine hits all alike; medians of all steps.
    """
    build = NativeBuild()
    model = _random("qwen3", M_SHAPE, torch.float32)
    use_threads(0, M_WEIGHTS)
    library = build.library()
    runner = base_runner(model, "cpu", "int8", library)
    plan = DecoderPlan(2048, 10**9, draft_tokens=0)
    decoder = Decoder({"": runner}, vocabulary, plan, shortlists=lister_of(library))
    samples: dict[int, list[float]] = {count: [] for count in n_candidates}
    for _ in range(_ROUNDS):
        for count in n_candidates:
            samples[count] += _step_ms(decoder, count)
    return {count: statistics.median(taken) for count, taken in samples.items()}


def gpu_figures(vocabulary: Vocabulary, *, is_dry: bool = False) -> dict[str, float]:
    """Return what a GPU does with the shape of Qwen2.5-Coder-1.5B in bfloat16, random weights.

    ``bandwidth_share``: what decoding reads, beside what copying within the memory reads;
    ``first_token_ms``: of a keystroke whose prompt of 1,000 tokens is known but for one;
    ``ready_s``: for which the compiler and the first steps are waited for.
    The same after ``tuned_``, with products of the compiler's own making.

    Args:
        vocabulary: Any.
        is_dry: Whether to do it all with a tiny model on the CPU, to see that it can be done.
    """
    from codelsp.torch_engine.cuda_graphs import GraphedRunner

    device = "cpu" if is_dry else "cuda"
    shape = {**QWEN_1_5B_SHAPE, **_DRY_SHAPE} if is_dry else QWEN_1_5B_SHAPE
    with torch.device(device):
        model = _random("qwen2", shape, torch.bfloat16)
    n_bytes = sum(each.nbytes for each in model.parameters())
    bandwidth = _copy_bandwidth(device)
    figures: dict[str, float] = {}
    for name, tunes in (("", False), ("tuned_", True)):
        lean = lean_runner_of(model, is_int8=False)
        runner = GraphedRunner(lean, tunes=tunes)
        decoder = Decoder({"": runner}, vocabulary, DecoderPlan(2048, 10**9, 2048, 0))
        begun = time.perf_counter()
        _step_ms(decoder, 1)
        ready = time.perf_counter() - begun
        step_ms = statistics.median(_step_ms(decoder, 1))
        figures |= {
            f"{name}bandwidth_share": n_bytes / (step_ms / 1e3) / bandwidth,
            f"{name}decode_ms": step_ms,
            f"{name}first_token_ms": _first_token_ms(decoder),
            f"{name}ready_s": ready,
        }
    return figures


def _first_token_ms(decoder: Decoder) -> float:
    """Return the time of a keystroke's first token whose prompt is known but for one token."""
    prompt = tuple(range(_WARM_PROMPT_TOKENS))
    first = []
    for length in range(_WARM_PROMPT_TOKENS - 50, _WARM_PROMPT_TOKENS):
        begun = time.perf_counter()
        for events in Generation(GenerationPlan(prompt[:length], 1), decoder).steps():
            del events
        first.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(first[1:])


def _copy_bandwidth(device: str) -> float:
    """Return the bytes a second that a device reads and writes while it copies."""
    is_gpu = device == "cuda"
    source = torch.empty(1 << (30 if is_gpu else 24), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(10):
        if is_gpu:
            torch.cuda.synchronize()
        begun = time.perf_counter()
        target.copy_(source)
        if is_gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    return 2 * source.nbytes / statistics.median(seconds)


def _random(model_type: str, shape: dict[str, Any], dtype: torch.dtype) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(model_type, **shape)
    torch.manual_seed(0)
    make: Any = AutoModelForCausalLM.from_config
    return make(config, dtype=dtype).eval()


def _step_ms(decoder: Decoder, n_candidates: int) -> list[float]:
    """Return the time of each step after a prompt of 512 tokens."""
    plan = GenerationPlan(
        tuple(index % 8000 for index in range(_CONTEXT_TOKENS)),
        _DECODED_TOKENS,
        sampling=Sampling(temperature=0.0 if n_candidates == 1 else 1.0, top_k=40),
        n_candidates=n_candidates,
    )
    taken, begun = [], 0.0
    for step, events in enumerate(Generation(plan, decoder).steps()):
        now = time.perf_counter()
        if step > len(range(0, _CONTEXT_TOKENS, decoder.chunk_tokens)):
            taken.append((now - begun) * 1e3)
        begun = now
        del events
    return taken

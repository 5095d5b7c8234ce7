"""``codelsp bench engine``: the torch engine beside transformers, llama.cpp and its own targets."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rich.table import Table

from codelsp import __version__
from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console

    from codelsp.evaluation.figures import Figure
    from codelsp.settings import Settings

_TOKENS = 12
_PROMPT_TOKENS = 1000
_GENERATE_PROMPTS = 12
_FILE = "argparse.py"
_WARM_UP = 5


@dataclass(frozen=True)
class EngineBenchOptions:
    """How much is measured."""

    n_keys: int
    """Keystrokes that are replayed beside the others."""
    n_memory_keys: int
    """Keystrokes over which memory is watched."""


@dataclass
class EngineSamples:
    """All that was measured; lists are milliseconds, one for each keystroke."""

    torch: list[float] = field(default_factory=list)
    torch_without_drafts: list[float] = field(default_factory=list)
    llama_cpp: list[float] = field(default_factory=list)
    generate: list[float] = field(default_factory=list)
    step_ms: dict[int, float] = field(default_factory=dict)
    after_cancel: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    gpu: dict[str, float] = field(default_factory=dict)


def measure_engine(
    options: EngineBenchOptions, settings: Settings, tell: Callable[[str], None]
) -> EngineSamples:
    """Measure everything this machine can.

    Raises:
        CodelspError: torch is not installed, or the model has not both kinds of files.
    """
    from codelsp.engine.torch_presence import missing_packages
    from codelsp.model_store import resolve_model
    from codelsp.model_store.model import ModelKind

    if missing_packages():
        raise CodelspError("`codelsp bench engine` needs torch: pip install 'codelsp[torch]'.")
    import torch

    from codelsp.torch_engine import bench

    folder = resolve_model(settings.model, ModelKind.HF)
    gguf = resolve_model(settings.model)
    if folder.kind is not ModelKind.HF or gguf.kind is not ModelKind.GGUF:
        raise CodelspError(
            "The bench compares one model's safetensors and GGUF; choose a folder with both:"
            " `codelsp export` makes the GGUF."
        )
    vocabulary = bench.vocabulary_of(folder.path)
    prompts = bench.prompts_of(_places(options), vocabulary, _PROMPT_TOKENS)
    samples = EngineSamples()
    asyncio.run(_replayed(options, settings, prompts, samples, tell))
    tell("transformers.generate")
    few = prompts[_WARM_UP : options.n_keys][:: max(1, options.n_keys // _GENERATE_PROMPTS)]
    samples.generate = bench.generate_ms(folder.path, few, _TOKENS)
    tell("decoding 36.6 million weights in 8 bits")
    samples.step_ms = bench.decode_ms(vocabulary, (1, 4))
    if torch.cuda.is_available():
        tell("the shape of Qwen2.5-Coder-1.5B on the GPU")
        samples.gpu = bench.gpu_figures(vocabulary)
    return samples


def _places(options: EngineBenchOptions) -> list[tuple[int, str]]:
    from codelsp.evaluation.transcript import standard_library_text, typed_functions

    n_keys = max(options.n_keys, options.n_memory_keys)
    transcript = typed_functions(_FILE, standard_library_text(_FILE), 1000)
    states = [(key.offset + len(key.text), text) for key, text in transcript.states()]
    return [states[number % len(states)] for number in range(n_keys)]


async def _replayed(
    options: EngineBenchOptions,
    settings: Settings,
    prompts: Sequence[tuple[int, ...]],
    samples: EngineSamples,
    tell: Callable[[str], None],
) -> None:
    """Replay keystrokes against both engines, in turns, so that a busy moment hits both alike."""
    from codelsp.evaluation.engine_replay import replayed

    tell("starting the engines")
    for_torch, for_llama = replace(settings, engine="torch"), replace(settings, engine="llama.cpp")
    keys = prompts[: options.n_keys]
    async with replayed(for_torch) as ours, replayed(for_llama) as theirs:
        for number in range(0, len(keys), 10):
            tell(f"keystroke {number} of {len(keys)}")
            few = keys[number : number + 10]
            samples.torch += await ours.replay_ms(few, _TOKENS)
            samples.llama_cpp += await theirs.replay_ms(few, _TOKENS)
            samples.torch_without_drafts += await ours.replay_ms(few, _TOKENS, drafts=False)
        samples.after_cancel = await ours.tokens_after_cancel()
        n_keys = options.n_memory_keys
        samples.memory = await ours.memory_series(
            prompts[:n_keys], _TOKENS, lambda done: tell(f"memory, keystroke {done} of {n_keys}")
        )
    for name in ("torch", "llama_cpp", "torch_without_drafts"):
        setattr(samples, name, getattr(samples, name)[_WARM_UP:])


def engine_figures(samples: EngineSamples) -> list[Figure]:
    """Return what was measured beside what it must reach."""
    from codelsp.evaluation.figures import Figure, median

    ours, plain = median(samples.torch), median(samples.torch_without_drafts)
    theirs, generate = median(samples.llama_cpp), median(samples.generate)
    figures = [
        Figure("generate_ratio", "keystroke replay, transformers.generate / ours",
               _ratio(generate, ours), "times", 8.0, is_floor=True, note=_ms(generate, ours)),
        Figure("llama_ratio", "keystroke replay, ours without drafts / llama.cpp",
               _ratio(plain, theirs), "times", 1.5, note=_ms(plain, theirs)),
        Figure("llama_ratio_drafts", "keystroke replay, ours with drafts / llama.cpp",
               _ratio(ours, theirs), "times", 1.0, note=_ms(ours, theirs)),
        Figure("candidates_ratio", "decoding, 4 candidates / 1",
               _ratio(samples.step_ms.get(4), samples.step_ms.get(1)), "times", 1.3),
        Figure("decode_ms", "decoding, 36.6 million weights in 8 bits, 512 tokens of context",
               samples.step_ms.get(1), "ms a token", 4.0),
        Figure("after_cancel", "tokens computed after a cancel",
               median(samples.after_cancel), "tokens", 0.0),
        Figure("memory_growth", f"memory over {len(samples.memory)} looks, last / first after a"
               " fifth", _growth(samples.memory), "percent", 3.0),
    ]  # fmt: skip
    note = "" if samples.gpu else "no GPU here"
    share = samples.gpu.get("bandwidth_share")
    figures += [
        Figure("gpu_bandwidth", "GPU, Qwen2.5-Coder-1.5B in bfloat16: of what memory allows",
               None if share is None else share * 100, "percent", 60.0, is_floor=True, note=note),
        Figure("gpu_first_token", "GPU, first token of a warm keystroke",
               samples.gpu.get("first_token_ms"), "ms", 8.0, note=note),
    ]  # fmt: skip
    return figures


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _ms(one: float | None, other: float | None) -> str:
    return f"{one or 0:.1f} ms and {other or 0:.1f} ms"


def _growth(memory: Sequence[int]) -> float | None:
    if not memory:
        return None
    return (memory[-1] / memory[len(memory) // 5] - 1) * 100


def described_engine_run(
    samples: EngineSamples, figures: Sequence[Figure], options: EngineBenchOptions
) -> dict[str, Any]:
    """Return what a reader needs to know of a run, and its figures."""
    from dataclasses import asdict

    from codelsp.evaluation.figures import machine

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "codelsp": __version__,
        "machine": machine(),
        "load_average": load,
        "options": asdict(options),
        "figures": [figure.as_dict() for figure in figures],
        "samples": asdict(samples),
    }


def show_engine_run(console: Console, figures: Sequence[Figure], described: dict[str, Any]) -> None:
    """Draw the figures as a table."""
    console.print(f"{described['machine']}, load {described['load_average']}", markup=False)
    table = Table("measured", "figure", "target", "", box=None, pad_edge=False)
    for figure in figures:
        value = "not measured" if figure.value is None else f"{figure.value:.2f} {figure.unit}"
        target = f"{'at least ' if figure.is_floor else ''}{figure.budget:g} {figure.unit}"
        mark = "kept" if figure.is_met else ("-" if figure.value is None else "missed")
        table.add_row(figure.what, value, target, mark)
        if figure.note:
            table.add_row(f"  {figure.note}", style="dim")
    console.print(table)


def plot_engine_run(samples: EngineSamples, file: Path) -> None:
    """Draw the keystrokes' times, and the memory, into an image.

    Raises:
        CodelspError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl

        mpl.use("agg")
        from matplotlib import pyplot as plt
    except ImportError:
        raise CodelspError("A plot needs matplotlib: pip install matplotlib.") from None
    drawing, (times, memory) = plt.subplots(1, 2, figsize=(11, 4))
    named = {
        "torch": samples.torch,
        "torch, no drafts": samples.torch_without_drafts,
        "llama.cpp": samples.llama_cpp,
        "transformers.generate": samples.generate,
    }
    times.boxplot(list(named.values()), tick_labels=list(named), showfliers=False)
    times.set_yscale("log")
    times.set_ylabel("ms from a key to its 12 tokens")
    memory.plot([value / 1e6 for value in samples.memory])
    memory.set_ylim(bottom=0)
    memory.set_ylabel("resident memory, MB")
    memory.set_xlabel("keystrokes, in equal parts")
    drawing.tight_layout()
    drawing.savefig(file)
    plt.close(drawing)

"""``codelsp bench engine``: the torch engine beside transformers, llama.cpp and its own targets."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.table import Table

from codelsp import __version__
from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from codelsp.evaluation.figures import Figure
    from codelsp.settings import Settings

_TOKENS = 12
_PROMPT_TOKENS = 1000
_GENERATE_PROMPTS = 12
_FILE = "json/decoder.py"
_WARM_UP = 5
_KEYS_IN_TURN = 10


@dataclass(frozen=True)
class EngineBenchOptions:
    """How much is measured."""

    n_keys: int
    """Keystrokes that are replayed beside the others."""
    n_memory_keys: int
    """Keystrokes over which memory is watched."""
    most_seconds: float = 600.0
    """After so long each of the two ends with what it has."""


@dataclass
class EngineSamples:
    """All that was measured; lists are milliseconds, one for each keystroke."""

    torch: list[float] = field(default_factory=list)
    torch_without_drafts: list[float] = field(default_factory=list)
    llama_cpp: list[float] = field(default_factory=list)
    generate: list[float] = field(default_factory=list)
    step_ms: dict[str, float] = field(default_factory=dict)
    """By number of candidates."""
    after_cancel: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    gpu: dict[str, float] = field(default_factory=dict)


class KeptRun:
    """What a run has measured by now, in a file, so that a broken-off run can be gone on with.

    Args:
        file: Where to keep it; None keeps nothing.
        options: A run with others is begun anew.
    """

    def __init__(self, file: Path | None, options: EngineBenchOptions) -> None:
        self._file, self._options = file, options
        self.samples = EngineSamples()
        described = self._read()
        if (
            described.get("is_complete") is False
            and described.get("options") == asdict(options)
            and described.get("codelsp") == __version__
        ):
            known = {each.name for each in fields(EngineSamples)}
            kept = {name: each for name, each in described["samples"].items() if name in known}
            self.samples = EngineSamples(**kept)

    def keep(self, *, is_complete: bool = False) -> dict[str, Any]:
        """Write the file; return what is in it."""
        figures = engine_figures(self.samples)
        described = described_engine_run(self.samples, figures, self._options)
        described["is_complete"] = is_complete
        if self._file is not None:
            self._file.write_text(json.dumps(described, indent=2) + "\n", "utf-8")
        return described

    def _read(self) -> dict[str, Any]:
        if self._file is None or not self._file.is_file():
            return {}
        try:
            described = json.loads(self._file.read_text("utf-8"))
        except ValueError:
            return {}
        return described if isinstance(described, dict) else {}


Tell = Callable[[str], None]


def measure_engine(
    options: EngineBenchOptions, settings: Settings, kept: KeptRun, tell: Tell
) -> EngineSamples:
    """Measure everything this machine can; what ``kept`` holds already is not measured again.

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
    samples = kept.samples
    if not samples.torch:
        asyncio.run(_replayed(options, settings, prompts, samples, tell))
        kept.keep()
    if not samples.memory:
        asyncio.run(_watched(options, settings, prompts, samples, tell))
        kept.keep()
    if not samples.generate:
        tell("transformers.generate")
        few = prompts[_WARM_UP : options.n_keys][:: max(1, options.n_keys // _GENERATE_PROMPTS)]
        samples.generate = bench.generate_ms(folder.path, few, _TOKENS)
        kept.keep()
    if not samples.step_ms:
        tell("decoding 36.6 million weights in 8 bits")
        samples.step_ms = {str(n): ms for n, ms in bench.decode_ms(vocabulary, (1, 4)).items()}
        kept.keep()
    if torch.cuda.is_available() and not samples.gpu:
        tell("the shape of Qwen2.5-Coder-1.5B on the GPU")
        samples.gpu = bench.gpu_figures(vocabulary)
        kept.keep()
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
    tell: Tell,
) -> None:
    """Replay keystrokes against both engines, in turns, so that a busy moment hits both alike."""
    from codelsp.evaluation.engine_replay import replayed

    tell("starting the engines")
    for_torch, for_llama = replace(settings, engine="torch"), replace(settings, engine="llama.cpp")
    keys = prompts[: options.n_keys]
    taken: dict[str, list[float]] = {"torch": [], "llama_cpp": [], "torch_without_drafts": []}
    deadline = time.monotonic() + options.most_seconds
    async with replayed(for_torch) as ours, replayed(for_llama) as theirs:
        for number in range(0, len(keys), _KEYS_IN_TURN):
            tell(f"keystroke {number} of {len(keys)}")
            few = keys[number : number + _KEYS_IN_TURN]
            taken["torch"] += await ours.replay_ms(few, _TOKENS)
            taken["llama_cpp"] += await theirs.replay_ms(few, _TOKENS)
            taken["torch_without_drafts"] += await ours.replay_ms(few, _TOKENS, drafts=False)
            if time.monotonic() > deadline:
                break
    for name, times in taken.items():
        setattr(samples, name, times[_WARM_UP:])


async def _watched(
    options: EngineBenchOptions,
    settings: Settings,
    prompts: Sequence[tuple[int, ...]],
    samples: EngineSamples,
    tell: Tell,
) -> None:
    """Cancel a few times, then watch the engine's memory over very many keystrokes."""
    from codelsp.evaluation.engine_replay import replayed

    n_keys = options.n_memory_keys
    tell("starting the engine")
    async with replayed(replace(settings, engine="torch")) as ours:
        samples.after_cancel = await ours.tokens_after_cancel()
        samples.memory = await ours.memory_series(
            prompts[:n_keys],
            _TOKENS,
            lambda done: tell(f"memory, keystroke {done} of {n_keys}"),
            options.most_seconds,
        )


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
               _ratio(samples.step_ms.get("4"), samples.step_ms.get("1")), "times", 1.3),
        Figure("decode_ms", "decoding, 36.6 million weights in 8 bits, 512 tokens of context",
               samples.step_ms.get("1"), "ms a token", 4.0),
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
    refuse_plot_without_matplotlib()
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(11, 4), layout="constrained")
    times, memory = drawing.subplots(1, 2)
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
    drawing.savefig(file)


def refuse_unwritable(file: Path) -> None:
    """See that ``file`` can be written, before anything is measured for it.

    Raises:
        CodelspError: it cannot.
    """
    try:
        file.open("a").close()
    except OSError as error:
        raise CodelspError(f"{file} cannot be written: {error.strerror}.") from None


def refuse_plot_without_matplotlib() -> None:
    """See that a plot can be drawn, before anything is measured for it.

    Raises:
        CodelspError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise CodelspError("--plot needs matplotlib: pip install 'codelsp[evaluate]'.")

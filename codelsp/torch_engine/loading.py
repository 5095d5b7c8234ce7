"""From a folder to a ``Decoder``: refuse what may not be loaded, choose, load, check, warm up."""

from __future__ import annotations

import json
import logging
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from codelsp.errors import EngineUnavailableError, ModelFileError
from codelsp.model_store.model import PICKLES
from codelsp.model_store.tensor_head import read_tensor_head
from codelsp.torch_engine.agreement import LEAST_AGREEMENT, Measured, agreement
from codelsp.torch_engine.cuda_graphs import GraphedRunner
from codelsp.torch_engine.decoder import Decoder, DecoderPlan
from codelsp.torch_engine.hardware import this_hardware
from codelsp.torch_engine.lean_runner import LeanRunner, layers_of, lean_runner_of, supports
from codelsp.torch_engine.machine_plan import (
    MachinePlan,
    bears_int8,
    plan_machine,
    size_of,
    usual_context_tokens,
)
from codelsp.torch_engine.native_build import NativeBuild
from codelsp.torch_engine.native_runner import NativeRunner, can_be_native
from codelsp.torch_engine.native_shortlists import lister_of
from codelsp.torch_engine.runner import Runner, TransformersRunner
from codelsp.torch_engine.vocabulary import Vocabulary, read_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ctypes import CDLL

logger = logging.getLogger(__name__)

_MARGINS = {"float32": 1e-4, "bfloat16": 0.125, "float16": 0.03, "int8": 0.25}
_CHUNK_TOKENS = {"cpu": 128, "mps": 512, "cuda": 2048}
_BIG_MODEL_WEIGHTS, _BIG_MODEL_CHUNK_TOKENS = 500_000_000, 64
_DRAFT_TOKENS = {"cpu": 3, "mps": 4, "cuda": 8}
"""With the token before it a draft makes up to four rows on a CPU: one pass over the weights."""
_NATIVE_DTYPES = ("float32", "int8")
_MOST_USUAL_CANDIDATES = 4
_SAFETENSORS_INDEX = "model.safetensors.index.json"

_WITH_KEYS_AND_VALUES = frozenset(("full_attention", "sliding_attention", "chunked_attention"))
"""Layers, by transformers' names, of which any beginning can be kept."""


@dataclass(frozen=True)
class LoadOptions:
    """What the user chose."""

    device: str = "auto"
    dtype: str = "auto"
    context_tokens: int = 0
    adapters: tuple[str, ...] = ()
    """Folders of peft."""
    trusts_code: bool = False
    allows_pickle: bool = False
    uses_drafts: bool = True
    is_lean: bool = True
    """Whether our own forward pass may take over from transformers'."""
    is_native: bool = True
    """Whether that pass may be compiled for this processor, where there is a compiler."""


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked."""

    decoder: Decoder
    plan: MachinePlan
    adapters: tuple[str, ...]
    """Their names."""
    n_rows: int
    """Of the model's vocabulary."""


def load(folder: Path, options: LoadOptions) -> Loaded:
    """Return the model in ``folder``, warmed up.

    Raises:
        ModelFileError: it may not be loaded, or is damaged.
        EngineUnavailableError: it does not fit.
    """
    _refuse_unsafe(folder, options)
    _refuse_missing_shards(folder)
    config = _config(folder, options)
    vocabulary = _vocabulary(folder, config, options)
    hardware = this_hardware(options.device)
    longest = options.context_tokens or usual_context_tokens(hardware.device)
    has_lean = options.is_lean and supports(config, longest)
    is_native = has_lean and options.is_native and hardware.device == "cpu"
    # Compiled meanwhile, if it has not been before.
    build = NativeBuild() if is_native else None
    is_compiled = build is not None and build.is_possible
    size = size_of(config, n_weights_of(folder))

    def planned(dtype: str) -> MachinePlan:
        return plan_machine(
            size,
            hardware,
            dtype=dtype,
            context_tokens=options.context_tokens,
            int8_layers=has_lean and (dtype == "int8" or bears_int8(size, is_compiled=is_compiled)),
        )

    plan = planned(options.dtype)
    if plan.dtype == "int8" and (not has_lean or plan.device != "cpu"):
        raise EngineUnavailableError(
            f"int8 is there for models on the CPU with layers of the Llama kind, not for"
            f" {config.model_type} on {plan.device}; take `--dtype auto`."
        )
    model = _model(folder, config, plan, options)
    n_rows = model.get_input_embeddings().weight.shape[0]
    _refuse_wrong_vocabulary(n_rows, vocabulary, folder)
    # What does not need the library does not wait for its compiler.
    library = build.library() if build is not None and plan.dtype in _NATIVE_DTYPES else None
    base = base_runner(model, plan.device, plan.dtype, library) if has_lean else None
    if plan.dtype == "int8" and base is not None:
        reason = _doubt(folder, model, base, vocabulary)
        logger.info("%s", reason or "int8: it writes what the model writes in full precision")
        if reason and options.dtype == "auto":
            with suppress(EngineUnavailableError):  # Where nothing else fits, int8 it is.
                plan = planned("float32")
                base = base_runner(model, plan.device, plan.dtype, library)
    runners = _runners(model, base, options)
    chunk = _CHUNK_TOKENS[plan.device]
    if plan.device == "cpu" and size.n_weights > _BIG_MODEL_WEIGHTS:
        chunk = _BIG_MODEL_CHUNK_TOKENS
    decoder = Decoder(
        runners,
        vocabulary,
        DecoderPlan(
            plan.context_tokens,
            plan.cache_bytes,
            chunk,
            _DRAFT_TOKENS[plan.device] if options.uses_drafts else 0,
            _MARGINS[plan.dtype],
        ),
        shortlists=lister_of(library),
    )
    for reason in (f"{plan.device}: {hardware.name or 'chosen'}", *plan.reasons):
        logger.info("%s", reason)
    for name, runner in runners.items():
        logger.info("%s runs %s", runner.name, name or "the model")
    warm_up(decoder)
    names = tuple(name for name in runners if name)
    return Loaded(decoder, plan, names, n_rows)


def load_plain(folder: Path, options: LoadOptions) -> tuple[Any, Vocabulary]:
    """Return transformers' own model in ``folder``, ready to be asked, and its vocabulary.

    Raises:
        ModelFileError: it may not be loaded, or is damaged.
        EngineUnavailableError: it does not fit.
    """
    _refuse_unsafe(folder, options)
    _refuse_missing_shards(folder)
    config = _config(folder, options)
    vocabulary = _vocabulary(folder, config, options)
    plan = plan_machine(
        size_of(config, n_weights_of(folder)),
        this_hardware(options.device),
        dtype=options.dtype,
        context_tokens=options.context_tokens,
        int8_layers=False,
    )
    model = _model(folder, config, plan, options)
    _refuse_wrong_vocabulary(model.get_input_embeddings().weight.shape[0], vocabulary, folder)
    return model, vocabulary


def warm_up(decoder: Decoder) -> None:
    """Run the model once for each shape that a keystroke has, so that no user waits for it."""
    for adapter, runner in decoder.runners.items():
        if isinstance(runner, GraphedRunner):
            runner.make_ready(decoder.context_tokens)
        cache = runner.new_cache()
        n_tokens = min(16, decoder.context_tokens // 4)
        decoder.run(cache, [[0] * n_tokens], 1, adapter=adapter)
        decoder.run(cache, [[0]], 1, adapter=adapter)
        decoder.run(cache, [[0] * 5], 5, adapter=adapter)
        for n_rows in range(2, _MOST_USUAL_CANDIDATES + 1):
            rows = cache.copied(n_tokens)
            rows.select_rows([0] * n_rows)
            decoder.run(rows, [[0]] * n_rows, 1, adapter=adapter)


def _refuse_unsafe(folder: Path, options: LoadOptions) -> None:
    """Say no to what may run code of strangers.

    Raises:
        ModelFileError: it may, and the user has not allowed it.
    """
    described = _json(folder / "config.json")
    custom = described.get("auto_map")
    if custom and not options.trusts_code:
        raise ModelFileError(
            f"{folder} wants to run Python code that came with it ({', '.join(custom)});"
            " if you trust whoever wrote it, start the engine with --trust-remote-code."
        )
    if any(folder.glob("*.safetensors")) or options.allows_pickle:
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise ModelFileError(
            f"{folder} holds pickles only ({pickles[0]}), which may run any code when they are"
            " loaded; if you trust whoever made them, start the engine with --allow-pickle."
        )
    raise ModelFileError(f"{folder} holds no weights: no *.safetensors.")


def _refuse_missing_shards(folder: Path) -> None:
    index = folder / _SAFETENSORS_INDEX
    if not index.is_file():
        return
    wanted = set(_json(index).get("weight_map", {}).values())
    missing = sorted(name for name in wanted if not (folder / name).is_file())
    if missing:
        raise ModelFileError(
            f"{folder} is incomplete: {len(missing)} of {len(wanted)} files are missing"
            f" ({', '.join(missing[:3])}); get the model again."
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelFileError(f"{path} is missing; a model's folder has one.") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}; get the model again.") from None
    if not isinstance(value, dict):
        raise ModelFileError(f"{path} is damaged; get the model again.")
    return value


def _config(folder: Path, options: LoadOptions) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(
            folder, trust_remote_code=options.trusts_code, local_files_only=True
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{folder}: transformers does not know this model: {error}") from error
    text = config.get_text_config()
    others = {*(getattr(text, "layer_types", None) or ())} - _WITH_KEYS_AND_VALUES
    if others:
        raise ModelFileError(
            f"{folder}: {config.model_type} has layers of {', '.join(sorted(others))}, whose state"
            " cannot be cut back to what a prompt shares with the last one; the torch engine does"
            " not run it. A GGUF file of it runs with `engine` at `llama.cpp`."
        )
    return config


def _vocabulary(folder: Path, config: Any, options: LoadOptions) -> Vocabulary:
    tokenizer = read_tokenizer(folder, trusts_code=options.trusts_code)
    generation = folder / "generation_config.json"
    described = _json(generation) if generation.is_file() else {}
    text = config.get_text_config()
    ends = {*_ids(getattr(text, "eos_token_id", None)), *_ids(described.get("eos_token_id"))}
    return Vocabulary(tokenizer, ends, _bos_id(tokenizer))


def _bos_id(tokenizer: Any) -> int | None:
    """Return what the tokenizer itself puts before a text, if it does."""
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    return int(whole[0]) if len(whole) > len(bare) and whole[0] != bare[0] else None


def _ids(value: object) -> list[int]:
    if isinstance(value, int):
        return [value]
    return [each for each in value if isinstance(each, int)] if isinstance(value, list) else []


def n_weights_of(folder: Path) -> int:
    """Return the number of weights, from the headers of the files; tied ones counted once."""
    from math import prod

    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        total += sum(map(prod, read_tensor_head(file).shapes.values()))
    if total == 0:  # Pickles, which were allowed.
        files = (path for path in folder.iterdir() if path.suffix in PICKLES)
        total = sum(path.stat().st_size for path in files) // 2
    return total


def _model(folder: Path, config: Any, plan: MachinePlan, options: LoadOptions) -> Any:
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, "float32" if plan.dtype == "int8" else plan.dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of no use to whoever starts an engine.
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                trust_remote_code=options.trusts_code,
                use_safetensors=None if options.allows_pickle else True,
                local_files_only=True,
            )
    except Exception as error:
        raise ModelFileError(f"{folder} cannot be loaded: {error}") from error
    model.requires_grad_(requires_grad=False)
    return model.to(torch.device(plan.device)).eval()


def _refuse_wrong_vocabulary(n_rows: int, vocabulary: Vocabulary, folder: Path) -> None:
    if vocabulary.largest_id >= n_rows:
        raise ModelFileError(
            f"{folder}: the tokenizer has ids up to {vocabulary.largest_id}, but the model knows"
            f" {n_rows} tokens only; the tokenizer is another model's."
        )


def base_runner(model: Any, device: str, dtype: str, library: CDLL | None) -> Runner:
    """Return what runs a model that our own forward pass knows.

    Args:
        model: On ``device``; for ``int8`` in 32 bits.
        device: Where it is.
        dtype: What it is to be computed in.
        library: The compiled steps; None for none.
    """
    is_int8 = dtype == "int8"
    if device == "cuda":
        return GraphedRunner(lean_runner_of(model, is_int8=False))
    if library is None:
        return lean_runner_of(model, is_int8=is_int8)
    lean = LeanRunner(model, has_layers=not is_int8)
    if not can_be_native(lean):
        return lean_runner_of(model, is_int8=is_int8)
    layers = layers_of(model) if is_int8 else lean.layers
    threads = torch.get_num_threads()
    return NativeRunner(lean, layers, library, is_int8=is_int8, n_threads=threads)


def _doubt(folder: Path, model: Any, rounded: Runner, vocabulary: Vocabulary) -> str:
    """Return why 8 bits are not good enough for a model; empty if they are."""
    measured = Measured(folder, rounded.name)
    rate = measured.read()
    if rate is None:
        rate = agreement(TransformersRunner(model), rounded, vocabulary)
        measured.write(rate)
    if rate >= LEAST_AGREEMENT:
        return ""
    return (
        f"int8 changes too much: {rate:.1%} of the greedy tokens are those of full precision,"
        f" {LEAST_AGREEMENT:.0%} are wanted"
    )


def _runners(model: Any, base: Runner | None, options: LoadOptions) -> Mapping[str, Runner]:
    adapted = _adapted(model, options.adapters) if options.adapters else {}
    if base is None:
        base = adapted.pop("", None) or TransformersRunner(model)
    return {"": base, **adapted}


def _adapted(model: Any, folders: Sequence[str]) -> dict[str, Runner]:
    from codelsp.torch_engine.adapters import adapted_runners

    return adapted_runners(model, [Path(folder) for folder in folders])

"""The model tuned on the repository's files: corpus, rows, run, release, each gone on with.

Everything is what makes our own models (``training``); here are the numbers for a short run that
goes on from a trained model, and the pieces in the order they depend on each other.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers

from codelsp.model_store.model import ModelKind
from codelsp.model_store.resolve import resolve_model
from codelsp.prompt.fim import choose_layout
from codelsp.prompt.layout import Order
from codelsp.training.assembly import fresh_model, objective_of
from codelsp.training.checkpoint import checkpoints_in
from codelsp.training.devices import Machine, threads
from codelsp.training.disk import room_for
from codelsp.training.documents import ShardWriter
from codelsp.training.examples import ExampleRules
from codelsp.training.export import Credits
from codelsp.training.from_gguf import unpack_gguf
from codelsp.training.loop import Run
from codelsp.training.manifest import MANIFEST, CorpusManifest
from codelsp.training.middles import MiddleShares
from codelsp.training.objective import Learner
from codelsp.training.optimizer import OptimizerSettings
from codelsp.training.prepare import PreparePlan, prepare, read_description
from codelsp.training.recipe import Batch, Cadence, DataPhase, Recipe
from codelsp.training.release import SUMS, Release, release
from codelsp.training.schedule import Schedule
from codelsp.training.tokenizer import load_tokenizer, special_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokenizers import Tokenizer

    from codelsp.adaptation.partition import Partition
    from codelsp.adaptation.plan import AdaptPlan, Work
    from codelsp.model_store.model import Model
    from codelsp.training.documents import Document
    from codelsp.training.monitor import Observer

CONTEXT = 1024
"""Tokens in a row: as many as serving sends."""
HELD_OUT = " (held out)"
"""What the repository is called on the other side of the split."""
_RULES = ExampleRules(
    window=int(CONTEXT * 3.3),
    short_window_share=0.8,
    fim_share=0.9,
    middles=MiddleShares(line=0.65, block=0.1, span=0.15, bracket=0.1),
)
_MAIN_ORDER_SHARE = 0.95
_FULL = OptimizerSettings(muon_rate=0.01, adam_rate=1.5e-3, weight_decay=0.01)
_LORA = OptimizerSettings(muon_rate=0.0, adam_rate=2e-3)
_BATCH = Batch(tokens=2_048, micro_rows=2)
_WARMUP_SHARE, _DECAY_SHARE = 0.1, 0.7
_CHECKPOINT_SECONDS = 60.0
_END_WEIGHT = 5.0
_WARM_UP_TOKENS = 128
_PROBE_ROUNDS = 3
_RECIPE = "recipe.json"


@dataclass(frozen=True)
class Tuned:
    """What tuning came to."""

    folder: Path
    """With GGUF and safetensors."""
    tokens: int
    """Learned from, over all passes."""
    own_tokens: int
    """Of the repository's learned files."""
    seconds: float
    """Of training."""


def base_model(name: str) -> Model:
    """Return the model that is tuned: its safetensors, or its GGUF file where it has no others.

    Raises:
        ModelNotFoundError, ModelFileError: there is none that may be loaded.
    """
    return resolve_model(name, ModelKind.HF)


def write_corpus(sides: Partition, name: str, folder: Path) -> None:
    """Write both sides of the repository, unless they are there."""
    if (folder / MANIFEST).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    manifest = CorpusManifest(
        train_shards=_shards(sides.train, folder, "train", name),
        validation_shards=_shards(sides.held_out, folder, "held-out", name + HELD_OUT),
        train_repositories=[name],
        validation_repositories=[name + HELD_OUT],
    )
    manifest.save(folder)


def _shards(documents: Sequence[Document], folder: Path, stem: str, name: str) -> list[str]:
    with ShardWriter(folder, stem) as writer:
        for document in documents:
            writer.add(replace(document, repository=name))
    return [path.name for path in writer.paths]


def tune(
    plan: AdaptPlan,
    work: Work,
    name: str,
    observers: Callable[[Run], Sequence[Observer]],
    told: Callable[[str], None],
) -> Tuned | None:
    """Tune the model of ``plan`` on the corpus of ``work``; None if a signal ended it before.

    Args:
        plan: What was asked for.
        work: Where; its corpus is there.
        name: Of the folder that is made.
        observers: Makes those who listen to the run.
        told: Hears what is being done.

    Raises:
        TrainingError: the disk is full, or the loss stopped being a number.
        ModelError: the model cannot be trained further.
    """
    # There is a bar already.
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # theirs
    made = work.made / name
    with room_for("the adapted model", work.folder):
        base = _unpacked(plan, work)
        recipe = _recipe(plan, work, base, told)
        if not (made / SUMS).is_file():
            told("training")
            run = Run(recipe, work.run)
            run.observe(observers(run))
            state = run.train()
            if not run.is_finished:
                return None
            told("writing the model")
            _release(recipe, work, made)
            del run
        from codelsp.training.checkpoint import read_state

        state = read_state(checkpoints_in(work.run)[-1])
    own = read_description(recipe.phases[0].rows, "train").n_tokens
    return Tuned(made, state.tokens, own, state.seconds)


def _unpacked(plan: AdaptPlan, work: Work) -> Path:
    """Return the base as a folder that can be trained."""
    model = base_model(plan.model)
    if model.kind is ModelKind.HF:
        return model.path
    if not work.base.is_dir():
        unpack_gguf(model.path, work.base)
    return work.base


def _recipe(plan: AdaptPlan, work: Work, base: Path, told: Callable[[str], None]) -> Recipe:
    """Return the recipe of the work: made once, with rows for each pass, and kept."""
    file = work.folder / _RECIPE
    tokenizer = base / "tokenizer.json"
    draft = Recipe(
        name="adapted",
        tokenizer=tokenizer,
        phases=(),
        schedule=Schedule(0, 0, 0),
        start_from=str(base),
        lora_rank=plan.lora_rank,
        optimizer=_LORA if plan.lora_rank else _FULL,
        batch=_BATCH,
        cadence=Cadence(checkpoint=_CHECKPOINT_SECONDS, validate=float("inf"), keep=2),
        end_weight=_END_WEIGHT,
        threads=plan.threads,
    )
    if not file.is_file():
        told("reading the repository")
        n_tokens = _rows(work, tokenizer, 0)
        told("measuring the machine")
        n_threads, speed = _fastest(draft)
        facts = {
            "seconds": min(plan.minutes * 60, plan.epochs * n_tokens / speed),
            "threads": n_threads,
        }
        part = file.with_suffix(".part")
        part.write_text(json.dumps(facts), encoding="utf-8")
        part.replace(file)
    facts = json.loads(file.read_bytes())
    seconds = float(facts["seconds"])
    n_passes = max(1, math.ceil(plan.epochs))
    lengths = [_rows(work, tokenizer, number) for number in range(n_passes)]
    ends = [sum(lengths[: number + 1]) for number in range(n_passes)]
    return replace(
        draft,
        threads=int(facts["threads"]),
        phases=tuple(DataPhase(work.rows / str(number), end) for number, end in enumerate(ends)),
        schedule=Schedule(seconds, _WARMUP_SHARE * seconds, _DECAY_SHARE * seconds, unit="seconds"),
    )


def _rows(work: Work, tokenizer_file: Path, number: int) -> int:
    """Make the rows of one pass, unless they are there; return how many tokens they hold.

    Each pass has holes of its own.
    """
    folder = work.rows / str(number)
    if not (folder / "train.json").is_file():
        rules = _rules(load_tokenizer(tokenizer_file))
        prepare(PreparePlan(work.corpus, tokenizer_file, folder, "train", CONTEXT, rules, number))
    return read_description(folder, "train").n_tokens


def _rules(tokenizer: Tokenizer) -> ExampleRules:
    """Return the examples' rules for a model of this tokenizer: in the shape it is served in."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    layout = choose_layout(vocabulary)
    share = _MAIN_ORDER_SHARE if layout.order is not Order.PSM else 1 - _MAIN_ORDER_SHARE
    rules = replace(_RULES, spm_share=share)
    if layout.reads_other_files:
        return rules
    # A model that was not trained with headers of files is not served with them either.
    return replace(rules, path_share=0.0, repository_share=0.0, neighbor_share=0.0)


def _fastest(recipe: Recipe) -> tuple[int, float]:
    """Return how many threads to train with, and the tokens a second that they make.

    Several threads wait for each other at every operation: where other programs have the cores,
    one alone is several times faster.
    """
    choices = {recipe.threads} if recipe.threads else {1, torch.get_num_threads()}
    speed_of = _probe(recipe)
    speed_of(_WARM_UP_TOKENS)
    best = dict.fromkeys(choices, 0.0)
    # In turns, and the best of each: a busy moment is not to decide on a quarter of an hour.
    for _ in range(_PROBE_ROUNDS if len(choices) > 1 else 1):
        for n_threads in choices:
            with threads(n_threads):
                best[n_threads] = max(best[n_threads], speed_of(CONTEXT))
    n_threads = max(best, key=best.__getitem__)
    return n_threads, best[n_threads]


def _probe(recipe: Recipe) -> Callable[[int], float]:
    """Return what trains on a row of noise of so many tokens, and says how many a second."""
    tokenizer = load_tokenizer(recipe.tokenizer)
    objective = objective_of(tokenizer, recipe)
    machine = Machine()
    model = fresh_model(recipe, tokenizer, objective)
    learner = machine.wrapped(Learner(model, objective))
    low, high = len(special_ids(tokenizer)), tokenizer.get_vocab_size()

    def speed_of(n_tokens: int) -> float:
        rows = torch.randint(low, high, (1, n_tokens + 1), device=machine.device)
        began = time.perf_counter()
        with machine.autocast():
            weighted, _ = learner(rows)
        (weighted / n_tokens).backward()
        return n_tokens / (time.perf_counter() - began)

    return speed_of


def _release(recipe: Recipe, work: Work, made: Path) -> None:
    """Write the run's last weights as a model folder, adapters merged."""
    source = checkpoints_in(work.run)[-1]
    wanted = Release(credits=Credits(made.name, "Adapted with codelsp adapt"), last=1)
    if recipe.lora_rank:
        from codelsp.training.lora import merged

        folder = work.folder / "merged"
        shutil.rmtree(folder, ignore_errors=True)
        merged(recipe.start_from, source, recipe.lora_rank).save_pretrained(folder)
        for carried in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            if (Path(recipe.start_from) / carried).is_file():
                shutil.copyfile(Path(recipe.start_from) / carried, folder / carried)
        source = folder
    else:
        source = work.run
    release(source, made, wanted)

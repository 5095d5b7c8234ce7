"""``codelsp train --base``: the recipe of a fine-tuning, and the model that comes of it.

The options and their defaults are those of auto_coding's ``train.py``; the loop is everyone's
(``loop.py``), so a run resumes to the last bit and its recipe repeats it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from codelsp.errors import CheckpointError, TrainingError
from codelsp.model_store import DEFAULT_MODEL
from codelsp.training.checkpoint import checkpoint_at, checkpoints_in, read_state
from codelsp.training.new_tokens import NEW_TOKENS
from codelsp.training.optimizer import OptimizerSettings
from codelsp.training.recipe import Batch, Cadence, DataPhase, Recipe, check_resumable
from codelsp.training.release import Release, release
from codelsp.training.schedule import Schedule
from codelsp.training.windows import Windows, open_rows

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = "recipe.toml"
MODEL = "model"
_SCHEDULERS: dict[str, tuple[bool, Literal["", "linear", "cosine"]]] = {
    "constantlr": (False, ""),
    "warmupconstant": (True, ""),
    "warmuplinear": (True, "linear"),
    "warmupcosine": (True, "cosine"),
}
"""Whether the rate warms up, and how it falls."""
_KEPT = 3


@dataclass(frozen=True)
class FineTuning:
    """What the user chose; the defaults are auto_coding's."""

    base: str
    """Empty is the model that is part of codelsp."""
    data: Path
    batch_size: int = 4
    dev_batch_size: int = 8
    epochs: float = 16
    rate: float = 2e-5
    warmup_ratio: float = 0.2
    early_stop: int = 20
    scheduler: str = "warmuplinear"
    seed: int = 122
    accumulation_steps: int = 1
    evaluation_steps: int = 200
    evaluation_windows: int = 1000
    weight_decay: float = 0.01
    threads: int = 0
    steps: int = 0
    """Length of the run, instead of epochs; 0 is none."""


def tuning_recipe(tuning: FineTuning, run: Path) -> Path:
    """Write the recipe of a fine-tuning into its folder and return the file.

    Raises:
        TrainingError: the data is of another form or for another model, or a number is wrong.
        CheckpointError: the folder holds a run that this one cannot go on with.
    """
    if tuning.scheduler not in _SCHEDULERS:
        raise TrainingError(f"--scheduler is one of {', '.join(_SCHEDULERS)}")
    if tuning.epochs <= 0 or tuning.rate <= 0 or not 0 <= tuning.warmup_ratio <= 1:
        raise TrainingError("--epochs and --lr must be above 0, --warmup-ratio from 0 to 1")
    recipe = _recipe(tuning, run.name)
    if found := checkpoints_in(run):
        # Before anything is written: the recipe that is there repeats the run that is there.
        check_resumable(recipe, read_state(found[-1]).recipe)
    run.mkdir(parents=True, exist_ok=True)
    file = run / RECIPE
    part = file.with_suffix(f".{os.getpid()}.part")  # each process of a run writes the same
    part.write_text(as_toml(recipe), encoding="utf-8")
    part.replace(file)
    return file


def _recipe(tuning: FineTuning, name: str) -> Recipe:
    tokens = _tokens_of(tuning.data)
    rows = open_rows(tuning.data, "train", tuning.seed)
    batch = tuning.batch_size * tuning.accumulation_steps * rows.context
    warms_up, curve = _SCHEDULERS[tuning.scheduler]
    if tuning.steps:
        total = float(tuning.steps)
    elif isinstance(rows, Windows):
        total = float(round(rows.n_targets * tuning.epochs))
    else:
        raise TrainingError("nobody knows how long a stream is: give --steps")
    warmup = total * tuning.warmup_ratio if warms_up else 0.0
    return Recipe(
        name=name,
        tokenizer=(tuning.data / "tokenizer.json").resolve(),
        phases=(DataPhase(tuning.data.resolve()),),
        schedule=Schedule(
            total,
            warmup,
            total - warmup if curve else 0.0,
            0.0,
            unit="steps" if tuning.steps else "tokens",
            curve=curve or "linear",
        ),
        start_from=tuning.base or DEFAULT_MODEL,
        optimizer=OptimizerSettings(
            kind="adamw",
            adam_rate=tuning.rate,
            betas=(0.9, 0.999),
            eps=1e-6,
            weight_decay=tuning.weight_decay,
        ),
        batch=Batch(batch, tuning.batch_size),
        cadence=Cadence(validate_steps=tuning.evaluation_steps, keep=_KEPT),
        new_tokens=tuple(sorted(tokens["new"], key=tokens["new"].__getitem__)),
        end_token=tokens["end"],
        pad_token=tokens["pad"],
        early_stop=tuning.early_stop,
        end_weight=1.0,
        z_weight=0.0,
        seed=tuning.seed,
        threads=tuning.threads,
        validation_rows=tuning.evaluation_windows,
        validation_batch=tuning.dev_batch_size,
        n_holes=0,
    )


def _tokens_of(data: Path) -> dict[str, Any]:
    try:
        tokens = json.loads((data / NEW_TOKENS).read_text(encoding="utf-8"))
        return {"new": dict(tokens["new"]), "end": tokens["end"], "pad": tokens["pad"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{data} was not made by `codelsp corpus convert` ({error}); convert a folder first"
        ) from error


def as_toml(recipe: Recipe) -> str:
    """Return a recipe as the TOML file that ``read_recipe`` reads."""
    facts = recipe.facts()
    phases = facts.pop("phases")
    sections = {key: value for key, value in facts.items() if isinstance(value, dict)}
    lines = [
        f"{key} = {_value(value)}" for key, value in facts.items() if not isinstance(value, dict)
    ]
    for phase in phases:
        lines += ["", "[[phases]]", *(f"{key} = {_value(value)}" for key, value in phase.items())]
    for name, section in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """Return a value as TOML writes it; strings and lists are written as in JSON."""
    if isinstance(value, float) and value == float("inf"):
        return "inf"
    return json.dumps(value, ensure_ascii=False)


def write_best(run: Path) -> Path:
    """Write the best checkpoint of a run as a model, and return its folder.

    Raises:
        CheckpointError: the run has no checkpoint.
    """
    found = checkpoints_in(run)
    if not found:
        raise CheckpointError(f"{run} has no checkpoint yet")
    state = read_state(found[-1])
    best = checkpoint_at(run, state.best_step)
    source = best if best in found else found[-1]
    described = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": state.recipe["end_token"],
        "pad_token": state.recipe["pad_token"],
        "clean_up_tokenization_spaces": False,
    }
    (source / "tokenizer_config.json").write_text(json.dumps(described, indent=2), "utf-8")
    return release(source, run / MODEL, Release(ggufs=(), dtype="f32"))

"""``Recipe``: every number of a training run, read from a TOML file.

A run keeps a copy of its recipe in every checkpoint.  What a model or its data is cannot change
when a run is resumed; how long it goes on, and how often it is saved, can.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codelsp.errors import CheckpointError, TrainingError
from codelsp.training.model import SHAPES, Shape
from codelsp.training.optimizer import OptimizerSettings
from codelsp.training.schedule import Schedule
from codelsp.training.tokenizer import END_TOKEN, PAD_TOKEN

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # only Python 3.10

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _refuse_below(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, and not a whole number from {least} on")


@dataclass(frozen=True)
class DataPhase:
    """A folder of prepared rows, used until the run has seen so many tokens."""

    rows: Path
    until_tokens: float = float("inf")


@dataclass(frozen=True)
class Batch:
    """How many tokens a step learns from, and how many rows go through the model at once.

    Raises:
        ValueError: one of them is no whole number from 1 on.
    """

    tokens: int = 32_768
    micro_rows: int = 8

    def __post_init__(self) -> None:
        _refuse_below("batch.tokens", self.tokens, 1)
        _refuse_below("batch.micro_rows", self.micro_rows, 1)


@dataclass(frozen=True)
class Cadence:
    """How often things happen, in seconds of training."""

    checkpoint: float = 300.0
    validate: float = 1_200.0
    keep: int = 8
    """Checkpoints that stay on disk."""
    keep_every_tokens: float = 0.0
    """One checkpoint of each such stretch stays for ever; 0 is none."""
    validate_steps: int = 0
    """Steps from one validation to the next, instead of seconds; 0 is none."""
    checkpoint_steps: int = 0
    """The same for checkpoints."""


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Raises:
        ValueError: a number is none that it may be.
    """

    name: str
    tokenizer: Path
    phases: tuple[DataPhase, ...]
    schedule: Schedule
    size: str = "S"
    """A name from ``model.SHAPES``; not used with ``start_from``."""
    start_from: str = ""
    """A Hugging Face model to go on from, a folder or a name; empty means from scratch."""
    lora_rank: int = 0
    """Of low-rank adapters on every matrix, which alone are trained then; 0 trains the model."""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    batch: Batch = field(default_factory=Batch)
    cadence: Cadence = field(default_factory=Cadence)
    new_tokens: tuple[str, ...] = ()
    """Tokens of the tokenizer that ``start_from`` does not have yet."""
    end_token: str = END_TOKEN
    pad_token: str = PAD_TOKEN
    early_stop: int = 0
    """Validations without a better perplexity after which the run ends; 0 is never."""
    end_weight: float = 3.0
    z_weight: float = 1e-4
    seed: int = 1
    threads: int = 0
    """CPU threads; 0 leaves it to torch."""
    validation_rows: int = 96
    validation_batch: int = 4
    """Rows that are measured at once."""
    n_holes: int = 48
    """Holes that are filled at each validation, in each order."""

    def __post_init__(self) -> None:
        for name in ("lora_rank", "early_stop", "seed", "threads", "validation_rows", "n_holes"):
            _refuse_below(name, getattr(self, name), 0)
        _refuse_below("validation_batch", self.validation_batch, 1)

    @property
    def shape(self) -> Shape:
        """The shape of a model from scratch.

        Raises:
            TrainingError: there is no such size.
        """
        if self.size not in SHAPES:
            raise TrainingError(f"no size {self.size!r}; there are {', '.join(SHAPES)}")
        return SHAPES[self.size]

    def facts(self) -> dict[str, Any]:
        """Return the recipe as JSON knows it."""
        facts: dict[str, Any] = _plain(asdict(self))
        return facts


_UNCHANGEABLE: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("name", "size", "lora_rank", "seed"), lambda value: value),
    "start_from": lambda folder: Path(folder).name,
    "batch": lambda batch: batch["tokens"],
}
"""What makes a run, and what of it counts: a folder may have moved with the run, or been named by
another way, and how many rows go through at once is the machine's affair.  A tokenizer may have
moved, too; that it is the same one is checked by its hash."""


def read_recipe(file: Path) -> Recipe:
    """Read a recipe; its paths are relative to the file.

    Raises:
        TrainingError: it is missing, or a key or a value is wrong.
    """
    try:
        facts = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"the recipe {file} cannot be read: {error}") from error
    try:
        return _recipe(facts, file.parent)
    except (TypeError, KeyError, ValueError) as error:
        raise TrainingError(f"the recipe {file} is wrong: {error}") from error


def _recipe(facts: dict[str, Any], base: Path) -> Recipe:
    sections = {"optimizer": OptimizerSettings, "batch": Batch, "cadence": Cadence}
    values = dict(facts)
    for key, kind in sections.items():
        if key in values:
            values[key] = kind(**values[key])
    if "betas" in facts.get("optimizer", {}):
        betas = tuple(facts["optimizer"]["betas"])
        values["optimizer"] = replace(values["optimizer"], betas=betas)
    values["schedule"] = Schedule(**values["schedule"])
    values["tokenizer"] = base / values["tokenizer"]
    if values.get("start_from") and (base / values["start_from"]).is_dir():
        values["start_from"] = str(base / values["start_from"])
    values["phases"] = tuple(
        DataPhase(**{**phase, "rows": base / phase["rows"]}) for phase in values["phases"]
    )
    values["new_tokens"] = tuple(values.get("new_tokens", ()))
    known = {entry.name for entry in fields(Recipe)}
    unknown = set(values) - known
    if unknown:
        raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
    return Recipe(**values)


def check_resumable(recipe: Recipe, saved: Mapping[str, Any]) -> None:
    """Refuse to go on with another model or another order of the data.

    Raises:
        CheckpointError: the recipe differs from the checkpoint's in something that cannot change.
    """
    present = recipe.facts()
    # What the version that wrote the checkpoint did not know yet was as its default is.
    saved = {entry.name: entry.default for entry in fields(Recipe)} | dict(saved)
    for key, part in _UNCHANGEABLE.items():
        if part(present[key]) != part(saved[key]):
            raise CheckpointError(
                f"the checkpoint was made with {key} = {saved[key]!r}, the recipe says "
                f"{present[key]!r}: that makes another run; choose a new folder"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value

"""What a run is made of, each part checked against the others before the first step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from codelsp.errors import ModelNotFoundError, TrainingError
from codelsp.model_store.hub import transformers_folder
from codelsp.model_store.model import ModelKind
from codelsp.model_store.resolve import resolve_model
from codelsp.training.from_gguf import unpack_gguf
from codelsp.training.holes import FILE as HOLES
from codelsp.training.holes import read_holes
from codelsp.training.lora import with_adapters
from codelsp.training.model import load_model, new_model
from codelsp.training.new_tokens import grow_model
from codelsp.training.objective import Objective
from codelsp.training.split import check_split
from codelsp.training.streams import STREAM
from codelsp.training.tokenizer import (
    END_TOKEN,
    PAD_TOKEN,
    load_tokenizer,
    special_ids,
    tokenizer_hash,
)
from codelsp.training.validation import Validator
from codelsp.training.windows import open_rows

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from codelsp.training.recipe import DataPhase, Recipe
    from codelsp.training.rows import Rows
    from codelsp.training.streams import StreamRows
    from codelsp.training.windows import Windows


_RESERVED = "<|reserved_"
"""What tokens are called that a later run may name."""


def checked_rows(phase: DataPhase, recipe: Recipe, digest: str) -> Rows | Windows | StreamRows:
    """Return the rows of a phase; refuse those of another tokenizer.

    Raises:
        TrainingError: they are, or they are damaged.
    """
    rows = open_rows(phase.rows, "train", recipe.seed)
    if rows.description.tokenizer_hash != digest:
        raise TrainingError(
            f"the rows in {phase.rows} were made with another tokenizer than {recipe.tokenizer}"
        )
    return rows


def validator_of(
    recipe: Recipe, tokenizer: Tokenizer, objective: Objective, digest: str
) -> Validator | None:
    """Return the validation side of the first phase; None if there is none.

    Raises:
        CorpusError: a repository that is trained on is on it.
    """
    folder = recipe.phases[0].rows
    if not any((folder / name).is_file() for name in ("validation.json", STREAM)):
        return None
    rows = open_rows(folder, "validation")
    if rows.description.tokenizer_hash != digest:
        raise TrainingError(f"the validation rows in {folder} were made with another tokenizer")
    for phase in recipe.phases:
        trained = open_rows(phase.rows, "train").description.repositories
        check_split(trained, rows.description.repositories)
    holes = read_holes(folder / HOLES, recipe.n_holes)
    return Validator(
        tokenizer, objective, rows, recipe.validation_rows, holes, recipe.validation_batch
    )


def held_out(folder: Path, tokenizer_file: Path, n_rows: int, n_holes: int) -> Validator:
    """Return what measures any model of one tokenizer on the held-out side of prepared rows.

    Raises:
        TrainingError: the rows have no such side, are damaged or were made with another tokenizer.
    """
    tokenizer = load_tokenizer(tokenizer_file)
    rows = open_rows(folder, "validation")
    if rows.description.tokenizer_hash != tokenizer_hash(tokenizer):
        raise TrainingError(f"the rows in {folder} were made with another tokenizer")
    special = special_ids(tokenizer)
    objective = Objective(special[END_TOKEN], special[PAD_TOKEN])
    holes = read_holes(folder / HOLES, n_holes)
    return Validator(tokenizer, objective, rows, n_rows, holes)


def objective_of(tokenizer: Tokenizer, recipe: Recipe) -> Objective:
    """Return the objective of a recipe.

    Raises:
        TrainingError: the tokenizer lacks a token that training needs.
    """
    end, pad = (tokenizer.token_to_id(token) for token in (recipe.end_token, recipe.pad_token))
    if end is None or pad is None:
        raise TrainingError(
            f"the tokenizer {recipe.tokenizer} lacks {recipe.end_token} or {recipe.pad_token}; "
            "train one with codelsp tokenizer train"
        )
    return Objective(end, pad, recipe.end_weight, recipe.z_weight)


def model_in(folder: Path, tokenizer: Tokenizer) -> PreTrainedModel:
    """Return the model in ``folder``, which reads what ``tokenizer`` writes.

    The tokenizer may have tokens that the model does not know yet, and names for its reserved ones.

    Raises:
        TrainingError: the tokenizer beside the model is another one.
    """
    beside = folder / "tokenizer.json"
    if beside.is_file():
        own = {number: token for token, number in load_tokenizer(beside).get_vocab().items()}
        given = {number: token for token, number in tokenizer.get_vocab().items()}
        others = [
            f"{number} is {own[number]!r} and not {given[number]!r}"
            for number in sorted(own.keys() & given.keys())
            if own[number] != given[number] and not own[number].startswith(_RESERVED)
        ]
        if others:
            raise TrainingError(
                f"{folder} was made with another tokenizer: of its tokens, {others[0]}, and"
                f" {len(others) - 1:,} more differ; use {beside}, and rows that are made with it"
            )
    return load_model(folder)


def _model_to_start_from(name: str, tokenizer: Tokenizer) -> PreTrainedModel:
    """Return the model called ``name``; one that is here as a GGUF file alone is unpacked."""
    try:
        found = resolve_model(name, ModelKind.HF)
    except ModelNotFoundError:
        found = None  # The Hub may have it.
    if found is None or found.kind is ModelKind.HF:
        return model_in(transformers_folder(name), tokenizer)
    with TemporaryDirectory(prefix="codelsp-") as folder:
        return model_in(unpack_gguf(found.path, Path(folder) / found.name), tokenizer)


def fresh_model(recipe: Recipe, tokenizer: Tokenizer, objective: Objective) -> PreTrainedModel:
    """Return the model that a run begins with: new, or the one the recipe starts from.

    Raises:
        TrainingError: it has fewer tokens than the tokenizer, or was made with another one.
        ModelNotFoundError, ModelFileError: there is no such model, or none that can be trained.
    """
    if recipe.start_from:
        model = _model_to_start_from(recipe.start_from, tokenizer)
        ids = {token: tokenizer.token_to_id(token) for token in recipe.new_tokens}
        missing = [token for token, number in ids.items() if number is None]
        if missing:
            raise TrainingError(f"the tokenizer {recipe.tokenizer} lacks {', '.join(missing)}")
        grow_model(model, tokenizer, {t: n for t, n in ids.items() if n is not None})
        model.config.pad_token_id = objective.pad_id
        if model.config.vocab_size < tokenizer.get_vocab_size():
            raise TrainingError(f"{recipe.start_from} has fewer tokens than {recipe.tokenizer}")
        if recipe.lora_rank:
            return with_adapters(model, recipe.lora_rank)
        return model
    if recipe.lora_rank:
        raise TrainingError("adapters (`lora_rank`) need a model to start from (`start_from`)")
    shape = recipe.shape
    if recipe.size == "tiny":  # a dry run takes any tokenizer
        shape = replace(shape, vocabulary=tokenizer.get_vocab_size())
    if shape.vocabulary < tokenizer.get_vocab_size():
        raise TrainingError(
            f"size {recipe.size} has {shape.vocabulary} tokens, the tokenizer "
            f"{tokenizer.get_vocab_size()}"
        )
    return new_model(shape, objective.end_id, objective.pad_id)

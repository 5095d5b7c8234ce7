"""Code-Clippy's training command: every flag has its place, and the recipe is its run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from typer.main import get_command

from codelsp.cli.app import app
from codelsp.training.recipe import read_recipe
from tests.client import ROOT

FLAGS = re.findall(
    r"\w+",
    """
    model_name_or_path model_type config_name tokenizer_name cache_dir use_fast_tokenizer dtype
    save_optimizer repo_path_or_name repo_url decay_steps dataset_name dataset_config_name
    train_file validation_file data_dir max_train_samples max_eval_samples overwrite_cache
    validation_split_percentage block_size preprocessing_num_workers text_column_name
    shuffle_buffer_size num_train_steps num_eval_samples prefetch_buffer output_dir
    overwrite_output_dir do_train do_eval seed per_device_train_batch_size
    per_device_eval_batch_size gradient_accumulation_steps learning_rate warmup_steps max_steps
    weight_decay adam_beta1 adam_beta2 adam_epsilon adafactor logging_steps eval_steps save_steps
    save_total_limit resume_from_checkpoint report_to run_name push_to_hub skip_memory_metrics
    """,
)
"""Of ``ModelArguments`` and ``DataTrainingArguments``, and what the script reads of
``TrainingArguments``."""
TABLE = (ROOT / "docs" / "reference" / "code-clippy.md").read_text("utf-8")
RECIPE = read_recipe(ROOT / "models" / "recipes" / "gpt-code-clippy-125m.toml")
STEP = 1024 * 2048


def options_of(*names: str) -> set[str]:
    command: Any = get_command(app)
    for name in names:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


def test_every_flag_of_its_command_is_in_the_table() -> None:
    assert set(re.findall(r"`--(\w+)`", TABLE)) >= set(FLAGS)


def test_every_option_that_the_table_names_exists() -> None:
    named = re.findall(r"`(train|corpus stream)(?: [A-Z]+)? (--[\w-]+)`", TABLE)
    known = {name: options_of(*name.split()) for name in ("train", "corpus stream")}

    assert len(named) > 15
    assert [pair for pair in named if pair[1] not in known[pair[0]]] == []


def test_every_key_of_a_recipe_that_the_table_names_exists() -> None:
    facts = RECIPE.facts()
    for path in re.findall(r"recipe `([\w.]+)`", TABLE):
        section, _, key = path.rpartition(".")
        assert key in (facts[section] if section else facts), path


@pytest.mark.parametrize(
    ("step", "rate"), [(2000, 2.5e-5), (4000, 5e-5), (27_000, 2.75e-5), (50_000, 5e-6)]
)
def test_the_recipes_rate_is_code_clippys(step: int, rate: float) -> None:
    factor = RECIPE.schedule.factor(step * STEP)

    assert factor * RECIPE.optimizer.adam_rate == pytest.approx(rate, rel=1e-4)


def test_the_recipe_is_code_clippys_run() -> None:
    assert RECIPE.batch.tokens == STEP
    assert RECIPE.schedule.is_over(50_000 * STEP)
    assert RECIPE.optimizer.betas == (0.9, 0.95)
    assert RECIPE.optimizer.weight_decay == 0.1
    assert RECIPE.new_tokens[-4:] == ("\t\t", "  ", "    ", "        ")

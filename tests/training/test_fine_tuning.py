"""Fine-tuning a model that is there: recipe, exact resumption, early stop, the best model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from codelsp.cli import main
from codelsp.errors import CheckpointError, TrainingError
from codelsp.training.checkpoint import checkpoints_in, read_state
from codelsp.training.fine_tuning import FineTuning, tuning_recipe, write_best
from codelsp.training.loop import Run
from codelsp.training.monitor import WeightsAndBiases
from codelsp.training.recipe import read_recipe
from codelsp.training.segments import ConvertPlan, convert
from codelsp.training.session import Limits
from tests.torch_engine.families import make_family
from tests.training.material import steps_of, write_tree
from tests.training.test_segments import source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2: dropout, tied embeddings, no padding token."""
    return make_family("gpt2", tmp_path_factory.mktemp("base") / "gpt2")


@pytest.fixture(scope="module")
def data(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    files = {f"part_{i}.py": source(f"part{i}", 12) for i in range(6)}
    write_tree(root / "src", files)
    convert(
        ConvertPlan(
            root / "src", root / "out", base, segment_len=48, stride=40, whitespace_tokens=True
        )
    )
    return root / "out"


def tuning(base: Path, data: Path, **options: Any) -> FineTuning:
    usual = {"epochs": 1, "rate": 1e-3, "batch_size": 8, "evaluation_steps": 4, "threads": 1}
    return FineTuning(str(base), data, **{**usual, **options})


def run_of(plan: FineTuning, folder: Path, **changes: Any) -> Run:
    return Run(replace(read_recipe(tuning_recipe(plan, folder)), **changes), folder)


def test_a_fine_tuning_in_pieces_is_the_one_in_one_go_to_the_last_bit(
    base: Path, data: Path, tmp_path: Path
) -> None:
    plan = tuning(base, data, accumulation_steps=2)
    run_of(plan, tmp_path / "whole").train()
    for _ in range(30):
        run = run_of(plan, tmp_path / "pieces" / "whole")
        if run.train(Limits(steps=3)).step == steps_of(tmp_path / "whole")[-1]["step"]:
            break

    assert steps_of(tmp_path / "pieces" / "whole") == steps_of(tmp_path / "whole")
    last = [checkpoints_in(tmp_path / name)[-1] for name in ("whole", "pieces/whole")]
    assert len({(path / "model.safetensors").read_bytes() for path in last}) == 1
    states = [replace(read_state(path), seconds=0, recipe={}) for path in last]
    assert states[0] == states[1]
    assert states[0].best_step > 0


@pytest.mark.slow
def test_a_killed_fine_tuning_goes_on_as_if_nothing_had_happened(
    base: Path, data: Path, tmp_path: Path
) -> None:
    arguments = [
        "train", "--base", str(base), "--data", str(data), "--lr", "1e-3", "--batch-size", "4",
        "--evaluation-steps", "2", "--epochs", "1", "--threads", "1",
    ]  # fmt: skip
    assert main([*arguments, "-o", str(tmp_path / "a" / "run")]) == 0
    command = [sys.executable, "-m", "codelsp", *arguments, "-o", str(tmp_path / "b" / "run")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not checkpoints_in(tmp_path / "b" / "run") and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert main([*arguments, "-o", str(tmp_path / "b" / "run")]) == 0

    models = [tmp_path / side / "run" / "model" / "model.safetensors" for side in "ab"]
    assert models[0].read_bytes() == models[1].read_bytes()
    assert steps_of(tmp_path / "a" / "run") == steps_of(tmp_path / "b" / "run")


def test_the_loss_falls_and_the_best_model_is_one_that_transformers_loads(
    base: Path, data: Path, tmp_path: Path
) -> None:
    run_of(tuning(base, data, epochs=4, rate=3e-3), tmp_path).train()
    folder = write_best(tmp_path)

    losses = [step["loss"] for step in steps_of(tmp_path)]
    assert losses[-1] < losses[0] - 1
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("<|python|>") < model.config.vocab_size
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<pad>", "<|endoftext|>")
    assert model.config.pad_token_id == tokenizer.pad_token_id


def test_a_run_ends_when_perplexity_does_not_get_better_and_keeps_its_best(
    base: Path, data: Path, tmp_path: Path
) -> None:
    # Without learning, no evaluation after the first is better.
    plan = tuning(base, data, epochs=30, rate=1e-12, evaluation_steps=1, early_stop=3)
    state = run_of(plan, tmp_path).train()

    assert (state.step, state.best_step, state.n_worse) == (4, 1, 3)
    assert any(path.name == "step-00000001" for path in checkpoints_in(tmp_path))
    assert run_of(plan, tmp_path).train().step == 4, "an ended run has gone on"


def test_perplexity_is_of_every_held_out_token_once(base: Path, data: Path, tmp_path: Path) -> None:
    run_of(tuning(base, data, evaluation_steps=1), tmp_path).train(Limits(steps=1))

    lines = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().strip().split("\n")]
    (report,) = [line for line in lines if line["kind"] == "validation"]
    assert report["perplexity"] == pytest.approx(2.718281828 ** report["nats_per_token"])


@pytest.mark.parametrize("family", ["gpt_neo", "phi", "granite"])
def test_models_of_other_families_learn(family: str, data: Path, tmp_path: Path) -> None:
    # Phi's head has a bias, Granite scales its logits.
    base = make_family(family, tmp_path / "base")
    convert(ConvertPlan(data.parent / "src", tmp_path / "data", base, segment_len=48, stride=40))
    run = run_of(tuning(base, tmp_path / "data", epochs=2), tmp_path / "run")
    run.train()

    losses = [step["loss"] for step in steps_of(tmp_path / "run")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"scheduler": "steps"}, "--scheduler is one of", id="no such schedule"),
        pytest.param({"epochs": 0}, "--epochs", id="no epoch"),
        pytest.param({"warmup_ratio": 2}, "--warmup-ratio", id="more warm-up than run"),
    ],
)
def test_what_cannot_be_tuned_is_told(
    base: Path, data: Path, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(TrainingError, match=says):
        tuning_recipe(tuning(base, data, **options), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_that_was_not_converted_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="convert a folder first"):
        tuning_recipe(tuning(base, tmp_path), tmp_path / "run")


def test_a_command_without_data_says_what_is_missing(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--base", str(base)]) == 2
    assert "--data" in capsys.readouterr().err


class FakeRun:
    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))


def test_figures_go_to_weights_and_biases_when_asked_and_a_resumed_run_to_the_same_chart(
    base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, begun = FakeRun(), []

    class Module:
        @staticmethod
        def init(**options: Any) -> FakeRun:
            begun.append(options)
            return fake

    monkeypatch.setitem(sys.modules, "wandb", Module)
    recipe = read_recipe(tuning_recipe(tuning(base, data), tmp_path))
    for _ in range(2):
        observer = WeightsAndBiases(tmp_path, "code_generate", recipe.facts())
        Run(recipe, tmp_path, [observer]).train(Limits(steps=2))

    assert [each["project"] for each in begun] == ["code_generate"] * 2
    assert begun[0]["id"] == begun[1]["id"]
    assert begun[0]["config"]["start_from"] == str(base)
    assert [step for step, values in fake.logged if "train/loss" in values] == [1, 2, 3, 4]
    assert any("validation/perplexity" in values for _, values in fake.logged)


def test_a_missing_wandb_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(TrainingError, match="pip install wandb"):
        WeightsAndBiases(tmp_path, "p", {})


def test_a_run_of_so_many_steps_takes_so_many(base: Path, data: Path, tmp_path: Path) -> None:
    run_of(tuning(base, data, steps=3, evaluation_steps=100), tmp_path / "run").train()

    assert len(steps_of(tmp_path / "run")) == 3


def test_a_tuning_that_cannot_go_on_there_leaves_the_recipe_that_is_there(
    base: Path, data: Path, tmp_path: Path
) -> None:
    run_of(tuning(base, data, steps=2), tmp_path / "run").train()
    before = (tmp_path / "run" / "recipe.toml").read_text()

    with pytest.raises(CheckpointError, match="makes another run"):
        tuning_recipe(tuning(base, data, steps=2, batch_size=2), tmp_path / "run")

    assert (tmp_path / "run" / "recipe.toml").read_text() == before


def test_what_a_recipe_says_cannot_be_said_besides(
    base: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tuning_recipe(tuning(base, data), tmp_path / "run")

    assert main(["train", "--recipe", str(recipe), "-o", str(tmp_path), "--lr", "0.5"]) == 2
    assert "--lr" in capsys.readouterr().err


def test_a_base_with_another_tokenizer_is_refused(base: Path, data: Path, tmp_path: Path) -> None:
    other = shutil.copytree(base, tmp_path / "other")
    tokenizer = json.loads((data / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    one, two = list(vocabulary)[100:102]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))

    with pytest.raises(TrainingError, match="made with another tokenizer: of its tokens"):
        run_of(tuning(other, data), tmp_path / "run").train()

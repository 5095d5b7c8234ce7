"""Runs: exact resumption, refusals, and what is survived."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from codelsp.errors import CheckpointError, CorpusError, TrainingError
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir
from codelsp.training import checkpoint as checkpoints
from codelsp.training.average import average
from codelsp.training.checkpoint import checkpoints_in, read_state
from codelsp.training.loop import Run
from codelsp.training.recipe import DataPhase, Recipe, read_recipe
from codelsp.training.session import Limits
from codelsp.training.tensor_files import write_tensors
from codelsp.training.tokenizer import load_tokenizer
from tests.training.material import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def recipe(recipe_file: Path) -> Recipe:
    return read_recipe(recipe_file)


class Notes:
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_step(self, report: object) -> None:
        pass

    def on_validation(self, step: int, tokens: int, report: object) -> None:
        pass

    def on_note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_run_in_pieces_is_the_run_in_one_to_the_last_bit(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "whole").train()
    for _ in range(20):
        state = Run(recipe, tmp_path / "pieces").train(Limits(steps=3))
        if recipe.schedule.is_over(state.tokens):
            break

    whole, pieces = steps_of(tmp_path / "whole"), steps_of(tmp_path / "pieces")
    assert len(whole) >= 6
    assert pieces == whole
    last = [checkpoints_in(tmp_path / name)[-1] for name in ("whole", "pieces")]
    weights = [(folder / "model.safetensors").read_bytes() for folder in last]
    assert weights[0] == weights[1]


def test_the_loss_falls(recipe: Recipe, tmp_path: Path) -> None:
    longer = replace(recipe, schedule=replace(recipe.schedule, total=20_000, decay=8_000))
    Run(longer, tmp_path / "run").train()
    losses = [step["loss"] for step in steps_of(tmp_path / "run")]

    assert losses[0] > 6.0
    assert losses[-1] < losses[0] - 0.7


def test_figures_on_held_out_rows_are_written(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=1))
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().split("\n")
    (report,) = [e for e in map(json.loads, filter(None, lines)) if e["kind"] == "validation"]

    assert 5.0 < report["nats_per_token"] < 8.0
    assert report["bits_per_character"] > 1.0
    assert report["n_holes"] == 2
    assert 0.0 <= report["spm_exact"] <= 1.0


def test_only_the_last_checkpoints_are_kept(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=5))

    assert [path.name for path in checkpoints_in(tmp_path / "run")] == [
        "step-00000003",
        "step-00000004",
        "step-00000005",
    ]


def test_a_checkpoint_is_a_model_that_transformers_loads(recipe: Recipe, tmp_path: Path) -> None:
    from codelsp.training.model import load_model

    run = Run(recipe, tmp_path / "run")
    run.train(Limits(steps=1))
    loaded = load_model(checkpoints_in(tmp_path / "run")[-1])

    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_a_checkpoint_of_another_tokenizer_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=1))
    file = checkpoints_in(tmp_path / "run")[-1] / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_hash": "0" * 64}))

    with pytest.raises(CheckpointError, match="another tokenizer"):
        Run(recipe, tmp_path / "run")


def test_rows_of_another_tokenizer_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(recipe.tokenizer)
    tokenizer.add_tokens(["zzz"])
    tokenizer.save(str(tmp_path / "other.json"))

    with pytest.raises(TrainingError, match="another tokenizer"):
        Run(replace(recipe, tokenizer=tmp_path / "other.json"), tmp_path / "run")


def test_a_run_is_not_resumed_with_another_order_of_the_data(
    recipe: Recipe, tmp_path: Path
) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=1))

    with pytest.raises(CheckpointError, match="seed"):
        Run(replace(recipe, seed=2), tmp_path / "run")


def test_rows_whose_split_leaks_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    leaking = tmp_path / "rows"
    shutil.copytree(recipe.phases[0].rows, leaking)
    trained = json.loads((leaking / "train.json").read_text())["repositories"]
    file = leaking / "validation.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"repositories": trained}))

    with pytest.raises(CorpusError, match="leaks"):
        Run(replace(recipe, phases=(DataPhase(leaking),)), tmp_path / "run")


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_tensors
    n_calls = 0

    def full_for_a_while(*arguments: object, **named: object) -> None:
        nonlocal n_calls
        n_calls += 1
        if 3 <= n_calls <= 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(checkpoints, "write_tensors", full_for_a_while)
    notes = Notes()
    state = Run(recipe, tmp_path / "run", [notes]).train(Limits(steps=5))

    assert state.step == 5
    assert "No space left" in notes.texts[0]
    found = checkpoints_in(tmp_path / "run")
    assert found[-1].name == "step-00000005"
    assert not list((tmp_path / "run").glob(".part*"))


def test_a_step_without_a_finite_loss_is_left_out(recipe: Recipe, tmp_path: Path) -> None:
    notes = Notes()
    run = Run(recipe, tmp_path / "run", [notes])
    run.train(Limits(steps=1))
    weights = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    embedding = _embedding(run)
    with torch.no_grad():
        saved = embedding[300:].clone()
        embedding[300:] = float("inf")
    run.train(Limits(steps=1))
    with torch.no_grad():
        embedding[300:] = saved

    assert run.state.n_skipped == 1
    assert "left out" in notes.texts[0]
    assert all(torch.equal(weights[n], t) for n, t in run.model.state_dict().items())


def _embedding(run: Run) -> torch.Tensor:
    return dict(run.model.named_parameters())["model.embed_tokens.weight"]


def test_a_loss_that_stays_no_number_ends_the_run_and_leaves_its_checkpoint(
    recipe: Recipe, tmp_path: Path
) -> None:
    slow = replace(recipe, cadence=replace(recipe.cadence, checkpoint=1e9))
    run = Run(slow, tmp_path / "run")
    run.train(Limits(steps=1))
    before = (checkpoints_in(tmp_path / "run")[-1] / "model.safetensors").read_bytes()
    with torch.no_grad():
        _embedding(run).fill_(float("nan"))

    with pytest.raises(TrainingError, match="unharmed"):
        run.train()

    (found,) = checkpoints_in(tmp_path / "run")
    assert (found / "model.safetensors").read_bytes() == before


def test_what_a_kill_left_of_a_checkpoint_is_not_taken_for_one(
    recipe: Recipe, tmp_path: Path
) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=2))
    half = tmp_path / "run" / ".part-999"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")

    run = Run(recipe, tmp_path / "run")
    assert run.state.step == 2
    run.train(Limits(steps=1))
    assert not half.exists()


def test_a_damaged_checkpoint_is_named(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=1))
    file = checkpoints_in(tmp_path / "run")[-1] / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:100])

    with pytest.raises(CheckpointError, match=r"step-00000001.*remove it"):
        Run(recipe, tmp_path / "run")


def test_the_next_phase_of_the_data_begins_at_its_token(recipe: Recipe, tmp_path: Path) -> None:
    rows = recipe.phases[0].rows
    two = replace(recipe, phases=(DataPhase(rows, 1500), DataPhase(rows)))
    run = Run(two, tmp_path / "run")
    run.train(Limits(steps=4))

    assert run.state.phase == 1
    assert run.state.row == 8  # one step's rows


def test_training_goes_on_from_any_model_of_hugging_face(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "first").train(Limits(steps=3))
    model = checkpoints_in(tmp_path / "first")[-1]
    tuned = Run(replace(recipe, start_from=str(model)), tmp_path / "second")
    before = load_file(model / "model.safetensors")

    assert all(
        torch.equal(tensor, before[name])
        for name, tensor in tuned.model.state_dict().items()
        if name in before
    )
    assert tuned.train(Limits(steps=2)).step == 2


def test_training_goes_on_from_a_gguf_file_alone(recipe: Recipe, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    name = f"{DEFAULT_MODEL}-q8_0.gguf"
    shutil.copyfile(embedded_dir() / DEFAULT_MODEL / name, model / name)
    shutil.copyfile(recipe.tokenizer, model / "tokenizer.json")  # as if it were the model's

    tuned = Run(replace(recipe, start_from=str(model)), tmp_path / "run")

    assert tuned.model.config.vocab_size == 8192
    assert tuned.train(Limits(steps=1)).step == 1


def test_the_mean_of_checkpoints_is_their_mean(recipe: Recipe, tmp_path: Path) -> None:
    Run(recipe, tmp_path / "run").train(Limits(steps=3))
    found = checkpoints_in(tmp_path / "run")
    average(found, tmp_path / "mean")

    tensors = [load_file(folder / "model.safetensors") for folder in found]
    for name, mean in load_file(tmp_path / "mean" / "model.safetensors").items():
        expected = torch.stack([own[name].double() for own in tensors]).mean(0)
        torch.testing.assert_close(mean.double(), expected, rtol=1e-6, atol=1e-7)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        average([], tmp_path / "none")


COMMAND = (sys.executable, "-m", "tests.training.run_recipe")


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(
    recipe: Recipe, recipe_file: Path, tmp_path: Path
) -> None:
    Run(recipe, tmp_path / "whole").train()
    for n_steps in (1, 2, 4):
        metrics = tmp_path / "killed" / "metrics.jsonl"
        process = subprocess.Popen([*COMMAND, str(recipe_file), str(tmp_path / "killed")])
        give_up = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < give_up:
            if metrics.is_file() and metrics.read_text().count('"step"') >= n_steps:
                break
            time.sleep(0.005)
        process.kill()
        process.wait()
    subprocess.run([*COMMAND, str(recipe_file), str(tmp_path / "killed")], check=True)

    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_a_run_that_is_asked_to_stop_saves_first(recipe_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = subprocess.Popen([*COMMAND, str(recipe_file), str(folder), "--endless"])
    give_up = time.monotonic() + 60
    while not checkpoints_in(folder) and time.monotonic() < give_up:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 0
    assert read_state(checkpoints_in(folder)[-1]).step == int(steps_of(folder)[-1]["step"])


@pytest.mark.slow
def test_two_processes_learn_what_one_does(
    recipe: Recipe, recipe_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    Run(recipe, tmp_path / "one").train()
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    subprocess.run(
        [*launcher, "-m", COMMAND[-1], str(recipe_file), str(tmp_path / "two")],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    one, two = steps_of(tmp_path / "one"), steps_of(tmp_path / "two")
    assert [step["tokens"] for step in one] == [step["tokens"] for step in two]
    for own, other in zip(one, two, strict=True):
        assert own["loss"] == pytest.approx(other["loss"], rel=0.02)

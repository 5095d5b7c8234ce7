"""Adapting, from a repository to a model in force: real training of a tiny model.

The trial is decided by the test, but for one, which types into real servers and engines.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasketch")

from codelsp.adaptation import adapt as adapting  # noqa: E402
from codelsp.adaptation.adapt import Outcome, adapt  # noqa: E402
from codelsp.adaptation.plan import AdaptPlan, Work  # noqa: E402
from codelsp.adaptation.trial import RIGHT, SAVED, Contest, Trial  # noqa: E402
from codelsp.errors import CorpusError, TrainingError  # noqa: E402
from codelsp.evaluation.intervals import Interval  # noqa: E402
from codelsp.model_store.adapted import (  # noqa: E402
    last_trial,
    read_adaptation,
    with_adapted_model,
    work_dir,
)
from codelsp.model_store.gguf_header import read_header  # noqa: E402
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir  # noqa: E402
from codelsp.settings import Settings  # noqa: E402
from codelsp.training.checkpoint import checkpoints_in  # noqa: E402
from codelsp.training.model import Shape, new_model  # noqa: E402
from codelsp.training.recipe import Batch  # noqa: E402
from codelsp.training.release import Release, release  # noqa: E402
from tests.adaptation.repositories import (  # noqa: E402
    library,
    web_application,
    write_repository,
)


class Silent:
    """Hears everything, and keeps the losses."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def stage(self, text: str) -> None:
        pass

    def files(self, model: str, in_place_of: str, found: object, sides: object) -> None:
        pass

    def step(self, report: Any, seconds: float) -> None:
        self.losses.append(report.loss)

    def typed(self, label: str, n_done: int, n_all: int) -> None:
        pass

    def waiting(self, reason: str) -> None:
        pass


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("codelsp.adaptation.tuning.CONTEXT", 128)
    # Many short steps: the first one is never all of a run, however busy the machine is.
    monkeypatch.setattr("codelsp.adaptation.tuning._BATCH", Batch(tokens=256, micro_rows=2))


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the embedded one's tokenizer, with next to no weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    new_model(Shape(8_192, 32, 1, 2, 1, 64, 16), 0, 4).save_pretrained(folder / "raw")
    tokenizer = embedded_dir() / DEFAULT_MODEL / "tokenizer.json"
    shutil.copyfile(tokenizer, folder / "raw" / "tokenizer.json")
    return release(folder / "raw", folder / "tiny", Release())


@pytest.fixture
def plan(tmp_path: Path, tiny_model: Path) -> AdaptPlan:
    root = library(tmp_path / "project")
    return AdaptPlan(root, str(tiny_model), minutes=0.05, epochs=1, threads=1)


def decided(monkeypatch: pytest.MonkeyPatch, low: float) -> list[Contest]:
    """Let the next trials end with this lower bound; return what they compared."""
    asked: list[Contest] = []

    def compare(contest: Contest, *_: object) -> Trial:
        asked.append(contest)
        read_header(contest.new)
        value = Interval(0.4, 0.3, 0.5, 8, 8)
        figures = {SAVED: value, RIGHT: value}
        return Trial(figures, figures, Interval(low + 0.1, low, low + 0.2, 8, 8))

    monkeypatch.setattr(adapting, "compare", compare)
    return asked


def run(plan: AdaptPlan, listener: Silent | None = None) -> Outcome:
    return adapt(plan, replace(Settings(), model=plan.model), listener or Silent())


def served(plan: AdaptPlan) -> str:
    return with_adapted_model(replace(Settings(), model=plan.model), plan.root).model


def test_a_model_that_got_better_is_adopted_and_nothing_is_left_over(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = decided(monkeypatch, 0.05)

    outcome = run(plan)

    assert outcome.model is not None
    assert Path(served(plan)).parent == outcome.model
    assert not work_dir(plan.root).exists()
    learned = {document.path for document in asked[0].train}
    assert not learned & {document.path for document in asked[0].held_out}
    entry = read_adaptation(plan.root, Path(plan.model).name)
    assert entry is not None
    assert entry.active is not None
    assert entry.active.report["difference"]["low"] == 0.05


def test_a_model_that_got_worse_changes_nothing_but_is_told_of(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, -0.05)

    outcome = run(plan)

    assert outcome.is_finished
    assert outcome.model is None
    assert served(plan) == plan.model
    report = last_trial(plan.root)
    assert report is not None
    assert report["is_better"] is False


def test_the_next_one_is_compared_with_the_one_in_force(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = decided(monkeypatch, 0.05)

    first, second = run(plan), run(plan)

    assert first.model is not None
    assert second.model is not None
    assert asked[1].old.parent == first.model
    assert second.model.name != first.model.name


def test_another_model_is_tried_against_the_one_that_answers_and_stands_in_for_it(
    plan: AdaptPlan, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = shutil.copytree(tiny_model, tmp_path / "answering")
    asked = decided(monkeypatch, 0.05)

    outcome = adapt(plan, Settings(model=str(answering)), Silent())

    assert outcome.model is not None
    assert outcome.model.name.startswith("tiny-")
    assert asked[0].old.parent == answering
    in_its_place = with_adapted_model(Settings(model=str(answering)), plan.root).model
    assert Path(in_its_place).parent == outcome.model
    assert served(plan) == plan.model


def test_what_was_interrupted_goes_on_without_training_again(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Trial:
        raise KeyboardInterrupt

    monkeypatch.setattr(adapting, "compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(plan)
    assert served(plan) == plan.model
    assert Work(work_dir(plan.root)).stage() == "trained; being measured"

    decided(monkeypatch, 0.05)
    listener = Silent()
    assert run(plan, listener).model is not None
    assert listener.losses == []


def test_a_signal_while_training_ends_it_and_the_run_goes_on_later(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    decided(monkeypatch, 0.05)
    plan = replace(plan, minutes=0.5)

    class Killing(Silent):
        def step(self, report: Any, seconds: float) -> None:
            super().step(report, seconds)
            if len(self.losses) == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    first = run(plan, Killing())
    n_steps = len(checkpoints_in(work_dir(plan.root) / "run"))

    assert not first.is_finished
    assert n_steps == 1
    assert served(plan) == plan.model
    assert run(plan).model is not None


def test_work_of_another_plan_is_not_gone_on_with(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Trial:
        raise KeyboardInterrupt

    monkeypatch.setattr(adapting, "compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(plan)

    decided(monkeypatch, 0.05)
    listener = Silent()
    run(replace(plan, epochs=2), listener)
    assert listener.losses


def test_adapters_are_merged_into_the_model_that_is_adopted(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    from safetensors.torch import load_file

    decided(monkeypatch, 0.05)

    outcome = run(replace(plan, lora_rank=4))

    assert outcome.model is not None
    made = load_file(outcome.model / "model.safetensors")
    base = load_file(Path(plan.model) / "model.safetensors")
    assert made.keys() == base.keys()
    changed = {name for name in base if not torch.equal(made[name].float(), base[name].float())}
    assert any("q_proj" in name for name in changed)
    assert "model.norm.weight" not in changed


def test_a_full_disk_is_one_sentence_and_the_old_model_stays(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, 0.05)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("codelsp.adaptation.adapt.adopt", full)
    with pytest.raises(TrainingError, match="no room left"):
        run(plan)

    assert served(plan) == plan.model


def test_two_at_once_on_one_repository_are_refused(
    plan: AdaptPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object) -> Trial:
        run(plan)
        raise AssertionError("the second one worked")

    monkeypatch.setattr(adapting, "compare", again)
    with pytest.raises(TrainingError, match="another codelsp adapt"):
        run(plan)


def test_a_repository_that_is_refused_leaves_nothing_behind(
    plan: AdaptPlan, tmp_path: Path
) -> None:
    empty = write_repository(tmp_path / "empty", {"a.txt": "words"})

    with pytest.raises(CorpusError):
        run(replace(plan, root=empty))

    assert not work_dir(empty).exists()


@pytest.mark.slow
def test_both_models_type_files_of_the_language_that_was_learned(
    plan: AdaptPlan, tmp_path: Path
) -> None:
    class Typing(Silent):
        typed_with: tuple[str, ...] = ()

        def files(self, model: str, in_place_of: str, found: Any, sides: object) -> None:
            assert model == in_place_of == Path(plan.model).name
            assert [*found.languages] == ["typescript"]

        def typed(self, label: str, n_done: int, n_all: int) -> None:
            self.typed_with = (*self.typed_with, label)
            assert n_all == 4

    listener = Typing()
    root = web_application(tmp_path / "web")

    outcome = run(replace(plan, root=root, n_files=4), listener)

    assert outcome.trial is not None
    assert outcome.trial.apart.n_files == 4
    assert {"old", "new"} == set(listener.typed_with)


def test_the_embedded_model_can_be_trained_from_its_gguf_file_alone(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from codelsp.training.from_gguf import unpack_gguf

    source = embedded_dir() / DEFAULT_MODEL
    for name in (f"{DEFAULT_MODEL}-q8_0.gguf", "tokenizer.json"):
        shutil.copyfile(source / name, tmp_path / name)

    folder = unpack_gguf(tmp_path / f"{DEFAULT_MODEL}-q8_0.gguf", tmp_path / "unpacked")

    made, original = (load_file(f / "model.safetensors") for f in (folder, source))
    assert made.keys() == original.keys()
    for name, tensor in original.items():
        near = (made[name] - tensor.float()).abs().max() / tensor.float().abs().max()
        assert near < 0.01, name

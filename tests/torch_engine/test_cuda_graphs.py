"""The steps that become CUDA graphs, run as they are: the same code without the capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from codelsp.torch_engine.cuda_graphs import GraphedRunner
from codelsp.torch_engine.decoder import Decoder
from codelsp.torch_engine.generation import Generation, GenerationPlan
from codelsp.torch_engine.lean_runner import LeanRunner
from codelsp.torch_engine.loading import LoadOptions, load
from codelsp.torch_engine.sampling import Sampling
from tests.torch_engine.generating import tokens_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def plain(qwen_folder: Path) -> Decoder:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = LoadOptions(device, "float32", 1024, uses_drafts=False, is_native=False)
    return load(qwen_folder, options).decoder


def graphed(plain: Decoder) -> Decoder:
    return Decoder({"": runner_of(plain)}, plain.vocabulary, plain.plan)


def runner_of(plain: Decoder) -> GraphedRunner:
    runner = plain.runners[""]
    lean = runner.lean if isinstance(runner, GraphedRunner) else runner
    assert isinstance(lean, LeanRunner)
    return GraphedRunner(lean)


def test_fixed_shapes_write_what_the_growing_ones_do(plain: Decoder) -> None:
    decoder = graphed(plain)
    plan = GenerationPlan(tuple(range(100, 140)), 20)

    assert tokens_of(Generation(plan, decoder)) == tokens_of(Generation(plan, plain))


def test_texts_that_take_turns_keep_their_keys_apart(plain: Decoder) -> None:
    decoder = graphed(plain)
    prompts = [tuple(range(start, start + 30)) for start in (0, 100, 200)]
    for length in (24, 25, 26, 30):
        for prompt in prompts:
            plan = GenerationPlan(prompt[:length], 6)
            assert tokens_of(Generation(plan, decoder)) == tokens_of(Generation(plan, plain))


def test_a_text_that_grows_over_a_bucket_goes_on(plain: Decoder) -> None:
    decoder = graphed(plain)
    plan = GenerationPlan(tuple(index % 200 for index in range(500)), 30)

    assert tokens_of(Generation(plan, decoder)) == tokens_of(Generation(plan, plain))


def test_several_rows_and_rows_that_end_early_have_steps_of_their_own(plain: Decoder) -> None:
    decoder = graphed(plain)
    sampling = Sampling(temperature=1.0, seed=3)
    free = tokens_of(Generation(GenerationPlan((1, 2, 3), 12, sampling=sampling), plain))
    plan = GenerationPlan(
        (1, 2, 3), 12, sampling=sampling, n_candidates=3, end_ids=frozenset(free[4:5])
    )
    for number in range(3):
        wanted = tokens_of(Generation(plan, plain), number)
        assert tokens_of(Generation(plan, decoder), number) == wanted


def test_a_fused_step_writes_what_the_plain_one_does(plain: Decoder) -> None:
    runner = runner_of(plain)
    runner.__dict__["_fused"] = torch.compile(runner._through, backend="eager")
    runner.lean.reserve_positions(512)
    step = runner._made(1, 1, 512)
    step.ids.fill_(7)
    step.places.fill_(3)
    with torch.inference_mode():
        expected = runner._compute(step)
        step.is_fused = True
        found = runner._compute(step)

    assert torch.allclose(found, expected, atol=1e-5)


def test_where_nothing_compiles_decoding_goes_on_without(
    plain: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no C compiler")

    runner = runner_of(plain)
    runner.__dict__["_fused"] = fail
    runner.lean.reserve_positions(512)
    step = runner._made(1, 1, 512)
    step.is_fused = True
    with torch.inference_mode():
        runner._fuse(step)
        runner._compute(step)

    assert not runner.fuses
    assert "no C compiler" in caplog.text


@pytest.mark.gpu
def test_a_gpu_replays_captured_graphs(plain: Decoder) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    runner = plain.runners[""]
    tokens_of(Generation(GenerationPlan((1, 2, 3, 4), 8), plain))

    assert isinstance(runner, GraphedRunner)
    assert any(step.graph is not None for step in runner._steps.values())

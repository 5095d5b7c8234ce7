"""Compiled steps: the same scores as transformers', to the last bit the same alone and together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")

from codelsp.torch_engine.lean_runner import LeanRunner, layers_of
from codelsp.torch_engine.native_build import NativeBuild
from codelsp.torch_engine.native_runner import NativeRunner
from codelsp.torch_engine.runner import TransformersRunner

if TYPE_CHECKING:
    import ctypes
    from pathlib import Path

    from torch import Tensor

_SHAPE = {
    "vocab_size": 300, "hidden_size": 72, "intermediate_size": 104, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24,
    "max_position_embeddings": 512,
}  # fmt: skip
"""Widths that leave a rest behind every vector."""
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"attention_bias": True},
    "qwen2": {},
    "qwen3": {"tie_word_embeddings": True},
    "gemma": {"hidden_activation": "gelu_pytorch_tanh", "head_dim": 16},
    "starcoder2": {"hidden_act": "gelu_pytorch_tanh", "use_bias": True},
    "granite": {"embedding_multiplier": 12.0, "residual_multiplier": 0.22,
                "attention_multiplier": 0.02, "logits_scaling": 8.0},
}  # fmt: skip


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    built = NativeBuild().library()
    if built is None:
        pytest.skip("there is no C++ compiler here")
    return built


def model_of(family: str) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {**_SHAPE, **FAMILIES[family]}
    if family == "starcoder2":
        del shape["head_dim"]
        shape["hidden_size"] = 64
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return model


def native(model: Any, library: ctypes.CDLL, *, is_int8: bool, n_threads: int = 1) -> NativeRunner:
    lean = LeanRunner(model, has_layers=not is_int8)
    layers = layers_of(model) if is_int8 else lean.layers
    return NativeRunner(lean, layers, library, is_int8=is_int8, n_threads=n_threads)


def some_ids(n_rows: int, n_tokens: int) -> Tensor:
    chance = torch.Generator().manual_seed(1)
    ids: Tensor = torch.randint(0, 300, (n_rows, n_tokens), generator=chance)
    return ids


@pytest.mark.parametrize("family", FAMILIES)
def test_compiled_steps_score_as_transformers_does(family: str, library: ctypes.CDLL) -> None:
    model, ids = model_of(family), some_ids(1, 30)
    exact, ours = TransformersRunner(model), native(model, library, is_int8=False)
    cache = ours.new_cache()
    parts = [ours.forward(part, cache, part.shape[1]) for part in ids.split([9, 1, 1, 14, 5], 1)]

    wanted = exact.forward(ids, exact.new_cache(), 30)
    assert torch.allclose(torch.cat(parts, 1), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("family", ["qwen3", "starcoder2"])
def test_8_bits_stay_close_to_full_precision(family: str, library: ctypes.CDLL) -> None:
    model, ids = model_of(family), some_ids(1, 60)
    exact, ours = TransformersRunner(model), native(model, library, is_int8=True)
    wanted = exact.forward(ids, exact.new_cache(), 60)
    scores = ours.forward(ids, ours.new_cache(), 60)

    assert float((scores - wanted).abs().mean() / wanted.std()) < 0.03


@pytest.mark.parametrize("is_int8", [False, True])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_token_has_the_same_scores_alone_in_a_draft_and_in_a_batch(
    is_int8: bool, n_threads: int, library: ctypes.CDLL
) -> None:
    runner = native(model_of("qwen3"), library, is_int8=is_int8, n_threads=n_threads)
    ids = some_ids(1, 12)
    cache = runner.new_cache()
    together = runner.forward(ids, cache, 12)
    cache.truncate(7)
    alone = torch.cat([runner.forward(ids[:, place : place + 1], cache, 1)
                       for place in range(7, 12)], 1)  # fmt: skip
    cache.truncate(7)
    rows = runner.branched(cache)
    branched = torch.cat([runner.forward(ids[:, place : place + 1].expand(4, 1), rows, 1)
                          for place in range(7, 12)], 1)  # fmt: skip

    assert torch.equal(alone, together[:, 7:])
    assert all(torch.equal(branched[row], alone[0]) for row in range(4))
    assert cache.length == 7


def test_branches_go_their_own_ways_and_may_end_early(library: ctypes.CDLL) -> None:
    runner = native(model_of("qwen3"), library, is_int8=True)
    prompt, ends = some_ids(1, 10), some_ids(3, 100)
    cache = runner.new_cache()
    runner.forward(prompt, cache, 0)
    branch = runner.branched(cache)
    for place in range(90):
        runner.forward(ends[:, place : place + 1], branch, 0)
    branch.select_rows([0, 2])
    scores = runner.forward(ends[[0, 2], 90:91], branch, 1)

    for row, number in enumerate((0, 2)):
        alone = runner.new_cache()
        text = torch.cat((prompt, ends[number : number + 1, :91]), 1)
        assert torch.equal(runner.forward(text, alone, 1)[0], scores[row])


def test_a_long_prompt_is_read_in_parts_and_grows_its_buffers(library: ctypes.CDLL) -> None:
    runner = native(model_of("qwen3"), library, is_int8=True)
    ids = some_ids(4, 300)
    whole = runner.forward(ids, runner.new_cache(), 2)
    row = runner.new_cache()
    runner.forward(ids[2:3, :200], row, 0)

    assert torch.equal(whole[2:3], runner.forward(ids[2:3, 200:], row, 2))


@pytest.mark.parametrize("is_int8", [False, True])
def test_a_model_that_computes_nan_does_not_hide_it(is_int8: bool, library: ctypes.CDLL) -> None:
    model = model_of("qwen3")
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    runner = native(model, library, is_int8=is_int8)

    assert runner.forward(some_ids(1, 3), runner.new_cache(), 1).isnan().all()


def test_without_a_compiler_torch_runs_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    build = NativeBuild(tmp_path, compilers=("no-such-compiler",))

    assert not build.is_possible
    assert build.library() is None
    assert "no C++ compiler" in caplog.text


def test_a_compiler_that_fails_is_quoted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'no room left' >&2\nexit 1\n")
    compiler.chmod(0o755)
    caplog.set_level("INFO")

    assert NativeBuild(tmp_path / "kept", compilers=(str(compiler),)).library() is None
    assert "no room left" in caplog.text
    assert not list((tmp_path / "kept").iterdir())


def test_a_folder_that_others_may_write_into_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o777)
    caplog.set_level("INFO")

    assert NativeBuild(tmp_path).library() is None
    assert "others may write" in caplog.text

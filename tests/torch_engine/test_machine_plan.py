from __future__ import annotations

import pytest

from codelsp.errors import EngineUnavailableError
from codelsp.torch_engine.machine_plan import Hardware, ModelSize, plan_machine

QWEN_1_5B = ModelSize(1_540_000_000, 28, 2, 128, 32_768)
H200 = Hardware("cuda", 140_000_000_000, has_fast_bf16=True, name="H200")
LAPTOP = Hardware("cpu", 8_000_000_000, has_fast_bf16=False, name="AVX2")


@pytest.mark.parametrize(
    ("hardware", "dtype"),
    [
        pytest.param(H200, "bfloat16", id="a new GPU"),
        pytest.param(Hardware("cuda", 10**10, has_fast_bf16=False), "float16", id="an old GPU"),
        pytest.param(Hardware("mps", 10**10, has_fast_bf16=False), "float16", id="a Mac"),
        pytest.param(LAPTOP, "int8", id="a laptop"),
    ],
)
def test_precision_follows_the_hardware(hardware: Hardware, dtype: str) -> None:
    assert plan_machine(QWEN_1_5B, hardware).dtype == dtype


def test_a_cpu_without_int8_layers_uses_what_it_computes_natively() -> None:
    fast = Hardware("cpu", 16_000_000_000, has_fast_bf16=True)

    assert plan_machine(QWEN_1_5B, fast, int8_layers=False).dtype == "bfloat16"
    assert plan_machine(QWEN_1_5B, LAPTOP, dtype="float32").dtype == "float32"


def test_every_choice_comes_with_its_reason() -> None:
    plan = plan_machine(QWEN_1_5B, H200)

    assert any("bfloat16" in reason for reason in plan.reasons)
    assert any("8192 tokens of context" in reason for reason in plan.reasons)


def test_the_context_is_no_longer_than_the_model_knows_or_memory_holds() -> None:
    short = ModelSize(10_000_000, 4, 2, 64, 1024)
    per_token = QWEN_1_5B.cache_bytes_per_token(4)
    tight = Hardware(
        "cpu", int((1.54e9 * 1.06 + 300e6 + 600 * per_token) / 0.9), has_fast_bf16=False
    )

    assert plan_machine(short, LAPTOP, context_tokens=100_000).context_tokens == 1024
    assert 512 <= plan_machine(QWEN_1_5B, tight).context_tokens <= 600


def test_a_model_that_does_not_fit_is_refused_with_the_numbers_and_what_would_fit() -> None:
    large = ModelSize(7_600_000_000, 28, 4, 128, 32_768)
    with pytest.raises(EngineUnavailableError, match=r"7\.60 billion weights.*GB to give") as told:
        plan_machine(large, LAPTOP)
    with pytest.raises(EngineUnavailableError, match=r"int8 \(1\.\d GB\)"):
        plan_machine(
            QWEN_1_5B, Hardware("cpu", 4_000_000_000, has_fast_bf16=False), dtype="float32"
        )

    assert "billion weights would fit" in str(told.value)
